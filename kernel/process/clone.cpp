#include "arch/api/user_copy.h"
#include "kernel/process/factory.h"
#include "kernel/process/pidfd.h"
#include "kernel/process/timers.h"
#include <linux/capability.h>
#include <linux/sched.h>

namespace process {
namespace {
constexpr u64 namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
constexpr u64 known_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PIDFD | CLONE_PTRACE |
                            CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                            CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED |
                            CLONE_CHILD_SETTID | CLONE_IO | CLONE_CLEAR_SIGHAND;

Result<> check(Task& current, const CloneRequest& request) {
    u64 flags = request.flags;
    if (flags & namespace_flags) { // views are made by containers only
        bool user = flags & CLONE_NEWUSER;
        return user || current.credentials().can(CAP_SYS_ADMIN) ? Result<>{err::inval} : Result<>{err::perm};
    }
    if (flags & ~known_flags) return err::inval;
    if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) return err::inval;
    if (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) return err::inval;
    if (flags & CLONE_CLEAR_SIGHAND && flags & CLONE_SIGHAND) return err::inval;
    if (flags & CLONE_PARENT && current.process().unkillable) return err::inval;
    if (flags & CLONE_PIDFD && flags & (CLONE_THREAD | CLONE_DETACHED)) return err::inval;
    if (request.exit_signal < 0 || request.exit_signal > signal_count) return err::inval;
    if (request.set_tid && !current.credentials().can(CAP_SYS_ADMIN)) return err::perm;
    return {};
}

/// What the new task shares with its maker or has a copy of.
Result<> share(Task& from, Task& to, u64 flags) {
    ProcessFactory::set_credentials(to, from.credentials_ref());
    to.count_for(from.user);
    if (beyond_process_limit(from) && !from.credentials().can_everywhere(CAP_SYS_RESOURCE) &&
        !from.credentials().can_everywhere(CAP_SYS_ADMIN))
        return err::again;
    to.space = flags & CLONE_VM ? from.space : TRY(from.space->clone());
    to.files = flags & CLONE_FILES ? from.files : TRY(from.files->clone());
    TRY(to.set_fs(flags & CLONE_FS ? from.fs : TRY(from.fs->clone())));
    to.mounts = from.mounts;
    if (flags & CLONE_SYSVSEM) {
        if (!from.semaphore_undo) from.semaphore_undo = TRY(make_ref<sysv::UndoList>());
        to.semaphore_undo = from.semaphore_undo;
    }
    arch::sync_user_state(from.user_state);
    TRY(to.user_state.copy_from(from.user_state));
    to.name = from.name;
    ProcessFactory::set_blocked(to, from.blocked());
    to.personality = from.personality;
    to.io_priority = from.io_priority.load();
    to.login_user = from.login_user.load();
    to.login_session = from.login_session.load();
    to.timer_slack_ns = to.default_timer_slack_ns = from.timer_slack_ns;
    if (!(flags & CLONE_VM) || flags & CLONE_VFORK) to.alternate_stack = from.alternate_stack;
    auto parameters = from.parameters();
    if (parameters.reset_on_fork) parameters = {.nice = std::max(parameters.nice, 0)};
    to.set_parameters(parameters);
    if (from.affinity() != ~u64{0}) TRY(to.set_affinity(from.affinity()));
    to.traced = from.traced;
    to.syscalls = from.syscalls;
    return {};
}

Result<> set_registers(Task& from, Task& to, const CloneRequest& request) {
    arch::TrapFrame& frame = arch::user_frame(to);
    frame = arch::user_frame(from);
    frame.set_result(0);
    if (request.stack) frame.set_sp(request.stack);
    if (request.flags & CLONE_SETTLS) TRY(arch::set_thread_pointer(frame, to.user_state, request.tls));
    if (request.flags & CLONE_CHILD_SETTID) to.set_child_tid = request.child_tid;
    if (request.flags & CLONE_CHILD_CLEARTID) to.clear_child_tid = request.child_tid;
    return {};
}

Result<Ref<Process>> new_process(Task& current, const CloneRequest& request) {
    Process& parent = current.process();
    auto process = TRY(ProcessFactory::make_process(current.view()));
    process->set_abi(parent.abi());
    process->limits.copy(parent.limits);
    process->timers->limit_cpu_time();
    process->timers->limit_realtime();
    process->dumpable = parent.dumpable.load();
    process->coredump_filter = parent.coredump_filter.load();
    process->membarriers = parent.membarriers.load();
    auto handlers = request.flags & CLONE_SIGHAND ? parent.handlers() : TRY(parent.handlers()->clone());
    if (request.flags & CLONE_CLEAR_SIGHAND) handlers->reset_caught();
    process->signals(process->lock_signals()).handlers = std::move(handlers);
    TRY(process->set_executable(parent.executable()));
    process->oom_score_adjustment = parent.oom_score_adjustment.load();
    process->least_oom_score_adjustment = parent.least_oom_score_adjustment.load();
    return process;
}

/// Puts the finished child where others find it. A signal that came meanwhile goes first: it might concern the child.
Result<> commit(Task& current, Task& child, PidNumber* number, u64 flags, int exit_signal) {
    Process& parent = current.process();
    Process& process = child.process();
    bool thread = flags & CLONE_THREAD;
    TreeLock tree;
    {
        auto lock = parent.lock_signals();
        auto& shared = parent.signals(lock);
        signals::recalculate(current, lock);
        if (shared.ending || shared.executing || current.interrupted()) return err::restartnointr;
        if (thread) ProcessFactory::link_thread(child, false, tree, lock);
    }
    if (thread) return {};
    auto& population = parent.pids().population(tree);
    if (population.init_ended || (population.init && population.init->kin(tree).leaves)) return err::nomem;
    {
        auto lock = process.lock_signals();
        ProcessFactory::link_thread(child, true, tree, lock);
    }
    number->uses(tree).process = &process;
    Kinship &ours = parent.kin(tree), &its = process.kin(tree);
    bool sibling = flags & CLONE_PARENT;
    its.exit_signal = sibling ? ours.exit_signal : exit_signal;
    (void)Ref<Process>::share(&process).release(); // the link's count
    process.adopted_by(sibling ? ours.parent : &parent, tree);
    its.maker = sibling ? ours.maker : current.tid();
    ProcessGroup::join(process, ours.group, tree);
    population.processes++;
    return {};
}

Result<> wait_for_memory(Task& current, Task& child) {
    return signals::wait_killable(current, child.memory_returned, [&] { return !child.borrows_memory.load(); });
}
} // namespace

Result<Pid> clone(Task& current, const CloneRequest& request) {
    TRY(check(current, request));
    u64 flags = request.flags;
    View& view = current.view();
    auto child = TRY(ProcessFactory::make_task(view));
    TRY(share(current, *child, flags));
    Ref<Process> process =
        flags & CLONE_THREAD ? Ref<Process>::share(&current.process()) : TRY(new_process(current, request));
    TRY(set_registers(current, *child, request));

    PidNumber* number = TRY(current.pids().allocate(request.set_tid));
    ProcessFactory::attach(*child, process, number, !(flags & CLONE_THREAD));
    Pid tid = number->own();
    int pidfd = -1;
    auto finish = [&]() -> Result<> {
        if (flags & CLONE_PIDFD) {
            pidfd = TRY(open_pidfd(current, process, 0));
            TRY(arch::copy_out(request.pidfd, &pidfd, sizeof pidfd));
        }
        if (flags & CLONE_PARENT_SETTID) (void)arch::copy_out(request.parent_tid, &tid, sizeof tid);
        child->borrows_memory = flags & CLONE_VFORK;
        return commit(current, *child, number, flags, request.exit_signal);
    };
    if (auto finished = finish(); !finished) {
        if (pidfd >= 0) (void)current.files->close(pidfd);
        TreeLock tree;
        child->forget_number(tree);
        return std::unexpected(finished.error());
    }
    sched::start(*child);
    if (flags & CLONE_VFORK) (void)wait_for_memory(current, *child);
    return tid;
}
} // namespace process
