// The inline part of arch/api/frame.h for riscv64.
#pragma once
#include "arch/api/cpu.h"
#include <linux/elf-em.h>

class Writer;

namespace arch {
inline constexpr uptr user_top = 0x3f'ffff'f000; // Sv39 without the last page
inline constexpr u16 elf_machine = EM_RISCV;     // e_machine of programs
inline constexpr SyscallNumbers syscall_numbers = SyscallNumbers::generic;

/// Numbers of the registers that code names.
enum Register : unsigned {
    reg_pc = 0,
    reg_ra = 1,
    reg_sp = 2,
    reg_gp = 3,
    reg_tp = 4,
    reg_s0 = 8,
    reg_a0 = 10,
    reg_a1,
    reg_a2,
    reg_a7 = 17
};

inline constexpr u64 cause_syscall = 8;    // scause of an ecall from user mode
inline constexpr u64 cause_none = ~u64{0}; // of a frame that no trap has made, or that is no system call any more

struct TrapFrame {
    u64 regs[32];    // x1..x31; the place of x0 holds the pc: the order of Linux's user_regs_struct
    u64 status;      // sstatus
    u64 cause;       // scause
    u64 bad_address; // stval
    u64 original_a0;

    uptr ip() const { return regs[reg_pc]; }
    uptr sp() const { return regs[reg_sp]; }
    uptr frame_pointer() const { return regs[reg_s0]; }
    void set_ip(uptr ip) { regs[reg_pc] = ip; }
    void set_sp(uptr sp) { regs[reg_sp] = sp; }
    bool from_user() const { return !(status & sstatus_spp); }
    u64 syscall_number() const { return regs[reg_a7]; }
    void set_syscall_number(u64 number) { regs[reg_a7] = number; }
    u64 syscall_argument(unsigned i) const { return i == 0 ? original_a0 : regs[reg_a0 + i]; }
    void set_result(i64 result) { regs[reg_a0] = static_cast<u64>(result); }
    i64 result() const { return static_cast<i64>(regs[reg_a0]); }
    bool in_syscall() const { return cause == cause_syscall; }
    /// Also by whoever changes s1..s11: the way out of a system call that is still one does not reload them.
    void leave_syscall() { cause = cause_none; }
    void rewind_syscall() {
        regs[reg_pc] -= 4; // ecall has no compressed form
        regs[reg_a0] = original_a0;
        leave_syscall();
    }
    uptr tls() const { return regs[reg_tp]; }
    void set_tls(uptr tls) { regs[reg_tp] = tls; }
    static TrapFrame start(uptr ip, uptr sp) {
        TrapFrame f{};
        f.set_ip(ip);
        f.set_sp(sp);
        f.status = sstatus_spie | sstatus_uxl64; // FPU off: its first use loads it
        f.cause = cause_none;
        return f;
    }
    void print(Writer&) const;
};
static_assert(sizeof(TrapFrame) == 288); // a multiple of 16 keeps the stack aligned; trap.S knows the offsets
} // namespace arch
