// The inline part of arch/api/registers.h.
#pragma once
#include "arch/api/context.h"
#include <linux/elf.h>

namespace arch {
struct GeneralRegisters {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 original_rax, rip, cs, rflags, rsp, ss;
    u64 fs_base, gs_base, ds, es, fs, gs;
};
/// The image of FXSAVE.
struct FloatRegisters {
    u8 image[512];
};
inline constexpr u32 extended_note = NT_X86_XSTATE;
inline constexpr usize extended_room = UserState::xsave_size;
} // namespace arch
