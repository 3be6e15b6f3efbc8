#include "abi/linux/sys/futex.h"
#include "core/futex/futex.h"
#include "kernel/process/clock.h"
#include "kernel/process/inspect.h"
#include "kernel/process/task.h"

namespace linux_abi::sys {
namespace {
namespace core = ::futex;

core::Moment absolute(Task& task, i64 ns, bool realtime) {
    using process::Clock;
    return Clock::system(realtime ? Clock::Kind::wall : Clock::Kind::monotonic, task.view().time->offsets).moment(ns);
}

bool owner_alive(u32 tid) { return process::find_task(Task::current().pids(), static_cast<Pid>(tid)).has_value(); }

i64 wait_again(Task& task);

/// A wait with an end, even of a clock, goes on until that after a stop, and ends with EINTR after any handler.
Result<i64> wait(Task& task, core::Word word, u32 expected, u32 bits, core::Moment until) {
    auto waited = core::wait(word, expected, bits, until);
    if (waited) return 0;
    if (waited.error() != Errno::restartsys || until.ns == never.ns) return std::unexpected(waited.error());
    task.restart = {wait_again, {word.address, word.shared, expected, bits, until.ns, until.wall}};
    return err::restart_block;
}
i64 wait_again(Task& task) {
    auto w = task.restart.words;
    core::Moment until = w[5] ? core::Moment::of_wall(static_cast<i64>(w[4])) : core::Moment{Deadline{w[4]}};
    return encode(wait(task, {w[0], w[1] != 0}, static_cast<u32>(w[2]), static_cast<u32>(w[3]), until));
}

bool takes_timeout(int command) {
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
           command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}
Result<core::Moment> timeout_of(Task& task, int command, bool realtime, uptr timeout) {
    if (!timeout || !takes_timeout(command)) return core::Moment{never};
    i64 ns = TRY(to_ns(TRY(copy_in(UserPtr<const Timespec>{timeout}))));
    if (command == FUTEX_WAIT) return core::Moment{clocks::in(static_cast<u64>(ns))};
    return absolute(task, ns, realtime || command == FUTEX_LOCK_PI);
}

/// How many a wake of `count` wakes: Linux counts a sleeper after it has woken it, so one is always woken.
unsigned wakes(u32 count) { return static_cast<unsigned>(std::max(static_cast<int>(count), 1)); }
} // namespace

Result<i64> futex(Task& task, uptr address, int operation, u32 value, uptr timeout, uptr address2, u32 value3) {
    int command = operation & FUTEX_CMD_MASK;
    bool shared = !(operation & FUTEX_PRIVATE_FLAG), realtime = operation & FUTEX_CLOCK_REALTIME;
    auto until = TRY(timeout_of(task, command, realtime, timeout));
    if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2 && command != FUTEX_WAIT_REQUEUE_PI)
        return err::nosys;
    core::Word word{address, shared}, word2{address2, shared};
    u32 tid = static_cast<u32>(task.tid());
    auto count2 = static_cast<unsigned>(timeout); // the same register
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
        u32 bits = command == FUTEX_WAIT ? core::any_bit : value3;
        if (!bits) return err::inval;
        return wait(task, word, value, bits, until);
    }
    case FUTEX_WAKE: return static_cast<i64>(TRY(core::wake(word, wakes(value))));
    case FUTEX_WAKE_BITSET:
        if (!value3) return err::inval;
        return static_cast<i64>(TRY(core::wake(word, wakes(value), value3)));
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE: {
        if (static_cast<int>(value) < 0 || static_cast<int>(count2) < 0) return err::inval;
        std::optional<u32> expected;
        if (command == FUTEX_CMP_REQUEUE) expected = value3;
        return static_cast<i64>(TRY(core::requeue(word, word2, value, count2, expected)));
    }
    case FUTEX_WAKE_OP: return static_cast<i64>(TRY(core::wake_op(word, word2, wakes(value), wakes(count2), value3)));
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2: {
        TRY(core::lock_pi(word, tid, until, owner_alive));
        return 0;
    }
    case FUTEX_TRYLOCK_PI: TRY(core::try_lock_pi(word, tid, owner_alive)); return 0;
    case FUTEX_UNLOCK_PI: TRY(core::unlock_pi(word, tid)); return 0;
    default: return err::nosys;
    }
}

Result<i64> futex_waitv(Task& task, UserPtr<const ::futex_waitv> waiters, u32 count, u32 flags,
                        UserPtr<const Timespec> timeout, int clock) {
    if (flags || !count || count > FUTEX_WAITV_MAX || !waiters) return err::inval;
    core::Moment until = never;
    if (timeout) {
        if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) return err::inval;
        until = absolute(task, TRY(to_ns(TRY(copy_in(timeout)))), clock == CLOCK_REALTIME);
    }
    Vector<core::WaitvEntry> entries;
    TRY(entries.reserve(count));
    for (usize i = 0; i < count; i++) {
        auto w = TRY(copy_in(waiters + i));
        if (w.flags & ~u32{FUTEX_32 | FUTEX_PRIVATE_FLAG} || w.__reserved || !(w.flags & FUTEX_32)) return err::inval;
        if (!is_aligned(w.uaddr, 4)) return err::inval;
        TRY(entries.push({{w.uaddr, !(w.flags & FUTEX_PRIVATE_FLAG)}, static_cast<u32>(w.val)}));
    }
    return static_cast<i64>(TRY(core::wait_any(entries, until)));
}

Result<> set_robust_list(Task& task, uptr head, usize size) {
    if (size != sizeof(robust_list_head)) return err::inval;
    task.robust_list = head;
    task.robust_list_size = size;
    return {};
}
Result<> get_robust_list(Task& task, int tid, UserPtr<uptr> head, UserPtr<usize> size) {
    auto target = tid ? TRY(process::find_task(task.pids(), tid)) : Ref<Task>::share(&task);
    if (!process::may_inspect(task.credentials(), target->process(), process::Ids::real)) return err::perm;
    TRY(copy_out(size, sizeof(robust_list_head)));
    return copy_out(head, target->robust_list);
}
} // namespace linux_abi::sys
