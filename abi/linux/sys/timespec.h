// Further forms of times: struct timeval, the wall clock.
#pragma once
#include "abi/linux/sys/timeout.h"
#include <linux/time.h>

namespace linux_abi {
using Timespec = __kernel_timespec;
using Timeval = __kernel_old_timeval;

inline Result<i64> to_ns(const Timeval& t) {
    if (t.tv_usec < 0 || t.tv_usec >= 1'000'000) return err::inval;
    return to_ns(Timespec{t.tv_sec, t.tv_usec * 1000});
}
constexpr Timeval to_timeval(u64 ns) {
    return {static_cast<long>(ns / clocks::ns_per_second), static_cast<long>(ns % clocks::ns_per_second / 1000)};
}
} // namespace linux_abi
