// A thread's registers in the layouts of ptrace(2) and core(5).
#pragma once
#include "arch/api/context.h"
#include "port/registers.h"
#include <span>
// port/registers.h defines GeneralRegisters (struct user_regs_struct: NT_PRSTATUS), FloatRegisters (NT_FPREGSET), and
// what the processor may have besides: extended_note (NT_*) and extended_room (bytes; 0: there is no such note).

namespace arch {
// Of a thread that does not run, or of the current one; `state` agrees with its registers (sync_user_state()).
GeneralRegisters general_registers(const TrapFrame&, const UserState&);
FloatRegisters float_registers(const UserState&);
/// Returns how many bytes of `to` are the note's; 0: this machine has none.
usize extended_registers(const UserState&, std::span<std::byte, extended_room> to);
} // namespace arch
