// Times as system calls take and give them.
#pragma once
#include "core/mm/user.h"
#include "core/time/clock.h"
#include <linux/time.h>
#include <linux/time_types.h>

namespace linux_abi {
using Timespec = __kernel_timespec;
using Timeval = __kernel_old_timeval;

/// Nanoseconds; longer than 584 years is `never`'s. err::inval: negative, or a fraction out of range.
constexpr Result<u64> to_ns(const Timespec& t) {
    if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= 1'000'000'000) return err::inval;
    if (static_cast<u64>(t.tv_sec) >= ~u64{0} / clocks::ns_per_second) return ~u64{0};
    return static_cast<u64>(t.tv_sec) * clocks::ns_per_second + static_cast<u64>(t.tv_nsec);
}
constexpr Result<u64> to_ns(const Timeval& t) {
    if (t.tv_usec < 0 || t.tv_usec >= 1'000'000) return err::inval;
    return to_ns(Timespec{t.tv_sec, t.tv_usec * 1000});
}
constexpr Timespec to_timespec(u64 ns) {
    return {static_cast<long long>(ns / clocks::ns_per_second), static_cast<long long>(ns % clocks::ns_per_second)};
}
constexpr Timeval to_timeval(u64 ns) {
    return {static_cast<long>(ns / clocks::ns_per_second), static_cast<long>(ns % clocks::ns_per_second / 1000)};
}
/// A timeout from now; a null pointer never passes.
inline Result<Deadline> deadline_in(UserPtr<const Timespec> timeout) {
    if (!timeout) return never;
    return clocks::in(TRY(to_ns(TRY(copy_in(timeout)))));
}
/// A moment of the wall clock, as the monotonic clock sees it now.
inline Deadline from_realtime(u64 ns) {
    if (ns == ~u64{0}) return never;
    i64 left = static_cast<i64>(ns) - clocks::realtime_ns();
    return left <= 0 ? Deadline{0} : clocks::in(static_cast<u64>(left));
}
} // namespace linux_abi
