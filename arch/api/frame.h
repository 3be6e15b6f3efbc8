// The registers of user (or interrupted kernel) mode, saved at the top of the kernel stack by every trap.
#pragma once
#include "lib/types.h"

namespace arch {
/// Which of Linux's tables of system call numbers the architecture uses (asm/unistd.h).
enum class SyscallNumbers : u8 { x86_64, generic };
} // namespace arch

#include "port/frame.h"
// clang-format off
// port/frame.h defines struct arch::TrapFrame with all general registers and, all inline:
//   uptr ip() const, sp() const, frame_pointer() const;   void set_ip(uptr), set_sp(uptr);
//   bool from_user() const;
//   u64  syscall_number() const;            as the user passed it (x86-64: rax on entry; riscv64: a7)
//   u64  syscall_argument(unsigned i) const;  0..5. riscv64: argument 0 is the saved original a0
//   void set_result(i64);                   rax / a0
//   i64  result() const;
//   bool in_syscall() const;                made by a system call that has not been restarted or replaced
//   void leave_syscall();                   makes in_syscall() false (after exec, sigreturn, or a restart decision)
//   void rewind_syscall();                  back to the syscall/ecall/int 0x80 instruction with the original registers
//   void set_syscall_number(u64);           for restart_syscall
//   uptr tls() const; void set_tls(uptr);   riscv64: tp in the frame. x86-64: FS base, lives in UserState: see context.h
//   static TrapFrame start(uptr ip, uptr sp);  user registers of a fresh image: everything else zero, interrupts on
//   void print(Writer&) const;
// and  inline constexpr uptr arch::user_top: first address beyond user space (x86-64 0x7ffffffff000, Sv39 0x3ffffff000)
//      inline constexpr uptr arch::page_table_levels etc. live in paging.h
//      inline constexpr SyscallNumbers arch::syscall_numbers
// clang-format on
