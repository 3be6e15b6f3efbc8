#include "kernel/vfs/error_sequence.h"

namespace vfs {
void ErrorSequence::set(Errno error) {
    u32 old = value_.load(std::memory_order_relaxed), next;
    do {
        next = (old & ~(error_mask | heard)) | static_cast<u32>(error);
        if (old & heard) next += one; // else it takes the place of one that nobody has heard of
    } while (!value_.compare_exchange_weak(old, next, std::memory_order_acq_rel));
}

u32 ErrorSequence::sample() const {
    u32 now = value_.load(std::memory_order_acquire);
    return now & heard ? now : 0;
}

Result<> ErrorSequence::check(std::atomic<u32>& seen) {
    u32 now = value_.load(std::memory_order_acquire);
    if (now == seen.load(std::memory_order_relaxed)) return {};
    while (!(now & heard) && !value_.compare_exchange_weak(now, now | heard, std::memory_order_acq_rel)) {}
    now |= heard;
    // Of two calls by one open file, one tells.
    if (seen.exchange(now, std::memory_order_acq_rel) == now) return {};
    return std::unexpected(static_cast<Errno>(now & error_mask));
}
} // namespace vfs
