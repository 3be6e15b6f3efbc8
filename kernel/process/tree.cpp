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
    Holding tree{tree_lock()};
    PidNumber* number = pids.find(pid);
    if (!number) return err::srch;
    if (number->process) return Ref<Process>::share(number->process);
    if (number->task) return Ref<Process>::share(&number->task->process());
    return err::srch;
}
Result<Ref<Task>> find_task(PidNamespace& pids, Pid pid) {
    Holding tree{tree_lock()};
    PidNumber* number = pids.find(pid);
    if (!number || !number->task) return err::srch;
    return Ref<Task>::share(number->task);
}
Result<Ref<ProcessGroup>> find_group(PidNamespace& pids, Pid pid) {
    Holding tree{tree_lock()};
    PidNumber* number = pids.find(pid);
    if (!number || !number->group) return err::srch;
    return Ref<ProcessGroup>::share(number->group);
}

Result<Ref<Process>> next(PidNamespace& pids, Pid from) {
    constexpr unsigned at_once = 64; // the lock is let go now and then: a view may have many numbers
    for (;;) {
        Holding tree{tree_lock()};
        for (unsigned looked = 0; looked < at_once; looked++) {
            PidNumber* number = pids.at_or_after(from);
            if (!number) return err::srch;
            if (number->process) return Ref<Process>::share(number->process);
            from = number->in(pids) + 1;
        }
    }
}
Result<Ref<Task>> thread_after(Process& process, PidNamespace& pids, Pid tid) {
    Holding tree{tree_lock()};
    auto next = process.threads.begin();
    PidNumber* number = tid ? pids.find(tid) : nullptr;
    if (number && number->task && &number->task->process() == &process)
        next = std::next(process.threads.iterator_to(*number->task));
    else // it has ended meanwhile
        while (next != process.threads.end() && static_cast<Task&>(*next).tid(pids) <= tid) ++next;
    if (next == process.threads.end()) return err::srch;
    return Ref<Task>::share(static_cast<Task*>(&*next));
}

// Groups and sessions.

void join_group(Process& process, Ref<ProcessGroup> group) {
    leave_group(process);
    group->members.push_back(process);
    process.group = std::move(group);
}
void leave_group(Process& process) {
    if (!process.group) return;
    process.group->members.erase(process.group->members.iterator_to(process));
    process.group = nullptr;
}

bool is_orphaned_locked(ProcessGroup& group, const Process* without) {
    for (Process& member : group.members) {
        if (&member == without || member.state != ProcessState::running || !member.parent) continue;
        const Ref<ProcessGroup>& parents = member.parent->group;
        if (parents && parents != &group && parents->session == group.session) return false;
    }
    return true;
}
bool is_orphaned(ProcessGroup& group) {
    Holding tree{tree_lock()};
    return is_orphaned_locked(group);
}
bool has_stopped_member(ProcessGroup& group) {
    for (Process& member : group.members)
        if (member.stopped) return true;
    return false;
}
bool send_group_locked(ProcessGroup& group, int number) {
    Box<QueuedSignal> none;
    for (Process& member : group.members) signals::send_prepared(member, signals::info_kernel(number), none);
    return !group.members.empty();
}
void hang_up_if_orphaned(Process& process, Process* parent, const Process* ends) {
    ProcessGroup* group = process.group.get();
    if (!group || !parent || !parent->group) return;
    bool linked_to_session = parent->group != group && parent->group->session == group->session;
    if (!linked_to_session || !is_orphaned_locked(*group, ends) || !has_stopped_member(*group)) return;
    send_group_locked(*group, SIGHUP);
    send_group_locked(*group, SIGCONT);
}

namespace {
/// setpgid's rules about the target: itself or a child that has not executed, in the same session, no session leader.
Result<> may_move(Process& current, Process& target) {
    if (&target != &current) {
        if (target.parent != &current) return err::srch;
        if (!target.group || target.group->session != current.group->session) return err::perm;
        if (target.has_executed) return err::acces;
    }
    if (!target.group || target.group->session->leader == &target) return err::perm;
    return {};
}
} // namespace

Result<> set_group(Task& current, Pid pid, Pid group_pid) {
    if (group_pid < 0) return err::inval;
    PidNamespace& pids = current.pids();
    auto fresh = TRY(make_ref<ProcessGroup>()); // unless the group exists
    Holding tree{tree_lock()};
    Process* target = &current.process();
    if (pid) {
        PidNumber* number = pids.find(pid);
        if (!number || !number->process) return err::srch;
        target = number->process;
    }
    TRY(may_move(current.process(), *target));
    if (!group_pid || group_pid == target->pid(pids)) {
        PidNumber* own = target->leader_number();
        if (!own->group) {
            fresh->session = target->group->session;
            fresh->number = own;
            own->group = fresh.get();
            join_group(*target, std::move(fresh));
            return {};
        }
        group_pid = target->pid(pids);
    }
    PidNumber* number = pids.find(group_pid);
    if (!number || !number->group || number->group->session != target->group->session) return err::perm;
    if (target->group != number->group) join_group(*target, Ref<ProcessGroup>::share(number->group));
    return {};
}

Result<Pid> create_session(Task& current) {
    auto session = TRY(make_ref<Session>());
    auto group = TRY(make_ref<ProcessGroup>());
    Holding tree{tree_lock()};
    Process& process = current.process();
    PidNumber* number = process.leader_number();
    if (number->group) return err::perm; // a group's leader, or a group of that number
    start_session(process, std::move(session), std::move(group));
    return number->in(current.pids());
}

void start_session(Process& process, Ref<Session> session, Ref<ProcessGroup> group) {
    PidNumber* number = process.leader_number();
    session->leader = &process;
    session->number = number;
    number->session = session.get();
    group->session = std::move(session);
    group->number = number;
    number->group = group.get();
    join_group(process, std::move(group));
}

Pid group_of(Process& process, const PidNamespace& pids) {
    Holding tree{tree_lock()};
    return process.group ? process.group->number_in(pids) : 0;
}
Pid session_of(Process& process, const PidNamespace& pids) {
    Holding tree{tree_lock()};
    return process.group ? process.group->session->number_in(pids) : 0;
}

ChildCode decode_status(int status) {
    int signal = status & 0x7f;
    if (!signal) return {CLD_EXITED, status >> 8 & 0xff};
    return {status & 0x80 ? CLD_DUMPED : CLD_KILLED, signal};
}

siginfo_t child_info(Process& child, Process& parent, int code, int status) {
    siginfo_t info{};
    info.si_signo = SIGCHLD;
    info.si_code = code;
    info.si_pid = child.pid(parent.pids());
    if (child.leader) info.si_uid = child.leader->credentials_ref()->uid;
    info.si_status = status;
    CpuTime used = cpu_time(child);
    info.si_utime = static_cast<long>(used.user_ns / 10'000'000);
    info.si_stime = static_cast<long>(used.system_ns / 10'000'000);
    return info;
}

Unlinked::~Unlinked() {
    while (!threads_.empty()) {
        auto& task = static_cast<Task&>(threads_.front());
        threads_.pop_front();
        Ref<Task>::adopt(&task);
    }
    while (!processes_.empty()) {
        Process& process = processes_.front();
        processes_.pop_front();
        Ref<Process>::adopt(&process);
    }
}

void reap(Process& process, Unlinked& gone) {
    process.adopted_by(nullptr);
    process.state = ProcessState::dead;
    leave_group(process);
    unlink_thread(*process.leader, gone);
    gone.add(process);
}

void unlink_thread(Task& task, Unlinked& gone) {
    Process& process = task.process();
    Holding lock{process.signal_lock};
    process.threads.erase(process.threads.iterator_to(task));
    task.forget_number();
    // An unreaped leader counts: its stack and numbers are still there.
    if (Ref<Cgroup> counted = std::move(task.counted_in)) counted->tasks.fetch_sub(1);
    task.count_no_more();
    if (process.leader == &task) process.leader = nullptr;
    gone.add(task);
}
} // namespace process

// The objects of the tree.

Pid Session::number_in(const PidNamespace& pids) const { return number ? number->in(pids) : 0; }
Session::~Session() {
    if (!number) return;
    number->session = nullptr;
    PidNamespace::release(number);
}
Pid ProcessGroup::number_in(const PidNamespace& pids) const { return number ? number->in(pids) : 0; }
ProcessGroup::~ProcessGroup() {
    session = nullptr; // first: its number may be ours
    if (!number) return;
    number->group = nullptr;
    PidNamespace::release(number);
}
