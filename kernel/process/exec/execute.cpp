#include "kernel/process/exec/load.h"
#include "kernel/process/factory.h"
#include "kernel/process/inspect.h"
#include "kernel/process/robust.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/timers.h"

namespace exec {
namespace {
/// Ends all other threads and, in a thread that is not the leader, takes over the leader's number. err::again: another
/// thread is in exec; err::restartsys: the process ends.
Result<> become_only_thread(Task& task) {
    Process& process = task.process();
    {
        auto lock = process.lock_signals();
        auto& shared = process.signals(lock);
        if (shared.ending || (shared.executing && shared.executing != &task)) return err::again;
        shared.executing = &task;
        for_each_thread(process, lock, [&](Task& t) {
            if (&t != &task && !t.is_exiting()) signals::end_thread(t, lock);
        });
    }
    auto alone = [&] { return process.threads(process.lock_signals()).unended == 1; };
    auto waited = signals::wait_killable(task, process.threads_changed, alone);
    process::Unlinked old_leader;
    process::TreeLock tree;
    if (waited && !process.is_led_by(task)) {
        Task& leader = *process.threads(tree).leader;
        ProcessFactory::take_over(leader, task, tree, process.lock_signals());
        process::unlink_thread(leader, old_leader, tree);
    }
    auto lock = process.lock_signals();
    process.signals(lock).executing = nullptr;
    if (waited) signals::recalculate(task, lock);
    return waited;
}

/// The process stops sharing dispositions; caught signals go back to their defaults.
Result<> own_handlers(Process& process, Ref<SignalHandlers>& fresh) {
    if (process.handlers()->ref_count() > 1) fresh = TRY(process.handlers()->clone());
    return {};
}

/// Who got more rights than its user, or runs what that may not read, is not for the user to look into.
bool is_hidden(const Task& task, const Loaded& loaded) {
    const Credentials& before = task.credentials();
    bool was_itself = before.euid == before.uid && before.egid == before.gid;
    return !loaded.readable || !was_itself || process::hides(before, *loaded.credentials);
}

void take_credentials(Task& task, Loaded& loaded) {
    task.process().dumpable = !is_hidden(task, loaded);
    if (loaded.secure || process::hides(task.credentials(), *loaded.credentials)) task.parent_death_signal = 0;
    task.set_credentials(std::move(loaded.credentials));
}

/// The new image takes the place of the old one. Nothing fails here.
void commit(Task& task, Loaded& loaded, Ref<SignalHandlers> handlers, Ref<FileTable> files) {
    Process& process = task.process();
    process::release_user_memory(task);
    if (is_hidden(task, loaded)) process.dumpable = false; // before the memory is there
    Ref<AddressSpace> old = loaded.space;
    {
        Holding lock{task.shares_lock};
        std::swap(old, task.space);
    }
    if (&Thread::current() == &task) AddressSpace::use(task.space.get());
    old = nullptr;
    if (files) {
        Holding lock{task.shares_lock};
        std::swap(files, task.files);
    }
    files = nullptr;
    task.files->close_on_exec_files();
    process.timers->drop_posix();
    {
        auto lock = process.lock_signals();
        if (handlers) std::swap(process.signals(lock).handlers, handlers);
    }
    process.handlers()->reset_caught();
    process.membarriers = 0;
    take_credentials(task, loaded);
    process.set_abi(*loaded.abi);
    task.choose_syscalls(*loaded.abi);
    (void)process.set_executable(loaded.file); // loaded.guard holds it
    loaded.guard = {};
    task.alternate_stack = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    task.name = loaded.name;
    task.set_child_tid = 0;
    process::TreeLock tree;
    Kinship& kin = process.kin(tree);
    kin.has_executed = true;
    kin.exit_signal = SIGCHLD;
}

void start_registers(Task& task, const Loaded& loaded) {
    arch::UserState fresh;
    bool were_on = arch::irqs_save(); // a switch in between would save the old registers over the new state
    (void)task.user_state.copy_from(fresh);
    arch::user_frame(task) = arch::TrapFrame::start(loaded.entry, loaded.stack);
    if (&Thread::current() == &task) arch::reload_user_state(task.user_state);
    arch::irqs_restore(were_on);
}
} // namespace

Result<> execute(Task& task, Request& request) {
    Process& process = task.process();
    Loaded loaded;
    auto ready = load(task, request, loaded);
    Ref<SignalHandlers> handlers;
    Ref<FileTable> files;
    auto prepare = [&]() -> Result<> {
        TRY(own_handlers(process, handlers));
        if (task.files->ref_count() > 1) files = TRY(task.files->clone());
        return become_only_thread(task);
    };
    if (ready) ready = prepare();
    if (!ready) {
        if (!loaded.mapping) return ready;
        loaded = {}; // Linux has no image to go back to by now
        if (signals::dying(task)) return ready;
        request = {};
        process::exit_group(SIGSEGV);
    }
    commit(task, loaded, std::move(handlers), std::move(files));
    start_registers(task, loaded);
    return {};
}

Result<> execute_first(Task& task, Request& request) {
    Loaded loaded;
    TRY(load(task, request, loaded));
    commit(task, loaded, nullptr, nullptr);
    start_registers(task, loaded);
    return {};
}
} // namespace exec
