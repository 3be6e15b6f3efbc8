// arch/api/frame.h for tests on the host: nothing is ever in user mode.
#pragma once

namespace arch {
inline constexpr uptr user_top = 0x7ffffffff000;
inline constexpr SyscallNumbers syscall_numbers = SyscallNumbers::x86_64;
struct TrapFrame {
    bool from_user() const { return false; }
};
} // namespace arch
