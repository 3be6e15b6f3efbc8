#include "kernel/process/oom.h"
#include "core/alloc/fail.h"
#include "core/log/log.h"
#include "core/time/clock.h"
#include "kernel/process/signals/state.h"
#include "kernel/process/tree.h"
#include "kernel/vfs/reclaim.h"

namespace oom {
namespace {
u64 pages_of(Process& process) {
    auto space = process::space_of(process, process::TreeLock{});
    if (!space) return 0;
    SpaceUsage use = space->usage();
    return use.anonymous + use.page_tables + use.shared;
}

constexpr int never_killed = -1000; // an adjustment: proc(5), oom_score_adj

bool has_limit(View& view) { return view.account().limit() != ~u64{0}; }
bool at_limit(View& view) { return has_limit(view) && view.account().used() + 64 * page_size > view.account().limit(); }
bool ends_the_machine(Process& process) { return process.unkillable && process.view().is_root(); }

/// Only one thread at a time makes room; others wait for it and try again.
constinit std::atomic<bool> at_work = false;
constinit WaitQueue finished;

/// Calls visit(Ref<Process>&) for each process that has not ended, in the order of their numbers.
template <class F>
void each_process(PidNamespace& pids, F visit) {
    for (Pid from = 1;;) {
        auto next = process::next(pids, from);
        if (!next) return;
        from = (*next)->pid(pids) + 1;
        if (!(*next)->has_ended()) visit(*next);
    }
}

/// Whose processes shall make room for the machine: see oom.h. Null: there are none.
Ref<View> largest_owner() {
    struct Owner {
        Ref<View> view;
        u64 bytes = 0;
        void consider(View& v, u64 owned) {
            if (view && owned <= bytes) return;
            view = Ref<View>::share(&v);
            bytes = owned;
        }
    } unlimited, any;
    u64 host = 0;
    each_process(PidNamespace::root(), [&](Ref<Process>& process) {
        if (ends_the_machine(*process) || process->oom_stuck) return;
        View& view = process->view();
        u64 owned = view.is_root() ? host += pages_of(*process) * page_size : view.account().used();
        any.consider(view, owned);
        if (!has_limit(view) || owned > view.account().limit()) unlimited.consider(view, owned);
    });
    return unlimited.bytes >= mm::memory_info().total / 16 ? unlimited.view : any.view;
}

/// One that is on its way out, whose memory comes back anyway: an earlier victim perhaps, which gave its own work up.
Ref<Process> ending_one(PidNamespace& pids) {
    Ref<Process> found;
    each_process(pids, [&](Ref<Process>& process) {
        if (found || process->oom_stuck) return;
        auto lock = process->lock_signals();
        if (process->signals(lock).ending) found = process;
    });
    return found;
}

/// The largest process of a view. In a container where none may be killed, its init, which takes the others along.
Ref<Process> victim_in(View& view) {
    Ref<Process> largest, init;
    i64 most = 0;
    each_process(*view.pids, [&](Ref<Process>& process) {
        if (&process->view() != &view || ends_the_machine(*process) || process->oom_stuck) return;
        if (process->unkillable) init = process;
        auto points = badness(*process);
        if (points && (!largest || *points >= most)) largest = process, most = *points;
    });
    return largest ? largest : init;
}

void report(View& view, Process& victim, bool machine) {
    constexpr u64 mib = MiB;
    FixedString<15> name;
    {
        process::TreeLock tree;
        if (Task* leader = victim.threads(tree).leader) name = leader->name;
    }
    Pid pid = victim.pid(PidNamespace::root());
    u64 held = pages_of(victim) * page_size / mib, owned = view.account().used() / mib;
    if (view.is_root())
        log(LogLevel::error, "out of memory: killed process {} ({}, {} MiB) of the host", pid, name, held);
    else if (machine)
        log(LogLevel::error, "out of memory: container {} owns {} MiB: killed its process {} ({}, {} MiB)",
            view.id.view(), owned, pid, name, held);
    else
        log(LogLevel::error, "container {} is at its memory limit of {} MiB: killed its process {} ({}, {} MiB)",
            view.id.view(), view.account().limit() / mib, pid, name, held);
}

/// A short sleep, whatever signals are pending: what comes next looks again.
template <class Ready>
void pause(WaitQueue& queue, Ready ready) {
    (void)wait_until(queue, ready, clocks::in(10'000'000), false);
}

/// Gives back what is only kept because it may be wanted again. What is tried again has got on with the least of it;
/// what has failed may be begun again at once, so it must have been enough, or it might fail for ever.
bool reclaim(const MemoryAccount& of, Shortage shortage) {
    return shortage == Shortage::retries ? vfs::reclaim::some(of) != 0 : vfs::reclaim::enough(of);
}

/// Ends a process, and waits for what it held: a container's files come back only when its last process has ended.
void kill_and_wait(Task& task, Process& victim, bool machine) {
    View& view = victim.view();
    bool already, last = victim.unkillable;
    {
        auto lock = victim.lock_signals();
        already = victim.signals(lock).ending;
        signals::end_all(victim, SIGKILL, lock);
    }
    if (!already) report(view, victim, machine);
    if (&victim == &task.process()) return;
    auto gone = [&] { return victim.has_ended(); };
    for (unsigned i = 0; i < 100 && !signals::dying(task); i++) {
        pause(victim.ended, gone);
        if (!gone()) continue;
        if (!last || (machine ? mm::has_room(task.view().account()) : !at_limit(view))) return;
        pause(victim.ended, [] { return false; });
    }
    if (!gone() && !signals::dying(task)) victim.oom_stuck = true;
}
} // namespace

Result<i64> badness(Process& process) {
    int adjustment = process.oom_score_adjustment;
    if (adjustment == never_killed) return err::perm;
    i64 total = static_cast<i64>(mm::memory_info().total >> page_shift);
    return static_cast<i64>(pages_of(process)) + adjustment * total / 1000;
}

void make_room(Task& task, Shortage shortage) {
    task.work.fetch_and(~u32{arch::work_memory});
    if (failures::take_fired() || signals::dying(task)) return;
    View& own = task.view();
    bool machine = !at_limit(own);
    if (machine && mm::has_room(own.account())) return;
    if (at_work.exchange(true)) return pause(finished, [] { return !at_work.load(); });
    if (!machine) mm::drain_caches();
    if (reclaim(machine ? MemoryAccount::kernel() : own.account(), shortage)) {
        at_work = false;
        finished.notify_all();
        return;
    }
    Ref<Process> victim = ending_one(machine ? PidNamespace::root() : *own.pids);
    if (!victim) {
        Ref<View> view = machine ? largest_owner() : Ref<View>::share(&own);
        if (view) victim = victim_in(*view);
    }
    if (victim) kill_and_wait(task, *victim, machine);
    at_work = false;
    finished.notify_all();
    if (!victim) pause(finished, [] { return false; }); // somebody may end, or delete something
}
} // namespace oom
