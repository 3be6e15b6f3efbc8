// The process tree: parents and children, groups, sessions. What it keeps is reached with the tree's lock held.
#pragma once
#include "kernel/views/pid_namespace.h"
#include "kernel/views/view.h"
#include <linux/signal.h>

struct Kinship;

/// Processes in the order in which they came: a walk that lets the tree lock go goes on behind the last one's place.
template <class Tag>
struct PlaceOf {
    using type = u64;
    u64 operator()(const Process&) const;
};
template <class Tag>
using Row =
    bi::set<Process, bi::base_hook<TreeLink<Tag>>, bi::key_of_value<PlaceOf<Tag>>, bi::constant_time_size<false>>;

/// A session: the leader's number, and its controlling terminal.
class Session : public RefCounted<Session> {
public:
    explicit Session(Ref<TerminalBase> terminal = nullptr, bool on_console = false)
        : on_console{on_console}, terminal_{std::move(terminal)} {}
    /// Also when it is free again.
    Pid number_in(const PidNamespace& pids) const { return number_ ? number_->in(pids) : 0; }
    /// Null once gone.
    Process*& leader(const process::TreeLock&) { return leader_; }
    /// The controlling terminal.
    Ref<TerminalBase>& terminal(const process::TreeLock&) { return terminal_; }
    /// Its terminal came from outside the view: that is /dev/console for it.
    const bool on_console;

private:
    friend class ProcessGroup;
    Process* leader_ = nullptr;
    Ref<TerminalBase> terminal_;
    Ref<PidNumber> number_; // taken until the last group of the session is gone
    unsigned groups_ = 0;
};

/// A process group: job control's unit. It is gone when its last member leaves; what is held longer has no members.
class ProcessGroup : public RefCounted<ProcessGroup> {
public:
    /// Also when it is free again.
    Pid number_in(const PidNamespace& pids) const { return number_ ? number_->in(pids) : 0; }
    Session& session() const { return *session_; }
    Row<struct GroupMemberTag>& members(const process::TreeLock&) { return members_; }
    /// A fresh one gets its number and its session; its first member must join at once.
    void found(PidNumber&, Ref<Session>, const process::TreeLock&);
    /// The same, and its session is as fresh.
    void found_session(Process& leader, Ref<Session>, const process::TreeLock&);
    /// Puts a process into the group, out of its old one.
    static void join(Process&, Ref<ProcessGroup>, const process::TreeLock&);
    static void leave(Process&, const process::TreeLock&);

private:
    Ref<Session> session_;
    Ref<PidNumber> number_;
    Row<struct GroupMemberTag> members_;
};

/// A process's place in the tree. A linked child is kept alive by its link.
struct Kinship {
    Process* parent = nullptr; // changed by Process::adopted_by()
    /// The thread of the parent that made this one, by its number: __WNOTHREAD. 0, or ended: the first one stands in.
    Pid maker = 0;
    Ref<ProcessGroup> group; // null once reaped; changed by ProcessGroup
    /// In the order in which they came to be children, which is the order in which wait4 looks at them.
    Row<struct ChildTag> children;
    /// Those of them that have ended and wait to be reaped: wait4 looks at no other.
    Row<struct EndedTag> ended_children;
    int exit_signal = SIGCHLD; // to the parent, 0: none
    bool child_subreaper = false, has_executed = false;
    /// All its threads are ending: it adopts no more, and links its group or its children to no session.
    bool leaves = false;
    u64 child_place = 0, member_place = 0;
};

namespace process {
/// The member of a group behind the one at the place `after`, which becomes its; 0: the first. Null: there is none.
/// Takes the tree lock: walks of a group hold it for a step at a time. Who joins meanwhile comes last.
Ref<Process> next_member(ProcessGroup&, u64& after);
} // namespace process
