// Interrupts between CPUs and from devices.
#pragma once
#include "lib/types.h"

namespace arch {
/// Make another CPU call upcall::ipi(). May be called with interrupts off. Asking the own CPU is allowed.
void send_ipi(unsigned cpu);
/// Let a device line through to this CPU (x86-64: GSI by the I/O APIC; riscv64: PLIC source), or stop it.
void enable_irq(unsigned line);
void disable_irq(unsigned line);
} // namespace arch
