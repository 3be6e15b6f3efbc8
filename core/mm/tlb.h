// Translations cached by other CPUs, and how they are made to forget them.
#pragma once
#include "arch/api/cpu.h"
#include "lib/types.h"

namespace tlb {
/// Called by upcall::ipi() for every interrupt between CPUs, first thing: does what was asked of this CPU.
void handle_ipi();
/// Forgets [start, end) of user addresses on every CPU in `cpus` (one bit each; usually AddressSpace::active_cpus) and
/// returns when all have. Interrupts may be off.
void flush_range(u64 cpus, uptr start, uptr end);
/// Forgets kernel translations on all CPUs.
void flush_kernel();
} // namespace tlb
