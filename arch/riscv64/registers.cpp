#include "arch/api/registers.h"
#include <cstring>

namespace arch {
GeneralRegisters general_registers(const TrapFrame& f, const UserState&) {
    GeneralRegisters r;
    std::memcpy(r.regs, f.regs, sizeof r.regs);
    return r;
}

FloatRegisters float_registers(const UserState& state) {
    FloatRegisters r{};
    if (!state.used) return r;
    std::memcpy(r.f, state.f, sizeof r.f);
    r.fcsr = state.fcsr;
    return r;
}

usize extended_registers(const UserState&, std::span<std::byte, extended_room>) { return 0; }
} // namespace arch
