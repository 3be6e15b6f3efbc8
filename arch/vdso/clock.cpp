// The vDSO's clock calls. This code runs in user mode, in every process: it may touch nothing but its arguments and the
// data page just below the image.
#include "arch/api/clock.h"
#include "arch/api/vdso.h"
#include "port/vdso_syscall.h"
#include <asm/unistd.h>
#include <linux/time.h>

extern "C" [[gnu::visibility("hidden")]] const char __ehdr_start[];

namespace {
constexpr i64 ns_per_second = 1'000'000'000;
struct Times {
    u64 monotonic;
    i64 realtime;
};

Times read_clocks() {
    const auto& data = *reinterpret_cast<const arch::VdsoData*>(__ehdr_start - page_size);
    for (;;) {
        u32 before = data.sequence.load(std::memory_order_acquire);
        if (before & 1) continue;
        u64 mult = __atomic_load_n(&data.mult, __ATOMIC_RELAXED);
        u64 base = __atomic_load_n(&data.base_counter, __ATOMIC_RELAXED);
        u64 base_ns = __atomic_load_n(&data.monotonic_base_ns, __ATOMIC_RELAXED);
        i64 offset = __atomic_load_n(&data.realtime_offset_ns, __ATOMIC_RELAXED);
        u32 shift = __atomic_load_n(&data.shift, __ATOMIC_RELAXED);
        u64 passed = arch::counter() - base;
        std::atomic_thread_fence(std::memory_order_acquire);
        if (data.sequence.load(std::memory_order_relaxed) != before) continue;
        u64 now = base_ns + static_cast<u64>(static_cast<unsigned __int128>(passed) * mult >> shift);
        return {now, static_cast<i64>(now) + offset};
    }
}

void split(i64 ns, __kernel_time_t& seconds, long& rest) {
    seconds = ns / ns_per_second;
    rest = ns % ns_per_second;
    if (rest < 0) seconds--, rest += ns_per_second;
}
} // namespace

extern "C" {
int __vdso_clock_gettime(__kernel_clockid_t clock, timespec* to) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE: split(read_clocks().realtime, to->tv_sec, to->tv_nsec); return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: split(static_cast<i64>(read_clocks().monotonic), to->tv_sec, to->tv_nsec); return 0;
    default: return static_cast<int>(vdso_syscall(__NR_clock_gettime, clock, reinterpret_cast<long>(to)));
    }
}

int __vdso_gettimeofday(timeval* to, struct timezone* zone) {
    if (to) {
        long ns;
        split(read_clocks().realtime, to->tv_sec, ns);
        to->tv_usec = ns / 1000;
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
    __kernel_time_t seconds;
    long rest;
    split(read_clocks().realtime, seconds, rest);
    if (to) *to = seconds;
    return seconds;
}
}
