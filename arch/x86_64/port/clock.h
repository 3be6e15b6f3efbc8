// Inline part of arch/api/clock.h: the time stamp counter.
#pragma once

namespace arch {
/// lfence: the counter is not read before earlier loads, so time never runs backwards between CPUs.
inline u64 counter() {
    u32 low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return u64{high} << 32 | low;
}
} // namespace arch
