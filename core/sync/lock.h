// The spinlock, and the way to tie a value to a lock. The lock that sleeps is core/wait/mutex.h.
#pragma once
#include "arch/api/cpu.h"
#include "core/sync/rank.h"
#include <atomic>
#include <utility>

namespace sync_detail {
/// Takes a contended spinlock. Serves cross-CPU calls meanwhile, so that call_on() may be used under a spinlock.
void spin(std::atomic<bool>& held);
} // namespace sync_detail

/// Spins with interrupts off. For what interrupts or the scheduler share; hold it for microseconds.
template <Rank rank>
class Spinlock {
public:
    void lock(std::source_location at = std::source_location::current()) {
        bool were_on = arch::irqs_save();
        lockdep::will_take(rank, this, at);
        if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
            sync_detail::spin(held_);
        irqs_were_on_ = were_on;
    }
    void unlock() {
        lockdep::dropped(rank, this);
        bool were_on = irqs_were_on_;
        held_.store(false, std::memory_order_release);
        arch::irqs_restore(were_on);
    }
    /// For a second lock of the same rank: see the lock order's rules (rank.h).
    void lock_second(std::source_location at = std::source_location::current()) {
        lockdep::will_take_second(rank, this, at);
        if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]]
            sync_detail::spin(held_);
        irqs_were_on_ = false;
    }
    void unlock_second() {
        lockdep::dropped(rank, this);
        held_.store(false, std::memory_order_release);
    }

private:
    std::atomic<bool> held_ = false;
    bool irqs_were_on_ = false;
};

/// Holds a lock for a scope.
template <class Lock>
class [[nodiscard]] Holding {
public:
    explicit Holding(Lock& lock, std::source_location at = std::source_location::current()) : lock_{lock} {
        lock_.lock(at);
    }
    ~Holding() { lock_.unlock(); }
    Holding(const Holding&) = delete;

private:
    Lock& lock_;
};

/// Holds two locks of one rank for a scope, the one at the lower address first. They may be the same one.
template <class Lock>
class [[nodiscard]] HoldingBoth {
public:
    HoldingBoth(Lock& a, Lock& b, std::source_location at = std::source_location::current())
        : low_{&a < &b ? a : b}, high_{&a < &b ? b : a} {
        low_.lock(at);
        if (&low_ != &high_) high_.lock_second(at);
    }
    ~HoldingBoth() {
        if (&low_ != &high_) high_.unlock_second();
        low_.unlock();
    }
    HoldingBoth(const HoldingBoth&) = delete;

private:
    Lock &low_, &high_;
};

/// A value that can only be reached with its lock held.
template <class T, class Lock>
class Guarded {
public:
    template <class... A>
    explicit constexpr Guarded(A&&... a) : value_(std::forward<A>(a)...) {}

    class [[nodiscard]] Access {
    public:
        Access(Guarded& of, std::source_location at) : of_{of} { of_.lock_.lock(at); }
        ~Access() { of_.lock_.unlock(); }
        Access(const Access&) = delete;
        T* operator->() const { return &of_.value_; }
        T& operator*() const { return of_.value_; }

    private:
        Guarded& of_;
    };
    Access lock(std::source_location at = std::source_location::current()) { return Access{*this, at}; }
    /// For when nobody else can have a reference: construction and destruction.
    T& unguarded() { return value_; }

private:
    Lock lock_;
    T value_;
};
