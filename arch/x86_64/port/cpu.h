// Inline part of arch/api/cpu.h. The kernel's GS base is this CPU's CpuLocal.
#pragma once

namespace arch {
inline CpuLocal& this_cpu() {
    CpuLocal* self;
    asm volatile("mov %%gs:0, %0" : "=r"(self));
    return *self;
}
inline unsigned cpu_id() {
    unsigned id;
    asm volatile("movl %%gs:56, %0" : "=r"(id));
    return id;
}
/// Not volatile: one stack always sees the same thread, so the compiler may keep it.
inline ThreadHead* current_thread() {
    ThreadHead* current;
    asm("mov %%gs:8, %0" : "=r"(current));
    return current;
}
inline bool irqs_enabled() {
    u64 flags;
    asm volatile("pushfq; pop %0" : "=r"(flags));
    return flags & 0x200;
}
inline void irqs_on() {
    upcall::irqs_go_on();
    asm volatile("sti" ::: "memory");
}
inline void irqs_off() {
    asm volatile("cli" ::: "memory");
    upcall::irqs_went_off();
}
inline bool irqs_save() {
    u64 flags;
    asm volatile("pushfq; pop %0; cli" : "=r"(flags)::"memory");
    upcall::irqs_went_off();
    return flags & 0x200;
}
inline void irqs_restore(bool was_on) {
    if (was_on) irqs_on();
}
inline void pause() { asm volatile("pause" ::: "memory"); }
/// sti takes effect after the next instruction, so no interrupt can slip in before hlt.
inline void wait_for_interrupt() {
    upcall::irqs_go_on();
    asm volatile("sti; hlt" ::: "memory");
}
} // namespace arch
