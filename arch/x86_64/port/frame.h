// Inline part of arch/api/frame.h.
#pragma once
#include <linux/elf-em.h>

class Writer;

namespace arch {
inline constexpr uptr user_top = 0x7ffffffff000;
inline constexpr u16 elf_machine = EM_X86_64; // e_machine of programs
inline constexpr SyscallNumbers syscall_numbers = SyscallNumbers::x86_64;

/// Selectors, with Linux's values: a ucontext and ptrace show them. sysret wants user data before user code.
enum Selector : u16 {
    kernel_code = 0x10,
    kernel_data = 0x18,
    user_data = 0x2b,
    user_code = 0x33,
    task_state = 0x40,
};

/// Registers from r15 on are in the order of Linux's struct user_regs_struct and pt_regs.
struct TrapFrame {
    // About the last exception: only exceptions write these three, so a user thread's frame keeps them for its signal
    // frame.
    u64 fault_address, trap_number, error_code;
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 original_rax; // the system call's number, or not_a_syscall
    u64 rip, cs, rflags, rsp, ss;

    static constexpr u64 not_a_syscall = ~u64{0};

    uptr ip() const { return rip; }
    uptr sp() const { return rsp; }
    uptr frame_pointer() const { return rbp; }
    void set_ip(uptr to) { rip = to; }
    void set_sp(uptr to) { rsp = to; }
    bool from_user() const { return cs & 3; }
    u64 syscall_number() const { return original_rax; }
    u64 syscall_argument(unsigned i) const {
        switch (i) {
        case 0: return rdi;
        case 1: return rsi;
        case 2: return rdx;
        case 3: return r10;
        case 4: return r8;
        default: return r9;
        }
    }
    void set_result(i64 value) { rax = static_cast<u64>(value); }
    i64 result() const { return static_cast<i64>(rax); }
    bool in_syscall() const { return original_rax != not_a_syscall; }
    void leave_syscall() { original_rax = not_a_syscall; }
    /// Both syscall and int 0x80 are two bytes long.
    void rewind_syscall() {
        rax = original_rax;
        rip -= 2;
        leave_syscall();
    }
    void set_syscall_number(u64 number) { original_rax = number; }
    static TrapFrame start(uptr ip, uptr sp) {
        TrapFrame f{};
        f.original_rax = not_a_syscall;
        f.rip = ip;
        f.cs = user_code;
        f.rflags = 0x202; // interrupts on
        f.rsp = sp;
        f.ss = user_data;
        return f;
    }
    void print(Writer&) const;
};
static_assert(sizeof(TrapFrame) == 24 * 8, "entry.S knows the layout");
} // namespace arch
