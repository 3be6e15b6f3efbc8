// The timers of a process: setitimer(2), alarm(2), timer_create(2), and the limits on CPU time. What expires is under
// the process's signal_lock; who arms and disarms takes timers_lock around it.
//
// What they can cost is bounded by what their owner does. A timer of the wall clock interrupts once, and again only
// after its signal was taken; what nobody takes is counted as overruns. CPU clocks interrupt nothing: while one is
// waited for, the scheduler adds the threads' time up (CpuWatch), and the thread that reaches a moment looks, on its
// own way to user mode and its own time. Only the CPU clocks of other processes are looked at from time to time.
#pragma once
#include "kernel/process/clock.h"
#include "lib/vector.h"

/// One timer_create(2) timer: posix_timer.h.
struct PosixTimer;

class ProcessTimers {
public:
    explicit ProcessTimers(Process& of);
    ~ProcessTimers();

    struct Value {
        u64 left_ns = 0, interval_ns = 0;
    };
    /// `which`: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. err::inval.
    Result<Value> get(int which);
    Result<Value> set(int which, const Value&);

    /// `notify` SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID (then `thread`). err::again: too many.
    struct Request {
        process::Clock clock;
        int notify = 0, signal = 0;
        u64 value = 0; // sigev_value; or the timer's own id
        bool value_is_id = false;
        Ref<Task> thread;
    };
    Result<int> create(const Request&);
    Result<> remove(int id);
    Result<Value> get_posix(int id);
    /// err::srch: what its clock measures is gone.
    Result<Value> set_posix(int id, u64 first_ns, u64 interval_ns, bool absolute);
    /// Timers that end at a moment of the wall clock are armed anew.
    void wall_clock_was_set();
    Result<int> overruns(int id);
    /// A signal that was ignored may be so no more: timers that were quiet for it go on.
    void unignored(int signal) {
        if (quiet_.load(std::memory_order_relaxed)) rouse(signal);
    }

    /// Obeys RLIMIT_CPU: the process begins, or the limit was changed.
    void limit_cpu_time();
    /// Obeys RLIMIT_RTTIME: the limit was changed, or a thread became a real-time one.
    void limit_realtime();

    /// A thread comes to be, or has ended.
    void joined(Task&, const SignalLock&);
    void left(Task&, const SignalLock&);
    /// The current task has work_timers: a moment of a CPU clock has been reached. On the way to user mode.
    void look(Task& current);

    /// exec: POSIX timers go, interval timers stay.
    void drop_posix();
    /// The process ends, or never ran: all go for good, and none of their signals stays pending.
    void stop_all();
    /// stop_all() has been called. By whoever has the only reference to the process.
    bool closed() const { return closed_; }

private:
    friend struct PosixTimer;
    struct Element : QueuedSignal {
        ProcessTimers* owner = nullptr;
    };
    /// Of setitimer(2). Under signal_lock.
    struct Interval {
        Element element; // unused fields stay zero
        u64 due_ns = 0;  // monotonic for ITIMER_REAL, CPU time else; 0: not armed
        u64 interval_ns = 0;
    };
    struct RealTimer : Timer {
        explicit RealTimer(ProcessTimers& of) : Timer{expired}, owner{of} {}
        static void expired(Timer&);
        ProcessTimers& owner;
    };
    Interval* of(int which);
    u64 clock_now(int which, const SignalLock&);
    void expire_real();
    void real_taken();
    void arm_real();
    void rouse(int signal);

    // CPU clocks (cpu_timers.cpp).
    void watch(const SignalLock&);
    void unwatch(const SignalLock&);
    bool needs_watch();
    /// Somebody is to look when the process's user time, or all its time, or the thread's is that much.
    void watch_user(u64 ns, const SignalLock&);
    void watch_total(u64 ns, const SignalLock&);
    void watch_thread(Task&, u64 ns, const SignalLock&);
    void expire_cpu(Interval&, u64 now_ns, const SignalLock&);
    void check_cpu_limit(u64 now_ns, const SignalLock&);
    void check_realtime_limit(Task& current, const SignalLock&);

    Process& process_;
    Interval real_, virtual_, profile_;
    RealTimer real_timer_{*this};
    bool real_waits_ = false; // ITIMER_REAL has expired, and goes on when SIGALRM is taken
    Element cpu_limit_, realtime_limit_;
    CpuWatch watch_;
    bool watching_ = false;
    std::atomic<unsigned> quiet_ = 0; // POSIX timers whose signal is ignored
    // Under Process::timers_lock.
    bool closed_ = false;           // by stop_all()
    Vector<Box<PosixTimer>> posix_; // index: the id; null: free
};
