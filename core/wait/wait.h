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
    /// notify_one() stops at the first exclusive waiter that will act on the notification. Set before add().
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
    /// All non-exclusive waiters and the first exclusive one that will act on it. Who is woken so and leaves something
    /// for the others notifies again.
    void notify_one(u32 events = any_event);
    /// As notify_one(), from Waiter::notified() of another queue: a queue behind a queue (epoll). No cycle may form.
    /// Returns whether anybody waits.
    bool notify_nested(u32 events = any_event);
    void add(Waiter&);    // exclusive ones stand behind all others
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

/// A Sleeper's place on one queue, for a scope. Hears of `events` only.
class Wait final : public Waiter {
public:
    Wait() = default; // on no queue yet
    Wait(WaitQueue& queue, Sleeper& sleeper, u32 events = WaitQueue::any_event, bool only_one = false) {
        enter(queue, sleeper, events, only_one);
    }
    ~Wait() {
        if (queue_) queue_->remove(*this);
    }
    void enter(WaitQueue& queue, Sleeper& sleeper, u32 events, bool only_one = false) {
        queue_ = &queue;
        sleeper_ = &sleeper;
        events_ = events;
        exclusive = only_one;
        queue.add(*this);
    }
    bool notified(u32 events) override {
        if (!(events & events_)) return false;
        sleeper_->notify();
        return true;
    }

private:
    WaitQueue* queue_ = nullptr;
    Sleeper* sleeper_ = nullptr;
    u32 events_ = 0;
};

/// Sleeps on `queue` until `ready()`, which may take locks and set `until` anew. The errors are Sleeper::sleep's.
template <class Ready>
Result<> wait_until(WaitQueue& queue, Ready ready, const Deadline& until = never, bool interruptible = true) {
    if (ready()) return {};
    Sleeper self;
    Wait wait{queue, self};
    while (!ready()) TRY(self.sleep(until, interruptible));
    return {};
}
