// The slow paths of Mutex and RwMutex: waiters of all of them sleep in one hash of queues, so that a lock is four
// bytes.
#include "core/wait/mutex.h"
#include "core/sched/thread.h"
#include "lib/chain.h"

namespace sync_detail {
namespace {
struct LockWaiter : ChainLink<LockWaiter> {
    std::atomic<u32>* state;
    Thread* thread;
    Mode mode = Mode::exclusive;
    bool queued = false; // under the bucket's lock
};
struct Bucket {
    Spinlock<Rank::wait_queue> lock;
    Chain<LockWaiter> waiters;

    void enqueue(LockWaiter& waiter) {
        waiter.queued = true;
        waiters.push_back(waiter);
    }
    /// Under the lock: it cannot leave its stack before.
    void wake(LockWaiter& waiter) {
        waiters.erase(waiter);
        waiter.queued = false;
        sched::wake(*waiter.thread);
    }
    /// The first waiter for a lock, from `at` on.
    LockWaiter* first_of(const std::atomic<u32>& state, LockWaiter* at) {
        while (at && at->state != &state) at = waiters.after(*at);
        return at;
    }
    void sleep(LockWaiter& waiter) {
        sched::block(ThreadState::uninterruptible, [&] {
            Holding held{lock};
            return waiter.queued;
        });
    }
};
constexpr unsigned spins_before_sleep = 200;
constinit Bucket buckets[64];

Bucket& bucket_of(const void* state) { return buckets[(reinterpret_cast<uptr>(state) * 0x9e3779b97f4a7c15) >> 58]; }

/// The owner usually lets go soon; worth waiting for only if it runs on another CPU.
template <class Try>
bool spin_for(Try take) {
    if (arch::cpu_count() == 1) return false;
    for (unsigned i = 0; i < spins_before_sleep; i++) {
        if (take()) return true;
        arch::pause();
    }
    return false;
}

/// A free lock, or one that is shared and may be by one more. With those who wait, only what is nested gets past them.
bool may_take(u32 now, Mode mode) {
    if (mode == Mode::exclusive) return now == 0;
    return !(now & (mode == Mode::nested ? exclusive : exclusive | waited_for));
}
u32 taken(u32 now, Mode mode) { return mode == Mode::exclusive ? now | exclusive : now + 1; }
} // namespace

void mutex_wait(std::atomic<u32>& state) {
    auto take = [&] {
        u32 free = 0;
        return state.load(std::memory_order_relaxed) == 0 &&
               state.compare_exchange_weak(free, 1, std::memory_order_acquire);
    };
    if (spin_for(take)) return;
    Bucket& bucket = bucket_of(&state);
    LockWaiter self;
    self.state = &state;
    self.thread = &Thread::current();
    for (;;) {
        {
            Holding held{bucket.lock};
            if (state.exchange(2, std::memory_order_acquire) == 0) return; // stays 2: others may wait
            bucket.enqueue(self);
        }
        bucket.sleep(self);
    }
}

void mutex_wake(std::atomic<u32>& state) {
    Bucket& bucket = bucket_of(&state);
    Holding held{bucket.lock};
    if (auto* waiter = bucket.first_of(state, bucket.waiters.first())) bucket.wake(*waiter);
}

void rw_wait(std::atomic<u32>& state, Mode mode) {
    auto take = [&] {
        u32 now = state.load(std::memory_order_relaxed);
        return may_take(now, mode) && state.compare_exchange_weak(now, taken(now, mode), std::memory_order_acquire);
    };
    if (spin_for(take)) return;
    Bucket& bucket = bucket_of(&state);
    LockWaiter self;
    self.state = &state;
    self.thread = &Thread::current();
    self.mode = mode;
    {
        Holding held{bucket.lock};
        for (u32 now = state.load(std::memory_order_relaxed);;) {
            bool free = may_take(now, mode);
            u32 next = free ? taken(now, mode) : now | waited_for;
            if (!state.compare_exchange_weak(now, next, std::memory_order_acquire)) continue;
            if (free) return;
            break;
        }
        bucket.enqueue(self);
    }
    bucket.sleep(self); // it is handed over
}

/// To the first who waits, and with one that shares to all that share and wait before the next that does not. The bit
/// `waited_for` is only changed with the bucket locked, and keeps newcomers out until then, but for nested ones: the
/// last of those comes here, too.
void rw_hand_over(std::atomic<u32>& state, u32 left) {
    Bucket& bucket = bucket_of(&state);
    Holding held{bucket.lock};
    if (state.load(std::memory_order_relaxed) != left) return;
    LockWaiter *first = bucket.first_of(state, bucket.waiters.first()), *end = first;
    bool shares = first->mode != Mode::exclusive;
    u32 next = shares ? 0 : exclusive;
    do {
        if (shares) next++;
        end = bucket.first_of(state, bucket.waiters.after(*end));
    } while (shares && end && end->mode != Mode::exclusive);
    if (end) next |= waited_for;
    if (!state.compare_exchange_strong(left, next, std::memory_order_acq_rel)) return;
    while (first != end) {
        LockWaiter* after = bucket.first_of(state, bucket.waiters.after(*first));
        bucket.wake(*first);
        first = after;
    }
}
} // namespace sync_detail
