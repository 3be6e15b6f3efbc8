#include "tasks.h"
#include "arch/api/context.h"
#include "core/check/report.h"
#include "files.h"
#include "kernel/process/factory.h"
#include "kernel/process/timers.h"
#include <cstdlib>
#include <memory>

namespace {
std::function<void()>* body_of(Task& task) { return reinterpret_cast<std::function<void()>*>(task.robust_list); }
} // namespace

// The tests' machine is not turned off.
void check::power_off(unsigned) { std::abort(); }

/// "User mode" of a task; it ends when the body does.
void arch::enter_user() {
    std::unique_ptr<std::function<void()>> body{body_of(Task::current())};
    (*body)();
    body.reset();
    {
        auto lock = Task::current().process().lock_signals();
        Task::current().become(Task::Life::exiting, lock);
    }
    Task::current().process().live_threads.fetch_sub(1);
    sched::exit();
}

Ref<Process> host::make_process() {
    if (!view_ready()) return {};
    auto process = *ProcessFactory::make_process(View::root());
    process->signals(process->lock_signals()).handlers = *make_ref<SignalHandlers>();
    return process;
}

Ref<User> host::user(u32 uid) { return *User::of(*View::root().users, Kuid{uid}); }

Ref<Task> host::start_task(Process& process, Ref<User> user, std::function<void()> body) {
    auto task = *ProcessFactory::make_task(View::root());
    task->count_for(std::move(user));
    task->robust_list = reinterpret_cast<uptr>(new std::function<void()>{std::move(body)});
    bool leads = !process.threads(process::TreeLock{}).leader;
    ProcessFactory::attach(*task, Ref<Process>::share(&process), *PidNamespace::root().allocate(), leads);
    {
        process::TreeLock tree;
        auto lock = process.lock_signals();
        ProcessFactory::link_thread(*task, leads, tree, lock);
    }
    sched::start(*task);
    return task;
}

void host::end_process(Process& process) {
    while (process.live_threads.load() != 0) sched::yield();
    process.timers->stop_all();
    while (true) {
        Ref<Task> gone;
        {
            process::TreeLock tree;
            auto lock = process.lock_signals();
            Threads& threads = process.threads(tree, lock);
            if (threads.list.empty()) break;
            Task& task = task_of(threads.list.front());
            threads.list.pop_front();
            task.forget_number(tree);
            if (threads.leader == &task) threads.leader = nullptr;
            gone = Ref<Task>::adopt(&task); // the link's count
        }
    }
}
