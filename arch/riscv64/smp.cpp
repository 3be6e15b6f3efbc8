// The other harts, and interrupts between them.
#include "arch/api/clock.h"
#include "arch/api/irq.h"
#include "arch/api/machine.h"
#include "arch/api/upcalls.h"
#include "arch/riscv64/internal.h"
#include "arch/riscv64/sbi.h"

namespace {
constinit std::atomic<unsigned> running = 1;
constinit std::atomic<bool> stop = false;
} // namespace

namespace riscv {
void init_plic_context();

void init_this_cpu() {
    constexpr uptr software = 1 << 1, external = 1 << 9; // the timer is let through by set_timer()
    constexpr uptr user_time = 2;                        // rdtime, not rdcycle
    constexpr uptr sstatus_vs = 3 << 9, sstatus_mxr = 1 << 19;
    init_plic_context();
    // As firmware may have left it: the FPU and vectors are off in the kernel, user pages out of reach, and only what
    // can be read is readable.
    asm volatile("csrc sstatus, %0" ::"r"(arch::sstatus_sum | arch::sstatus_fs | sstatus_vs | sstatus_mxr));
    asm volatile("csrw scounteren, %0" ::"r"(user_time));
    asm volatile("csrw sie, %0" ::"r"(software | external));
}

void probe_firmware() {
    if (!platform.sstc && !sbi::has(sbi::ext_time)) {
        arch::console_write("Neither the CPU (Sstc) nor the firmware (SBI TIME) has a timer.\n");
        arch::power_off(1);
    }
    if (platform.hart_count == 1 || (sbi::has(sbi::ext_ipi) && sbi::has(sbi::ext_hsm))) return;
    arch::console_write("The firmware cannot start other CPUs (SBI HSM, IPI): going on with one.\n");
    platform.hart_count = 1;
}

bool stopping() { return stop.load(std::memory_order_relaxed); }

void halt() {
    arch::irqs_off();
    asm volatile("csrw sie, zero");
    for (;;) asm volatile("wfi");
}
} // namespace riscv

extern "C" [[noreturn]] void riscv_secondary() {
    riscv::init_this_cpu();
    asm volatile("fence.i" ::: "memory");
    running.fetch_add(1, std::memory_order_release);
    upcall::secondary_cpu();
}

namespace arch {
unsigned cpu_count() { return running.load(std::memory_order_relaxed); }

void start_cpus() {
    for (unsigned i = 1; i < riscv::platform.hart_count; i++) {
        riscv::Hart& hart = riscv::platform.harts[i];
        CpuLocal& cpu = cpu_locals[i];
        cpu.self = &cpu;
        cpu.id = i;
        cpu.hardware_id = hart.id;
        cpu.scratch[0] = hart.stack_top;
        unsigned before = cpu_count();
        auto answer = sbi::start_hart(hart.id, riscv::image_physical(secondary_start), reinterpret_cast<u64>(&cpu));
        if (answer.error) return; // numbers stay dense: the harts beyond a dead one are not used
        for (u64 begin = counter(); running.load(std::memory_order_acquire) == before; pause())
            if (counter() - begin > counter_frequency())
                return console_write("A CPU did not start; going on without it and those after it.\n");
    }
}

void send_ipi(unsigned cpu) {
    asm volatile("fence" ::: "memory"); // who is interrupted sees all that was written before
    sbi::send_ipi(cpu_locals[cpu].hardware_id);
}

void stop_other_cpus() {
    stop.store(true, std::memory_order_seq_cst);
    for (unsigned i = 0; i < cpu_count(); i++)
        if (i != cpu_id()) send_ipi(i);
}
} // namespace arch
