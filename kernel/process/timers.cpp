// setitimer(2), and the end of all timers.
#include "kernel/process/timers.h"
#include "kernel/process/posix_timer.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include <algorithm>
#include <linux/time.h>

namespace {
/// How often a timer of the wall clock expires at most while its signal is ignored or another one is pending.
constexpr u64 unheard_ns = 4'000'000;

/// The first multiple of the interval after `now`.
u64 next_after(u64 now, u64 due, u64 interval) {
    return now < due ? due : due + ((now - due) / interval + 1) * interval;
}
} // namespace

ProcessTimers::ProcessTimers(Process& of) : process_{of} {
    struct {
        Element& element;
        int signal;
    } all[] = {{real_.element, SIGALRM},
               {virtual_.element, SIGVTALRM},
               {profile_.element, SIGPROF},
               {cpu_limit_, SIGXCPU},
               {realtime_limit_, SIGXCPU}};
    for (auto& [element, signal] : all) {
        element.owner = this;
        element.info = signals::info_kernel(signal);
        element.taken = [](QueuedSignal&, const SignalLock&) {};
    }
    real_.element.taken = [](QueuedSignal& e, const SignalLock&) { static_cast<Element&>(e).owner->real_taken(); };
}

ProcessTimers::Interval* ProcessTimers::of(int which) {
    switch (which) {
    case ITIMER_REAL: return &real_;
    case ITIMER_VIRTUAL: return &virtual_;
    case ITIMER_PROF: return &profile_;
    default: return nullptr;
    }
}

u64 ProcessTimers::clock_now(int which, const SignalLock& held) {
    if (which == ITIMER_REAL) return clocks::monotonic_ns();
    CpuTime t = process::cpu_time(process_, held);
    return which == ITIMER_VIRTUAL ? t.user_ns : t.user_ns + t.system_ns;
}

void ProcessTimers::RealTimer::expired(Timer& timer) { static_cast<RealTimer&>(timer).owner.expire_real(); }

// Takes the lock once: see PosixTimer::expired().
void ProcessTimers::expire_real() {
    auto lock = process_.lock_signals();
    if (!real_.due_ns || real_waits_) return;
    u64 now = clocks::monotonic_ns();
    if (now < real_.due_ns) return arm_real();
    bool queued = signals::queue_embedded(process_, nullptr, real_.element, lock);
    if (!real_.interval_ns)
        real_.due_ns = 0;
    else if (queued)
        real_waits_ = true;
    else {
        real_.due_ns = next_after(now + unheard_ns, real_.due_ns, real_.interval_ns);
        arm_real();
    }
}

void ProcessTimers::real_taken() {
    if (!std::exchange(real_waits_, false)) return;
    real_.due_ns = next_after(clocks::monotonic_ns(), real_.due_ns, real_.interval_ns);
    arm_real();
}

void ProcessTimers::arm_real() {
    u64 now = clocks::monotonic_ns();
    real_timer_.arm(clocks::in(real_.due_ns > now ? real_.due_ns - now : 0));
}

Result<ProcessTimers::Value> ProcessTimers::get(int which) {
    Interval* t = of(which);
    if (!t) return err::inval;
    auto lock = process_.lock_signals();
    if (!t->due_ns || (t == &real_ && real_waits_)) return Value{0, t->interval_ns};
    u64 now = clock_now(which, lock);
    return Value{t->due_ns > now ? t->due_ns - now : 1, t->interval_ns};
}

Result<ProcessTimers::Value> ProcessTimers::set(int which, const Value& value) {
    Value old = TRY(get(which));
    Interval& t = *of(which);
    Holding one_at_a_time{process_.timers_lock};
    {
        auto lock = process_.lock_signals();
        t.due_ns = 0;
        if (&t == &real_) real_waits_ = false;
    }
    if (&t == &real_) real_timer_.cancel();
    auto lock = process_.lock_signals();
    t.interval_ns = value.interval_ns;
    if (!value.left_ns || closed_) return old;
    t.due_ns = clock_now(which, lock) + value.left_ns;
    if (which == ITIMER_REAL)
        arm_real();
    else
        which == ITIMER_VIRTUAL ? watch_user(t.due_ns, lock) : watch_total(t.due_ns, lock);
    return old;
}

void ProcessTimers::stop_all() {
    {
        Holding one_at_a_time{process_.timers_lock};
        if (std::exchange(closed_, true)) return;
    }
    drop_posix();
    {
        auto lock = process_.lock_signals();
        real_.due_ns = 0;
    }
    real_timer_.cancel();
    auto lock = process_.lock_signals();
    for (QueuedSignal* element : {&real_.element, &virtual_.element, &profile_.element, &cpu_limit_, &realtime_limit_})
        element->withdraw(lock);
}
