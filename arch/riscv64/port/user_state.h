// The inline part of arch/api/context.h for riscv64: the FPU (F and D). The thread pointer is a general register.
#pragma once

namespace arch {
/// The FPU registers of a user thread that has used them. Which of this and the CPU's registers is newer is told by the
/// FS field in the thread's trap frame: dirty means the CPU's.
struct UserState {
    u64 f[32] = {};
    u32 fcsr = 0;
    bool used = false;        // else the registers are all zero, and are loaded at the first use
    mutable int live_on = -1; // the CPU whose registers equal this state, if its CpuLocal says so as well

    UserState() = default;
    UserState(const UserState&) = delete;
    UserState& operator=(const UserState&) = delete;
    Result<> copy_from(const UserState& other) {
        __builtin_memcpy(f, other.f, sizeof f);
        fcsr = other.fcsr;
        used = other.used;
        live_on = -1;
        return {};
    }
};
} // namespace arch
