// The vDSO: user code that reads the clocks without a system call, and the data page it reads.
#pragma once
#include "lib/types.h"
#include <atomic>
#include <span>

namespace arch {
/// One page, mapped read-only just below the vDSO image in every process; a time namespace has its own. Written by
/// core/time: all but the wall clock's offset once, before there are processes, so nobody needs a sequence lock. A
/// clock shows ((counter - base_counter) * mult >> shift) + offset_ns[its number], multiplied in 128 bits, modulo 2^64.
struct VdsoData {
    static constexpr u32 shift = 32;
    u64 mult;
    u64 base_counter;
    std::atomic<u64> offset_ns[8]; // to CLOCK_BOOTTIME; 0 for clocks that are not read here
};
/// The ELF image, page-aligned, whole pages, to be mapped read+execute.
std::span<const std::byte> vdso_image();
/// Offset in the image of the rt_sigreturn trampoline (riscv64), 0 if the libc brings its own (x86-64).
usize vdso_sigreturn_offset();
} // namespace arch
