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

/// Loads an image of the form that write_fpu() makes straight into the registers, if it can be.
Result<bool> load_fpu_directly(uptr from) {
    usize size = x86::xstate_size();
    if (!x86::xstate_features() || !is_aligned(from, 64) || from > arch::user_top - size - FP_XSTATE_MAGIC2_SIZE)
        return false;
    _fpx_sw_bytes software, own = software_bytes(size);
    TRY(arch::copy_in(&software, from + software_bytes_at, sizeof software));
    if (software.magic1 != own.magic1 || software.extended_size != own.extended_size ||
        software.xfeatures != own.xfeatures || software.xstate_size != own.xstate_size)
        return false;
    u32 magic2;
    TRY(arch::copy_in(&magic2, from + size, sizeof magic2));
    return magic2 == FP_XSTATE_MAGIC2 && x86::load_xstate_from_user(from);
}

/// Takes any FPU image back. What the user may have written there must not fault when it is loaded.
Result<> read_fpu_image(arch::UserState& fresh, uptr from) {
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
    std::memset(fresh.area + header_at, 0, header_size);
    if (x86::xstate_features()) std::memcpy(fresh.area + header_at, &present, sizeof present);
    u32 mxcsr;
    std::memcpy(&mxcsr, fresh.area + 24, sizeof mxcsr);
    mxcsr &= x86::mxcsr_mask;
    std::memcpy(fresh.area + 24, &mxcsr, sizeof mxcsr);
    std::memset(fresh.area + software_bytes_at, 0, sizeof software);
    return {};
}

/// Makes the registers and `state` those of the image; 0: fresh ones.
Result<> read_fpu(arch::UserState& state, uptr from) {
    if (from && TRY(load_fpu_directly(from))) return {};
    arch::UserState fresh;
    Result<> read = from ? read_fpu_image(fresh, from) : Result<>{};
    if (!read) fresh = arch::UserState{}; // the registers may hold anything
    bool were_on = arch::irqs_save();     // a switch in between would save the old registers over it
    std::memcpy(state.area, fresh.area, sizeof state.area);
    arch::reload_user_state(state);
    arch::irqs_restore(were_on);
    return read;
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
    // Below the alternate stack that it starts on there is no room: the next handler would begin at its top again.
    uptr bottom = reinterpret_cast<uptr>(signal.alternate.ss_sp);
    bool on_alternate = signal.stack > bottom && signal.stack - bottom <= signal.alternate.ss_size;
    if (on_alternate && at <= bottom) return err::fault;
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
    return {};
}

Result<RestoredSignal> pop_signal_frame(TrapFrame& frame, UserState& state) {
    // The handler's ret has taken the return address.
    [[clang::uninitialized]] ucontext context;
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
