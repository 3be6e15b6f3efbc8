// Signal frames on the user's stack, in Linux's layout for the architecture (asm/ucontext.h, asm/sigcontext.h).
#pragma once
#include "arch/api/context.h"
#include <asm/siginfo.h>
#include <asm/signal.h>
#undef sa_handler
#undef sa_sigaction

namespace arch {
struct SignalFrame {
    int number;
    const siginfo_t* info;
    uptr handler, restorer; // restorer 0: the vDSO's (riscv64)
    uptr vdso_sigreturn;    // address of the vDSO's rt_sigreturn trampoline in this process
    bool with_info;         // SA_SIGINFO
    u64 mask;               // the mask to restore on return
    stack_t alternate;      // for uc_stack
    uptr stack;             // where the frame goes: already switched to the alternate stack if due
    uptr lowest;            // the frame must begin above: the alternate stack's base when `stack` is on it, else 0
};
/// Build the frame below `stack`, and make `frame` enter the handler. err::fault: the stack cannot be written, or is
/// too small.
Result<> push_signal_frame(TrapFrame& frame, UserState& state, const SignalFrame&);

struct RestoredSignal {
    u64 mask;
    stack_t alternate;
};
/// rt_sigreturn: take the registers back from the user's stack, checked: no privilege can be gained.
Result<RestoredSignal> pop_signal_frame(TrapFrame& frame, UserState& state);
} // namespace arch
