#include "abi/linux/sys/time.h"
#include "abi/linux/sys/rusage.h"
#include "core/time/clock_set.h"
#include "kernel/process/timers.h"
#include <linux/capability.h>
#include <linux/resource.h>
#include <optional>

namespace linux_abi::sys {
namespace {
constexpr int cpu_clock_thread = 4, cpu_clock_kind = 3; // of a negative clock id: (~pid << 3) | thread | kind
constexpr u64 tick_ns = 10'000'000;                     // USER_HZ

/// A CPU clock of another process or thread, by its number.
Result<u64> cpu_clock(Task& task, int clock) {
    int kind = clock & cpu_clock_kind;
    if (kind == cpu_clock_kind) return err::inval;
    Pid pid = ~(clock >> 3);
    CpuTime time;
    if (clock & cpu_clock_thread) {
        auto thread = pid ? TRY(process::find_task(task.view(), pid)) : Ref<Task>::share(&task);
        if (&thread->process() != &task.process()) return err::inval;
        time = thread->cpu_time();
    } else
        time = process::cpu_time(pid ? *TRY(process::find(task.view(), pid)) : task.process());
    return kind == 1 ? time.user_ns : time.user_ns + time.system_ns;
}

Result<u64> read_clock(Task& task, int clock) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI: return static_cast<u64>(clocks::realtime_ns());
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM: return clocks::monotonic_ns();
    case CLOCK_PROCESS_CPUTIME_ID: {
        CpuTime t = process::cpu_time(task.process());
        return t.user_ns + t.system_ns;
    }
    case CLOCK_THREAD_CPUTIME_ID: {
        CpuTime t = task.cpu_time();
        return t.user_ns + t.system_ns;
    }
    default:
        if (clock >= 0) return err::inval;
        auto read = cpu_clock(task, clock);
        return read ? read : Result<u64>{err::inval};
    }
}

bool is_realtime(int clock) { return clock == CLOCK_REALTIME || clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM; }

i64 sleep_again(Task& task);

/// Sleeps; a signal leaves what remains in `left`, and the call goes on after it if no handler runs.
Result<> sleep_until(Task& task, Deadline until, UserPtr<Timespec> left) {
    Sleeper self;
    for (;;) {
        auto slept = self.sleep(until);
        if (slept) continue;
        if (slept.error() == Errno::timedout) return {};
        if (left) TRY(copy_out(left, to_timespec(left_until(until))));
        task.restart = {sleep_again, {until.ns, left.address()}};
        return err::restart_block;
    }
}
i64 sleep_again(Task& task) {
    auto w = task.restart.words;
    return encode(sleep_until(task, {w[0]}, UserPtr<Timespec>{w[1]}));
}

/// Until a moment of a clock. The wall clock may be set meanwhile.
Result<> sleep_absolute(int clock, i64 at) {
    Sleeper self;
    std::optional<Wait> setting;
    if (is_realtime(clock)) setting.emplace(clocks::realtime_was_set(), self);
    for (;;) {
        Deadline until = is_realtime(clock) ? from_realtime(at) : Deadline{static_cast<u64>(at)};
        if (until.ns <= clocks::monotonic_ns()) return {};
        auto slept = self.sleep(until);
        if (slept || slept.error() == Errno::timedout) continue; // set, or over
        return err::restartnohand;
    }
}
} // namespace

Result<> nanosleep(Task& task, UserPtr<const Timespec> time, UserPtr<Timespec> left) {
    i64 ns = TRY(to_ns(TRY(copy_in(time))));
    if (ns == 0) return sched::yield(), Result<>{};
    return sleep_until(task, clocks::in(static_cast<u64>(ns)), left);
}
Result<> clock_nanosleep(Task& task, int clock, int flags, UserPtr<const Timespec> time, UserPtr<Timespec> left) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_TAI:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME: break;
    // CPU time and the alarm clocks cannot be slept on.
    default: return clock < 0 || clock > CLOCK_TAI ? Result<>{err::inval} : err::opnotsupp;
    }
    i64 ns = TRY(to_ns(TRY(copy_in(time))));
    if (flags & TIMER_ABSTIME) return sleep_absolute(clock, ns);
    return sleep_until(task, clocks::in(static_cast<u64>(ns)), left);
}

Result<> clock_gettime(Task& task, int clock, UserPtr<Timespec> to) {
    return copy_out(to, to_timespec(static_cast<i64>(TRY(read_clock(task, clock)))));
}
Result<> clock_getres(Task& task, int clock, UserPtr<Timespec> to) {
    TRY(read_clock(task, clock));
    return to ? copy_out(to, Timespec{0, 1}) : Result<>{};
}
Result<> clock_settime(Task& task, int clock, UserPtr<const Timespec> from) {
    if (clock != CLOCK_REALTIME) return err::inval;
    i64 ns = TRY(to_ns(TRY(copy_in(from))));
    if (!task.credentials().can(CAP_SYS_TIME) || !task.view().is_root()) return err::perm;
    clocks::set_realtime(ns);
    return {};
}
Result<> gettimeofday(Task&, UserPtr<Timeval> to, UserPtr<struct timezone> zone) {
    if (to) TRY(copy_out(to, to_timeval(static_cast<u64>(clocks::realtime_ns()))));
    if (zone) TRY(copy_out(zone, (struct timezone){}));
    return {};
}
Result<> settimeofday(Task& task, UserPtr<const Timeval> from, UserPtr<const struct timezone> zone) {
    i64 ns = from ? TRY(to_ns(TRY(copy_in(from)))) : 0;
    if (zone) TRY(copy_in(zone));
    if (!task.credentials().can(CAP_SYS_TIME) || !task.view().is_root()) return err::perm;
    if (from) clocks::set_realtime(ns);
    return {};
}
Result<i64> time(Task&, UserPtr<i64> to) {
    i64 now = clocks::realtime_ns() / second_ns;
    if (to) TRY(copy_out(to, now));
    return now;
}
Result<i64> times(Task& task, UserPtr<tms> to) {
    if (to) {
        CpuTime own = process::cpu_time(task.process());
        ResourceUse children = process::children_usage(task.process());
        auto ticks = [](u64 ns) { return static_cast<long>(ns / tick_ns); };
        TRY(copy_out(
            to, tms{ticks(own.user_ns), ticks(own.system_ns), ticks(children.user_ns), ticks(children.system_ns)}));
    }
    return static_cast<i64>(clocks::monotonic_ns() / tick_ns);
}
Result<> getrusage(Task& task, int who, UserPtr<rusage> to) {
    ResourceUse use;
    switch (who) {
    case RUSAGE_SELF:
        use = process::usage(task.process());
        use.add({.peak_resident_pages = task.space->peak_resident()});
        break;
    case RUSAGE_CHILDREN: use = process::children_usage(task.process()); break;
    case RUSAGE_THREAD: use = process::thread_usage(task); break;
    default: return err::inval;
    }
    return copy_out_zeroed(to, to_rusage(use));
}

namespace {
__kernel_old_itimerval to_itimerval(const ProcessTimers::Value& v) {
    return {to_timeval(v.interval_ns), to_timeval(v.left_ns + 999)};
}
__kernel_itimerspec to_itimerspec(const ProcessTimers::Value& v) {
    return {to_timespec(static_cast<i64>(v.interval_ns)), to_timespec(static_cast<i64>(v.left_ns))};
}
} // namespace

Result<> getitimer(Task& task, int which, UserPtr<__kernel_old_itimerval> to) {
    auto value = TRY(task.process().timers->get(which));
    return copy_out(to, to_itimerval(value));
}
Result<> setitimer(Task& task, int which, UserPtr<const __kernel_old_itimerval> from,
                   UserPtr<__kernel_old_itimerval> old) {
    ProcessTimers::Value wanted;
    if (from) {
        auto v = TRY(copy_in(from));
        wanted = {static_cast<u64>(TRY(to_ns(v.it_value))), static_cast<u64>(TRY(to_ns(v.it_interval)))};
    }
    auto before = TRY(task.process().timers->set(which, wanted));
    return old ? copy_out(old, to_itimerval(before)) : Result<>{};
}
Result<u32> alarm(Task& task, u32 seconds) {
    auto before = TRY(task.process().timers->set(ITIMER_REAL, {u64{seconds} * clocks::ns_per_second, 0}));
    u64 left = (before.left_ns + clocks::ns_per_second / 2) / clocks::ns_per_second;
    return before.left_ns && !left ? 1 : static_cast<u32>(left);
}

Result<> timer_create(Task& task, int clock, uptr event, UserPtr<int> id) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID: break;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM: return err::opnotsupp;
    default: return err::inval;
    }
    ProcessTimers::Request request{.clock = clock, .notify = SIGEV_SIGNAL, .signal = SIGALRM};
    bool own_value = false;
    if (event) {
        sigevent e = TRY(copy_in(UserPtr<const sigevent>{event}));
        request.notify = e.sigev_notify;
        request.signal = e.sigev_signo;
        request.value = reinterpret_cast<u64>(e.sigev_value.sival_ptr);
        own_value = true;
        if (request.notify == SIGEV_THREAD_ID) {
            request.thread = TRY([&]() -> Result<Ref<Task>> {
                auto found = process::find_task(task.view(), e.sigev_notify_thread_id);
                if (!found || &(*found)->process() != &task.process()) return err::inval;
                return found;
            }());
        } else if (request.notify == SIGEV_THREAD) {
            request.notify = SIGEV_SIGNAL; // threads are the C library's matter
        } else if (request.notify != SIGEV_SIGNAL && request.notify != SIGEV_NONE)
            return err::inval;
        if (request.notify != SIGEV_NONE && (request.signal < 1 || request.signal > signal_count)) return err::inval;
    }
    if (clock == CLOCK_THREAD_CPUTIME_ID && !request.thread) request.thread = Ref<Task>::share(&task);
    request.value_is_id = !own_value;
    int made = TRY(task.process().timers->create(request));
    auto told = copy_out(id, made);
    if (!told) (void)task.process().timers->remove(made);
    return told;
}
Result<> timer_settime(Task& task, int id, int flags, UserPtr<const __kernel_itimerspec> from,
                       UserPtr<__kernel_itimerspec> old) {
    if (!from) return err::inval;
    auto v = TRY(copy_in(from));
    i64 first = TRY(to_ns(v.it_value)), interval = TRY(to_ns(v.it_interval));
    auto before = TRY(task.process().timers->set_posix(id, static_cast<u64>(first), static_cast<u64>(interval),
                                                       flags & TIMER_ABSTIME));
    return old ? copy_out(old, to_itimerspec(before)) : Result<>{};
}
Result<> timer_gettime(Task& task, int id, UserPtr<__kernel_itimerspec> to) {
    auto value = TRY(task.process().timers->get_posix(id));
    return copy_out(to, to_itimerspec(value));
}
Result<int> timer_getoverrun(Task& task, int id) { return task.process().timers->overruns(id); }
Result<> timer_delete(Task& task, int id) { return task.process().timers->remove(id); }
} // namespace linux_abi::sys
