// The parts of a process and of a task that its signals are; reached with the process's signal lock held.
#pragma once
#include "kernel/process/signals/job_control.h"

struct ProcessSignals {
    PendingSignals pending;
    /// Changed by exec only, when no other thread is there: the process's own threads look without the lock.
    Ref<SignalHandlers> handlers;
    JobControl job;
    bool ending = false; // exit_group: every thread is to end, with group_status
    int group_status = 0;
    Task* executing = nullptr; // the thread whose exec ends all others
    /// Changed by kernel/process/core_dump.
    struct {
        Task* by = nullptr;    // a thread that writes a core dump, while it does: the others wait with their end
        unsigned awaited = 0;  // threads that still run
        bool given_up = false; // SIGKILL has come
    } dump;
    /// The process ends, or this thread does for another one's exec.
    bool ends(const Task& thread) const {
        return (ending && (dump.by != &thread || dump.given_up)) || (executing && executing != &thread);
    }
};

struct TaskSignals {
    PendingSignals pending;
    SignalSet blocked = 0;    // changed only by the task itself
    SignalSet waited_for = 0; // sigtimedwait: wakes for these although they are blocked
    /// JobControl's; the task itself, which has stopped, looks without the lock.
    std::atomic<Stop> stop = Stop::none;
    bool only_fatal = false;     // sleeps in a call that only death may end
    bool left_registers = false; // for the process's core dump, which waits for it no more
    /// RLIMIT_RTTIME: where the thread stood when it was first seen after a sleep.
    struct {
        u64 sleeps = 0, since_ns = 0;
    } realtime_run;

    /// Those that its mask keeps from it now.
    SignalSet kept() const { return blocked & ~waited_for; }
};
