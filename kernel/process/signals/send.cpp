#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include <linux/capability.h>

namespace signals {
namespace {
bool from_user(const siginfo_t& info) { return info.si_code <= 0; }
constexpr bool standard(int number) { return number < 32; }

/// SIGCONT and the stop signals undo each other when they are sent, whatever becomes of them afterwards.
void job_control(Process& process, int number, const SignalLock& held) {
    auto& shared = process.signals(held);
    SignalSet undone = 0;
    if (signal_bit(number) & default_stops) undone = signal_bit(SIGCONT);
    if (number == SIGCONT) undone = default_stops;
    if (!undone) return;
    shared.pending.discard(undone, held);
    for_each_thread(process, held, [&](Task& t) { t.signals(held).pending.discard(undone, held); });
    if (number == SIGCONT) shared.job.continue_all(process, held);
}

bool takes(Task& task, int number, const SignalLock& held) {
    return !task.is_exiting() && !(signal_bit(number) & task.signals(held).kept());
}

/// The thread that shall handle a signal of the whole process: the leader if it does, else the first that does.
Task* choose(Process& process, int number, const SignalLock& held) {
    auto& threads = process.threads(held);
    if (threads.leader && takes(*threads.leader, number, held)) return threads.leader;
    for (const ThreadLink& link : threads.list)
        if (Task& task = task_of(link); takes(task, number, held)) return &task;
    return nullptr;
}

/// A signal from a thread of the same namespace, or one that is not KILL or STOP, cannot end its init.
bool spared(Process& process, int number, const siginfo_t& info, const SignalLock& held) {
    if (!process.unkillable || action_of(process, number, held).handler != handler_default) return false;
    bool outside = !from_user(info) || &process::current_pids() != &process.pids();
    return !(outside && (signal_bit(number) & unblockable));
}

/// The sender's number and user are what the receiver's namespaces call them.
void translate_sender(const Process& process, siginfo_t& info) {
    if (info.si_code != SI_USER && info.si_code != SI_TKILL && info.si_code != SI_QUEUE) return;
    auto* sender = process::current_process();
    if (!sender) return;
    if (info.si_code != SI_QUEUE) info.si_pid = sender->pid(process.pids());
    const UserNamespace &from = *sender->view().users, &to = *process.view().users;
    if (&from != &to) info.si_uid = to.shown(from.kuid(info.si_uid));
}

/// RLIMIT_SIGPENDING. A standard signal of kill(2) or the kernel keeps its information whatever the user has queued;
/// what is embedded in a timer has been counted when that was made.
bool may_queue(Process& process, Task& receiver, const siginfo_t& info, QueuedSignal* element) {
    if (!element) return standard(info.si_signo);
    if (element->taken) return true;
    u64 queued = element->charge(receiver.share(&Task::user));
    return queued <= process.limits.soft(RLIMIT_SIGPENDING) || (standard(info.si_signo) && info.si_code >= 0);
}

/// `only`: null for the whole process. On return `element` holds the memory if it was not used.
Result<> send(Process& process, Task* only, const siginfo_t& info, QueuedSignal*& element, bool forced,
              const SignalLock& held) {
    int number = info.si_signo;
    auto& shared = process.signals(held);
    if (process.has_ended() || (shared.ending && !(number == SIGKILL && shared.dump.by))) return {};
    Task& leader = *process.threads(held).leader;
    // What is blocked is kept: it may be waited for (signalfd, sigwait), and its action may change.
    auto& of = (only ? *only : leader).signals(held);
    bool blocked = (of.blocked | of.waited_for) & signal_bit(number);
    if (!forced) {
        if (!blocked && spared(process, number, info, held)) return {};
        job_control(process, number, held);
    }
    if (number == SIGKILL) return end_all(process, SIGKILL, held), Result<>{};

    PendingSignals& pending = only ? of.pending : shared.pending;
    if (!forced && !blocked && is_ignored(action_of(process, number, held), number)) return {};
    if (standard(number) && pending.set & signal_bit(number) && (!element || element->merges)) return {};
    if (may_queue(process, only ? *only : leader, info, element) || forced) {
        if (element && !element->taken) {
            element->info = info;
            translate_sender(process, element->info);
        }
        pending.add(info, std::exchange(element, nullptr));
    } else {
        if (!standard(number) && info.si_code != SI_USER) return err::again;
        pending.add(info, nullptr);
    }
    process.signal_arrived.notify_all();
    Task* receiver = only ? (takes(*only, number, held) ? only : nullptr) : choose(process, number, held);
    if (receiver && !receiver->signals(held).only_fatal) receiver->interrupt();
    return {};
}

Result<> send(Process& process, Task* only, const siginfo_t& info, bool forced) {
    int number = info.si_signo;
    if (number < 1 || number > signal_count) return err::inval;
    QueuedSignal* element = process.spare_signal.take(); // without it a standard signal comes without its information
    Result<> sent;
    {
        auto lock = process.lock_signals();
        if (forced) {
            // Neither blocked nor ignored: a signal that the thread cannot run on without.
            auto actions = process.handlers()->actions.lock();
            SignalAction& action = actions->of[number - 1];
            SignalSet& blocked = only->signals(lock).blocked;
            bool refused = blocked & signal_bit(number) || action.handler == handler_ignore;
            if (refused) action = {};
            blocked &= ~signal_bit(number);
            if (action.handler == handler_default) process.unkillable = false;
        }
        sent = send(process, only, info, element, forced, lock);
    }
    process.spare_signal.give(Box<QueuedSignal>{element});
    return sent;
}
} // namespace

void end_thread(Task& task, const SignalLock& held) {
    if (!task.is_exiting()) task.interrupt();
    task.process().signals(held).job.wake(task, Wake::end, held);
}

void end_all(Process& process, int status, const SignalLock& held) {
    auto& shared = process.signals(held);
    if (!shared.ending) {
        shared.ending = true;
        shared.group_status = status;
    } else if (status == SIGKILL) {
        shared.dump.given_up = true;
    }
    for_each_thread(process, held, [&](Task& t) { end_thread(t, held); });
    shared.job.end();
}

void end_process(Process& process, int status) {
    auto lock = process.lock_signals();
    end_all(process, status, lock);
}

siginfo_t info_user(int number, int code) {
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = code;
    if (auto* process = process::current_process()) {
        info.si_pid = process->pid();
        const Credentials& who = Task::current().credentials();
        info.si_uid = who.shown(who.uid);
    }
    return info;
}
siginfo_t info_kernel(int number) {
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = SI_KERNEL;
    return info;
}
siginfo_t info_fault(int number, int code, uptr address) {
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = code;
    info.si_addr = reinterpret_cast<void*>(address);
    return info;
}

Result<> check_permission(const Process& target, int number) {
    Task& current = Task::current();
    if (&current.process() == &target) return {};
    const Credentials& me = current.credentials();
    process::TreeLock tree;
    auto& process = const_cast<Process&>(target);
    Task* leader = process.threads(tree).leader;
    if (!leader) return err::srch;
    auto it = leader->credentials_ref();
    if (me.euid == it->suid || me.euid == it->uid || me.uid == it->suid || me.uid == it->uid ||
        me.can_in(it->users.get(), CAP_KILL))
        return {};
    auto &its = process.kin(tree).group, &own = current.process().kin(tree).group;
    if (number == SIGCONT && its && own && &its->session() == &own->session()) return {};
    return err::perm;
}

Result<> send(Process& process, const siginfo_t& info) { return send(process, nullptr, info, false); }
Result<> send(Task& task, const siginfo_t& info) { return send(task.process(), &task, info, false); }
void force(Task& current, const siginfo_t& info) { (void)send(current.process(), &current, info, true); }

void send_prepared(Process& process, const siginfo_t& info, Box<QueuedSignal>& memory) {
    QueuedSignal* element = memory.release();
    {
        auto lock = process.lock_signals();
        (void)send(process, nullptr, info, element, false, lock);
    }
    memory.reset(element);
}

bool queue_embedded(Process& process, Task* only, QueuedSignal& embedded, const SignalLock& held) {
    QueuedSignal* element = &embedded;
    if (!embedded.queued()) (void)send(process, only, embedded.info, element, false, held);
    return embedded.queued();
}

void send_group(ProcessGroup& group, int number) {
    Box<QueuedSignal> none;
    for (u64 at = 0; auto member = process::next_member(group, at);) send_prepared(*member, info_kernel(number), none);
}

bool ignored_or_blocked(Task& task, int number) {
    auto lock = task.process().lock_signals();
    return task.blocked() & signal_bit(number) || action_of(task.process(), number, lock).handler == handler_ignore;
}
} // namespace signals
