#include "core/alloc/fail.h"
#include "kernel/process/factory.h"
#include "kernel/process/robust.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/timers.h"

namespace process {
namespace {
/// The thread counts no more: signals go to others, a stop does not wait for it. Returns whether it was the last.
bool leave_threads(Task& task, int status) {
    Process& process = task.process();
    bool stopped = false, last;
    {
        Holding lock{process.signal_lock};
        task.exiting = true;
        task.work.fetch_and(~u32{arch::work_signal});
        if (task.stop_pending) {
            task.stop_pending = false;
            stopped = process.still_to_stop && --process.still_to_stop == 0;
            if (stopped) process.stopped = process.stop_unreported = true;
        }
        last = process.live_threads.fetch_sub(1) == 1;
        if (&task == process.leader || process.ending)
            process.exit_status = process.ending ? process.group_status : status;
        SignalSet left = process.pending.set & ~task.blocked; // somebody else's now
        if (left)
            for_each_thread(process, [&](Task& t) {
                if (!t.exiting && left & ~t.blocked) t.interrupt();
            });
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
        Holding lock{task.process().signal_lock};
        task.process().ended_threads.add(peak);
    }
    space = nullptr;
    (void)task.set_fs(nullptr);
    Ref<FileTable> files;
    Ref<vfs::MountTree> mounts;
    Holding lock{task.shares_lock};
    std::swap(files, task.files);
    std::swap(mounts, task.mounts);
    // The lock goes before they do: they were declared first.
}

/// A session leader's end: the terminal is free again, and the foreground hears of it.
void leave_terminal(Process& process) {
    Ref<Session> session;
    Ref<TerminalBase> terminal;
    {
        Holding tree{tree_lock()};
        if (!process.group || process.group->session->leader != &process) return;
        session = process.group->session;
        terminal = session->terminal;
    }
    if (terminal) terminal->leave_session(*session);
    Holding tree{tree_lock()};
    session->leader = nullptr;
    session->terminal = nullptr; // `terminal` still holds it
    session = nullptr;
}

/// Who gets the children of `process`: the nearest subreaper above it, else its namespace's init; null: nobody.
Process* reaper_of(Process& process) {
    for (Process* up = process.parent; up && &up->pids() == &process.pids(); up = up->parent)
        if (up->child_subreaper && up->state == ProcessState::running) return up;
    Process* init = process.pids().init;
    return init != &process && init && init->state == ProcessState::running ? init : nullptr;
}

/// Tells the parent of an ended process. True: nobody will wait for it, it must be reaped now.
bool notify_of_end(Process& process, Box<QueuedSignal>& memory) {
    Process* parent = process.parent;
    if (!parent) return true;
    bool ignored = false;
    int signal = process.exit_signal;
    if (signal == SIGCHLD) {
        Holding lock{parent->signal_lock};
        SignalAction action = parent->handlers->actions.lock()->of[SIGCHLD - 1];
        ignored = action.handler == signals::handler_ignore || action.flags & SA_NOCLDWAIT;
        if (action.handler == signals::handler_ignore) signal = 0;
    }
    if (signal) {
        ChildCode how = decode_status(process.exit_status);
        siginfo_t info = child_info(process, *parent, how.code, how.status);
        info.si_signo = signal;
        signals::send_prepared(*parent, info, memory);
    }
    parent->child_changed.notify_all();
    return ignored;
}

/// Gives some of the children away. False: there are no more. The tree lock is held.
bool give_children_away(Process& process, Unlinked& gone) {
    constexpr unsigned at_once = 32;
    Process* reaper = reaper_of(process);
    Box<QueuedSignal> none;
    for (unsigned n = 0; n < at_once && !process.children.empty(); n++) {
        Process& child = process.children.front();
        bool runs = child.state == ProcessState::running;
        if (runs && child.leader->parent_death_signal)
            signals::send_prepared(child, signals::info_user(child.leader->parent_death_signal), none);
        child.adopted_by(reaper);
        child.exit_signal = SIGCHLD;
        if (runs)
            hang_up_if_orphaned(child, &process, &process);
        else if (notify_of_end(child, none))
            reap(child, gone);
    }
    return !process.children.empty();
}

/// All but the last few of the children of a process whose threads are leaving go to others, with the tree lock let go
/// in between: there may be many.
void give_most_children_away(Process& process) {
    if (process.children.empty()) return; // what comes meanwhile is given away at the end
    for (bool first = true, more = true; more; first = false) {
        Unlinked gone; // goes after the lock
        Holding tree{tree_lock()};
        // The group is orphaned by this end, whoever becomes the parent of the children in it.
        if (first) hang_up_if_orphaned(process, process.parent, &process);
        more = give_children_away(process, gone);
    }
}

/// The last thread has ended: the process is a zombie, its relatives hear of it. The tree lock is held. Returns whether
/// it was its namespace's init: then all others are to be killed.
bool end_process(Process& process, Unlinked& gone, Box<QueuedSignal>& memory) {
    PidNamespace& pids = process.pids();
    process.become_zombie();
    hang_up_if_orphaned(process, process.parent, &process);
    while (give_children_away(process, gone)) {}
    bool was_init = pids.init == &process;
    if (was_init) {
        pids.init = nullptr;
        pids.init_ended = true;
        pids.init_status = process.exit_status;
    }
    pids.processes--;
    bool reap_at_once = notify_of_end(process, memory);
    process.ended.notify_all();
    if (reap_at_once) reap(process, gone);
    return was_init;
}

/// The thread has ended; what it did stays with the process. Returns whether it was the last. The tree lock is held.
bool retire(Task& task) {
    Process& process = task.process();
    Holding lock{process.signal_lock};
    process.timers->left(task);
    process.ended_threads.add(thread_use(task));
    task.ended = true;
    return --process.unended_threads == 0;
}

/// Everything but the last switch, so that no reference is left on this stack.
void end_thread(Task& task, int status) {
    Process& process = task.process();
    failures::thread_ends();
    bool last_to_leave = leave_threads(task, status);
    release_user_memory(task);
    if (last_to_leave) process.timers->stop_all();
    drop_shares(task);
    if (last_to_leave) {
        leave_terminal(process);
        (void)process.set_executable(nullptr);
        give_most_children_away(process);
    }

    Box<QueuedSignal> memory{process.spare_signal.take()};
    Ref<View> view = Ref<View>::share(&process.view());
    Ref<Process> keep = Ref<Process>::share(&process);
    Unlinked gone;
    bool kill_others = false, emptied = false;
    int view_status = 0;
    {
        Holding tree{tree_lock()};
        // The last to end need not be the last to leave, and the leader need not be either.
        bool last = retire(task);
        if (&task != process.leader) unlink_thread(task, gone);
        if (last) {
            kill_others = end_process(process, gone, memory);
            PidNamespace& pids = process.pids();
            emptied = &pids == view->pids.get() && pids.init_ended && pids.processes == 0;
            view_status = pids.init_status;
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
        Holding lock{process.signal_lock};
        signals::end_all(process, status);
        status = process.group_status;
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
        Holding lock{process.signal_lock};
        signals::end_all(process, SIGKILL);
    }
}
} // namespace process
