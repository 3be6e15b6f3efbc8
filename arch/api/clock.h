// The CPU's counter and its one-shot timer.
#pragma once
#include "lib/types.h"
#include "port/clock.h"
// port/clock.h defines inline u64 arch::counter(): monotonic, the same on all CPUs (rdtsc; rdtime).

namespace arch {
/// Ticks of counter() per second. Measured or read at boot.
u64 counter_frequency();
/// upcall::timer() will be called on this CPU when counter() reaches `at`, or soon after. One deadline per CPU;
/// ~0 disarms.
void set_timer(u64 at);
/// Seconds since the epoch from the machine's clock at boot (CMOS, goldfish-rtc), 0 if there is none.
u64 read_wall_clock();
/// Best-effort entropy from the CPU (rdrand, Zkr, jitter): mixed, never trusted alone.
u64 entropy();
} // namespace arch
