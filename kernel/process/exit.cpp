#include "core/alloc/fail.h"
#include "kernel/process/core_dump/core_dump.h"
#include "kernel/process/factory.h"
#include "kernel/process/robust.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/timers.h"

namespace process {
namespace {
/// The thread counts no more: signals go to others, a stop does not wait for it. Returns whether it was the last.
bool leave_threads(Task& task, int status) {
    Process& process = task.process();
    bool stopped, last;
    {
        auto lock = process.lock_signals();
        auto& shared = process.signals(lock);
        task.become(Task::Life::exiting, lock);
        core_dump::leaves(task, lock);
        task.work.fetch_and(~u32{arch::work_signal});
        stopped = shared.job.settle(task, Stop::none, lock);
        last = process.live_threads.fetch_sub(1) == 1;
        if (process.is_led_by(task) || shared.ending)
            process.exit_status = shared.ending ? shared.group_status : status;
        signals::pass_on(task, shared.pending.set & ~task.blocked(), lock); // somebody else's now
    }
    if (stopped && !last) signals::notify_parent(process, CLD_STOPPED);
    return last;
}

/// Gives back what the task has shared or owned; files may sleep while they close.
void drop_shares(Task& task) {
    ResourceUse peak;
    Ref<AddressSpace> space;
    {
        Holding lock{task.shares_lock};
        std::swap(space, task.space);
    }
    if (space) {
        peak.peak_resident_pages = space->peak_resident();
        AddressSpace::use(nullptr);
    }
    {
        Process& process = task.process();
        auto lock = process.lock_signals();
        process.accounting(lock).ended_threads.add(peak);
    }
    space = nullptr;
    task.semaphore_undo = nullptr;
    (void)task.set_fs(nullptr);
    Ref<FileTable> files;
    Ref<vfs::MountTree> mounts;
    Holding lock{task.shares_lock};
    std::swap(files, task.files);
    std::swap(mounts, task.mounts);
    // The lock goes before they do: they were declared first.
}

/// A session leader's end: the terminal is free again, and the foreground hears of it.
void leave_session(Session& session, TerminalBase* terminal) {
    if (terminal) terminal->leave_session(session);
    TreeLock tree;
    session.leader(tree) = nullptr;
    session.terminal(tree) = nullptr; // the caller holds it
}

/// Who gets the children of `process`: the nearest subreaper above it, else its namespace's init; null: nobody. Goes up
/// some steps at a time.
Ref<Process> reaper_of(Process& process) {
    constexpr unsigned at_once = 64;
    for (auto from = Ref<Process>::share(&process);;) {
        Ref<Process> up; // goes after the lock, as `from` does
        {
            TreeLock tree;
            Process* at = from->state() == ProcessState::dead ? &process : from.get(); // reaped meanwhile
            for (unsigned n = 0; n < at_once; n++) {
                at = at->kin(tree).parent;
                bool top = !at || &at->pids() != &process.pids();
                if (top) at = process.pids().population(tree).init;
                if (top || (at->kin(tree).child_subreaper && !at->kin(tree).leaves)) return Ref<Process>::share(at);
            }
            up = Ref<Process>::share(at);
        }
        from = std::move(up);
    }
}

/// Tells the parent of an ended process. True: nobody will wait for it, it must be reaped now.
bool notify_of_end(Process& process, Box<QueuedSignal>& memory, const TreeLock& tree) {
    Process* parent = process.kin(tree).parent;
    if (!parent) return true;
    bool ignored = false;
    int signal = process.kin(tree).exit_signal;
    if (signal == SIGCHLD) {
        auto lock = parent->lock_signals();
        SignalAction action = signals::action_of(*parent, SIGCHLD, lock);
        ignored = action.handler == signals::handler_ignore || action.flags & SA_NOCLDWAIT;
        if (action.handler == signals::handler_ignore) signal = 0;
    }
    if (signal) {
        ChildCode how = decode_status(process.exit_status);
        siginfo_t info = child_info(process, *parent, how.code, how.status, cpu_time(process), tree);
        info.si_signo = signal;
        signals::send_prepared(*parent, info, memory);
    }
    parent->child_changed.notify_all();
    return ignored;
}

/// Gives the first of the children away. False: there are none. `asked`: the group that was asked last whether it is
/// orphaned now.
bool give_child_away(Process& process, Process* reaper, Ref<ProcessGroup>& asked) {
    Unlinked gone; // goes after the lock
    Ref<Process> child;
    Ref<ProcessGroup> group;
    int signal = 0;
    Box<QueuedSignal> none;
    {
        TreeLock tree;
        auto& children = process.kin(tree).children;
        if (children.empty()) return false;
        child = Ref<Process>::share(&*children.begin());
        child->kin(tree).exit_signal = SIGCHLD;
        child->adopted_by(reaper, tree);
        if (child->has_ended()) {
            if (notify_of_end(*child, none, tree)) reap(*child, gone, tree);
            return true;
        }
        signal = child->threads(tree).leader->parent_death_signal;
        group = group_linked_by(&process, *child, tree);
    }
    if (signal) signals::send_prepared(*child, signals::info_user(signal), none);
    if (group && group != asked) hang_up_if_orphaned(*(asked = std::move(group)));
    return true;
}

/// The threads of the process are leaving: what it was to others in the tree it is no more, and its children go to
/// others. From here on it gets no more of them.
void leave_tree(Process& process) {
    Ref<ProcessGroup> group, linked;
    Ref<TerminalBase> terminal;
    bool leads, has_children;
    {
        TreeLock tree;
        Kinship& kin = process.kin(tree);
        kin.leaves = true;
        linked = group_linked_by(kin.parent, process, tree);
        group = kin.group;
        leads = group && group->session().leader(tree) == &process;
        if (leads) terminal = group->session().terminal(tree);
        has_children = !kin.children.empty();
    }
    if (leads) leave_session(group->session(), terminal.get());
    // The group is orphaned by this end, whoever becomes the parent of the children in it.
    if (linked) hang_up_if_orphaned(*linked);
    if (!has_children) return;
    Ref<Process> reaper = reaper_of(process);
    Ref<ProcessGroup> asked;
    while (give_child_away(process, reaper.get(), asked)) {}
}

/// The last thread has ended: the process is a zombie, its relatives hear of it. Returns whether it was its namespace's
/// init: then all others are to be killed.
bool end_process(Process& process, Unlinked& gone, Box<QueuedSignal>& memory, const TreeLock& tree) {
    auto& population = process.pids().population(tree);
    process.become_zombie(tree);
    bool was_init = population.init == &process;
    if (was_init) {
        population.init = nullptr;
        population.init_ended = true;
        population.init_status = process.exit_status;
    }
    population.processes--;
    bool reap_at_once = notify_of_end(process, memory, tree);
    process.ended.notify_all();
    if (reap_at_once) reap(process, gone, tree);
    return was_init;
}

/// The thread has ended; what it did stays with the process. Returns whether it was the last.
bool retire(Task& task, const TreeLock& tree) {
    Process& process = task.process();
    auto lock = process.lock_signals();
    process.timers->left(task, lock);
    process.accounting(lock).ended_threads.add(thread_use(task));
    task.become(Task::Life::ended, lock);
    return --process.threads(tree, lock).unended == 0;
}

/// Everything but the last switch, so that no reference is left on this stack.
void end_thread(Task& task, int status) {
    Process& process = task.process();
    failures::thread_ends();
    core_dump::wait_for(task);
    bool last_to_leave = leave_threads(task, status);
    release_user_memory(task);
    if (last_to_leave) process.timers->stop_all();
    drop_shares(task);
    if (last_to_leave) {
        leave_tree(process);
        (void)process.set_executable(nullptr);
    }

    Box<QueuedSignal> memory{process.spare_signal.take()};
    Ref<View> view = Ref<View>::share(&process.view());
    Ref<Process> keep = Ref<Process>::share(&process);
    Unlinked gone;
    bool kill_others = false, emptied = false;
    int view_status = 0;
    {
        TreeLock tree;
        // The last to end need not be the last to leave, and the leader need not be either.
        bool last = retire(task, tree);
        if (!process.is_led_by(task)) unlink_thread(task, gone, tree);
        if (last) {
            kill_others = end_process(process, gone, memory, tree);
            auto& population = process.pids().population(tree);
            emptied = &process.pids() == view->pids.get() && population.init_ended && population.processes == 0;
            view_status = population.init_status;
        }
        process.threads_changed.notify_all();
    }
    process.spare_signal.give(std::move(memory));
    if (kill_others) kill_all(process.pids());
    if (emptied) view->emptied(view_status);
}
} // namespace

void exit_thread(int status) {
    end_thread(Task::current(), status);
    sched::exit();
}

void exit_group(int status) {
    Process& process = Task::current().process();
    {
        auto lock = process.lock_signals();
        signals::end_all(process, status, lock);
        status = process.signals(lock).group_status;
    }
    exit_thread(status);
}

void kill_all(PidNamespace& pids) {
    for (Pid from = 1;;) {
        auto next = process::next(pids, from);
        if (!next) return;
        Process& process = **next;
        from = process.pid(pids) + 1;
        if (pids.is_root() && &process.pids() != &pids) continue; // containers end by themselves
        auto lock = process.lock_signals();
        signals::end_all(process, SIGKILL, lock);
    }
}
} // namespace process
