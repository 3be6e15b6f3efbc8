// The kernel's random numbers: a ChaCha20 generator with fast key erasure, reseeded from the CPU, devices and
// interrupts' times.
#pragma once
#include "lib/types.h"
#include <cstddef>
#include <span>
#include <string_view>

namespace rng {
/// What the pool holds, and once it is seeded all of it can be counted on.
inline constexpr int pool_bits = 256;
/// Seeds from what the CPU and the boot loader give, and says so in the log. Once, on the boot CPU, after
/// clocks::init().
void init();
/// Before the first program runs, from a thread with interrupts on: if there was too little to seed from, the times of
/// interrupts make it up: some milliseconds, a second at most. So random(4) and getrandom(2) never have to wait. A
/// clock without any jitter (an emulator that counts instructions) is warned of.
void complete_seed();
/// Mixes in what a source gave, which holds so many bits that nobody else can know: for drivers of such devices. From
/// any context.
void add(std::string_view source, std::span<const std::byte>, unsigned bits);
/// Mixes bytes in that may be known to others (writes to /dev/urandom).
void mix(std::span<const std::byte>);
/// Called by interrupts: their times are hard to predict.
void mix_interrupt(unsigned line);

/// Fills `to` with unpredictable bytes. From any context; never blocks.
void fill(std::span<std::byte> to);
u64 number();
/// A number below `limit` (not 0), unbiased.
u64 below(u64 limit);
} // namespace rng
