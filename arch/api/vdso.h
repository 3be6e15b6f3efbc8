// The vDSO: user code that reads the clocks without a system call, and the data page it reads.
#pragma once
#include "lib/types.h"
#include <atomic>
#include <span>

namespace arch {
/// One page, mapped read-only just below the vDSO image in every process. Written by core/time under `sequence`
/// (odd while it changes). ns = base_ns + ((counter - base_counter) * mult >> shift), multiplied in 128 bits.
struct VdsoData {
    std::atomic<u32> sequence;
    u32 shift;
    u64 mult;
    u64 base_counter;
    u64 monotonic_base_ns;
    i64 realtime_offset_ns; // realtime = monotonic + this
};
/// The ELF image, page-aligned, whole pages, to be mapped read+execute.
std::span<const std::byte> vdso_image();
/// Offset in the image of the rt_sigreturn trampoline (riscv64), 0 if the libc brings its own (x86-64).
usize vdso_sigreturn_offset();
} // namespace arch
