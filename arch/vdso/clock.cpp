// The vDSO's clock calls. This code runs in user mode, in every process: it may touch nothing but its arguments and the
// data page just below the image.
#include "arch/api/clock.h"
#include "arch/api/vdso.h"
#include "port/vdso_syscall.h"
#include <asm/unistd.h>
#include <linux/time.h>

extern "C" [[gnu::visibility("hidden")]] const char __ehdr_start[];

namespace {
constexpr u64 ns_per_second = 1'000'000'000;

const arch::VdsoData& data() { return *reinterpret_cast<const arch::VdsoData*>(__ehdr_start - page_size); }

u64 read(int clock) {
    u64 passed = arch::counter() - data().base_counter;
    u64 ns = static_cast<u64>(static_cast<unsigned __int128>(passed) * data().mult >> arch::VdsoData::shift);
    return ns + data().offset_ns[clock].load(std::memory_order_relaxed);
}

int give(u64 ns, timespec* to) {
    to->tv_sec = static_cast<__kernel_time_t>(ns / ns_per_second);
    to->tv_nsec = static_cast<long>(ns % ns_per_second);
    return 0;
}
} // namespace

extern "C" {
int __vdso_clock_gettime(__kernel_clockid_t clock, timespec* to) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: return give(read(clock), to);
    default: return static_cast<int>(vdso_syscall(__NR_clock_gettime, clock, reinterpret_cast<long>(to)));
    }
}

int __vdso_gettimeofday(timeval* to, struct timezone* zone) {
    if (to) {
        timespec now;
        give(read(CLOCK_REALTIME), &now);
        to->tv_sec = now.tv_sec;
        to->tv_usec = now.tv_nsec / 1000;
    }
    if (zone) zone->tz_minuteswest = 0, zone->tz_dsttime = 0;
    return 0;
}

/// The exact clocks count nanoseconds; for the others the kernel is asked.
int __vdso_clock_getres(__kernel_clockid_t clock, timespec* to) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW && clock != CLOCK_BOOTTIME)
        return static_cast<int>(vdso_syscall(__NR_clock_getres, clock, reinterpret_cast<long>(to)));
    if (to) to->tv_sec = 0, to->tv_nsec = 1;
    return 0;
}

__kernel_time_t __vdso_time(__kernel_time_t* to) {
    auto seconds = static_cast<__kernel_time_t>(read(CLOCK_REALTIME) / ns_per_second);
    if (to) *to = seconds;
    return seconds;
}
}
