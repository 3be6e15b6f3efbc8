#include "kernel/process/robust.h"
#include "arch/api/user_copy.h"
#include "core/futex/futex.h"
#include <linux/futex.h>

namespace process {
namespace {
/// The owner of a held robust futex dies: the word says so, and one waiter is woken. set_robust_list(2).
Result<> owner_dies(Task& task, uptr word, bool pi, bool pending) {
    if (!is_aligned(word, 4)) return err::inval;
    u32 tid = static_cast<u32>(task.tid());
    u32 value = TRY(arch::load_user(word));
    futex::Word futex{word, true};
    if (pending && !pi && value == 0) { // it died between the unlock and the wake
        (void)futex::wake(futex, 1);
        return {};
    }
    for (;;) {
        if ((value & FUTEX_TID_MASK) != tid) return {};
        u32 seen = TRY(arch::compare_exchange_user(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED));
        if (seen == value) break;
        value = seen;
    }
    if (pi)
        futex::owner_died_pi(word);
    else if (value & FUTEX_WAITERS)
        (void)futex::wake(futex, 1);
    return {};
}

Result<> walk_robust_list(Task& task) {
    if (!task.robust_list) return {};
    robust_list_head head;
    TRY(arch::copy_in(&head, task.robust_list, sizeof head));
    uptr offset = static_cast<uptr>(head.futex_offset);
    uptr pending = reinterpret_cast<uptr>(head.list_op_pending);
    uptr entry = reinterpret_cast<uptr>(head.list.next);
    for (unsigned n = 0; n < ROBUST_LIST_LIMIT; n++) {
        uptr at = entry & ~uptr{1};
        if (at == task.robust_list) break;
        uptr next;
        auto followed = arch::copy_in(&next, at, sizeof next);
        if (at != (pending & ~uptr{1})) TRY(owner_dies(task, at + offset, entry & 1, false));
        TRY(followed);
        entry = next;
    }
    if (pending) TRY(owner_dies(task, (pending & ~uptr{1}) + offset, pending & 1, true));
    return {};
}
} // namespace

void release_user_memory(Task& task) {
    if (task.space) {
        (void)walk_robust_list(task);
        if (task.clear_child_tid && task.space->ref_count() > 1) { // else nobody is left to see it
            u32 zero = 0;
            (void)arch::copy_out(task.clear_child_tid, &zero, sizeof zero);
            (void)futex::wake({task.clear_child_tid, true}, 1);
        }
    }
    task.robust_list = task.robust_list_size = 0;
    task.clear_child_tid = 0;
    if (task.borrows_memory.exchange(false)) task.memory_returned.notify_all();
}
} // namespace process
