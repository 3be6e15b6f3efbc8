// The inline part of arch/api/registers.h for riscv64.
#pragma once
#include "arch/api/context.h"

namespace arch {
/// pc, x1 to x31.
struct GeneralRegisters {
    u64 regs[32];
};
/// struct __riscv_d_ext_state.
struct FloatRegisters {
    u64 f[32];
    u32 fcsr, unused;
};
inline constexpr u32 extended_note = 0;
inline constexpr usize extended_room = 0;
} // namespace arch
