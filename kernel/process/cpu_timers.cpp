// What CPU time makes happen: ITIMER_VIRTUAL and ITIMER_PROF, POSIX timers on CPU clocks, RLIMIT_CPU, RLIMIT_RTTIME.
#include "kernel/process/posix_timer.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include <algorithm>
#include <linux/resource.h>
#include <linux/time.h>

namespace {
constexpr u64 no_moment = CpuWatch::no_moment;
constexpr u64 cpu_seconds_most = ~u64{0} / clocks::ns_per_second; // more is no limit
u64 limit_ns(u64 seconds) { return seconds > cpu_seconds_most ? no_moment : seconds * clocks::ns_per_second; }
u64 sum(CpuTime t) { return t.user_ns + t.system_ns; }

constexpr u64 realtime_look_ns = 4'000'000;

/// The CPU time since the thread last slept, as far as looks tell; 0: it is not a real-time thread.
u64 realtime_run_ns(Task& t, const SignalLock& held) {
    if (!is_realtime(t.parameters().policy)) return 0;
    u64 now = sum(t.cpu_time()), sleeps = t.voluntary_switches();
    auto& run = t.signals(held).realtime_run;
    if (run.since_ns == 0 || run.sleeps != sleeps) run = {.sleeps = sleeps, .since_ns = now};
    return std::max<u64>(now - run.since_ns, 1);
}
} // namespace

// The watch.

void ProcessTimers::watch(const SignalLock& held) {
    if (std::exchange(watching_, true)) return;
    watch_.user_ns = watch_.system_ns = 0;
    auto& ended = process_.accounting(held).ended_threads;
    CpuTime used{ended.user_ns, ended.system_ns};
    for_each_thread(process_, held, [&](Task& t) {
        if (t.has_ended()) return;
        CpuTime time = t.watch_cpu_time(&watch_);
        used.user_ns += time.user_ns;
        used.system_ns += time.system_ns;
    });
    watch_.user_ns.fetch_add(used.user_ns, std::memory_order_relaxed);
    watch_.system_ns.fetch_add(used.system_ns, std::memory_order_relaxed);
}

void ProcessTimers::unwatch(const SignalLock& held) {
    watching_ = false;
    for_each_thread(process_, held, [](Task& t) {
        if (!t.has_ended()) t.watch_cpu_time(nullptr);
    });
}

bool ProcessTimers::needs_watch() {
    if (virtual_.due_ns || profile_.due_ns) return true;
    if (process_.limits.soft(RLIMIT_CPU) <= cpu_seconds_most) return true;
    if (process_.limits.soft(RLIMIT_RTTIME) != RLIM64_INFINITY) return true;
    return std::any_of(posix_.begin(), posix_.end(), [](auto& t) { return t && t->of_own_cpu() && t->due_ns; });
}

void ProcessTimers::joined(Task& task, const SignalLock& held) {
    if (watching_) task.watch_cpu_time(&watch_);
    if (process_.limits.soft(RLIMIT_RTTIME) != RLIM64_INFINITY && realtime_run_ns(task, held))
        watch_thread(task, realtime_look_ns, held);
}
void ProcessTimers::left(Task& task, const SignalLock&) {
    if (watching_) task.watch_cpu_time(nullptr);
}

namespace {
/// An earlier moment takes the place of a later one. One that has passed is noticed when the thread's time is counted
/// next: at the latest with the next tick, as Linux does.
void lower(std::atomic<u64>& moment, u64 ns) {
    if (ns < moment.load(std::memory_order_relaxed)) moment.store(ns, std::memory_order_relaxed);
}
} // namespace

void ProcessTimers::watch_user(u64 ns, const SignalLock& held) {
    watch(held);
    lower(watch_.user_moment, ns);
}
void ProcessTimers::watch_total(u64 ns, const SignalLock& held) {
    watch(held);
    lower(watch_.total_moment, ns);
}
void ProcessTimers::watch_thread(Task& task, u64 ns, const SignalLock& held) {
    watch(held);
    lower(task.cpu_time_moment, ns);
}

void ProcessTimers::look(Task& task) {
    task.work.fetch_and(~u32{arch::work_timers}, std::memory_order_relaxed);
    Holding list{process_.timers_lock};
    CpuTime used;
    {
        auto lock = process_.lock_signals();
        if (!watching_) return;
        watch_.user_moment = watch_.total_moment = task.cpu_time_moment = no_moment;
        used = {.user_ns = watch_.user_ns, .system_ns = watch_.system_ns};
        expire_cpu(virtual_, used.user_ns, lock);
        expire_cpu(profile_, sum(used), lock);
        check_cpu_limit(sum(used), lock);
        check_realtime_limit(task, lock);
    }
    for (auto& timer : posix_) {
        if (!timer || !timer->of_own_cpu()) continue;
        Task* thread = timer->measured.thread();
        if (thread && thread != &task) continue;
        auto lock = process_.lock_signals();
        timer->look(timer->measured.reading(thread ? task.cpu_time() : used), lock);
    }
    auto lock = process_.lock_signals();
    if (!needs_watch()) unwatch(lock);
}

void ProcessTimers::expire_cpu(Interval& t, u64 now, const SignalLock& held) {
    if (!t.due_ns) return;
    if (now >= t.due_ns) {
        t.due_ns = t.interval_ns ? t.due_ns + ((now - t.due_ns) / t.interval_ns + 1) * t.interval_ns : 0;
        (void)signals::queue_embedded(process_, nullptr, t.element, held);
    }
    if (t.due_ns) &t == &virtual_ ? watch_user(t.due_ns, held) : watch_total(t.due_ns, held);
}

// RLIMIT_CPU: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one.

void ProcessTimers::limit_cpu_time() {
    Holding one_at_a_time{process_.timers_lock};
    Limit limit = process_.limits.get(RLIMIT_CPU);
    if (closed_ || limit.soft > cpu_seconds_most) return;
    auto lock = process_.lock_signals();
    watch_total(limit_ns(limit.soft), lock);
}

void ProcessTimers::check_cpu_limit(u64 now, const SignalLock& held) {
    Limit limit = process_.limits.get(RLIMIT_CPU);
    if (limit.soft > cpu_seconds_most) return;
    if (now >= limit_ns(limit.hard)) return signals::end_all(process_, SIGKILL, held);
    if (now >= limit_ns(limit.soft)) {
        process_.limits.set(RLIMIT_CPU, {++limit.soft, limit.hard});
        (void)signals::queue_embedded(process_, nullptr, cpu_limit_, held);
    }
    watch_total(std::min(limit_ns(limit.soft), limit_ns(limit.hard)), held);
}

// RLIMIT_RTTIME: the CPU time that a real-time thread takes without sleeping. Such a thread looks every few
// milliseconds.

void ProcessTimers::limit_realtime() {
    Holding one_at_a_time{process_.timers_lock};
    if (closed_ || process_.limits.soft(RLIMIT_RTTIME) == RLIM64_INFINITY) return;
    auto lock = process_.lock_signals();
    for_each_thread(process_, lock, [&](Task& t) {
        if (!t.has_ended() && realtime_run_ns(t, lock)) watch_thread(t, sum(t.cpu_time()) + realtime_look_ns, lock);
    });
}

void ProcessTimers::check_realtime_limit(Task& task, const SignalLock& held) {
    Limit limit = process_.limits.get(RLIMIT_RTTIME);
    u64 run_us = limit.soft == RLIM64_INFINITY ? 0 : (realtime_run_ns(task, held) + 999) / 1000;
    if (!run_us) return;
    if (limit.hard != RLIM64_INFINITY && run_us >= limit.hard) return signals::end_all(process_, SIGKILL, held);
    watch_thread(task, sum(task.cpu_time()) + realtime_look_ns, held);
    if (run_us < limit.soft) return;
    process_.limits.set(RLIMIT_RTTIME, {limit.soft + 1'000'000, limit.hard});
    (void)signals::queue_embedded(process_, nullptr, realtime_limit_, held);
}
