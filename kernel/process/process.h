// Processes (thread groups), their groups and sessions, and the tree they form.
#pragma once
#include "kernel/process/abi.h"
#include "kernel/process/limits.h"
#include "kernel/signal/signal.h"
#include "kernel/views/view.h"

class Task;
class Process;
namespace tty {
class Terminal;
}
namespace vfs {
struct Path;
}
class File;

/// A session: the leader's number, and its controlling terminal. Under Rank::tasks.
struct Session : RefCounted<Session> {
    Pid number_in(const View&) const;
    Process* leader = nullptr;         // null once gone
    Ref<tty::Terminal> terminal;       // controlling terminal
    ~Session();
    struct Numbers;                    // kernel/process/numbers.h
    Box<Numbers> numbers;
};
/// A process group: job control's unit. Under Rank::tasks.
struct ProcessGroup : RefCounted<ProcessGroup> {
    Pid number_in(const View&) const;
    Ref<Session> session;
    struct MemberTag;
    List<Process, MemberTag> members;
    ~ProcessGroup();
    struct Numbers;
    Box<Numbers> numbers;
};

/// Resource use of waited-for children and of ended threads: getrusage(2), times(2).
struct ResourceUse {
    u64 user_ns = 0, system_ns = 0, minor_faults = 0, major_faults = 0, voluntary = 0, involuntary = 0;
    u64 peak_resident_pages = 0;
    void add(const ResourceUse&);
};

/// How a process ended or changed: what wait4 and waitid report.
enum class ProcessState : u8 { running, stopped, zombie, dead };

class Process : public RefCounted<Process>, public ListLink<struct ProcessGroup::MemberTag>, public ListLink<struct SiblingTag> {
public:
    ~Process();

    /// As seen from a view; 0 if it is not in it.
    Pid pid(const View& from) const;
    /// As its own view numbers it.
    Pid pid() const;
    View& view() const { return *view_; }
    const Abi& abi() const { return *abi_.load(std::memory_order_relaxed); }
    void set_abi(const Abi& abi) { abi_ = &abi; } // exec

    Limits limits;

    // The tree: guarded by the global Rank::tasks lock (process::tree_lock()).
    Process* parent = nullptr;
    Ref<ProcessGroup> group;
    List<Process, struct SiblingTag> children;
    ProcessState state = ProcessState::running;
    int exit_signal = SIGCHLD; // to the parent, 0: none
    bool dumpable = true, child_subreaper = false, has_executed = false;

    // Threads. List under Rank::tasks; the count is the live ones.
    Task* leader = nullptr;
    struct Threads;
    Box<Threads> threads;

    // Signals: guarded by signal_lock.
    Spinlock<Rank::signals> signal_lock;
    PendingSignals pending;
    Ref<SignalHandlers> handlers;

    /// Notified when a child of this process changes state: wait4, waitid.
    WaitQueue child_changed;
    /// Notified when this process ends: pidfd polls, vfork's parent waits on its own.
    WaitQueue ended;

    // Set by exec, read by /proc/pid; under its own lock.
    struct Program;
    Box<Program> program; // executable file, path: kernel/process/program.h

    struct Impl; // timers, group exit, accounting: kernel/process/process_impl.h
    Box<Impl> impl;

private:
    friend struct ProcessFactory;
    Ref<View> view_;
    std::atomic<const Abi*> abi_ = nullptr;
};

namespace process {
/// The lock of the process tree: parents, children, groups, sessions, numbers.
Spinlock<Rank::tasks>& tree_lock();
/// The process or task with a number in a view. err::srch.
Result<Ref<Process>> find(View&, Pid);
Result<Ref<Task>> find_task(View&, Pid);
Result<Ref<ProcessGroup>> find_group(View&, Pid);
/// The processes of a view in ascending order of number, from `from` on (/proc): err::srch at the end.
Result<Ref<Process>> next(View&, Pid from);

/// Starts the first process of a view: number 1 in it, a child of nobody. Used by boot and by containers. `prepare` has
/// set what the image needs; see exec::Start. Returns with the process ready to run but not started.
struct Start;
Result<Ref<Process>> create_init(View&, Start&);
/// Further processes that enter a view from outside (container_exec).
Result<Ref<Process>> create_in(View&, Start&);
void run(Process&);
/// Kills every process of a view with SIGKILL (deleting a container, or its init has ended).
void kill_all(View&);
} // namespace process
