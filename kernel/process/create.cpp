#include "kernel/process/exec/load.h"
#include "kernel/process/factory.h"
#include "kernel/process/timers.h"

namespace process {
namespace {
/// Everything of the task that does not show outside it yet.
Result<Ref<Task>> build(View& view, Start& start) {
    auto task = TRY(ProcessFactory::make_task(view));
    task->count_for(TRY(User::of(*view.users, start.credentials->uid)));
    ProcessFactory::set_credentials(*task, std::move(start.credentials));
    task->files = std::move(start.files);
    TRY(task->set_fs(std::move(start.fs)));
    task->mounts = std::move(start.mounts);
    return task;
}

struct Fresh {
    Ref<Session> session;
    Ref<ProcessGroup> group;
};

/// Shows the process to others. The tree lock is held.
void link(Task& task, Process& process, Start& start, Fresh& fresh) {
    View& view = process.view();
    {
        Holding lock{process.signal_lock};
        ProcessFactory::link_thread(task);
        process.leader = &task;
    }
    process.leader_number()->process = &process;
    (void)Ref<Process>::share(&process).release(); // the link's count
    process.adopted_by(start.parent);
    if (start.new_session || !start.parent || !start.parent->group) {
        start_session(process, std::move(fresh.session), std::move(fresh.group));
        process.group->session->terminal = start.terminal;
        process.group->session->on_console = start.terminal && !view.is_root();
    } else
        join_group(process, start.parent->group);
    process.pids().processes++;
}

Result<Ref<Process>> create(View& view, Start& start, Pid wanted) {
    auto process = TRY(ProcessFactory::make_process(view));
    process->limits.copy(start.limits);
    process->timers->limit_cpu_time();
    process->timers->limit_realtime();
    process->handlers = TRY(make_ref<SignalHandlers>());
    auto task = TRY(build(view, start));
    Fresh fresh{TRY(make_ref<Session>()), TRY(make_ref<ProcessGroup>())};
    PidNumber* number = TRY(view.pids->allocate(wanted));
    ProcessFactory::attach(*task, process, number, true);
    auto loaded = exec::execute_first(*task, start.program);
    Ref<TerminalBase> terminal = start.terminal;
    {
        Holding tree{tree_lock()};
        if (loaded && (view.pids->init_ended || (wanted && view.pids->init))) loaded = err::busy;
        if (!loaded) {
            task->forget_number();
            return std::unexpected(loaded.error());
        }
        link(*task, *process, start, fresh);
        if (wanted) {
            view.pids->init = process.get();
            process->unkillable = true;
        }
    }
    if (terminal && process->group->session->leader == process.get())
        terminal->enter_session(*process->group->session, process->group);
    return process;
}
} // namespace

Result<Ref<Process>> create_init(View& view, Start& start) { return create(view, start, 1); }
Result<Ref<Process>> create_in(View& view, Start& start) { return create(view, start, 0); }

void run(Process& process) { sched::start(*process.leader); }
} // namespace process
