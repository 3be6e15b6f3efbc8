// Inline part of arch/api/clock.h: the time stamp counter.
#pragma once

namespace arch {
/// lfence: the counter is not read before earlier loads, so time never runs backwards between CPUs.
inline u64 counter() {
    u64 low, high; // their upper halves are cleared
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return high << 32 | low;
}
} // namespace arch
