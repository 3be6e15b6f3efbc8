// The locks that sleep.
#pragma once
#include "core/sync/lock.h"

namespace sync_detail {
/// A sleeping lock: 0 free, 1 held, 2 held and waited for. Waiters of both kinds of lock sleep in a global hash of
/// queues (core/wait/mutex.cpp).
void mutex_wait(std::atomic<u32>& state);
void mutex_wake(std::atomic<u32>& state);

/// RwMutex: how many hold it shared, or `exclusive`; `waited_for` is set while its queue is not empty.
inline constexpr u32 exclusive = 1u << 31, waited_for = 1u << 30;
enum class Mode : u8 { shared, nested, exclusive };
void rw_wait(std::atomic<u32>& state, Mode);
/// The last holder goes while somebody waits. `left`: what `state` is unless somebody else was faster.
void rw_hand_over(std::atomic<u32>& state, u32 left);
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

/// Held by one, or shared by many. Sleeps, as Mutex does. Who waits first is served first: readers that keep coming do
/// not keep a writer out, so a thread that holds it shared must not take it again, but by lock_nested().
template <Rank rank>
class RwMutex {
public:
    void lock(std::source_location at = std::source_location::current()) {
        lockdep::might_sleep(at);
        lockdep::will_take(rank, this, at);
        u32 free = 0;
        if (!state_.compare_exchange_strong(free, sync_detail::exclusive, std::memory_order_acquire))
            sync_detail::rw_wait(state_, sync_detail::Mode::exclusive);
    }
    void unlock() {
        lockdep::dropped(rank, this);
        u32 held = sync_detail::exclusive;
        if (!state_.compare_exchange_strong(held, 0, std::memory_order_release))
            sync_detail::rw_hand_over(state_, sync_detail::exclusive | sync_detail::waited_for);
    }
    void lock_shared(std::source_location at = std::source_location::current()) {
        lockdep::might_sleep(at);
        lockdep::will_take(rank, this, at);
        share(sync_detail::exclusive | sync_detail::waited_for, sync_detail::Mode::shared);
    }
    /// Shared, for a thread that may hold it shared: passes those who wait. Any lock may be held, if nobody takes that
    /// one while he holds this one exclusively.
    void lock_nested(std::source_location at = std::source_location::current()) {
        lockdep::might_sleep(at);
        lockdep::has_taken(rank, this, at);
        share(sync_detail::exclusive, sync_detail::Mode::nested);
    }
    void unlock_shared() {
        lockdep::dropped(rank, this);
        if (state_.fetch_sub(1, std::memory_order_release) == (sync_detail::waited_for | 1))
            sync_detail::rw_hand_over(state_, sync_detail::waited_for);
    }

private:
    void share(u32 unless, sync_detail::Mode mode) {
        u32 now = state_.load(std::memory_order_relaxed);
        if (now & unless || !state_.compare_exchange_strong(now, now + 1, std::memory_order_acquire))
            sync_detail::rw_wait(state_, mode);
    }
    std::atomic<u32> state_ = 0;
};

/// Shares a lock for a scope.
template <class Lock>
class [[nodiscard]] Sharing {
public:
    explicit Sharing(Lock& lock, std::source_location at = std::source_location::current()) : lock_{lock} {
        lock_.lock_shared(at);
    }
    ~Sharing() { lock_.unlock_shared(); }
    Sharing(const Sharing&) = delete;

private:
    Lock& lock_;
};
/// The same by lock_nested().
template <class Lock>
class [[nodiscard]] SharingNested {
public:
    explicit SharingNested(Lock& lock, std::source_location at = std::source_location::current()) : lock_{lock} {
        lock_.lock_nested(at);
    }
    ~SharingNested() { lock_.unlock_shared(); }
    SharingNested(const SharingNested&) = delete;

private:
    Lock& lock_;
};
