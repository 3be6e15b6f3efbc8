// Inline part of arch/api/context.h.
#pragma once

namespace arch {
/// FPU and vector registers in the CPU's own format (XSAVE, standard form, x87+SSE+AVX; or FXSAVE), and segment bases.
struct UserState {
    static constexpr usize xsave_size = 832; // 512 legacy, 64 header, 256 upper halves of ymm
    alignas(64) u8 area[xsave_size];
    uptr fs_base = 0, gs_base = 0;
    /// The CPU whose registers last held this state, if nobody has changed it since: the load may be skipped there.
    mutable unsigned loaded_on = ~0u;

    UserState() {
        __builtin_memset(area, 0, sizeof area); // by words: the compiler's own loop takes four instructions for each
        area[0] = 0x7f, area[1] = 0x03;         // FCW: all exceptions masked, 64-bit mantissa
        area[24] = 0x80, area[25] = 0x1f;       // MXCSR: all exceptions masked
    }
    /// `other` is the current thread's after sync_user_state(), or not running.
    Result<> copy_from(const UserState& other) {
        __builtin_memcpy(area, other.area, xsave_size);
        fs_base = other.fs_base;
        gs_base = other.gs_base;
        loaded_on = ~0u;
        return {};
    }
};
} // namespace arch
