#include "arch/api/registers.h"
#include "arch/x86_64/user_state.h"
#include <cstring>

namespace arch {
namespace {
// Where what stands in the image of FXSAVE (Intel's manual, volume 1, 10.5.1), and in that of XSAVE.
constexpr usize mxcsr = 24, mxcsr_end = 32, xmm = 160, xmm_end = 416, features_at = 464, present_at = 512;
} // namespace

GeneralRegisters general_registers(const TrapFrame& f, const UserState& state) {
    return {f.r15,         f.r14,          f.r13, f.r12, f.rbp,    f.rbx, f.r11,
            f.r10,         f.r9,           f.r8,  f.rax, f.rcx,    f.rdx, f.rsi,
            f.rdi,         f.original_rax, f.rip, f.cs,  f.rflags, f.rsp, f.ss,
            state.fs_base, state.gs_base,  0,     0,     0,        0};
}

/// XSAVE need not write what has its first value: then the bit that says that it is there is not set.
FloatRegisters float_registers(const UserState& state) {
    const UserState fresh;
    FloatRegisters r;
    u64 present = ~u64{0};
    if (x86::xstate_features()) std::memcpy(&present, state.area + present_at, sizeof present);
    std::memcpy(r.image, (present & 1 ? state : fresh).area, sizeof r.image);
    std::memcpy(r.image + mxcsr, state.area + mxcsr, mxcsr_end - mxcsr);
    std::memcpy(r.image + xmm, (present & 2 ? state : fresh).area + xmm, xmm_end - xmm);
    return r;
}

usize extended_registers(const UserState& state, std::span<std::byte, extended_room> to) {
    u64 features = x86::xstate_features();
    if (!features) return 0;
    std::memcpy(to.data(), state.area, to.size());
    std::memcpy(to.data() + features_at, &features, sizeof features); // where debuggers look for XCR0
    return x86::xstate_size();
}
} // namespace arch
