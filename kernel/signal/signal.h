// Signals: sets, queued information, dispositions. Delivery is in deliver.h; numbers are Linux's.
#pragma once
#include "arch/api/signal.h"
#include "core/sync/lock.h"
#include "core/sync/wait.h"
#include "lib/intrusive.h"
#include "lib/memory.h"

/// Bit n-1 is signal n, as the kernel's sigset_t.
using SignalSet = u64;
constexpr SignalSet signal_bit(int number) { return SignalSet{1} << (number - 1); }
inline constexpr int signal_count = 64;
inline constexpr SignalSet unblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

/// What rt_sigaction(2) sets, per signal.
struct SignalAction {
    uptr handler = 0; // SIG_DFL 0, SIG_IGN 1
    u64 flags = 0;    // SA_*
    uptr restorer = 0;
    SignalSet mask = 0;
};

/// Dispositions: shared by the threads of a process, and by CLONE_SIGHAND.
struct SignalHandlers : RefCounted<SignalHandlers> {
    struct Actions {
        SignalAction of[signal_count]; // [number - 1]
    };
    Guarded<Actions, Spinlock<Rank::handlers>> actions;
    Result<Ref<SignalHandlers>> clone();
    void reset_for_exec(); // caught -> default; ignored stay
};

/// A queued signal with its information. Standard signals are queued once, real-time ones as often as sent (limit:
/// RLIMIT_SIGPENDING of the user; beyond it sigqueue answers err::again, kill still sets the bit).
struct QueuedSignal : ListLink<> {
    siginfo_t info;
};

/// Pending signals of a task or of a process. Guarded by the process's signal lock.
class PendingSignals {
public:
    ~PendingSignals();
    SignalSet set = 0;
    List<QueuedSignal> queue;
    /// Adds one; `memory` may be null when the allocation failed: then only the bit is set.
    void add(int number, Box<QueuedSignal> memory);
    /// Takes the lowest deliverable one (synchronous signals first). False: none outside `blocked`.
    bool take(SignalSet blocked, siginfo_t& into);
    void discard(SignalSet which);
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
/// To any thread of the process that takes it / to that thread. From any context; no permission check. An ignored signal
/// is dropped, SIGKILL and SIGCONT have their effects on stopped processes. err::again: queue full (real-time only).
Result<> send(Process&, const siginfo_t&);
Result<> send(Task&, const siginfo_t&);
/// The current thread has done something wrong: the signal cannot be blocked or ignored.
void force(Task& current, const siginfo_t&);
/// Every process of the group (tty: SIGINT, SIGTSTP, SIGHUP...). Returns whether there was one.
bool send_group(ProcessGroup&, const siginfo_t&);
/// Whether the current task ignores or blocks it: a background read from a terminal.
bool ignored_or_blocked(Task&, int number);
} // namespace signals
