// The timers of a process: setitimer(2), alarm(2), timer_create(2). What expires is under the process's signal_lock.
#pragma once
#include "kernel/process/clock.h"
#include "lib/vector.h"

/// One timer_create(2) timer.
struct PosixTimer; // timers.cpp

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
    /// Obeys RLIMIT_CPU: the process begins, or the limit was changed.
    void limit_cpu_time();
    /// Obeys RLIMIT_RTTIME: the same, or a thread became a real-time one.
    void limit_realtime();
    /// exec: POSIX timers go, interval timers stay. Exit: all go.
    void drop_posix();
    void stop_all();

private:
    struct Interval : Timer {
        using Timer::Timer;
        QueuedSignal element; // unused fields stay zero
        u64 due_ns = 0;       // monotonic for ITIMER_REAL, CPU time else; 0: not armed
        u64 interval_ns = 0;
        int which = 0;
        ProcessTimers* owner = nullptr;
    };
    Result<Ref<PosixTimer>> find(int id);
    static void interval_expired(Timer&);
    void expire(Interval&);
    /// Looks from time to time whether a limit on time has been reached: SIGXCPU at the soft one and each second after
    /// it, SIGKILL at the hard one.
    struct LimitTimer : Timer {
        LimitTimer(ProcessTimers& of, void (*expired)(Timer&)) : Timer{expired}, owner{of} {}
        void stop();
        ProcessTimers& owner;
        QueuedSignal element;
        bool active = false; // under signal_lock
    };
    /// RLIMIT_CPU.
    struct CpuLimit : LimitTimer {
        CpuLimit(ProcessTimers& of) : LimitTimer{of, expired} {}
        static void expired(Timer& timer) { static_cast<CpuLimit&>(timer).check(); }
        void check();
        void arm_again();
    };
    /// RLIMIT_RTTIME: the CPU time that a real-time thread takes without sleeping. Looks every few milliseconds, while
    /// there is such a thread.
    struct RealtimeLimit : LimitTimer {
        RealtimeLimit(ProcessTimers& of) : LimitTimer{of, expired} {}
        static void expired(Timer& timer) { static_cast<RealtimeLimit&>(timer).check(); }
        void check();
    };
    u64 clock_now(int which);
    void arm(Interval&);

    Process& process_;
    Interval real_{interval_expired}, virtual_{interval_expired}, profile_{interval_expired};
    Interval& of(int which);
    CpuLimit cpu_limit_{*this};
    RealtimeLimit realtime_limit_{*this};
    Vector<Ref<PosixTimer>> posix_; // index: the id; null: free. Under Process::timers_lock
};
