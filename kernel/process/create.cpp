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

/// Shows the process to others.
void link(Task& task, Process& process, Start& start, Fresh& fresh, const TreeLock& tree) {
    {
        auto lock = process.lock_signals();
        ProcessFactory::link_thread(task, true, tree, lock);
    }
    process.leader_number(tree)->uses(tree).process = &process;
    (void)Ref<Process>::share(&process).release(); // the link's count
    process.adopted_by(start.parent, tree);
    Ref<ProcessGroup> group = start.parent ? start.parent->kin(tree).group : nullptr;
    if (start.new_session || !group) {
        group = std::move(fresh.group);
        group->found_session(process, std::move(fresh.session), tree);
    }
    ProcessGroup::join(process, std::move(group), tree);
    process.pids().population(tree).processes++;
}

Result<Ref<Process>> create(View& view, Start& start, Pid wanted) {
    auto process = TRY(ProcessFactory::make_process(view));
    process->limits.copy(start.limits);
    process->timers->limit_cpu_time();
    process->timers->limit_realtime();
    process->signals(process->lock_signals()).handlers = TRY(make_ref<SignalHandlers>());
    auto task = TRY(build(view, start));
    bool on_console = start.terminal && !view.is_root();
    Fresh fresh{TRY(make_ref<Session>(start.terminal, on_console)), TRY(make_ref<ProcessGroup>())};
    PidNumber* number = TRY(view.pids->allocate(wanted));
    ProcessFactory::attach(*task, process, number, true);
    auto loaded = exec::execute_first(*task, start.program);
    Ref<TerminalBase> terminal = start.terminal;
    Ref<ProcessGroup> led;
    {
        TreeLock tree;
        auto& population = view.pids->population(tree);
        if (loaded && (population.init_ended || (wanted && population.init))) loaded = err::busy;
        if (!loaded) {
            task->forget_number(tree);
            return std::unexpected(loaded.error());
        }
        link(*task, *process, start, fresh, tree);
        if (wanted) {
            population.init = process.get();
            process->unkillable = true;
        }
        led = process->kin(tree).group;
        if (led->session().leader(tree) != process.get()) led = nullptr;
    }
    if (terminal && led) terminal->enter_session(led->session(), led);
    return process;
}
} // namespace

Result<Ref<Process>> create_init(View& view, Start& start) { return create(view, start, 1); }
Result<Ref<Process>> create_in(View& view, Start& start) { return create(view, start, 0); }

void run(Process& process) {
    auto lock = process.lock_signals();
    sched::start(*process.threads(lock).leader);
}
} // namespace process
