// Sending and delivering signals.
#pragma once
#include "arch/api/signal.h"
#include "core/wait/wait.h"
#include "kernel/signal/signal.h"

class Task;
class Process;
class ProcessGroup;

namespace signals {
/// siginfo_t for kill(2) by the current task / for the kernel / for a fault.
siginfo_t info_user(int number, int code = SI_USER);
siginfo_t info_kernel(int number);
siginfo_t info_fault(int number, int code, uptr address);

/// May the current task signal that process? err::perm, as kill(2) says.
Result<> check_permission(const Process& target, int number);
/// To any thread of the process that takes it / to that thread. From any context; no permission check. An ignored
/// signal is dropped, SIGKILL and SIGCONT have their effects on stopped processes. err::again: queue full (real-time
/// only).
Result<> send(Process&, const siginfo_t&);
Result<> send(Task&, const siginfo_t&);
/// The current thread has done something wrong: the signal cannot be blocked or ignored.
void force(Task& current, const siginfo_t&);
/// A signal of the kernel to every process of the group (tty: SIGINT, SIGTSTP, SIGHUP...).
void send_group(ProcessGroup&, int number);
/// Whether the current task ignores or blocks it: a background read from a terminal.
bool ignored_or_blocked(Task&, int number);

/// As send(), with memory got before (null: only the bit is set), for callers under the tree lock or in interrupts.
/// A queue element that was not needed is left in `memory`.
void send_prepared(Process&, const siginfo_t&, Box<QueuedSignal>& memory);

/// On the way to user mode: handlers, default actions, stops, restarts of system calls. May not return.
void deliver(Task& current, arch::TrapFrame&);
/// rt_sigreturn(2). err::fault: the frame is bad, SIGSEGV has been sent.
Result<> return_from_handler(Task& current, arch::TrapFrame&);

/// Changes the current task's mask (SIGKILL and SIGSTOP stay unblocked).
void set_blocked(Task& current, SignalSet);
/// ppoll, pselect6, epoll_pwait: another mask for the time of the call. Afterwards restore_mask(): at once, or, when a
/// signal ended the call, on the way out, so that the signal's handler runs first.
void set_temporary_mask(Task& current, SignalSet mask);
void restore_mask(Task& current, bool interrupted);
/// rt_sigaction(2): the old action; `change` null: only that. err::inval.
Result<SignalAction> set_action(Task& current, int number, const SignalAction* change);
/// sigtimedwait(2). err::again: nothing came in time; err::intr: another signal.
Result<siginfo_t> wait(Task& current, SignalSet which, Deadline until);
/// sigsuspend(2): always an error, err::restartnohand.
Result<> suspend(Task& current, SignalSet mask);
/// Ends the process with this wait status, whatever it thinks of it (a view's init too).
void end_process(Process&, int wait_status);
/// The process ends, or the thread does for another one's exec: give up what you do.
bool dying(Task&);
/// The same, or a signal is pending that will end the process as soon as it is looked at (^C).
bool will_die(Task&);
/// Looks anew whether the task has something to do on its way out.
void recalculate(Task&, const SignalLock&);
/// Takes a signal outside `blocked` that is pending for the task or its process: PendingSignals::take().
bool take(Task&, SignalSet blocked, siginfo_t& into, Box<QueuedSignal>& freed, const SignalLock&);
/// Those that are pending for the task and its process.
SignalSet pending(Task&, const SignalLock&);

void set_only_fatal(Task& current, bool);
/// Waits until ready(), giving up only when the task dies (err::restartsys): for vfork and exec.
template <class Ready>
Result<> wait_killable(Task& current, WaitQueue& queue, Ready ready) {
    if (ready()) return {};
    set_only_fatal(current, true);
    auto waited = wait_until(queue, ready);
    set_only_fatal(current, false);
    return waited;
}
} // namespace signals
