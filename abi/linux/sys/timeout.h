// Times from user space, checked and turned into nanoseconds and deadlines.
#pragma once
#include "core/mm/user.h"
#include "core/time/clock.h"
#include "kernel/process/task.h"
#include <linux/time_types.h>

namespace linux_abi {
inline constexpr i64 second_ns = static_cast<i64>(clocks::ns_per_second);

/// err::inval: negative, or a second's worth of nanoseconds. What lies beyond 292 years counts as that.
inline Result<i64> to_ns(const __kernel_timespec& t) {
    if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= second_ns) return err::inval;
    i64 ns;
    if (__builtin_mul_overflow(t.tv_sec, second_ns, &ns) || __builtin_add_overflow(ns, t.tv_nsec, &ns))
        return static_cast<i64>(~u64{0} >> 1);
    return ns;
}
inline __kernel_timespec to_timespec(i64 ns) { return {ns / second_ns, ns % second_ns}; }

/// A relative time; a null pointer is `never`.
inline Result<Deadline> deadline_in(UserPtr<const __kernel_timespec> from) {
    if (!from) return never;
    return clocks::in(static_cast<u64>(TRY(to_ns(TRY(copy_in(from))))));
}
/// What is left until then.
inline i64 left_until(Deadline until) {
    u64 now = clocks::monotonic_ns();
    return until.ns > now ? static_cast<i64>(until.ns - now) : 0;
}

/// Another signal mask for the time of a call: ppoll, pselect6, epoll_pwait.
inline Result<> change_mask(Task& task, UserPtr<const SignalSet> mask, usize size) {
    if (!mask) return {};
    if (size != sizeof(SignalSet)) return err::inval;
    signals::set_temporary_mask(task, TRY(copy_in(mask)));
    return {};
}
/// Whether a call's result says that a signal came in between.
template <class T>
bool interrupted(const Result<T>& result) {
    return !result && (result.error() == Errno::intr || result.error() >= Errno::restartsys);
}
} // namespace linux_abi
