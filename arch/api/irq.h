// Interrupts between CPUs and from devices.
#pragma once
#include "lib/result.h"
#include "lib/types.h"

namespace arch {
/// Make another CPU call upcall::ipi(). May be called with interrupts off. Asking the own CPU is allowed.
void send_ipi(unsigned cpu);
/// Let a device line through to this CPU (x86-64: GSI by the I/O APIC; riscv64: PLIC source), or stop it.
void enable_irq(unsigned line);
void disable_irq(unsigned line);

/// Lines below this are wires; a message's line is one of the `message_lines` from here on.
inline constexpr unsigned first_message_line = 1024, message_lines = 512;
/// What a device writes to interrupt a CPU (PCI: MSI, MSI-X). Always an edge, never shared.
struct Message {
    unsigned line = 0; // what upcall::interrupt() is told
    u64 address = 0;
    u32 data = 0;
};
/// A message that interrupts `cpu`, for the caller alone. err::opnotsupp: this machine has no such interrupts, or none
/// that reach that CPU; err::nospc: all are taken.
Result<Message> take_message(unsigned cpu);
/// The device can no longer send it.
void give_back_message(unsigned line);
} // namespace arch
