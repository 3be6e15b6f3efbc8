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
    siginfo_t info; // written only when the handler asked for it
};
constexpr usize red_zone = 128;
constexpr usize software_bytes_at = 464; // _fpx_sw_bytes in the FXSAVE image
constexpr usize header_at = 512;         // XSAVE header: bit vector of what is present
constexpr usize header_size = 64;
constexpr u64 legacy_components = 3; // x87 and SSE: what an FXSAVE image holds
constexpr u64 context_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
// What a program may change of its flags.
constexpr u64 user_flags = 0x50dd5; // AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF

/// The bytes that tell what form the image has: in its unused part, and a mark behind it.
_fpx_sw_bytes software_bytes(usize size) {
    _fpx_sw_bytes software{};
    if (!x86::xstate_features()) return software;
    software.magic1 = FP_XSTATE_MAGIC1;
    software.extended_size = static_cast<u32>(size + FP_XSTATE_MAGIC2_SIZE);
    software.xfeatures = x86::xstate_features();
    software.xstate_size = static_cast<u32>(size);
    return software;
}

/// `to` is in user space with all that follows up to the stack's top.
Result<> write_fpu(uptr to) {
    usize size = x86::xstate_size();
    bool extended = x86::xstate_features() != 0;
    if (extended) TRY(arch::clear_user(to + header_at, header_size));
    TRY(x86::save_fpu_to_user(to));
    _fpx_sw_bytes software = software_bytes(size);
    TRY(arch::copy_out(to + software_bytes_at, &software, sizeof software));
    if (!extended) return {};
    u32 magic = FP_XSTATE_MAGIC2;
    return arch::copy_out(to + size, &magic, sizeof magic);
}

/// Takes the FPU image of a frame back into the registers. As on Linux it is loaded as it stands there: what the CPU
/// refuses in it is err::fault. What it does not hold gets its first values.
Result<> read_fpu(uptr from) {
    u64 all = x86::xstate_features(), held = legacy_components;
    if (!from) return x86::reset_fpu(all), Result<>{};
    if (from > arch::user_top - x86::xstate_size() - FP_XSTATE_MAGIC2_SIZE) return err::fault;
    std::optional<u64> components; // none: an FXSAVE image
    if (all) {
        _fpx_sw_bytes software;
        u32 magic2 = 0;
        TRY(arch::copy_in(&software, from + software_bytes_at, sizeof software));
        if (software.magic1 == FP_XSTATE_MAGIC1 && software.xstate_size >= header_at + header_size &&
            software.xstate_size <= x86::xstate_size() && software.xstate_size <= software.extended_size)
            TRY(arch::copy_in(&magic2, from + software.xstate_size, sizeof magic2));
        if (magic2 == FP_XSTATE_MAGIC2) components = held = software.xfeatures & all;
    }
    TRY(x86::load_fpu_from_user(from, components));
    if (all & ~held) x86::reset_fpu(all & ~held);
    return {};
}
} // namespace

namespace arch {
Result<> push_signal_frame(TrapFrame& frame, UserState&, const SignalFrame& signal) {
    if (!signal.restorer) return err::fault; // as on Linux: the libc must bring one
    uptr top = signal.stack;
    if (top == frame.rsp) top -= red_zone;
    usize fpu_size = x86::xstate_size() + (x86::xstate_features() ? FP_XSTATE_MAGIC2_SIZE : 0);
    uptr fpu = align_down(top - fpu_size, 64);
    uptr at = align_down(fpu - sizeof(Frame), 16) - 8;
    if (at >= signal.stack || top > user_top) return err::fault; // wrapped around
    if (at <= signal.lowest) return err::fault;
    TRY(write_fpu(fpu));

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
    TRY(copy_out(at, &f, offsetof(Frame, info)));
    if (signal.with_info) TRY(copy_out(at + offsetof(Frame, info), signal.info, sizeof *signal.info));

    frame.rdi = static_cast<u64>(signal.number);
    frame.rsi = at + offsetof(Frame, info);
    frame.rdx = at + offsetof(Frame, context);
    frame.rax = 0;
    frame.rsp = at;
    frame.rip = signal.handler;
    frame.rflags &= ~u64{x86::flag_direction | x86::flag_resume | x86::flag_trap};
    frame.leave_syscall();
    x86::reset_fpu(x86::xstate_features()); // a handler computes as a new program does, whatever it has interrupted
    return {};
}

Result<RestoredSignal> pop_signal_frame(TrapFrame& frame, UserState&) {
    // The handler's ret has taken the return address.
    [[clang::uninitialized]] ucontext context;
    TRY(copy_in(&context, frame.rsp - sizeof(u64) + offsetof(Frame, context), sizeof context));
    const sigcontext& c = context.uc_mcontext;
    frame.r8 = c.r8, frame.r9 = c.r9, frame.r10 = c.r10, frame.r11 = c.r11;
    frame.r12 = c.r12, frame.r13 = c.r13, frame.r14 = c.r14, frame.r15 = c.r15;
    frame.rdi = c.rdi, frame.rsi = c.rsi, frame.rbp = c.rbp, frame.rbx = c.rbx;
    frame.rdx = c.rdx, frame.rax = c.rax, frame.rcx = c.rcx, frame.rsp = c.rsp;
    frame.rip = c.rip;
    frame.rflags = (frame.rflags & ~user_flags) | (c.eflags & user_flags);
    frame.leave_syscall();
    if (auto read = read_fpu(reinterpret_cast<uptr>(c.fpstate)); !read) {
        x86::reset_fpu(x86::xstate_features()); // half of it may be loaded
        return std::unexpected(read.error());
    }
    return RestoredSignal{context.uc_sigmask, context.uc_stack};
}
} // namespace arch
