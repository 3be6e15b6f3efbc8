// What a timer or a sleep can measure: the system's clocks, and the CPU time of a process or of one of its threads.
#pragma once
#include "core/wait/clock_set.h"
#include "kernel/process/task.h"

namespace process {
class Clock {
public:
    enum class Kind : u8 { monotonic, boottime, wall, process_cpu, thread_cpu };

    /// The machine's, or with the offset that the caller's time namespace has.
    static Clock system(Kind kind, const clocks::Offsets& ahead = {}) {
        Clock clock{kind};
        if (kind == Kind::monotonic) clock.ahead_ = ahead.monotonic;
        if (kind == Kind::boottime) clock.ahead_ = ahead.boottime;
        return clock;
    }
    static Clock cpu_of(Ref<Process>, bool user_only = false);
    static Clock cpu_of(Ref<Task>, bool user_only = false);

    /// Nanoseconds. A CPU clock takes the signal_lock of the process it measures.
    u64 now() const;
    bool is_wall() const { return kind_ == Kind::wall; }
    bool is_cpu() const { return kind_ == Kind::process_cpu || kind_ == Kind::thread_cpu; }
    /// When a clock of the system shows `ns`.
    clocks::Moment moment(i64 ns) const {
        return is_wall() ? clocks::Moment::of_wall(ns) : Deadline{clocks::to_machine(static_cast<u64>(ns), ahead_)};
    }
    /// It is the CPU time of this very thread.
    bool is_of(const Task& task) const { return thread_.get() == &task; }
    /// What a CPU clock shows when this much has been used.
    u64 reading(CpuTime used) const { return user_only_ ? used.user_ns : used.user_ns + used.system_ns; }
    bool is_user_only() const { return user_only_; }
    /// Whose CPU time it is; null: it is a clock of the system, or of the whole process.
    Process* process() const { return process_.get(); }
    Task* thread() const { return thread_.get(); }
    /// Stands still for ever: what a CPU clock measures has ended.
    bool has_stopped() const;
    /// Has stopped, and nothing finds what it measured any more.
    bool is_gone() const;
    /// When it may show `ns` more at the soonest, if it shows `ns` less than wanted now; never: it has stopped. CPU
    /// time passes at most as fast as the number of threads says, and is looked at once in a millisecond at most.
    Deadline in(u64 ns) const;

private:
    explicit Clock(Kind kind) : kind_{kind} {}
    Kind kind_;
    bool user_only_ = false; // CPUCLOCK_VIRT: without the time in the kernel
    i64 ahead_ = 0;          // of the machine's monotonic clock, for Kind::monotonic and boottime
    Ref<Process> process_;
    Ref<Task> thread_;
};

/// Sets the wall clock; timers and sleeps that end at a moment of it follow.
void set_wall_clock(i64 ns);
} // namespace process
