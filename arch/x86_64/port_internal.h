// What the files of the port tell each other.
#pragma once
#include "arch/api/machine.h"
#include "arch/api/upcalls.h"
#include "arch/common/fixups.h"
#include "lib/result.h"

extern "C" {
// kernel.ld
extern arch::Fixup fixups_start[], fixups_end[]; // made by FIXUP (sites.h)
extern char image_start[], text_start[], text_end[], rodata_start[], rodata_end[], data_start[], data_end[],
    image_end[];
// entry.S, boot.S
extern char syscall_entry[], int80_entry[], exception_stubs[], device_stubs[], message_stubs[], timer_stub[],
    ipi_stub[], spurious_stub[];
extern char thread_start[];
extern char trampoline_start[], trampoline_end[], trampoline_root[], trampoline_stack[], trampoline_cpu[];
[[noreturn]] void enter_user_frame(arch::TrapFrame*);
[[noreturn]] void continue_on_stack(uptr top, void (*function)(), arch::PhysAddr page_tables);
}

namespace x86 {
using arch::PhysAddr;

/// Members of CpuLocal::port.
enum PortSlot { slot_task_state, slot_deadline, slot_user_state };

/// The physical address of something in the kernel image.
inline PhysAddr image_physical(const void* p) { return reinterpret_cast<uptr>(p) - arch::kernel_image; }

// memory_map.cpp: RAM before core/mm has it.
void read_memory_map(PhysAddr start_info);
/// Zeroed whole pages for ever; stops the machine if there are none: only for what boot cannot go on without.
PhysAddr take_boot_pages(usize count, PhysAddr below = ~PhysAddr{0});
arch::BootInfo& mutable_boot_info();
/// After the last take_boot_pages(): fills BootInfo::free_memory.
void publish_free_memory();
/// Every range of RAM or of firmware tables, for the direct map.
std::span<const arch::MemoryRange> mapped_memory();

// page_tables.cpp
/// Builds the kernel's own tables, for continue_on_stack() to go over to.
void init_page_tables();
/// Stacks of one CPU, with a guard page below each. Returns the top.
enum class CpuStack { main, double_fault, nmi, machine_check, kinds };
uptr cpu_stack_top(unsigned cpu, CpuStack);
void map_cpu_stacks(unsigned cpus);
/// Identity-maps the first 2 MiB for the trampoline, or takes it away.
void map_low_memory(bool on);

// cpu.cpp
/// Stops with words on a CPU that lacks what the kernel needs.
void read_features();
/// On the boot CPU after init_cpu(), before the text is write-protected.
void use_smap();
/// GDT, TSS, IDT, control registers, system-call MSRs, GS base of this CPU.
void init_cpu(unsigned cpu, u32 apic_id);
void set_interrupt_stacks(unsigned cpu);
extern arch::CpuLocal cpus[arch::max_cpus];

// acpi.cpp
struct IoApicInfo {
    PhysAddr address;
    u32 first_gsi;
};
struct Topology {
    u32 apic_ids[arch::max_cpus];
    unsigned cpus = 0;
    PhysAddr local_apic = 0xfee00000;
    IoApicInfo io_apics[2];
    unsigned io_apic_count = 0;
    struct {
        u32 gsi;
        u16 flags; // MADT: polarity in bits 0-1, trigger mode in bits 2-3
    } isa[16];
    // Orderly end without debug devices. 0: unknown.
    u16 pm1a_control = 0;
    PhysAddr sleep_control = 0;
    u8 sleep_type = 0;
    bool sleep_known = false;
    PhysAddr reset_register = 0;
    bool reset_in_io_space = false;
    u8 reset_value = 0;
};
extern Topology topology;
void read_topology(PhysAddr rsdp);

// devices.cpp: what BootInfo::devices lists.
using AcpiTable = std::span<const u8>; // all of it, with its header
void add_configuration_space(AcpiTable mcfg);
void add_virtio(AcpiTable dsdt);
/// When the tables have been read.
void publish_devices();

// apic.cpp
void init_local_apic(); // on each CPU
void init_interrupts(); // once, on the boot CPU
void send_init(u32 apic_id);
void send_startup(u32 apic_id, u8 page);
void send_nmi(u32 apic_id);
/// The number by which the kernel knows a CPU's message vector.
unsigned message_line(unsigned cpu, unsigned index);
void acknowledge_interrupt();
bool stopping(); // a panic has stopped the other CPUs
u32 local_apic_id();
/// The local APIC's one-shot timer counts down at its own pace: for timer.cpp.
void start_apic_timer(u32 count);
u32 apic_timer_left();
/// Interrupts at a value of the time stamp counter, instead of counting down.
void use_deadline_timer(bool on);

// timer.cpp
void calibrate_timer();
void timer_interrupt(bool from_user);
void delay_us(u64 us);

// pvclock.cpp
/// The counter's frequency as KVM knows it; 0: no KVM.
u64 pvclock_frequency();
/// Seconds since the epoch, from the host; 0: no KVM.
u64 pvclock_wall_clock();

// user_copy.cpp

// console.cpp
void init_console();
} // namespace x86
