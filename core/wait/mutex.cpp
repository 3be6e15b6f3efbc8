// The slow path of Mutex: waiters of all mutexes sleep in one hash of queues, so that a mutex is four bytes.
#include "core/wait/mutex.h"
#include "core/sched/thread.h"
#include "lib/chain.h"

namespace sync_detail {
namespace {
struct MutexWaiter : ChainLink<MutexWaiter> {
    std::atomic<u32>* state;
    Thread* thread;
    bool woken = false; // under the bucket's lock
};
struct Bucket {
    Spinlock<Rank::wait_queue> lock;
    Chain<MutexWaiter> waiters;
};
constexpr unsigned spins_before_sleep = 200;
constinit Bucket buckets[64];

Bucket& bucket_of(const void* state) { return buckets[(reinterpret_cast<uptr>(state) * 0x9e3779b97f4a7c15) >> 58]; }

/// The owner usually lets go soon; worth waiting for only if it runs on another CPU.
bool spin_for(std::atomic<u32>& state) {
    if (arch::cpu_count() == 1) return false;
    for (unsigned i = 0; i < spins_before_sleep; i++) {
        u32 free = 0;
        if (state.load(std::memory_order_relaxed) == 0 &&
            state.compare_exchange_weak(free, 1, std::memory_order_acquire))
            return true;
        arch::pause();
    }
    return false;
}
} // namespace

void mutex_wait(std::atomic<u32>& state) {
    if (spin_for(state)) return;
    Bucket& bucket = bucket_of(&state);
    MutexWaiter self;
    self.state = &state;
    self.thread = &Thread::current();
    for (;;) {
        {
            Holding held{bucket.lock};
            if (state.exchange(2, std::memory_order_acquire) == 0) return; // stays 2: others may wait
            self.woken = false;
            bucket.waiters.push_back(self);
        }
        sched::block(ThreadState::uninterruptible, [&] {
            Holding held{bucket.lock};
            return !self.woken;
        });
    }
}

void mutex_wake(std::atomic<u32>& state) {
    Bucket& bucket = bucket_of(&state);
    Holding held{bucket.lock};
    for (auto* waiter = bucket.waiters.first(); waiter; waiter = bucket.waiters.after(*waiter))
        if (waiter->state == &state) {
            bucket.waiters.erase(*waiter);
            waiter->woken = true;
            sched::wake(*waiter->thread); // under the lock: it cannot leave its stack before
            return;
        }
}
} // namespace sync_detail
