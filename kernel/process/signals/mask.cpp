#include "kernel/process/signals/state.h"
#include "kernel/process/timers.h"

namespace signals {
SignalSet pending(Task& task, const SignalLock& held) {
    return task.signals(held).pending.set | task.process().signals(held).pending.set;
}

bool take(Task& task, SignalSet blocked, siginfo_t& into, Box<QueuedSignal>& freed, const SignalLock& held) {
    return task.signals(held).pending.take(blocked, into, freed, held) ||
           task.process().signals(held).pending.take(blocked, into, freed, held);
}

void recalculate(Task& task, const SignalLock& held) {
    auto& own = task.signals(held);
    auto& shared = task.process().signals(held);
    bool wanted = shared.ends(task);
    if (!own.only_fatal)
        wanted |= own.stop == Stop::stopping || shared.job.to_notify() || pending(task, held) & ~own.kept();
    if (wanted)
        task.work.fetch_or(arch::work_signal);
    else
        task.work.fetch_and(~u32{arch::work_signal});
}

void pass_on(Task& task, SignalSet which, const SignalLock& held) {
    if (!which) return;
    for_each_thread(task.process(), held, [&](Task& t) {
        if (&t != &task && !t.is_exiting() && which & ~t.signals(held).blocked) t.interrupt();
    });
}

void set_blocked(Task& task, SignalSet set) {
    Process& process = task.process();
    auto lock = process.lock_signals();
    SignalSet newly = set & ~task.blocked();
    task.signals(lock).blocked = set & ~unblockable;
    recalculate(task, lock);
    // What was sent to the process and would have been ours is another thread's now.
    pass_on(task, newly & process.signals(lock).pending.set, lock);
}

void set_temporary_mask(Task& task, SignalSet mask) {
    task.saved_mask = task.blocked();
    task.restore_mask = true;
    set_blocked(task, mask);
}

void restore_mask(Task& task, bool interrupted) {
    if (interrupted || !task.restore_mask) return;
    task.restore_mask = false;
    set_blocked(task, task.saved_mask);
}

void set_only_fatal(Task& task, bool only) {
    auto lock = task.process().lock_signals();
    task.signals(lock).only_fatal = only;
    recalculate(task, lock);
}

bool dying(Task& task) {
    auto lock = task.process().lock_signals();
    return task.process().signals(lock).ends(task);
}

bool will_die(Task& task) {
    Process& process = task.process();
    auto lock = process.lock_signals();
    if (process.signals(lock).ends(task)) return true;
    if (process.unkillable) return false;
    SignalSet due = pending(task, lock) & ~task.blocked() & ~(default_ignored | default_stops);
    for (; due; due &= due - 1)
        if (action_of(process, std::countr_zero(due) + 1, lock).handler == handler_default) return true;
    return false;
}

Result<SignalAction> set_action(Task& task, int number, const SignalAction* change) {
    if (number < 1 || number > signal_count || (change && signal_bit(number) & unblockable)) return err::inval;
    Process& process = task.process();
    auto exchange = [&] {
        auto actions = process.handlers()->actions.lock();
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
    auto lock = process.lock_signals(); // POSIX: what is pending is forgotten
    SignalAction old = exchange();
    process.signals(lock).pending.discard(signal_bit(number), lock);
    for_each_thread(process, lock, [&](Task& t) { t.signals(lock).pending.discard(signal_bit(number), lock); });
    return old;
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
            auto lock = process.lock_signals();
            got = take(task, ~which, info, freed, lock);
            SignalSet& waited_for = task.signals(lock).waited_for;
            waited_for = got || timed_out ? 0 : which;
            recalculate(task, lock);
            if (!got && task.interrupted()) {
                interrupted = true;
                waited_for = 0;
                recalculate(task, lock);
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
