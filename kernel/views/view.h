// What a group of processes can see and use: a combination of namespaces, each of which others may share. The host
// world has the root view; each container owns one. Nothing outside a view can be named from inside it.
#pragma once
#include "kernel/views/namespaces.h"
#include "kernel/views/pid_namespace.h"
#include "kernel/views/user_namespace.h"

/// What views and sessions know of a terminal: every one is a tty::Terminal (kernel/device/tty/terminal.h).
class TerminalBase : public RefCounted<TerminalBase> {
public:
    virtual ~TerminalBase() = default;
    // Both take the tree lock.
    /// Becomes the controlling terminal of a new session; the caller knows that it controls none.
    virtual void enter_session(Session&, Ref<ProcessGroup> foreground) = 0;
    /// The session that has this as its controlling terminal loses it (its leader ends: SIGHUP to the foreground).
    virtual void leave_session(Session&) = 0;
};

class View : public RefCounted<View> {
public:
    virtual ~View() = default;
    /// The host world's, once init_root() has run (boot, as soon as memory can be allocated).
    static View& root();
    static Result<> init_root();
    /// What a view needs before processes can start in it: makes each namespace that has not been set, so that a view
    /// that shares some sets them before. The kernel pays if no control group was set. err::nomem.
    Result<> prepare();

    /// Empty in the root view; the container's id else.
    String id;
    bool is_root() const { return this == &root(); }

    // Set before the first process starts.
    Ref<PidNamespace> pids;
    Ref<UtsNamespace> uts;
    Ref<IpcNamespace> ipc;
    Ref<NetworkNamespace> network;
    Ref<UserNamespace> users;
    Ref<TimeNamespace> time;
    Ref<Cgroup> cgroup;
    MemoryAccount& account() const { return *cgroup->account; }
    /// What programs see as the machine's memory, in bytes: not more than their limit.
    struct Memory {
        u64 total, free;
    };
    Memory memory() const;

    /// The `trace=` switch for tasks started from now on: strace-like lines in the log.
    std::atomic<bool> trace = false;
    /// `trace=` on the kernel's command line: what new views start with.
    static inline std::atomic<bool> trace_all = false;
    /// What /dev/console is in this view: set before its first process runs. Null: err::nxio. The root view's is the
    /// machine's console.
    Ref<TerminalBase> console;
    /// The init process has ended with this wait status, and every other process of the view has ended. In the context
    /// of the thread that ended last, without locks. Containers move to `stopped` here; the root view's init ends the
    /// machine.
    virtual void emptied(int wait_status) = 0;

protected:
    View() = default;
};
