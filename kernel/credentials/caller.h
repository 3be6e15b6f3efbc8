// For whom a thread works.
#pragma once
#include "core/sched/thread.h"
#include "kernel/credentials/credentials.h"
#include "kernel/credentials/limits.h"

class View;

/// Whose rights, limits and view count in rooms that know no process. A task is its own thread's; a kernel thread that
/// works for somebody may point to another one (Thread::caller). Who pays is the thread's account.
class Caller {
public:
    /// Of the current thread. Null: it works for the kernel, and nothing is refused to it.
    static Caller* current() { return Thread::current().caller; }
    const Credentials& credentials() const { return *credentials_; }
    const Limits& limits() const { return *limits_; }
    View& view() const { return *view_; }
    /// What it asked for earns it a signal: SIGPIPE, SIGXFSZ.
    virtual void signal(int number) = 0;

protected:
    ~Caller() = default;
    Ref<const Credentials> credentials_;
    const Limits* limits_ = nullptr;
    View* view_ = nullptr;
};
