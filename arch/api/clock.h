// The CPU's counter and its one-shot timer.
#pragma once
#include "lib/types.h"
#include "port/clock.h"
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
// port/clock.h defines inline u64 arch::counter(): monotonic, the same on all CPUs (rdtsc; rdtime).

namespace arch {
/// Ticks of counter() per second. Measured or read at boot.
u64 counter_frequency();
/// upcall::timer() will be called on this CPU when counter() reaches `at`, or soon after. One deadline per CPU;
/// ~0 disarms.
void set_timer(u64 at);
/// Seconds since the epoch from the machine's clock at boot (CMOS, goldfish-rtc), 0 if there is none.
u64 read_wall_clock();

/// A number from the CPU's own generator, and which one that is (RDSEED, RDRAND, Zkr).
struct HardwareNumber {
    u64 value;
    std::string_view source;
};
/// Nothing: there is no generator, or it failed.
std::optional<HardwareNumber> hardware_random();
/// What the boot loader gave to seed random numbers with; empty: nothing.
std::span<const std::byte> boot_seed();
} // namespace arch
