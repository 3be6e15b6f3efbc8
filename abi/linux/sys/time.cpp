#include "abi/linux/sys/time.h"
#include "abi/linux/sys/rusage.h"
#include "core/wait/clock_set.h"
#include "kernel/process/clock.h"
#include "kernel/process/timers.h"
#include <linux/capability.h>
#include <linux/resource.h>
#include <optional>

namespace linux_abi::sys {
namespace {
constexpr u64 user_hz = 100, tick_ns = clocks::ns_per_second / user_hz;

using process::Clock;

/// What the calls can do with a clock that has a number of its own.
enum Use : u8 { reads = 1, sleeps = 2, timers = 4, alarms = 8 }; // alarms: needs CAP_WAKE_ALARM for more than reading
struct SystemClock {
    Clock::Kind kind;
    u8 uses; // 0: there is none
};
constexpr SystemClock system_clocks[] = {
    {Clock::Kind::wall, reads | sleeps | timers},              // CLOCK_REALTIME
    {Clock::Kind::monotonic, reads | sleeps | timers},         // CLOCK_MONOTONIC
    {Clock::Kind::process_cpu, reads | sleeps | timers},       // CLOCK_PROCESS_CPUTIME_ID
    {Clock::Kind::thread_cpu, reads | timers},                 // CLOCK_THREAD_CPUTIME_ID
    {Clock::Kind::monotonic, reads},                           // CLOCK_MONOTONIC_RAW
    {Clock::Kind::wall, reads},                                // CLOCK_REALTIME_COARSE
    {Clock::Kind::monotonic, reads},                           // CLOCK_MONOTONIC_COARSE
    {Clock::Kind::boottime, reads | sleeps | timers},          // CLOCK_BOOTTIME
    {Clock::Kind::wall, reads | sleeps | timers | alarms},     // CLOCK_REALTIME_ALARM: the machine never sleeps
    {Clock::Kind::boottime, reads | sleeps | timers | alarms}, // CLOCK_BOOTTIME_ALARM
    {Clock::Kind::monotonic, 0},                               // CLOCK_SGI_CYCLE, which is gone
    {Clock::Kind::wall, reads | sleeps | timers},              // CLOCK_TAI
};
static_assert(std::size(system_clocks) == CLOCK_TAI + 1);

// A negative number is a CPU clock: (~pid << 3) | thread | kind; pid 0 is the caller. Or, with all bits of the kind set
// and not those of a thread, a descriptor's: no device here has a clock.
constexpr int cpu_clock_thread = 4, cpu_clock_kind = 3, cpu_clock_user = 1;
bool of_descriptor(int clock) { return clock < 0 && (clock & (cpu_clock_thread | cpu_clock_kind)) == cpu_clock_kind; }

/// err::inval: there is none. `reading`: the number of any thread of the caller's names its process.
Result<Clock> cpu_clock(Task& task, int clock, bool reading) {
    if ((clock & cpu_clock_kind) == cpu_clock_kind) return err::inval;
    bool user_only = (clock & cpu_clock_kind) == cpu_clock_user;
    Pid pid = ~(clock >> 3);
    bool of_thread = clock & cpu_clock_thread;
    if (!pid)
        return of_thread ? Clock::cpu_of(Ref<Task>::share(&task), user_only)
                         : Clock::cpu_of(Ref<Process>::share(&task.process()), user_only);
    auto found = process::find_task(task.pids(), pid);
    if (!found) return err::inval;
    Process& process = (*found)->process();
    if (of_thread)
        return &process == &task.process() ? Clock::cpu_of(std::move(*found), user_only) : Result<Clock>{err::inval};
    bool is_process = process.pid(task.pids()) == pid || (reading && found->get() == &task);
    return is_process ? Clock::cpu_of(Ref<Process>::share(&process), user_only) : Result<Clock>{err::inval};
}

/// err::opnotsupp: not for that use; err::inval: no such clock.
Result<Clock> find_clock(Task& task, int clock, Use use) {
    if (of_descriptor(clock)) return use == reads ? Result<Clock>{err::inval} : err::opnotsupp;
    if (clock < 0) return cpu_clock(task, clock, use == reads);
    if (static_cast<usize>(clock) >= std::size(system_clocks) || !system_clocks[clock].uses) return err::inval;
    auto [kind, uses] = system_clocks[clock];
    if (!(uses & use)) return err::opnotsupp;
    if (uses & alarms && use != reads && !task.credentials().can_everywhere(CAP_WAKE_ALARM)) return err::perm;
    if (kind == Clock::Kind::process_cpu) return Clock::cpu_of(Ref<Process>::share(&task.process()));
    if (kind == Clock::Kind::thread_cpu) return Clock::cpu_of(Ref<Task>::share(&task));
    return Clock::system(kind, task.view().time->offsets);
}

/// The wall clock is the machine's.
bool may_set_clock(Task& task) { return task.credentials().can_everywhere(CAP_SYS_TIME) && task.view().is_root(); }

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

/// Until a moment of the monotonic or the wall clock.
Result<> sleep_absolute(clocks::Moment until) {
    if (until.deadline().ns <= clocks::monotonic_ns()) return {};
    Sleeper self;
    clocks::MomentSleeper sleeper{self, until};
    for (;;) {
        auto slept = sleeper.sleep();
        if (slept) continue;
        return slept.error() == Errno::timedout ? Result<>{} : err::restartnohand;
    }
}

i64 sleep_on_cpu_again(Task& task);

/// Until a CPU clock shows `at`. `id` and `left` are for a relative sleep that is interrupted; absolute ones have
/// neither.
Result<> sleep_on_cpu(Task& task, const Clock& clock, u64 at, std::optional<int> id, UserPtr<Timespec> left) {
    Sleeper self;
    for (u64 now; (now = clock.now()) < at;) {
        auto slept = self.sleep(clock.in(at - now));
        if (slept || slept.error() == Errno::timedout) continue;
        if (!id) return err::restartnohand;
        if (left) TRY(copy_out(left, to_timespec(static_cast<i64>(at - now))));
        task.restart = {sleep_on_cpu_again, {at, static_cast<u64>(*id), left.address()}};
        return err::restart_block;
    }
    return {};
}
i64 sleep_on_cpu_again(Task& task) {
    auto w = task.restart.words;
    int id = static_cast<int>(w[1]);
    auto clock = find_clock(task, id, sleeps);
    if (!clock) return encode(Result<>{std::unexpected(clock.error())});
    return encode(sleep_on_cpu(task, *clock, w[0], id, UserPtr<Timespec>{w[2]}));
}
} // namespace

Result<> nanosleep(Task& task, UserPtr<const Timespec> time, UserPtr<Timespec> left) {
    i64 ns = TRY(to_ns(TRY(copy_in(time))));
    if (ns == 0) return sched::yield(), Result<>{};
    return sleep_until(task, clocks::in(static_cast<u64>(ns)), left);
}
Result<> clock_nanosleep(Task& task, int id, int flags, UserPtr<const Timespec> time, UserPtr<Timespec> left) {
    auto found = find_clock(task, id, sleeps);
    if (!found && (id >= 0 || of_descriptor(id))) return std::unexpected(found.error());
    i64 ns = TRY(to_ns(TRY(copy_in(time))));
    Clock clock = TRY(std::move(found)); // whose CPU time it is comes after the time
    bool absolute = flags & TIMER_ABSTIME;
    if (clock.is_cpu()) {
        if (clock.is_of(task)) return err::inval; // it would never pass
        u64 at = static_cast<u64>(ns) + (absolute ? 0 : clock.now());
        return sleep_on_cpu(task, clock, at, absolute ? std::nullopt : std::optional{id}, left);
    }
    if (!absolute) return sleep_until(task, clocks::in(static_cast<u64>(ns)), left);
    return sleep_absolute(clock.moment(ns));
}

Result<> clock_gettime(Task& task, int id, UserPtr<Timespec> to) {
    return copy_out(to, to_timespec(static_cast<i64>(TRY(find_clock(task, id, reads)).now())));
}
Result<> clock_getres(Task& task, int id, UserPtr<Timespec> to) {
    TRY(id < 0 && !of_descriptor(id) ? cpu_clock(task, id, false) : find_clock(task, id, reads));
    return to ? copy_out(to, Timespec{0, 1}) : Result<>{};
}
Result<> clock_settime(Task& task, int id, UserPtr<const Timespec> from) {
    if (id < 0 ? of_descriptor(id) : id != CLOCK_REALTIME) return err::inval;
    auto time = TRY(copy_in(from));
    if (id < 0) {
        TRY(cpu_clock(task, id, false));
        return err::perm;
    }
    i64 ns = TRY(to_ns(time));
    if (!may_set_clock(task)) return err::perm;
    process::set_wall_clock(ns);
    return {};
}
namespace {
/// Nothing steers the clock: what adjtimex(2) shows is a clock that nobody has set right.
Result<int> read_adjustment(Task& task, UserPtr<__kernel_timex> at, const __kernel_timex& asked) {
    constexpr u32 adjtime = 0x8000, singleshot = ADJ_OFFSET_SINGLESHOT & ~adjtime;
    constexpr u32 readonly = ADJ_OFFSET_SS_READ & ~ADJ_OFFSET_SINGLESHOT;
    if (asked.modes & adjtime && !(asked.modes & singleshot)) return err::inval;
    bool changes = asked.modes & adjtime ? !(asked.modes & readonly) : asked.modes != 0;
    if (changes) return may_set_clock(task) ? Result<int>{err::inval} : err::perm;
    constexpr long worst_us = 16'000'000, ppm = 65536;
    __kernel_timex shown{};
    shown.modes = asked.modes;
    shown.maxerror = shown.esterror = worst_us;
    shown.status = STA_UNSYNC;
    shown.constant = 2;
    shown.precision = 1;
    shown.tolerance = 500 * ppm;
    shown.tick = static_cast<long>(1'000'000 / user_hz);
    i64 us = clocks::realtime_ns() / 1000;
    shown.time.tv_sec = us / 1'000'000;
    shown.time.tv_usec = us % 1'000'000;
    TRY(copy_out_zeroed(at, shown));
    return TIME_ERROR;
}
} // namespace

Result<int> adjtimex(Task& task, UserPtr<__kernel_timex> at) { return read_adjustment(task, at, TRY(copy_in(at))); }
Result<int> clock_adjtime(Task& task, int clock, UserPtr<__kernel_timex> at) {
    auto asked = TRY(copy_in(at));
    if (of_descriptor(clock)) return err::inval;
    if (clock != CLOCK_REALTIME) {
        bool known = clock < 0 || (static_cast<usize>(clock) < std::size(system_clocks) && system_clocks[clock].uses);
        return known ? err::opnotsupp : Result<int>{err::inval};
    }
    return read_adjustment(task, at, asked);
}
Result<> gettimeofday(Task&, UserPtr<Timeval> to, UserPtr<struct timezone> zone) {
    if (to) TRY(copy_out(to, to_timeval(static_cast<u64>(clocks::realtime_ns()))));
    if (zone) TRY(copy_out(zone, (struct timezone){}));
    return {};
}
Result<> settimeofday(Task& task, UserPtr<const Timeval> from, UserPtr<const struct timezone> zone) {
    i64 ns = from ? TRY(to_ns(TRY(copy_in(from)))) : 0;
    struct timezone west{};
    if (zone) west = TRY(copy_in(zone));
    if (!task.credentials().can_everywhere(CAP_SYS_TIME)) return err::perm;
    constexpr int most_minutes = 15 * 60;
    if (west.tz_minuteswest > most_minutes || west.tz_minuteswest < -most_minutes) return err::inval;
    if (!may_set_clock(task)) return err::perm;
    if (from) process::set_wall_clock(ns);
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
    sigevent e{};
    if (event) e = TRY(copy_in(UserPtr<const sigevent>{event}));
    ProcessTimers::Request request{
        .clock = TRY(find_clock(task, clock, timers)), .notify = SIGEV_SIGNAL, .signal = SIGALRM};
    bool own_value = false;
    if (event) {
        request.notify = e.sigev_notify;
        request.signal = e.sigev_signo;
        request.value = reinterpret_cast<u64>(e.sigev_value.sival_ptr);
        own_value = true;
        if (request.notify == SIGEV_THREAD_ID) {
            request.thread = TRY([&]() -> Result<Ref<Task>> {
                auto found = process::find_task(task.pids(), e.sigev_notify_thread_id);
                if (!found || &(*found)->process() != &task.process()) return err::inval;
                return found;
            }());
        } else if (request.notify == SIGEV_THREAD) {
            request.notify = SIGEV_SIGNAL; // threads are the C library's matter
        } else if (request.notify != SIGEV_SIGNAL && request.notify != SIGEV_NONE)
            return err::inval;
        if (request.notify != SIGEV_NONE && (request.signal < 1 || request.signal > signal_count)) return err::inval;
    }
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
