#include "kernel/process/oom.h"
#include "core/check/fail.h"
#include "core/log/log.h"
#include "core/time/clock.h"
#include "kernel/process/tree.h"
#include "kernel/signal/state.h"

namespace oom {
namespace {
u64 pages_of(Process& process) {
    Ref<AddressSpace> space;
    {
        Holding tree{process::tree_lock()};
        for_each_thread(process, [&](Task& t) {
            if (!space) space = t.share(&Task::space);
        });
    }
    if (!space) return 0;
    SpaceUsage use = space->usage();
    return use.anonymous + use.page_tables + use.shared;
}

constexpr int never_killed = -1000; // an adjustment: proc(5), oom_score_adj

/// The largest process of a view that can be killed; a view's init only when there is no other.
Ref<Process> culprit(View& view) {
    Ref<Process> largest, last_resort;
    i64 most = 0;
    for (Pid from = 1;;) {
        auto next = process::next(view, from);
        if (!next) break;
        Ref<Process>& process = *next;
        from = process->pid(view) + 1;
        if (process->state != ProcessState::running) continue;
        if (process->unkillable) {
            if (&process->view() == &view) last_resort = process;
            continue;
        }
        auto points = badness(*process);
        if (points && (!largest || *points > most)) largest = process, most = *points;
    }
    return largest ? largest : last_resort;
}

bool view_is_short(View& view) {
    MemoryAccount& account = *view.account;
    return account.limit() != ~u64{0} && account.used() + 64 * page_size > account.limit();
}
} // namespace

Result<i64> badness(Process& process) {
    int adjustment = process.oom_score_adjustment;
    if (adjustment == never_killed) return err::perm;
    i64 total = static_cast<i64>(mm::memory_info().total >> page_shift);
    return static_cast<i64>(pages_of(process)) + adjustment * total / 1000;
}

void make_room(Task& task) {
    if (failures::take_fired()) return;
    mm::drain_caches();
    View& view = view_is_short(task.view()) ? task.view() : View::root();
    Ref<Process> victim = culprit(view);
    if (!victim) return;
    bool already;
    {
        Holding lock{victim->signal_lock};
        already = victim->ending;
        signals::end_all(*victim, SIGKILL);
    }
    if (!already)
        log(LogLevel::error, "out of memory{}{}: killed process {} ({})", view.is_root() ? "" : " in container ",
            view.id.view(), victim->pid(View::root()), victim->leader ? victim->leader->name.view() : "?");
    if (victim.get() == &task.process()) return;
    (void)wait_until(victim->ended, [&] { return victim->state != ProcessState::running; }, clocks::in(100'000'000));
}
} // namespace oom
