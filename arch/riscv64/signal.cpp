// Signal frames as Linux lays them out for riscv64: siginfo, ucontext with the registers and the FPU.
#include "arch/api/signal.h"
#include "arch/api/user_copy.h"
#include "arch/riscv64/internal.h"
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <cstring>

namespace arch {
namespace {
struct UserFrame {
    siginfo_t info;
    ucontext uc;
};
static_assert(sizeof(UserFrame) == 128 + 176 + 784);
static_assert(sizeof(user_regs_struct) == sizeof(TrapFrame::regs));
} // namespace

Result<> push_signal_frame(TrapFrame& f, UserState& state, const SignalFrame& signal) {
    sync_user_state(state);
    UserFrame user;
    std::memset(&user, 0, sizeof user); // padding goes to the user too
    user.info = *signal.info;
    user.uc.uc_stack = signal.alternate;
    std::memcpy(&user.uc.uc_sigmask, &signal.mask, sizeof signal.mask);
    std::memcpy(&user.uc.uc_mcontext.sc_regs, f.regs, sizeof f.regs);
    auto& fp = user.uc.uc_mcontext.sc_fpregs.d;
    std::memcpy(fp.f, state.f, sizeof fp.f);
    fp.fcsr = state.fcsr;

    if (signal.stack < sizeof user) return err::fault;
    uptr at = align_down(signal.stack - sizeof user, 16);
    if (at <= signal.lowest) return err::fault;
    TRY(copy_out(at, &user, sizeof user));
    f.set_sp(at);
    f.set_ip(signal.handler);
    f.regs[reg_ra] = signal.vdso_sigreturn;
    f.regs[reg_a0] = static_cast<u64>(signal.number);
    f.regs[reg_a1] = at + offsetof(UserFrame, info);
    f.regs[reg_a2] = at + offsetof(UserFrame, uc);
    f.leave_syscall();
    return {};
}

Result<RestoredSignal> pop_signal_frame(TrapFrame& f, UserState& state) {
    if (!is_aligned(f.sp(), 16)) return err::fault;
    ucontext uc;
    TRY(copy_in(&uc, f.sp() + offsetof(UserFrame, uc), sizeof uc));
    auto& reserved = uc.uc_mcontext.sc_fpregs.q.reserved;
    for (u32 word : reserved)
        if (word) return err::fault; // an extension we do not know
    sync_user_state(state);          // the CPU's registers are not newer than `state` any more
    std::memcpy(f.regs, &uc.uc_mcontext.sc_regs, sizeof f.regs);
    auto& fp = uc.uc_mcontext.sc_fpregs.d;
    std::memcpy(state.f, fp.f, sizeof state.f);
    state.fcsr = fp.fcsr & 0xff;
    bool zero = state.fcsr == 0;
    for (u64 r : state.f) zero = zero && r == 0;
    state.used = state.used || !zero;
    reload_user_state(state);
    f.leave_syscall();
    RestoredSignal restored{};
    std::memcpy(&restored.mask, &uc.uc_sigmask, sizeof restored.mask);
    restored.alternate = uc.uc_stack;
    return restored;
}
} // namespace arch
