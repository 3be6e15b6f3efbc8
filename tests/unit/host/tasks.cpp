#include "tasks.h"
#include "arch/api/context.h"
#include "core/check/report.h"
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
        Holding lock{Task::current().process().signal_lock};
        Task::current().exiting = true;
    }
    Task::current().process().live_threads.fetch_sub(1);
    sched::exit();
}

Ref<Process> host::make_process() {
    static bool ready = View::init_root().has_value();
    if (!ready) return {};
    auto process = *ProcessFactory::make_process(View::root());
    process->handlers = *make_ref<SignalHandlers>();
    return process;
}

Ref<User> host::user(u32 uid) { return *User::of(*View::root().users, uid); }

Ref<Task> host::start_task(Process& process, Ref<User> user, std::function<void()> body) {
    auto task = *ProcessFactory::make_task(View::root());
    task->count_for(std::move(user));
    task->robust_list = reinterpret_cast<uptr>(new std::function<void()>{std::move(body)});
    bool leads = !process.leader;
    ProcessFactory::attach(*task, Ref<Process>::share(&process), *PidNamespace::root().allocate(), leads);
    {
        process::TreeLock tree;
        Holding lock{process.signal_lock};
        if (leads) process.leader = task.get();
        ProcessFactory::link_thread(*task, tree);
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
            Holding lock{process.signal_lock};
            if (process.threads.empty()) break;
            auto& task = static_cast<Task&>(process.threads.front());
            process.threads.pop_front();
            task.forget_number(tree);
            if (process.leader == &task) process.leader = nullptr;
            gone = Ref<Task>::adopt(&task); // the link's count
        }
    }
}
