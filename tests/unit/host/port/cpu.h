// The inline part of arch/api/cpu.h for tests on the host: see host/machine.cpp. A thread that the machine did not make
// (a fuzzer's) counts as its first CPU, and must be alone.
#pragma once

namespace arch {
inline constexpr unsigned host_cpus = 4;
inline CpuLocal host_outside{.self = &host_outside};
inline thread_local CpuLocal* host_cpu = &host_outside;
inline thread_local bool host_irqs = true;
/// Takes the interrupts that have come. Interrupts come to who turns them on, or waits with them on.
void host_interrupts();

inline CpuLocal& this_cpu() { return *host_cpu; }
inline unsigned cpu_id() { return host_cpu->id; }
inline ThreadHead* current_thread() { return host_cpu->current; }
inline bool irqs_enabled() { return host_irqs; }
inline void irqs_on() {
    host_irqs = true;
    host_interrupts();
}
inline void irqs_off() { host_irqs = false; }
inline bool irqs_save() {
    bool were_on = host_irqs;
    host_irqs = false;
    return were_on;
}
inline void irqs_restore(bool was_on) {
    if (was_on) irqs_on();
}
void pause();
void wait_for_interrupt();
} // namespace arch
