// A timer_create(2) timer from inside: for this folder only.
#pragma once
#include "kernel/process/task.h"
#include "kernel/process/timers.h"

/// Armed and disarmed with timers_lock and signal_lock held, fires with the latter.
struct PosixTimer : Timer {
    PosixTimer(Process& of, const process::Clock& by);
    enum class State : u8 {
        idle,
        armed,
        pending, // has fired: goes on when its signal is taken
        ignored, // has fired: goes on when its signal is not ignored any more
    };
    /// A CPU clock of its own process.
    bool of_own_cpu() const { return measured.process() == &process; }
    /// Reads the CPU clock of another process, for now(): without locks, it takes those of that process.
    void read_other_cpu();
    /// What its clock shows now.
    u64 now(const SignalLock&) const;
    ProcessTimers::Value value(const SignalLock&) const;
    /// `measured` is right.
    void set(u64 first_ns, u64 interval_ns, bool absolute, const SignalLock&);
    /// Is not armed any more, and its signal not pending. Timer::cancel() must follow, without the lock.
    void disarm(const SignalLock&);
    /// Its moment may have come.
    void look(u64 now_ns, const SignalLock&);
    /// Its signal was ignored and is so no more.
    void unignored(const SignalLock&);
    /// Armed anew, if it is. Takes signal_lock; timers_lock is held.
    void follow_wall_clock();

    struct Element : QueuedSignal {
        PosixTimer* owner = nullptr;
    } element;
    Process& process;
    Ref<Task> receiver; // SIGEV_THREAD_ID
    const process::Clock clock;
    /// What it is armed by: `clock`, but that a relative time of the wall clock is one of the monotonic clock, which
    /// nobody sets. Changed while it is not armed.
    process::Clock measured;
    int notify = 0;
    int overruns = 0;                // of the signal taken last
    u64 due_ns = 0, interval_ns = 0; // in the clock's time; 0: not armed

private:
    static void expired(Timer&);
    static void taken(QueuedSignal&, const SignalLock&);
    void become(State);
    void wait_for_due(const SignalLock&);
    void fire(const SignalLock&);
    State state_ = State::idle;
    std::atomic<u64> other_cpu_ns_ = 0; // by read_other_cpu()
};
