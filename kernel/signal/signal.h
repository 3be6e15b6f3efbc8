// Signals: sets, queued information, dispositions. Delivery is in deliver.cpp; numbers are Linux's.
#pragma once
#include "arch/api/signal.h"
#include "core/sync/lock.h"
#include "core/wait/wait.h"
#include "lib/intrusive.h"
#include "lib/memory.h"
#include <linux/signal.h>

/// Bit n-1 is signal n, as the kernel's sigset_t.
using SignalSet = u64;
constexpr SignalSet signal_bit(int number) { return SignalSet{1} << (number - 1); }
inline constexpr int signal_count = 64;
inline constexpr SignalSet unblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

/// What rt_sigaction(2) sets, per signal.
struct SignalAction {
    uptr handler; // SIG_DFL 0, SIG_IGN 1
    u64 flags;    // SA_*
    uptr restorer;
    SignalSet mask;
};

/// Dispositions: shared by the threads of a process, and by CLONE_SIGHAND.
struct SignalHandlers : RefCounted<SignalHandlers> {
    struct Actions {
        Actions() : of{} {}
        struct Unset {};
        explicit Actions(Unset) {}     // for clone(), which copies all of them
        SignalAction of[signal_count]; // [number - 1]
    };
    SignalHandlers() = default;
    explicit SignalHandlers(Actions::Unset unset) : actions{unset} {}
    Guarded<Actions, Spinlock<Rank::handlers>> actions;
    Result<Ref<SignalHandlers>> clone();
    void reset_caught(); // to the default: exec, CLONE_CLEAR_SIGHAND. Ignored ones stay
};

class User;
class PendingSignals;

/// A queued signal with its information. Standard signals are queued once, real-time ones as often as sent (limit:
/// RLIMIT_SIGPENDING of the user; beyond it sigqueue answers err::again, kill still sets the bit).
struct QueuedSignal : ListLink<> {
    QueuedSignal() = default;
    QueuedSignal(const QueuedSignal&) = delete;
    ~QueuedSignal() { uncharge(); }
    /// Counts against the user's RLIMIT_SIGPENDING from now on, as long as it exists. Returns how many do.
    u64 charge(Ref<User>);
    void uncharge() {
        if (charged_) forget_user();
    }

    siginfo_t info;
    /// Of a timer, which embeds it: not freed when taken or discarded, and told then. Null: on the heap.
    void (*taken)(QueuedSignal&) = nullptr;
    /// Takes an embedded one back from where it is queued, if it is: before its owner goes. signal_lock is held.
    void withdraw();
    /// Is not queued while another one of its number is pending, if that is a standard signal. POSIX timers' are.
    bool merges = true;
    bool queued() const { return queued_in_ != nullptr; }

private:
    friend class PendingSignals;
    PendingSignals* queued_in_ = nullptr;
    void forget_user();
    User* charged_ = nullptr; // a reference
};

/// A process keeps the memory of a delivered signal for the next one.
class SpareSignal {
public:
    ~SpareSignal() { delete kept_.load(std::memory_order_relaxed); }
    /// Null: memory is short.
    QueuedSignal* take() {
        if (auto* kept = kept_.load(std::memory_order_relaxed) ? kept_.exchange(nullptr) : nullptr) return kept;
        auto made = make<QueuedSignal>();
        return made ? made->release() : nullptr;
    }
    /// Null: nothing.
    void give(Box<QueuedSignal> element) {
        if (element) element->uncharge();
        QueuedSignal* none = nullptr;
        if (element && kept_.compare_exchange_strong(none, element.get())) (void)element.release();
    }

private:
    std::atomic<QueuedSignal*> kept_ = nullptr;
};

/// Pending signals of a task or of a process. Guarded by the process's signal lock.
class PendingSignals {
public:
    ~PendingSignals() { discard(~SignalSet{0}); }
    SignalSet set = 0;
    List<QueuedSignal> queue;
    unsigned queued = 0;
    /// Adds one. `memory` may be null: then only the bit is set, which tells all of a signal that the kernel sends
    /// without details, and something of others when memory is short.
    void add(const siginfo_t& info, QueuedSignal* memory);
    /// Takes the lowest deliverable one (synchronous signals first). False: none outside `blocked`. The queue's element
    /// is handed to `freed`, to be deleted without the lock.
    bool take(SignalSet blocked, siginfo_t& into, Box<QueuedSignal>& freed);
    void discard(SignalSet which);

private:
    friend struct QueuedSignal;
    void unlink(QueuedSignal&);
    SignalSet from_kernel_ = 0; // of those that are no more than a bit
};

class Task;
class Process;
struct ProcessGroup;
struct Credentials;

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
/// A signal of the kernel to every process of the group (tty: SIGINT, SIGTSTP, SIGHUP...). Returns whether there was
/// one.
bool send_group(ProcessGroup&, int number);
/// Whether the current task ignores or blocks it: a background read from a terminal.
bool ignored_or_blocked(Task&, int number);

/// The signals whose default is to be ignored, and to stop.
inline constexpr SignalSet default_ignored =
    signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH);
inline constexpr SignalSet default_stops =
    signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);

/// As send(), with memory got before (null: only the bit is set), for callers under the tree lock or in interrupts.
/// A queue element that was not needed is left in `memory`.
void send_prepared(Process&, const siginfo_t&, Box<QueuedSignal>& memory);
Result<Box<QueuedSignal>> prepare();

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
SignalSet pending(Task& current);
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
/// Looks anew whether the task has something to do on its way out. signal_lock is held.
void recalculate(Task&);

/// Waits until ready(), giving up only when the task dies (err::restartsys): for vfork and exec.
template <class Ready>
Result<> wait_killable(Task& current, WaitQueue& queue, Ready ready);
void set_only_fatal(Task& current, bool);

template <class Ready>
Result<> wait_killable(Task& current, WaitQueue& queue, Ready ready) {
    if (ready()) return {};
    set_only_fatal(current, true);
    auto waited = wait_until(queue, ready);
    set_only_fatal(current, false);
    return waited;
}
} // namespace signals
