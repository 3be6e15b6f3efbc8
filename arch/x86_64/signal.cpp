// Signal frames in Linux's layout: struct rt_sigframe of arch/x86 (return address, ucontext, siginfo), and above it the
// FPU state in XSAVE form with the marks of asm/sigcontext.h.
#include "arch/api/signal.h"
#include "arch/api/user_copy.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/user_state.h"
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <cstring>

namespace {
struct Frame {
    u64 return_address;
    ucontext context;
    siginfo_t info;
};
constexpr usize red_zone = 128;
constexpr usize software_bytes_at = 464; // _fpx_sw_bytes in the FXSAVE image
constexpr usize header_at = 512;         // XSAVE header: bit vector of what is present
constexpr u64 context_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
// What a program may change of its flags.
constexpr u64 user_flags = 0x50dd5; // AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF

Result<> write_fpu(uptr to, arch::UserState& state) {
    arch::sync_user_state(state);
    usize size = x86::xstate_size();
    _fpx_sw_bytes software{};
    bool extended = x86::xstate_features() != 0;
    if (extended) {
        software.magic1 = FP_XSTATE_MAGIC1;
        software.extended_size = static_cast<u32>(size + FP_XSTATE_MAGIC2_SIZE);
        software.xfeatures = x86::xstate_features();
        software.xstate_size = static_cast<u32>(size);
    }
    TRY(arch::copy_out(to, state.area, software_bytes_at));
    TRY(arch::copy_out(to + software_bytes_at, &software, sizeof software));
    if (!extended) return {};
    TRY(arch::copy_out(to + header_at, state.area + header_at, size - header_at));
    u32 magic = FP_XSTATE_MAGIC2;
    return arch::copy_out(to + size, &magic, sizeof magic);
}

/// Takes an FPU image back. What the user may have written there must not fault when it is loaded.
Result<> read_fpu(arch::UserState& state, uptr from) {
    arch::UserState fresh;
    if (from) {
        TRY(arch::copy_in(fresh.area, from, header_at));
        _fpx_sw_bytes software;
        std::memcpy(&software, fresh.area + software_bytes_at, sizeof software);
        usize size = x86::xstate_size();
        u64 present = 3; // a plain FXSAVE image: x87 and SSE
        u32 magic2 = 0;
        if (x86::xstate_features() && software.magic1 == FP_XSTATE_MAGIC1 && software.xstate_size == size &&
            software.extended_size == size + FP_XSTATE_MAGIC2_SIZE) {
            TRY(arch::copy_in(&magic2, from + size, sizeof magic2));
            if (magic2 == FP_XSTATE_MAGIC2) {
                TRY(arch::copy_in(fresh.area + header_at, from + header_at, size - header_at));
                u64 vector;
                std::memcpy(&vector, fresh.area + header_at, sizeof vector);
                present = vector & software.xfeatures & x86::xstate_features();
            }
        }
        std::memset(fresh.area + header_at, 0, 64);
        if (x86::xstate_features()) std::memcpy(fresh.area + header_at, &present, sizeof present);
        u32 mxcsr;
        std::memcpy(&mxcsr, fresh.area + 24, sizeof mxcsr);
        mxcsr &= x86::mxcsr_mask;
        std::memcpy(fresh.area + 24, &mxcsr, sizeof mxcsr);
        std::memset(fresh.area + software_bytes_at, 0, sizeof software);
    }
    bool were_on = arch::irqs_save(); // a switch in between would save the old registers over it
    std::memcpy(state.area, fresh.area, sizeof state.area);
    arch::reload_user_state(state);
    arch::irqs_restore(were_on);
    return {};
}
} // namespace

namespace arch {
Result<> push_signal_frame(TrapFrame& frame, UserState& state, const SignalFrame& signal) {
    if (!signal.restorer) return err::fault; // as on Linux: the libc must bring one
    uptr top = signal.stack;
    if (top == frame.rsp) top -= red_zone;
    usize fpu_size = x86::xstate_size() + (x86::xstate_features() ? FP_XSTATE_MAGIC2_SIZE : 0);
    uptr fpu = align_down(top - fpu_size, 64);
    uptr at = align_down(fpu - sizeof(Frame), 16) - 8;
    if (at >= signal.stack) return err::fault; // wrapped around
    TRY(write_fpu(fpu, state));

    Frame f{};
    f.return_address = signal.restorer;
    f.context.uc_flags = context_flags | (x86::xstate_features() ? UC_FP_XSTATE : 0);
    f.context.uc_stack = signal.alternate;
    f.context.uc_sigmask = signal.mask;
    sigcontext& c = f.context.uc_mcontext;
    c.r8 = frame.r8, c.r9 = frame.r9, c.r10 = frame.r10, c.r11 = frame.r11;
    c.r12 = frame.r12, c.r13 = frame.r13, c.r14 = frame.r14, c.r15 = frame.r15;
    c.rdi = frame.rdi, c.rsi = frame.rsi, c.rbp = frame.rbp, c.rbx = frame.rbx;
    c.rdx = frame.rdx, c.rax = frame.rax, c.rcx = frame.rcx, c.rsp = frame.rsp;
    c.rip = frame.rip, c.eflags = frame.rflags, c.cs = USER_CODE, c.ss = USER_DATA;
    c.err = frame.error_code, c.trapno = frame.trap_number, c.cr2 = frame.fault_address;
    c.oldmask = signal.mask;
    c.fpstate = reinterpret_cast<_fpstate*>(fpu);
    if (signal.with_info) f.info = *signal.info;
    TRY(copy_out(at, &f, sizeof f));

    frame.rdi = static_cast<u64>(signal.number);
    frame.rsi = at + offsetof(Frame, info);
    frame.rdx = at + offsetof(Frame, context);
    frame.rax = 0;
    frame.rsp = at;
    frame.rip = signal.handler;
    frame.rflags &= ~u64{x86::flag_direction | x86::flag_resume | x86::flag_trap};
    frame.leave_syscall();
    return {};
}

Result<RestoredSignal> pop_signal_frame(TrapFrame& frame, UserState& state) {
    // The handler's ret has taken the return address.
    ucontext context;
    TRY(copy_in(&context, frame.rsp - sizeof(u64) + offsetof(Frame, context), sizeof context));
    const sigcontext& c = context.uc_mcontext;
    TRY(read_fpu(state, reinterpret_cast<uptr>(c.fpstate)));
    frame.r8 = c.r8, frame.r9 = c.r9, frame.r10 = c.r10, frame.r11 = c.r11;
    frame.r12 = c.r12, frame.r13 = c.r13, frame.r14 = c.r14, frame.r15 = c.r15;
    frame.rdi = c.rdi, frame.rsi = c.rsi, frame.rbp = c.rbp, frame.rbx = c.rbx;
    frame.rdx = c.rdx, frame.rax = c.rax, frame.rcx = c.rcx, frame.rsp = c.rsp;
    frame.rip = c.rip;
    frame.rflags = (frame.rflags & ~user_flags) | (c.eflags & user_flags);
    frame.leave_syscall();
    return RestoredSignal{context.uc_sigmask, context.uc_stack};
}
} // namespace arch
