// Sleeping until something changes. The waker changes the state first, then notifies.
#pragma once
#include "core/sync/lock.h"
#include "core/time/deadline.h"
#include "lib/chain.h"
#include "lib/result.h"

class Thread;
class WaitQueue;

/// Told when its queue is notified. Called with the queue's spinlock held and interrupts off: short, never sleeps.
/// Threads sleep through Sleeper; epoll derives its own.
class Waiter : public ChainLink<Waiter> {
public:
    /// `events`: what has changed, in bits that the queue's owner and its waiters agree on (files: EPOLL*). Returns
    /// whether somebody will act on it.
    virtual bool notified(u32 events) = 0;
    /// notify_one() stops at the first exclusive waiter that will act on the notification.
    bool exclusive = false;

protected:
    ~Waiter() = default;
};

class WaitQueue {
public:
    static constexpr u32 any_event = ~u32{0};
    constexpr WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    /// From any context, interrupts included. Cheap when nobody waits.
    void notify_all(u32 events = any_event);
    /// All non-exclusive waiters and the first exclusive one that will act on it.
    void notify_one(u32 events = any_event);
    /// As notify_one(), from Waiter::notified() of another queue: a queue behind a queue (epoll). No cycle may form.
    /// Returns whether anybody waits.
    bool notify_nested(u32 events = any_event);
    void add(Waiter&);    // at the end
    void remove(Waiter&); // fine when a notification runs at the same time; afterwards none can come
    bool empty() const;

private:
    void notify_first(u32 events);
    Spinlock<Rank::wait_queue> lock_;
    Chain<Waiter> waiters_;
    std::atomic<u32> count_ = 0;
};

/// The thread that will sleep, and whether it has been notified since it last looked. On the sleeper's own stack.
/// Pattern: make a Sleeper, add Waits to every queue of interest, then loop { look at the state; sleep() }.
class Sleeper {
public:
    Sleeper();
    /// Sleeps until notified (at once if it has been since the last sleep). err::timedout when the deadline passes;
    /// err::restartsys when a signal is pending and `interruptible`.
    Result<> sleep(Deadline until = never, bool interruptible = true);
    void notify(); // from any context

private:
    Thread& thread_;
    std::atomic<bool> notified_ = false;
};

/// A Sleeper's place on one queue, for a scope.
class Wait final : public Waiter {
public:
    Wait(WaitQueue& queue, Sleeper& sleeper, bool only_one = false) : queue_{queue}, sleeper_{sleeper} {
        exclusive = only_one;
        queue_.add(*this);
    }
    ~Wait() { queue_.remove(*this); }
    bool notified(u32) override {
        sleeper_.notify();
        return true;
    }

private:
    WaitQueue& queue_;
    Sleeper& sleeper_;
};

/// Sleeps on `queue` until `ready()`; ready() may take locks. The errors are Sleeper::sleep's.
template <class Ready>
Result<> wait_until(WaitQueue& queue, Ready ready, Deadline until = never, bool interruptible = true) {
    if (ready()) return {};
    Sleeper self;
    Wait wait{queue, self};
    while (!ready()) TRY(self.sleep(until, interruptible));
    return {};
}
