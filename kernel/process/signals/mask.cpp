#include "kernel/process/signals/state.h"
#include "kernel/process/timers.h"

namespace signals {
void recalculate(Task& task) {
    Process& process = task.process();
    bool end = process.ending || (process.executing && process.executing != &task);
    bool wanted = end;
    if (!task.only_fatal)
        wanted |= task.stop_pending || process.continued_unnotified ||
                  (task.pending.set | process.pending.set) & ~(task.blocked & ~task.waited_for);
    if (wanted)
        task.work.fetch_or(arch::work_signal);
    else
        task.work.fetch_and(~u32{arch::work_signal});
}

void set_blocked(Task& task, SignalSet set) {
    Process& process = task.process();
    Holding lock{process.signal_lock};
    SignalSet newly = (set & ~task.blocked) & process.pending.set;
    task.blocked = set & ~unblockable;
    recalculate(task);
    // What was sent to the process and would have been ours is another thread's now.
    if (!newly) return;
    for_each_thread(process, [&](Task& t) {
        if (&t != &task && !t.exiting && newly & ~t.blocked) t.interrupt();
    });
}

void set_temporary_mask(Task& task, SignalSet mask) {
    task.saved_mask = task.blocked;
    task.restore_mask = true;
    set_blocked(task, mask);
}

void restore_mask(Task& task, bool interrupted) {
    if (interrupted || !task.restore_mask) return;
    task.restore_mask = false;
    set_blocked(task, task.saved_mask);
}

void set_only_fatal(Task& task, bool only) {
    Holding lock{task.process().signal_lock};
    task.only_fatal = only;
    recalculate(task);
}

bool dying(Task& task) {
    Process& process = task.process();
    Holding lock{process.signal_lock};
    return process.ending || (process.executing && process.executing != &task);
}

bool will_die(Task& task) {
    if (dying(task)) return true;
    Process& process = task.process();
    Holding lock{process.signal_lock};
    if (process.unkillable) return false;
    SignalSet due = (task.pending.set | process.pending.set) & ~task.blocked & ~(default_ignored | default_stops);
    for (; due; due &= due - 1)
        if (action_of(process, std::countr_zero(due) + 1).handler == handler_default) return true;
    return false;
}

Result<SignalAction> set_action(Task& task, int number, const SignalAction* change) {
    if (number < 1 || number > signal_count || (change && signal_bit(number) & unblockable)) return err::inval;
    Process& process = task.process();
    auto exchange = [&] {
        auto actions = process.handlers->actions.lock();
        SignalAction& now = actions->of[number - 1];
        SignalAction old = now;
        if (change) {
            now = *change;
            now.mask &= ~unblockable;
        }
        return old;
    };
    if (!change || !is_ignored(*change, number)) {
        SignalAction old = exchange();
        if (change) process.timers->unignored(number);
        return old;
    }
    Holding lock{process.signal_lock}; // POSIX: what is pending is forgotten
    SignalAction old = exchange();
    process.pending.discard(signal_bit(number));
    for_each_thread(process, [&](Task& t) { t.pending.discard(signal_bit(number)); });
    return old;
}

SignalSet pending(Task& task) {
    Holding lock{task.process().signal_lock};
    return (task.pending.set | task.process().pending.set) & task.blocked;
}

Result<siginfo_t> wait(Task& task, SignalSet which, Deadline until) {
    Process& process = task.process();
    which &= ~unblockable;
    Sleeper self;
    siginfo_t info;
    for (bool timed_out = false;;) {
        Box<QueuedSignal> freed;
        bool got, interrupted = false;
        {
            Holding lock{process.signal_lock};
            got = task.pending.take(~which, info, freed) || process.pending.take(~which, info, freed);
            task.waited_for = got || timed_out ? 0 : which;
            recalculate(task);
            if (!got && task.interrupted()) {
                interrupted = true;
                task.waited_for = 0;
                recalculate(task);
            }
        }
        process.spare_signal.give(std::move(freed));
        if (got) return info;
        if (timed_out) return err::again;
        if (interrupted) return err::intr;
        auto slept = self.sleep(until);
        timed_out = !slept && slept.error() == Errno::timedout;
    }
}

Result<> suspend(Task& task, SignalSet mask) {
    set_temporary_mask(task, mask);
    Sleeper self;
    while (self.sleep()) {}
    return err::restartnohand;
}
} // namespace signals
