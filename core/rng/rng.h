// The kernel's random numbers: a ChaCha20 generator with fast key erasure, reseeded from the CPU and from interrupts'
// times.
#pragma once
#include "lib/types.h"
#include <cstddef>
#include <span>

namespace rng {
/// Seeds from arch::entropy(). Once, on the boot CPU, after clocks::init().
void init();
/// Fills `to` with unpredictable bytes. From any context; never blocks.
void fill(std::span<std::byte> to);
u64 number();
/// A number below `limit` (not 0), unbiased.
u64 below(u64 limit);
/// Mixes bytes in (writes to /dev/urandom, devices). Credits nothing.
void mix(std::span<const std::byte>);
/// Called by interrupts: their times are hard to predict.
void mix_interrupt(unsigned line);
} // namespace rng
