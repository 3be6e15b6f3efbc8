// The straight line from boot.S to kernel_main(), and starting the other CPUs.
#include "arch/api/clock.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"
#include <cstring>

namespace {
std::atomic<unsigned> running = 1;
unsigned started = 1;

bool answers_startup(unsigned cpu, u32 apic_id, u64 patience) {
    x86::send_startup(apic_id, TRAMPOLINE >> page_shift);
    for (u64 begin = arch::counter(); running.load(std::memory_order_acquire) == cpu; arch::pause())
        if (arch::counter() - begin >= patience) return false;
    return true;
}

void on_final_tables() {
    x86::init_local_apic();
    x86::init_interrupts();
    x86::calibrate_timer();
    x86::publish_free_memory();
    kernel_main();
}
} // namespace

extern "C" [[noreturn, gnu::no_stack_protector]] void boot_main(u32 start_info) {
    x86::init_console();
    x86::read_features();
    x86::init_cpu(0, x86::local_apic_id());
    x86::use_smap();
    x86::read_memory_map(start_info);
    x86::init_page_tables();
    x86::map_cpu_stacks(x86::topology.cpus);
    x86::set_interrupt_stacks(0);
    continue_on_stack(x86::cpu_stack_top(0, x86::CpuStack::main), on_final_tables, arch::kernel_page_table());
}

extern "C" [[noreturn, gnu::no_stack_protector]] void secondary_main(unsigned cpu) {
    x86::init_cpu(cpu, x86::topology.apic_ids[cpu]);
    x86::set_interrupt_stacks(cpu);
    x86::init_local_apic();
    running.fetch_add(1, std::memory_order_release);
    upcall::secondary_cpu();
}

namespace arch {
unsigned cpu_count() { return started; }

void start_cpus() {
    usize size = static_cast<usize>(trampoline_end - trampoline_start);
    char* page = static_cast<char*>(direct(TRAMPOLINE));
    std::memcpy(page, trampoline_start, size);
    auto parameter = [&](char* symbol) -> u64& { return *reinterpret_cast<u64*>(page + (symbol - trampoline_start)); };
    parameter(trampoline_root) = kernel_page_table();
    if (x86::topology.cpus > 1) x86::map_low_memory(true);
    for (unsigned cpu = 1; cpu < x86::topology.cpus; cpu++) {
        u32 id = x86::topology.apic_ids[cpu];
        parameter(trampoline_stack) = x86::cpu_stack_top(cpu, x86::CpuStack::main);
        parameter(trampoline_cpu) = cpu;
        x86::send_init(id);
        x86::delay_us(200);
        // The second time only if the first was lost: MultiProcessor Specification, appendix B.4.
        if (!answers_startup(cpu, id, counter_frequency() / 50) && !answers_startup(cpu, id, counter_frequency())) {
            console_write("A CPU did not start; going on without it and those after it.\n");
            break;
        }
        started = cpu + 1;
    }
    if (x86::topology.cpus > 1) x86::map_low_memory(false);
}
} // namespace arch
