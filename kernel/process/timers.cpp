#include "kernel/process/timers.h"
#include "kernel/process/tree.h"
#include "kernel/signal/state.h"
#include <algorithm>
#include <linux/resource.h>
#include <linux/time.h>

namespace {
constexpr int timers_most = 4096;

u64 process_cpu_ns(Process& process) {
    CpuTime t = process::cpu_time_locked(process);
    return t.user_ns + t.system_ns;
}
} // namespace

/// Alive while listed or while its queue element is pending.
struct PosixTimer : RefCounted<PosixTimer>, Timer {
    explicit PosixTimer(const process::Clock& by) : Timer{expired}, clock{by}, measured{by} { element.owner = this; }
    static void expired(Timer&);
    static void taken(QueuedSignal&);
    /// To look at the clock when it may be due, `now` being what it showed before signal_lock was taken.
    void arm_again(u64 now);

    struct Element : QueuedSignal {
        PosixTimer* owner;
    } element;
    Process* process = nullptr;
    Ref<Task> thread; // SIGEV_THREAD_ID
    const process::Clock clock;
    /// What it is armed by: `clock`, but that a relative time of the wall clock is one of the monotonic clock, which
    /// nobody sets. Changed while it is not armed.
    process::Clock measured;
    int notify = 0, id = 0;
    u64 due_ns = 0, interval_ns = 0; // in the clock's time; 0: not armed
    int pending_overruns = 0, overruns = 0;
};

void PosixTimer::arm_again(u64 now) {
    if (due_ns) arm(measured.in(due_ns > now ? due_ns - now : 0));
}

void PosixTimer::expired(Timer& of) {
    auto& self = static_cast<PosixTimer&>(of);
    bool fire = false;
    u64 changes = clocks::realtime_changes(), now = self.measured.now(); // a CPU clock takes its process's lock
    {
        Holding lock{self.process->signal_lock};
        if (!self.due_ns) return;
        if (now >= self.due_ns) {
            fire = true;
            if (self.interval_ns) {
                u64 passed = (now - self.due_ns) / self.interval_ns;
                self.due_ns += (passed + 1) * self.interval_ns;
                // As Linux, the count stops at the largest int (timer_getoverrun(2)).
                self.pending_overruns +=
                    static_cast<int>(std::min<u64>(passed, static_cast<u64>(INT_MAX - self.pending_overruns)));
            } else
                self.due_ns = 0;
        }
        self.arm_again(now);
        if (self.due_ns && self.measured.is_wall() && changes != clocks::realtime_changes()) self.arm(clocks::in(0));
    }
    if (!fire || self.notify == SIGEV_NONE) return;
    Task* only = self.notify == SIGEV_THREAD_ID ? self.thread.get() : nullptr;
    if (only && only->exiting) return;
    if (!signals::send_embedded(*self.process, only, self.element)) {
        Holding lock{self.process->signal_lock};
        if (self.element.queued && self.pending_overruns < INT_MAX) self.pending_overruns++;
    }
}

void PosixTimer::taken(QueuedSignal& of) {
    auto& self = *static_cast<Element&>(of).owner;
    self.overruns = self.pending_overruns;
    self.pending_overruns = 0;
    self.element.info.si_overrun = self.overruns;
}

// Interval timers.

ProcessTimers::ProcessTimers(Process& of) : process_{of} {
    struct {
        Interval& timer;
        int which, signal;
    } all[] = {{real_, ITIMER_REAL, SIGALRM}, {virtual_, ITIMER_VIRTUAL, SIGVTALRM}, {profile_, ITIMER_PROF, SIGPROF}};
    for (auto& [timer, which, signal] : all) {
        timer.which = which;
        timer.owner = this;
        timer.element.info = signals::info_kernel(signal);
        timer.element.taken = [](QueuedSignal&) {};
    }
    cpu_limit_.element.info = signals::info_kernel(SIGXCPU);
    cpu_limit_.element.taken = [](QueuedSignal&) {};
    realtime_limit_.element.info = signals::info_kernel(SIGXCPU);
    realtime_limit_.element.taken = [](QueuedSignal&) {};
}
ProcessTimers::~ProcessTimers() { stop_all(); }

ProcessTimers::Interval& ProcessTimers::of(int which) {
    return which == ITIMER_REAL ? real_ : which == ITIMER_VIRTUAL ? virtual_ : profile_;
}

u64 ProcessTimers::clock_now(int which) {
    if (which == ITIMER_REAL) return clocks::monotonic_ns();
    CpuTime t = process::cpu_time_locked(process_);
    return which == ITIMER_VIRTUAL ? t.user_ns : t.user_ns + t.system_ns;
}

/// CPU time passes at most as fast as the number of threads says: look again when it could be due.
void ProcessTimers::arm(Interval& t) {
    if (!t.due_ns) return;
    u64 now = clock_now(t.which);
    u64 left = t.due_ns > now ? t.due_ns - now : 0;
    if (t.which != ITIMER_REAL && process_.live_threads) left = std::max<u64>(left / process_.live_threads, 1'000'000);
    t.arm(clocks::in(left));
}

void ProcessTimers::interval_expired(Timer& timer) {
    auto& t = static_cast<Interval&>(timer);
    t.owner->expire(t);
}

void ProcessTimers::expire(Interval& t) {
    bool fire = false;
    {
        Holding lock{process_.signal_lock};
        if (!t.due_ns) return;
        u64 now = clock_now(t.which);
        if (now >= t.due_ns) {
            fire = true;
            t.due_ns = t.interval_ns ? t.due_ns + ((now - t.due_ns) / t.interval_ns + 1) * t.interval_ns : 0;
        }
        arm(t);
    }
    if (fire) (void)signals::send_embedded(process_, nullptr, t.element);
}

Result<ProcessTimers::Value> ProcessTimers::get(int which) {
    if (which < ITIMER_REAL || which > ITIMER_PROF) return err::inval;
    Holding lock{process_.signal_lock};
    Interval& t = of(which);
    if (!t.due_ns) return Value{0, t.interval_ns};
    u64 now = clock_now(which);
    return Value{t.due_ns > now ? t.due_ns - now : 1, t.interval_ns};
}

Result<ProcessTimers::Value> ProcessTimers::set(int which, const Value& value) {
    Value old = TRY(get(which));
    Interval& t = of(which);
    {
        Holding lock{process_.signal_lock};
        t.due_ns = 0;
    }
    t.cancel();
    Holding lock{process_.signal_lock};
    t.interval_ns = value.interval_ns;
    if (value.left_ns) {
        t.due_ns = clock_now(which) + value.left_ns;
        arm(t);
    }
    return old;
}

// RLIMIT_CPU.

namespace {
constexpr u64 cpu_seconds_most = ~u64{0} / clocks::ns_per_second; // more is no limit
u64 limit_ns(u64 seconds) { return seconds > cpu_seconds_most ? ~u64{0} : seconds * clocks::ns_per_second; }
} // namespace

void ProcessTimers::limit_cpu_time() {
    Holding one_at_a_time{process_.timers_lock};
    cpu_limit_.stop();
    if (process_.limits.soft(RLIMIT_CPU) > cpu_seconds_most) return;
    Holding lock{process_.signal_lock};
    cpu_limit_.active = true;
    cpu_limit_.arm_again();
}

void ProcessTimers::LimitTimer::stop() {
    {
        Holding lock{owner.process_.signal_lock};
        active = false;
    }
    cancel();
}

/// CPU time passes at most as fast as the number of threads says.
void ProcessTimers::CpuLimit::arm_again() {
    Process& process = owner.process_;
    u64 due = limit_ns(process.limits.soft(RLIMIT_CPU)), now = process_cpu_ns(process);
    u64 left = due > now ? due - now : 0;
    unsigned threads = process.live_threads ? process.live_threads.load() : 1;
    arm(clocks::in(std::max<u64>(left / threads, 1'000'000)));
}

void ProcessTimers::CpuLimit::check() {
    Process& process = owner.process_;
    {
        Holding lock{process.signal_lock};
        if (!active) return;
        Limit limit = process.limits.get(RLIMIT_CPU);
        u64 now = process_cpu_ns(process);
        if (now >= limit_ns(limit.hard)) {
            active = false;
            return signals::end_all(process, SIGKILL);
        }
        bool reached = now >= limit_ns(limit.soft);
        if (reached) process.limits.set(RLIMIT_CPU, {limit.soft + 1, limit.hard});
        arm_again();
        if (!reached) return;
    }
    (void)signals::send_embedded(process, nullptr, element);
}

// RLIMIT_RTTIME.

namespace {
constexpr u64 realtime_look_ns = 4'000'000;

/// The CPU time since the thread last slept, as far as looks tell; 0: it is not a real-time thread.
u64 realtime_run_ns(Task& t) {
    if (!is_realtime(t.parameters().policy)) return 0;
    CpuTime time = t.cpu_time();
    u64 now = time.user_ns + time.system_ns, sleeps = t.voluntary_switches();
    auto& run = t.realtime_run;
    if (run.since_ns == 0 || run.sleeps != sleeps) run = {.sleeps = sleeps, .since_ns = now};
    return std::max<u64>(now - run.since_ns, 1);
}
u64 longest_realtime_run_ns(Process& process) {
    u64 longest = 0;
    for_each_thread(process, [&](Task& t) { longest = std::max(longest, realtime_run_ns(t)); });
    return longest;
}
} // namespace

void ProcessTimers::limit_realtime() {
    Holding one_at_a_time{process_.timers_lock};
    realtime_limit_.stop();
    if (process_.limits.soft(RLIMIT_RTTIME) == RLIM64_INFINITY) return;
    Holding lock{process_.signal_lock};
    if (process_.live_threads && !longest_realtime_run_ns(process_)) return;
    realtime_limit_.active = true;
    realtime_limit_.arm(clocks::in(realtime_look_ns));
}

void ProcessTimers::RealtimeLimit::check() {
    Process& process = owner.process_;
    {
        Holding lock{process.signal_lock};
        if (!active) return;
        Limit limit = process.limits.get(RLIMIT_RTTIME);
        u64 run_ns = longest_realtime_run_ns(process), run = run_ns / 1000;
        active = run_ns != 0 || process.live_threads == 0;
        if (!active) return;
        if (limit.hard != RLIM64_INFINITY && run >= limit.hard) {
            active = false;
            return signals::end_all(process, SIGKILL);
        }
        arm(clocks::in(realtime_look_ns));
        if (run < limit.soft) return;
        process.limits.set(RLIMIT_RTTIME, {limit.soft + 1'000'000, limit.hard});
    }
    (void)signals::send_embedded(process, nullptr, element);
}

// POSIX timers.

Result<int> ProcessTimers::create(const Request& request) {
    auto timer = TRY(make_ref<PosixTimer>(request.clock));
    if (timer->element.charge(Task::current().share(&Task::user)) > process_.limits.soft(RLIMIT_SIGPENDING))
        return err::again;
    Holding list{process_.timers_lock};
    usize id = 0;
    while (id < posix_.size() && posix_[id]) id++;
    if (id >= timers_most) return err::again;
    timer->process = &process_;
    timer->thread = request.thread;
    timer->notify = request.notify;
    timer->id = static_cast<int>(id);
    siginfo_t& info = timer->element.info;
    info.si_signo = request.signal;
    info.si_code = SI_TIMER;
    info.si_tid = timer->id;
    u64 value = request.value_is_id ? id : request.value;
    info.si_value.sival_ptr = reinterpret_cast<void*>(value);
    timer->element.taken = PosixTimer::taken;
    if (id == posix_.size())
        TRY(posix_.push(std::move(timer)));
    else
        posix_[id] = std::move(timer);
    return static_cast<int>(id);
}

namespace {
/// After this nothing refers to the timer but its list.
void silence(Process& process, PosixTimer& timer) {
    {
        Holding lock{process.signal_lock};
        timer.due_ns = 0;
    }
    timer.cancel();
    Holding lock{process.signal_lock};
    if (timer.element.queued) {
        auto drop_from = [&](PendingSignals& pending) {
            for (QueuedSignal& e : pending.queue)
                if (&e == &timer.element) {
                    pending.queue.erase(pending.queue.iterator_to(e));
                    pending.queued--;
                    timer.element.queued = false;
                    return;
                }
        };
        drop_from(process.pending);
        for_each_thread(process, [&](Task& t) {
            if (timer.element.queued) drop_from(t.pending);
        });
    }
}
} // namespace

Result<> ProcessTimers::remove(int id) {
    Ref<PosixTimer> timer;
    {
        Holding list{process_.timers_lock};
        if (id < 0 || static_cast<usize>(id) >= posix_.size() || !posix_[static_cast<usize>(id)]) return err::inval;
        timer = std::move(posix_[static_cast<usize>(id)]);
    }
    silence(process_, *timer);
    return {};
}

Result<Ref<PosixTimer>> ProcessTimers::find(int id) {
    Holding list{process_.timers_lock};
    if (id < 0 || static_cast<usize>(id) >= posix_.size() || !posix_[static_cast<usize>(id)]) return err::inval;
    return posix_[static_cast<usize>(id)];
}

namespace {
/// signal_lock is held; `now` is what the timer's clock showed before.
ProcessTimers::Value value_of(const PosixTimer& timer, u64 now) {
    if (!timer.due_ns) return {0, timer.interval_ns};
    return {timer.due_ns > now ? timer.due_ns - now : 1, timer.interval_ns};
}
} // namespace

Result<ProcessTimers::Value> ProcessTimers::get_posix(int id) {
    auto timer = TRY(find(id));
    Holding one_at_a_time{process_.timers_lock};
    u64 now = timer->measured.now();
    Holding lock{process_.signal_lock};
    return value_of(*timer, now);
}

Result<ProcessTimers::Value> ProcessTimers::set_posix(int id, u64 first_ns, u64 interval_ns, bool absolute) {
    auto timer = TRY(find(id));
    if (timer->clock.is_gone()) return err::srch;
    Holding one_at_a_time{process_.timers_lock};
    Value old;
    {
        u64 now = timer->measured.now();
        Holding lock{process_.signal_lock};
        old = value_of(*timer, now);
    }
    silence(process_, *timer);
    timer->measured = absolute || !timer->clock.is_wall() ? timer->clock : process::Clock::system(false);
    u64 now = timer->measured.now();
    Holding lock{process_.signal_lock};
    timer->interval_ns = interval_ns;
    timer->pending_overruns = timer->overruns = 0;
    if (first_ns) {
        if (absolute)
            timer->due_ns = first_ns;
        else if (__builtin_add_overflow(now, first_ns, &timer->due_ns))
            timer->due_ns = ~u64{0};
        timer->arm_again(now);
    }
    return old;
}

void ProcessTimers::wall_clock_was_set() {
    Holding one_at_a_time{process_.timers_lock};
    for (auto& timer : posix_) {
        if (!timer || !timer->measured.is_wall()) continue;
        timer->cancel();
        u64 now = timer->measured.now();
        Holding lock{process_.signal_lock};
        timer->arm_again(now);
    }
}

Result<int> ProcessTimers::overruns(int id) {
    auto timer = TRY(find(id));
    Holding lock{process_.signal_lock};
    return timer->overruns;
}

void ProcessTimers::drop_posix() {
    for (usize id = 0; id < posix_.size(); id++)
        if (posix_[id]) (void)remove(static_cast<int>(id));
}

void ProcessTimers::stop_all() {
    drop_posix();
    cpu_limit_.stop();
    realtime_limit_.stop();
    for (Interval* t : {&real_, &virtual_, &profile_}) {
        {
            Holding lock{process_.signal_lock};
            t->due_ns = 0;
        }
        t->cancel();
    }
}
