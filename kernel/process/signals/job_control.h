// Job control: what the stop signals and SIGCONT do to a process and its threads, and what its parent is told of it.
#pragma once
#include "kernel/signal/signal.h"

class Task;
class Process;

/// Where a thread stands; a process is never `asked`.
enum class Stop : u8 {
    none,     // runs
    asked,    // has taken a stop signal: perhaps its process is to stop
    stopping, // stops on its way to user mode; of a process: not all its threads have stopped yet
    stopped,
};

/// What ends stops: `cont` is SIGCONT; `end` is the end of the process, or of the thread for another one's exec.
enum class Wake : u8 { cont = 1, end = 2 };
/// Which of them end each one: a stop that something else ends is another line.
inline constexpr u8 woken_by[] = {
    /* none */ 0,
    /* asked */ u8(Wake::cont) | u8(Wake::end),
    /* stopping */ u8(Wake::cont) | u8(Wake::end),
    /* stopped */ u8(Wake::cont) | u8(Wake::end),
};

/// Of one process; reached with its signal lock held.
class JobControl {
public:
    bool is_stopped() const { return state_ == Stop::stopped; }
    /// By which it stops or has stopped; 0: none.
    int signal() const { return signal_; }

    /// A thread has taken a stop signal.
    void ask(Task&, const SignalLock&);
    /// A thread that was `asked`, and whose process may be stopped, asks every thread of it to stop, itself included.
    void begin(Task&, int number, const SignalLock&);
    /// A thread that is stopping stops (`to` stopped), or leaves. Whether the process has stopped by that: then its
    /// parent must be notified.
    bool settle(Task&, Stop to, const SignalLock&);
    /// Ends what `by` ends, and wakes the thread.
    void wake(Task&, Wake by, const SignalLock&);
    /// SIGCONT; or the end, after the threads have been woken one by one.
    void continue_all(Process&, const SignalLock&);
    void end();

    /// The process has been continued: the next thread that runs takes this and notifies the parent.
    bool to_notify() const { return to_notify_; }
    bool take_to_notify() { return std::exchange(to_notify_, false); }
    /// What wait4 says of the process, once unless `keep`. code 0: nothing. status as wait4 has it.
    struct Report {
        int code = 0, status = 0;
    };
    Report report(bool stops, bool continues, bool keep);

private:
    enum class News : u8 { none, stopped, continued };
    Stop move(Task&, Stop to, const SignalLock&);
    Stop state_ = Stop::none;
    News news_ = News::none;
    bool to_notify_ = false;
    int signal_ = 0;
    unsigned stopping_ = 0; // threads
};
