#include "kernel/process/tree.h"
#include "core/time/clock.h"

namespace process {
Process* current_process() {
    Thread& thread = Thread::current();
    return thread.is_user() ? &static_cast<Task&>(thread).process() : nullptr;
}
PidNamespace& current_pids() {
    Process* process = current_process();
    return process ? process->pids() : PidNamespace::root();
}

Result<Ref<Process>> find(PidNamespace& pids, Pid pid) {
    TreeLock tree;
    PidNumber* number = pids.find(pid, tree);
    if (!number) return err::srch;
    auto& uses = number->uses(tree);
    if (uses.process) return Ref<Process>::share(uses.process);
    if (uses.task) return Ref<Process>::share(&uses.task->process());
    return err::srch;
}
Result<Ref<Task>> find_task(PidNamespace& pids, Pid pid) {
    TreeLock tree;
    PidNumber* number = pids.find(pid, tree);
    if (!number || !number->uses(tree).task) return err::srch;
    return Ref<Task>::share(number->uses(tree).task);
}
Result<Ref<ProcessGroup>> find_group(PidNamespace& pids, Pid pid) {
    TreeLock tree;
    PidNumber* number = pids.find(pid, tree);
    if (!number || !number->uses(tree).group) return err::srch;
    return Ref<ProcessGroup>::share(number->uses(tree).group);
}

namespace {
constexpr unsigned at_once = 64; // the lock is let go now and then: a view may have many numbers

/// The first thing in ascending order of number, from `from` on, that `use` finds in a number's uses.
template <class T, class Use>
Result<Ref<T>> first_from(PidNamespace& pids, Pid from, Use use) {
    for (;;) {
        TreeLock tree;
        for (unsigned looked = 0; looked < at_once; looked++) {
            PidNumber* number = pids.at_or_after(from, tree);
            if (!number) return err::srch;
            if (T* found = use(number->uses(tree))) return Ref<T>::share(found);
            from = number->in(pids) + 1;
        }
    }
}
} // namespace

Result<Ref<Process>> next(PidNamespace& pids, Pid from) {
    return first_from<Process>(pids, from, [](auto& uses) { return uses.process; });
}
Result<Ref<Task>> thread_after(Process& process, PidNamespace& pids, Pid tid) {
    {
        TreeLock tree;
        auto& threads = process.threads(tree).list;
        auto next = threads.begin(), end = threads.end();
        PidNumber* number = tid ? pids.find(tid, tree) : nullptr;
        Task* task = number ? number->uses(tree).task : nullptr;
        bool there = task && &task->process() == &process;
        if (there) next = std::next(threads.iterator_to(*task));
        if (next == end) return err::srch;
        if (there || !tid) return Ref<Task>::share(&task_of(*next));
    }
    return first_from<Task>(pids, tid + 1, [&](auto& uses) {
        return uses.task && &uses.task->process() == &process ? uses.task : nullptr;
    });
}

// Groups and sessions.

Ref<Process> next_member(ProcessGroup& group, u64& after) {
    TreeLock tree;
    auto& members = group.members(tree);
    auto next = members.upper_bound(after);
    if (next == members.end()) return nullptr;
    after = next->kin(tree).member_place;
    return Ref<Process>::share(&*next);
}

namespace {
bool links(Process* parent, Process& child, const TreeLock& tree) {
    Kinship& kin = child.kin(tree);
    if (!kin.group || !parent) return false;
    const Ref<ProcessGroup>& other = parent->kin(tree).group;
    return other && other != kin.group && &other->session() == &kin.group->session();
}
bool has_stopped_member(ProcessGroup& group) {
    for (u64 at = 0; auto member = next_member(group, at);)
        if (member->signals(member->lock_signals()).job.is_stopped()) return true;
    return false;
}
} // namespace

Ref<ProcessGroup> group_linked_by(Process* parent, Process& child, const TreeLock& tree) {
    return links(parent, child, tree) ? child.kin(tree).group : nullptr;
}

bool is_orphaned(ProcessGroup& group) {
    for (u64 at = 0; auto member = next_member(group, at);) {
        TreeLock tree;
        Kinship& kin = member->kin(tree);
        if (kin.group != &group || kin.leaves || (kin.parent && kin.parent->kin(tree).leaves)) continue;
        if (links(kin.parent, *member, tree)) return false;
    }
    return true;
}
void hang_up_if_orphaned(ProcessGroup& group) {
    if (!has_stopped_member(group) || !is_orphaned(group)) return;
    signals::send_group(group, SIGHUP);
    signals::send_group(group, SIGCONT);
}

namespace {
/// setpgid's rules about the target: itself or a child that has not executed, in the same session, no session leader.
Result<> may_move(Process& current, Process& target, const TreeLock& tree) {
    Kinship& its = target.kin(tree);
    if (&target != &current) {
        if (its.parent != &current) return err::srch;
        if (!its.group || &its.group->session() != &current.kin(tree).group->session()) return err::perm;
        if (its.has_executed) return err::acces;
    }
    if (!its.group || its.group->session().leader(tree) == &target) return err::perm;
    return {};
}
} // namespace

Result<> set_group(Task& current, Pid pid, Pid group_pid) {
    if (group_pid < 0) return err::inval;
    PidNamespace& pids = current.pids();
    auto fresh = TRY(make_ref<ProcessGroup>()); // unless the group exists
    TreeLock tree;
    Process* target = &current.process();
    if (pid) {
        PidNumber* number = pids.find(pid, tree);
        if (!number || !number->uses(tree).process) return err::srch;
        target = number->uses(tree).process;
    }
    TRY(may_move(current.process(), *target, tree));
    const Ref<ProcessGroup>& old = target->kin(tree).group;
    if (!group_pid) group_pid = target->pid(pids);
    PidNumber* number = pids.find(group_pid, tree);
    if (number == target->leader_number(tree) && !number->uses(tree).group) {
        fresh->found(*number, Ref<Session>::share(&old->session()), tree);
        ProcessGroup::join(*target, std::move(fresh), tree);
        return {};
    }
    ProcessGroup* group = number ? number->uses(tree).group : nullptr;
    if (!group || &group->session() != &old->session()) return err::perm;
    if (old != group) ProcessGroup::join(*target, Ref<ProcessGroup>::share(group), tree);
    return {};
}

Result<Pid> create_session(Task& current) {
    auto session = TRY(make_ref<Session>());
    auto group = TRY(make_ref<ProcessGroup>());
    TreeLock tree;
    Process& process = current.process();
    PidNumber* number = process.leader_number(tree);
    if (number->uses(tree).group) return err::perm; // a group's leader, or a group of that number
    group->found_session(process, std::move(session), tree);
    ProcessGroup::join(process, std::move(group), tree);
    return number->in(current.pids());
}

Pid group_of(Process& process, const PidNamespace& pids) {
    TreeLock tree;
    auto& group = process.kin(tree).group;
    return group ? group->number_in(pids) : 0;
}
Pid session_of(Process& process, const PidNamespace& pids) {
    TreeLock tree;
    auto& group = process.kin(tree).group;
    return group ? group->session().number_in(pids) : 0;
}

ChildCode decode_status(int status) {
    int signal = status & 0x7f;
    if (!signal) return {CLD_EXITED, status >> 8 & 0xff};
    return {status & 0x80 ? CLD_DUMPED : CLD_KILLED, signal};
}

siginfo_t child_info(Process& child, Process& parent, int code, int status, CpuTime used, const TreeLock& tree) {
    siginfo_t info{};
    info.si_signo = SIGCHLD;
    info.si_code = code;
    info.si_pid = child.pid(parent.pids());
    if (Task* leader = child.threads(tree).leader)
        info.si_uid = parent.view().users->shown(leader->credentials_ref()->uid);
    info.si_status = status;
    info.si_utime = static_cast<long>(used.user_ns / 10'000'000);
    info.si_stime = static_cast<long>(used.system_ns / 10'000'000);
    return info;
}

void reap(Process& process, Unlinked& gone, const TreeLock& tree) {
    process.adopted_by(nullptr, tree);
    process.become_dead(tree);
    ProcessGroup::leave(process, tree);
    unlink_thread(*process.threads(tree).leader, gone, tree);
    gone.add(process);
}

void unlink_thread(Task& task, Unlinked& gone, const TreeLock& tree) {
    Process& process = task.process();
    auto lock = process.lock_signals();
    Threads& threads = process.threads(tree, lock);
    threads.list.erase(threads.list.iterator_to(task));
    task.forget_number(tree);
    // An unreaped leader counts: its stack and numbers are still there.
    if (Ref<Cgroup> counted = std::move(task.counted_in)) counted->tasks.fetch_sub(1);
    task.count_no_more();
    if (threads.leader == &task) threads.leader = nullptr;
    gone.add(task);
}
} // namespace process

// The objects of the tree.

void ProcessGroup::found(PidNumber& number, Ref<Session> session, const process::TreeLock& tree) {
    number.uses(tree).group = this;
    number_ = Ref<PidNumber>::share(&number);
    session_ = std::move(session);
    session_->groups_++;
}
void ProcessGroup::found_session(Process& leader, Ref<Session> session, const process::TreeLock& tree) {
    PidNumber& number = *leader.leader_number(tree);
    session->leader_ = &leader;
    session->number_ = Ref<PidNumber>::share(&number);
    number.uses(tree).session = session.get();
    found(number, std::move(session), tree);
}
void ProcessGroup::join(Process& process, Ref<ProcessGroup> group, const process::TreeLock& tree) {
    static constinit u64 places = 0; // under the tree lock
    leave(process, tree);
    Kinship& kin = process.kin(tree);
    kin.member_place = ++places;
    group->members_.push_back(process);
    kin.group = std::move(group);
}
void ProcessGroup::leave(Process& process, const process::TreeLock& tree) {
    Ref<ProcessGroup> left = std::move(process.kin(tree).group);
    if (!left) return;
    left->members_.erase(left->members_.iterator_to(process));
    if (!left->members_.empty()) return;
    auto free = [&](PidNumber* number, auto PidNumber::Uses::* use) {
        number->uses(tree).*use = nullptr;
        PidNamespace::release(number, tree);
    };
    if (--left->session_->groups_ == 0) free(left->session_->number_.get(), &PidNumber::Uses::session);
    free(left->number_.get(), &PidNumber::Uses::group);
}
