// The lock that sleeps.
#pragma once
#include "core/sync/lock.h"

namespace sync_detail {
/// A sleeping lock: 0 free, 1 held, 2 held and waited for. Waiters sleep in a global hash of queues
/// (core/wait/mutex.cpp).
void mutex_wait(std::atomic<u32>& state);
void mutex_wake(std::atomic<u32>& state);
} // namespace sync_detail

/// Sleeps. Never taken in interrupt context nor under a Spinlock. Not interrupted by signals.
template <Rank rank>
class Mutex {
public:
    void lock(std::source_location at = std::source_location::current()) {
        lockdep::might_sleep(at);
        lockdep::will_take(rank, this, at);
        acquire();
    }
    void unlock() {
        lockdep::dropped(rank, this);
        release();
    }
    /// For a second lock of the same rank: see the lock order's rules (core/sync/rank.h).
    void lock_second(std::source_location at = std::source_location::current()) {
        lockdep::might_sleep(at);
        lockdep::will_take_second(rank, this, at);
        acquire();
    }
    void unlock_second() { unlock(); }

private:
    void acquire() {
        u32 free = 0;
        if (!state_.compare_exchange_strong(free, 1, std::memory_order_acquire)) sync_detail::mutex_wait(state_);
    }
    void release() {
        if (state_.exchange(0, std::memory_order_release) == 2) sync_detail::mutex_wake(state_);
    }
    std::atomic<u32> state_ = 0;
};
