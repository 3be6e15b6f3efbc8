#include "core/check/fail.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/process/factory.h"
#include "kernel/process/robust.h"
#include "kernel/process/timers.h"
#include "kernel/signal/state.h"

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
    if (stopped && !last) signals::tell_parent(process, CLD_STOPPED);
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
        Thread::set_address_space(nullptr);
    }
    {
        Holding lock{task.process().signal_lock};
        task.process().ended_threads.add(peak);
    }
    space = nullptr;
    Ref<FileTable> files;
    Ref<vfs::FsContext> fs;
    Ref<vfs::MountTree> mounts;
    Holding lock{task.shares_lock};
    std::swap(files, task.files);
    std::swap(fs, task.fs);
    std::swap(mounts, task.mounts);
    // The lock goes before they do: they were declared first.
}

/// A session leader's end: the terminal is free again, and the foreground hears of it.
void leave_terminal(Process& process) {
    Ref<Session> session;
    {
        Holding tree{tree_lock()};
        if (!process.group || process.group->session->leader != &process) return;
        session = process.group->session;
    }
    Ref<tty::Terminal> terminal;
    {
        Holding tree{tree_lock()};
        terminal = session->terminal;
    }
    if (terminal) terminal->leave_session(*session);
    Holding tree{tree_lock()};
    session->leader = nullptr;
    session->terminal = nullptr; // `terminal` still holds it
    session = nullptr;
}

/// References that must be dropped without the tree lock.
struct Leftovers {
    Vector<Reaped> reaped;
    Vector<Ref<Task>> threads;
};

/// Reaps at once, keeping what must outlive the lock. When memory is short the references go under the lock.
void reap_now(Process& process, Leftovers& left) {
    Reaped gone = reap(process);
    (void)left.reaped.push(std::move(gone));
}

/// Who gets the children of `process`: the nearest subreaper above it, else the view's init; null: nobody.
Process* reaper_of(Process& process) {
    for (Process* up = process.parent; up && &up->view() == &process.view(); up = up->parent)
        if (up->child_subreaper && up->state == ProcessState::running) return up;
    Process* init = process.view().init;
    return init != &process && init && init->state == ProcessState::running ? init : nullptr;
}

/// Tells the parent of an ended process. True: nobody will wait for it, it must be reaped now.
bool tell_of_end(Process& process, Box<QueuedSignal>& memory) {
    Process* parent = process.parent;
    if (!parent) return true;
    bool ignored = false;
    int signal = process.exit_signal;
    if (signal == SIGCHLD) {
        Holding lock{parent->signal_lock};
        SignalAction action = parent->handlers->actions.lock()->of[SIGCHLD - 1];
        ignored = action.handler == 1 || action.flags & SA_NOCLDWAIT;
        if (action.handler == 1) signal = 0;
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

void give_children_away(Process& process, Leftovers& left) {
    Process* reaper = reaper_of(process);
    Box<QueuedSignal> none;
    while (!process.children.empty()) {
        Process& child = process.children.front();
        bool runs = child.state == ProcessState::running;
        if (runs && child.leader && child.leader->parent_death_signal)
            signals::send_prepared(child, signals::info_user(child.leader->parent_death_signal), none);
        child.adopted_by(reaper);
        child.exit_signal = SIGCHLD;
        if (runs)
            hang_up_if_orphaned(child, &process, &process);
        else if (tell_of_end(child, none))
            reap_now(child, left);
    }
}

void kill_all_locked(View& view, Process* except) {
    for (PidNumber* n = pids::at_or_after(view, 1); n; n = pids::at_or_after(view, n->in(view) + 1)) {
        Process* process = n->process;
        if (!process || process == except || &process->view() != &view) continue;
        Holding lock{process->signal_lock};
        signals::end_all(*process, SIGKILL);
    }
}

/// The last thread is gone: the process is a zombie, its relatives hear of it.
void end_process(Process& process, Leftovers& left, Box<QueuedSignal>& memory) {
    View& view = process.view();
    process.become_zombie();
    hang_up_if_orphaned(process, process.parent, &process);
    give_children_away(process, left);
    if (view.init == &process) {
        view.init = nullptr;
        view.init_ended = true;
        view.init_status = process.exit_status;
        kill_all_locked(view, &process);
    }
    view.processes--;
    bool reap_at_once = tell_of_end(process, memory);
    process.ended.notify_all();
    if (reap_at_once) reap_now(process, left);
}

/// Everything but the last switch, so that no reference is left on this stack.
void end_thread(Task& task, int status) {
    Process& process = task.process();
    failures::thread_ends();
    bool last = leave_threads(task, status);
    release_user_memory(task);
    if (last) process.timers->stop_all();
    drop_shares(task);
    if (last) {
        leave_terminal(process);
        (void)process.set_executable(nullptr);
    }

    auto prepared = signals::prepare();
    Box<QueuedSignal> memory = prepared ? std::move(*prepared) : nullptr;
    Ref<View> view = Ref<View>::share(&process.view());
    Ref<Process> keep = Ref<Process>::share(&process);
    Leftovers left;
    bool emptied = false;
    int view_status = 0;
    {
        Holding tree{tree_lock()};
        {
            Holding lock{process.signal_lock};
            process.ended_threads.add(thread_use(task));
        }
        task.ended = true;
        if (&task != process.leader) (void)left.threads.push(unlink_thread(task));
        if (last) {
            end_process(process, left, memory);
            emptied = view->init_ended && view->processes == 0;
            view_status = view->init_status;
        }
        process.threads_changed.notify_all();
    }
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

void kill_all(View& view) {
    Holding tree{tree_lock()};
    kill_all_locked(view, nullptr);
}
} // namespace process
