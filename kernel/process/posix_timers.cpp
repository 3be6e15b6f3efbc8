// timer_create(2) and its relatives.
#include "kernel/process/posix_timer.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include <algorithm>
#include <linux/time.h>

namespace {
constexpr usize timers_most = 4096;
/// How often the CPU clock of another process is looked at, at most: nobody is charged for it.
constexpr u64 other_look_ns = 50'000'000;
} // namespace

PosixTimer::PosixTimer(Process& of, const process::Clock& by) : Timer{expired}, process{of}, clock{by}, measured{by} {
    element.owner = this;
    element.taken = taken;
    element.merges = false;
}

void PosixTimer::read_other_cpu() {
    if (measured.is_cpu() && !of_own_cpu()) other_cpu_ns_.store(measured.now(), std::memory_order_relaxed);
}

u64 PosixTimer::now(const SignalLock& held) const {
    if (!measured.is_cpu()) return measured.now();
    if (!of_own_cpu()) return other_cpu_ns_.load(std::memory_order_relaxed);
    Task* thread = measured.thread();
    return measured.reading(thread ? thread->cpu_time() : process::cpu_time(process, held));
}

ProcessTimers::Value PosixTimer::value(const SignalLock& held) const {
    if (!due_ns) return {0, interval_ns};
    u64 at = now(held);
    if (at < due_ns) return {due_ns - at, interval_ns};
    if (interval_ns) return {interval_ns - (at - due_ns) % interval_ns, interval_ns};
    return {notify == SIGEV_NONE ? 0u : 1u, 0};
}

void PosixTimer::become(State next) {
    if (state_ == State::ignored) process.timers->quiet_.fetch_sub(1, std::memory_order_relaxed);
    if (next == State::ignored) process.timers->quiet_.fetch_add(1, std::memory_order_relaxed);
    state_ = next;
}

void PosixTimer::disarm(const SignalLock& held) {
    element.withdraw(held);
    become(State::idle);
    due_ns = 0;
}

void PosixTimer::set(u64 first_ns, u64 interval, bool absolute, const SignalLock& held) {
    interval_ns = interval;
    overruns = 0;
    if (!first_ns) return;
    due_ns = first_ns;
    if (!absolute && __builtin_add_overflow(now(held), first_ns, &due_ns)) due_ns = ~u64{0};
    become(State::armed);
    wait_for_due(held);
}

/// SIGEV_NONE: who asks is told the time left, nobody else.
void PosixTimer::wait_for_due(const SignalLock& held) {
    if (notify == SIGEV_NONE) return;
    ProcessTimers& timers = *process.timers;
    if (of_own_cpu() && !measured.thread())
        return measured.is_user_only() ? timers.watch_user(due_ns, held) : timers.watch_total(due_ns, held);
    u64 at = now(held), left = due_ns > at ? due_ns - at : 0;
    if (of_own_cpu()) {
        CpuTime used = measured.thread()->cpu_time();
        return timers.watch_thread(*measured.thread(), used.user_ns + used.system_ns + left, held);
    }
    Deadline when = measured.in(left), soonest = clocks::in(measured.is_cpu() ? other_look_ns : 0);
    arm(when < soonest ? soonest : when);
}

// Takes the lock once and queues under it: so when the signal is taken, or the state is found to be `ignored`, this no
// longer waits for the lock, and arm() may be called with it held.
void PosixTimer::expired(Timer& of) {
    auto& self = static_cast<PosixTimer&>(of);
    self.read_other_cpu();
    auto lock = self.process.lock_signals();
    self.look(self.now(lock), lock);
}

void PosixTimer::look(u64 at, const SignalLock& held) {
    if (state_ != State::armed || notify == SIGEV_NONE) return;
    at < due_ns ? wait_for_due(held) : fire(held);
}

void PosixTimer::fire(const SignalLock& held) {
    Task* only = receiver.get();
    bool gone = only && only->is_exiting();
    bool queued = !gone && signals::queue_embedded(process, only, element, held);
    become(queued ? State::pending : interval_ns && !gone ? State::ignored : State::idle);
    if (!interval_ns || gone) due_ns = 0;
}

void PosixTimer::taken(QueuedSignal& of, const SignalLock& held) {
    PosixTimer& self = *static_cast<Element&>(of).owner;
    self.overruns = 0;
    if (self.due_ns) {
        u64 at = self.now(held), passed = at > self.due_ns ? (at - self.due_ns) / self.interval_ns : 0;
        self.overruns = static_cast<int>(std::min<u64>(passed, INT_MAX)); // as Linux: timer_getoverrun(2)
        self.due_ns += (passed + 1) * self.interval_ns;
        self.become(State::armed);
        self.wait_for_due(held);
    } else
        self.become(State::idle);
    of.info.si_overrun = self.overruns;
}

void PosixTimer::unignored(const SignalLock& held) {
    if (state_ != State::ignored) return;
    become(State::armed);
    wait_for_due(held);
}

void PosixTimer::follow_wall_clock() {
    {
        auto lock = process.lock_signals();
        if (state_ != State::armed || !measured.is_wall()) return;
        become(State::idle); // cancel() must come without the lock: until then an expiry does nothing
    }
    cancel();
    auto lock = process.lock_signals();
    become(State::armed);
    wait_for_due(lock);
}

ProcessTimers::~ProcessTimers() = default;

Result<int> ProcessTimers::create(const Request& request) {
    auto timer = TRY(make<PosixTimer>(process_, request.clock));
    if (timer->element.charge(Task::current().share(&Task::user)) > process_.limits.soft(RLIMIT_SIGPENDING))
        return err::again;
    Holding list{process_.timers_lock};
    usize id = 0;
    while (id < posix_.size() && posix_[id]) id++;
    if (id >= timers_most) return err::again;
    timer->receiver = request.thread;
    timer->notify = request.notify;
    siginfo_t& info = timer->element.info;
    info.si_signo = request.signal;
    info.si_code = SI_TIMER;
    info.si_tid = static_cast<int>(id);
    u64 value = request.value_is_id ? id : request.value;
    info.si_value.sival_ptr = reinterpret_cast<void*>(value);
    if (id == posix_.size())
        TRY(posix_.push(std::move(timer)));
    else
        posix_[id] = std::move(timer);
    return static_cast<int>(id);
}

namespace {
/// With timers_lock held. After this nothing refers to the timer but its list.
void disarm(PosixTimer& timer) {
    {
        auto lock = timer.process.lock_signals();
        timer.disarm(lock);
    }
    timer.cancel();
}
Result<PosixTimer*> find(Vector<Box<PosixTimer>>& all, int id) {
    if (id < 0 || static_cast<usize>(id) >= all.size() || !all[static_cast<usize>(id)]) return err::inval;
    return all[static_cast<usize>(id)].get();
}
} // namespace

Result<> ProcessTimers::remove(int id) {
    Box<PosixTimer> gone;
    Holding list{process_.timers_lock};
    disarm(*TRY(find(posix_, id)));
    gone = std::move(posix_[static_cast<usize>(id)]);
    return {};
}

Result<ProcessTimers::Value> ProcessTimers::get_posix(int id) {
    Holding list{process_.timers_lock};
    PosixTimer* timer = TRY(find(posix_, id));
    timer->read_other_cpu();
    auto lock = process_.lock_signals();
    return timer->value(lock);
}

Result<ProcessTimers::Value> ProcessTimers::set_posix(int id, u64 first_ns, u64 interval_ns, bool absolute) {
    Holding list{process_.timers_lock};
    PosixTimer* timer = TRY(find(posix_, id));
    if (timer->clock.is_gone()) return err::srch;
    timer->read_other_cpu();
    Value old;
    {
        auto lock = process_.lock_signals();
        old = timer->value(lock);
    }
    disarm(*timer);
    timer->measured =
        absolute || !timer->clock.is_wall() ? timer->clock : process::Clock::system(process::Clock::Kind::monotonic);
    auto lock = process_.lock_signals();
    timer->set(first_ns, interval_ns, absolute, lock);
    return old;
}

Result<int> ProcessTimers::overruns(int id) {
    Holding list{process_.timers_lock};
    PosixTimer* timer = TRY(find(posix_, id));
    auto lock = process_.lock_signals();
    return timer->overruns;
}

void ProcessTimers::rouse(int signal) {
    Holding list{process_.timers_lock};
    for (auto& timer : posix_) {
        if (!timer || timer->element.info.si_signo != signal) continue;
        auto lock = process_.lock_signals();
        timer->unignored(lock);
    }
}

void ProcessTimers::wall_clock_was_set() {
    Holding list{process_.timers_lock};
    for (auto& timer : posix_)
        if (timer) timer->follow_wall_clock();
}

void ProcessTimers::drop_posix() {
    for (usize id = 0; id < posix_.size(); id++)
        if (posix_[id]) (void)remove(static_cast<int>(id));
}
