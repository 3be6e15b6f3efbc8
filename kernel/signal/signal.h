// Signals: sets, queued information, dispositions. Who sends and gets them is kernel/process's; numbers are Linux's.
#pragma once
#include "core/sync/lock.h"
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

/// Holds a process's lock of its signal state: process.h. What needs it held asks for a `const SignalLock&`, so what
/// forgets it does not compile; that it is the right process's is checked in check builds.
class [[nodiscard]] SignalLock {
public:
    using Lock = Spinlock<Rank::signals>;
    explicit SignalLock(Lock& lock, std::source_location at = std::source_location::current()) : lock_{lock} {
        lock_.lock(at);
    }
    ~SignalLock() { lock_.unlock(); }
    SignalLock(const SignalLock&) = delete;
#if RUNDLET_CHECK
    void check(const Lock&) const;
#else
    void check(const Lock&) const {}
#endif

private:
    Lock& lock_;
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
    void (*taken)(QueuedSignal&, const SignalLock&) = nullptr;
    /// Takes an embedded one back from where it is queued, if it is: before its owner goes.
    void withdraw(const SignalLock&);
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

/// Pending signals of a task or of a process, reached with the process's signal lock held.
class PendingSignals {
public:
    /// Embedded ones have been withdrawn.
    ~PendingSignals();
    SignalSet set = 0;
    List<QueuedSignal> queue;
    unsigned queued = 0;
    /// Adds one. `memory` may be null: then only the bit is set, which tells all of a signal that the kernel sends
    /// without details, and something of others when memory is short.
    void add(const siginfo_t& info, QueuedSignal* memory);
    /// Takes the lowest deliverable one (synchronous signals first). False: none outside `blocked`. The queue's element
    /// is handed to `freed`, to be deleted without the lock.
    bool take(SignalSet blocked, siginfo_t& into, Box<QueuedSignal>& freed, const SignalLock&);
    void discard(SignalSet which, const SignalLock&);

private:
    friend struct QueuedSignal;
    void unlink(QueuedSignal&);
    SignalSet from_kernel_ = 0; // of those that are no more than a bit
};

namespace signals {
inline constexpr uptr handler_default = 0, handler_ignore = 1;

/// The signals whose default is to be ignored, and to stop.
inline constexpr SignalSet default_ignored =
    signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH);
inline constexpr SignalSet default_stops =
    signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);
} // namespace signals
