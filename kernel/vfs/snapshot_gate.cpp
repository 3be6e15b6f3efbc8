#include "kernel/vfs/snapshot_gate.h"

namespace vfs {
void SnapshotGate::enter() {
    while (true) {
        i32 n = inside_.load(std::memory_order_relaxed);
        if (n >= 0 && !wanted_.load(std::memory_order_relaxed)) {
            if (inside_.compare_exchange_weak(n, n + 1, std::memory_order_acquire)) return;
            continue;
        }
        (void)wait_until(changed_, [&] { return !wanted_.load() && inside_.load() >= 0; }, never, false);
    }
}
void SnapshotGate::enter_nested() {
    while (true) {
        i32 n = inside_.load(std::memory_order_relaxed);
        if (n >= 0) {
            if (inside_.compare_exchange_weak(n, n + 1, std::memory_order_acquire)) return;
            continue;
        }
        (void)wait_until(changed_, [&] { return inside_.load() >= 0; }, never, false);
    }
}
void SnapshotGate::leave() {
    inside_.fetch_sub(1, std::memory_order_release);
    if (wanted_.load()) changed_.notify_all();
}
void SnapshotGate::begin_exclusive() {
    one_snapshot_.lock();
    wanted_ = true;
    (void)wait_until(
        changed_,
        [&] {
            i32 nobody = 0;
            return inside_.compare_exchange_strong(nobody, -1, std::memory_order_acquire);
        },
        never, false);
}
void SnapshotGate::end_exclusive() {
    inside_.store(0, std::memory_order_release);
    wanted_ = false;
    changed_.notify_all();
    one_snapshot_.unlock();
}
} // namespace vfs
