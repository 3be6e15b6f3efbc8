// For whom a thread works.
#pragma once
#include "core/alloc/account.h"
#include "core/sched/thread.h"
#include "kernel/credentials/credentials.h"
#include "kernel/credentials/limits.h"

class PidNumber;
class View;

/// Whose rights, limits and view count in rooms that know no process. A task is its own thread's. Who pays is the
/// thread's account: its view's, unless a scope says otherwise (Charging, WorkingFor).
class Caller {
public:
    /// Of the current thread. Null: it works for the kernel, and nothing is refused to it.
    static Caller* current() { return Thread::current().caller; }
    const Credentials& credentials() const { return *credentials_; }
    const Limits& limits() const { return *limits_; }
    View& view() const { return *view_; }
    /// What it asked for earns it a signal: SIGPIPE, SIGXFSZ.
    virtual void signal(int number) = 0;
    /// The number by which others know its process; null: it has none.
    virtual PidNumber* process_number() const = 0;

protected:
    ~Caller() = default;
    Ref<const Credentials> credentials_;
    const Limits* limits_ = nullptr;
    View* view_ = nullptr;
};

/// For this scope the thread works for somebody else: `who` is its Caller (null: nothing is refused to it, as to the
/// kernel), and `payer` is charged for what it allocates, up to its limit. What a thread does that is not its task's
/// own is done in such a scope.
class [[nodiscard]] WorkingFor {
public:
    WorkingFor(Caller* who, MemoryAccount& payer)
        : charging_{payer}, before_{std::exchange(Thread::current().caller, who)} {}
    ~WorkingFor() { Thread::current().caller = before_; }
    WorkingFor(const WorkingFor&) = delete;

private:
    Charging charging_;
    Caller* const before_;
};
