#include "core/wait/wait.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"

void WaitQueue::add(Waiter& waiter) {
    Holding held{lock_};
    waiter.exclusive ? waiters_.push_back(waiter) : waiters_.push_front(waiter);
    count_.fetch_add(1, std::memory_order_seq_cst);
}

void WaitQueue::remove(Waiter& waiter) {
    Holding held{lock_};
    waiters_.erase(waiter);
    count_.fetch_sub(1, std::memory_order_relaxed);
}

bool WaitQueue::empty() const { return count_.load(std::memory_order_seq_cst) == 0; }

// The fence pairs with add(): either the waiter is counted here, or it sees the state that the caller has changed.
void WaitQueue::notify_all(u32 events) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (empty()) return;
    Holding held{lock_};
    for (Waiter *at = waiters_.first(), *next; at; at = next) {
        next = waiters_.after(*at);
        at->notified(events);
    }
}

void WaitQueue::notify_one(u32 events) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (empty()) return;
    Holding held{lock_};
    notify_first(events);
}

// The outer queue's lock has turned interrupts off; ranks cannot order queues, the absence of cycles does.
bool WaitQueue::notify_nested(u32 events) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (empty()) return false;
    lock_.lock_second();
    notify_first(events);
    lock_.unlock_second();
    return true;
}

void WaitQueue::notify_first(u32 events) {
    for (Waiter *at = waiters_.first(), *next; at; at = next) {
        next = waiters_.after(*at);
        if (!at->notified(events) || !at->exclusive) continue;
        // Behind the others of its kind: the next notification is for somebody else.
        if (next) {
            waiters_.erase(*at);
            waiters_.push_back(*at);
        }
        return;
    }
}

Sleeper::Sleeper() : thread_{Thread::current()} {}

void Sleeper::notify() {
    if (!notified_.exchange(true, std::memory_order_seq_cst)) sched::wake(thread_);
}

namespace {
/// Wakes a thread at a moment; on the sleeper's stack.
struct Alarm : Timer {
    explicit Alarm(Thread& of) : Timer{[](Timer& t) { static_cast<Alarm&>(t).ring(); }}, thread{of} {}
    void ring() {
        rang.store(true, std::memory_order_seq_cst);
        sched::wake(thread);
    }
    Thread& thread;
    std::atomic<bool> rang = false;
};
} // namespace

Result<> Sleeper::sleep(Deadline until, bool interruptible) {
    lockdep::might_sleep(std::source_location::current());
    if (notified_.exchange(false, std::memory_order_seq_cst)) return {};
    if (interruptible && thread_.interrupted()) return err::restartsys;
    if (until != never && until.ns <= clocks::monotonic_ns()) return err::timedout;
    Alarm alarm{thread_};
    if (until != never) alarm.arm(until);
    for (;;) {
        sched::prepare_sleep(interruptible ? ThreadState::interruptible : ThreadState::uninterruptible);
        bool was_notified = notified_.exchange(false, std::memory_order_seq_cst);
        bool signalled = interruptible && thread_.interrupted();
        bool late = alarm.rang.load(std::memory_order_seq_cst);
        if (!was_notified && !signalled && !late) {
            sched::sleep();
            continue;
        }
        sched::cancel_sleep();
        if (was_notified) return {};
        if (signalled) return err::restartsys;
        return err::timedout;
    }
}
