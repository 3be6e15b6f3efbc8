// The process tree from inside: what exit, wait, clone and job control share.
#pragma once
#include "kernel/process/task.h"

namespace process {
/// The process of the current thread; null in a kernel thread.
Process* current_process();
/// Its numbers; the root view's in a kernel thread.
PidNamespace& current_pids();

/// The group of `child`, if its parent links that to a session: so it may be orphaned when it loses this parent.
Ref<ProcessGroup> group_linked_by(Process* parent, Process& child, const TreeLock&);
/// SIGHUP and SIGCONT to the group if it is orphaned and has stopped members. Takes the tree lock.
void hang_up_if_orphaned(ProcessGroup&);
/// siginfo for SIGCHLD about a child, for its parent; status and code as waitid has them.
siginfo_t child_info(Process& child, Process& parent, int code, int status, CpuTime used, const TreeLock&);
/// What has been taken out of the tree, with the counts that its links held: given up when this goes, which must be
/// without locks.
class Unlinked {
public:
    void add(Process& process) { process_ = Ref<Process>::adopt(&process); }
    void add(Task& task) { (one_ ? other_ : one_) = Ref<Task>::adopt(&task); }

private:
    Ref<Process> process_;
    Ref<Task> one_, other_; // a thread and the leader at most
};
/// Takes an ended process out of the tree: its numbers are free.
void reap(Process&, Unlinked&, const TreeLock&);
/// Whether the child is this very thread's: it made it, or the one that made it has ended and this is the first left.
bool is_child_of(Process& child, Task& thread, const TreeLock&);
/// Unlinks a thread that has ended (not the leader of a process that was not reaped).
void unlink_thread(Task&, Unlinked&, const TreeLock&);

/// Of one thread.
ResourceUse thread_use(Task&);
CpuTime cpu_time(Process&, const SignalLock&);
/// Of the first thread that has not given it up; null: all have.
Ref<AddressSpace> space_of(Process&, const TreeLock&);

/// CLD_* and si_status of a wait status.
struct ChildCode {
    int code, status;
};
ChildCode decode_status(int wait_status);
} // namespace process
