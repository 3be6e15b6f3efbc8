// The inline part of arch/api/cpu.h for riscv64. In the kernel tp always points to the CPU's CpuLocal; it is not part
// of a thread's saved state, so a thread that moves to another CPU finds that CPU's block.
#pragma once

namespace arch {
inline constexpr uptr sstatus_sie = 1u << 1;  // interrupts on
inline constexpr uptr sstatus_spie = 1u << 5; // interrupts on after sret
inline constexpr uptr sstatus_spp = 1u << 8;  // sret goes to supervisor mode
inline constexpr uptr sstatus_fs = 3u << 13;  // FPU: 0 off, 1 initial, 2 clean, 3 dirty
inline constexpr uptr sstatus_sum = 1u << 18; // user pages can be accessed
inline constexpr uptr sstatus_uxl64 = 2ull << 32;

inline CpuLocal& this_cpu() {
    CpuLocal* cpu;
    asm volatile("mv %0, tp" : "=r"(cpu));
    return *cpu;
}
inline unsigned cpu_id() {
    unsigned id;
    asm volatile("lw %0, 56(tp)" : "=r"(id));
    return id;
}
inline ThreadHead* current_thread() {
    ThreadHead* thread;
    asm volatile("ld %0, 8(tp)" : "=r"(thread));
    return thread;
}

inline bool irqs_enabled() {
    uptr status;
    asm volatile("csrr %0, sstatus" : "=r"(status));
    return status & sstatus_sie;
}
inline void irqs_on() {
    upcall::irqs_go_on();
    asm volatile("csrsi sstatus, 2" ::: "memory");
}
inline void irqs_off() {
    asm volatile("csrci sstatus, 2" ::: "memory");
    upcall::irqs_went_off();
}
inline bool irqs_save() {
    uptr status;
    asm volatile("csrrci %0, sstatus, 2" : "=r"(status)::"memory");
    upcall::irqs_went_off();
    return status & sstatus_sie;
}
inline void irqs_restore(bool was_on) {
    if (was_on) irqs_on();
}
inline void pause() { asm volatile(".word 0x0100000f" ::: "memory"); } // Zihintpause; a plain fence elsewhere
/// wfi ends when an interrupt is pending even while they are off, so no wake-up is lost before irqs_on().
inline void wait_for_interrupt() {
    upcall::irqs_go_on();
    asm volatile("wfi" ::: "memory");
    irqs_on();
}
} // namespace arch
