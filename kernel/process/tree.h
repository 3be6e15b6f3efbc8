// The process tree from inside: what exit, wait, clone and job control share.
#pragma once
#include "kernel/process/task.h"

namespace process {
/// The process of the current thread; null in a kernel thread.
Process* current_process();
/// Its numbers; the root view's in a kernel thread.
PidNamespace& current_pids();

// With the tree lock held:

/// Puts a process into a group, leaving its old one.
void join_group(Process&, Ref<ProcessGroup>);
void leave_group(Process&);
/// Makes the process the leader of a new session and group.
void start_session(Process&, Ref<Session>, Ref<ProcessGroup>);
/// No member has a parent in another group of the same session. `without`: a process that counts no more.
bool is_orphaned_locked(ProcessGroup&, const Process* without = nullptr);
bool has_stopped_member(ProcessGroup&);
/// A signal of the kernel, which needs no memory: see PendingSignals.
bool send_group_locked(ProcessGroup&, int number);
/// SIGHUP and SIGCONT to the group of `process` if it has become orphaned, because `process` ends or lost `parent`, and
/// has stopped members.
void hang_up_if_orphaned(Process& process, Process* parent, const Process* ends);
/// siginfo for SIGCHLD about a child, for its parent; status and code as waitid has them.
siginfo_t child_info(Process& child, Process& parent, int code, int status);
/// What has been taken out of the tree, with the counts that its links held: given up when this goes, which must be
/// without locks. The objects' own links chain them, so that nothing has to be allocated.
class Unlinked {
public:
    Unlinked() = default;
    ~Unlinked();
    Unlinked(const Unlinked&) = delete;
    void add(Process& process) { processes_.push_back(process); }
    void add(Task& task) { threads_.push_back(task); }

private:
    List<Process, struct SiblingTag> processes_;
    List<ThreadLink, struct ThreadTag> threads_;
};
/// Takes an ended process out of the tree: its numbers are free.
void reap(Process&, Unlinked&);
/// Whether the child is this very thread's: it made it, or the one that made it has ended and this is the first left.
bool is_child_of(Process& child, Task& thread);
/// Unlinks a thread that has ended (not the leader of a process that was not reaped).
void unlink_thread(Task&, Unlinked&);

/// Of one thread. cpu_time_locked(): with signal_lock held.
ResourceUse thread_use(Task&);
CpuTime cpu_time_locked(Process&);

/// CLD_* and si_status of a wait status.
struct ChildCode {
    int code, status;
};
ChildCode decode_status(int wait_status);
} // namespace process
