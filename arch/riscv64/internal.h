// What the files of this port share.
#pragma once
#include "arch/api/context.h"
#include "arch/api/machine.h"
#include "arch/common/fixups.h"
#include "lib/memory.h"

class DeviceNode;

namespace riscv {
using arch::CpuLocal;
using arch::max_cpus;
using arch::PhysAddr;

/// A hart that the device tree lists as usable. Index 0 boots; index i becomes CPU i.
struct Hart {
    u64 id = 0;
    u32 interrupt_phandle = 0; // of its local interrupt controller
    int plic_context = -1;     // of its supervisor mode
    uptr stack_top = 0;        // to start on; CPU 0 has boot_stack
};

/// What the device tree said. Filled by early.cpp.
struct Platform {
    Hart harts[max_cpus];
    unsigned hart_count = 0;
    u64 timebase = 10'000'000;
    std::string_view isa; // of the boot hart
    bool sstc = false;    // stimecmp can be written
    bool fpu = false;     // F and D
    PhysAddr plic = 0;
    usize plic_size = 0;
    u32 plic_sources = 0, plic_phandle = 0;
    PhysAddr console = 0; // a 16550; 0: the firmware prints
    unsigned console_stride = 1;
    PhysAddr test = 0;   // sifive_test
    PhysAddr rtc = 0;    // goldfish
    u64 seed[8]{};       // the boot loader's entropy
    usize seed_size = 0; // bytes
};
extern Platform platform;

/// Whether the boot hart's ISA string names an extension of one letter, of several.
bool has_letter(char);
bool has_extension(std::string_view name);

/// devices.cpp: goes through the children of a bus, and lists what is for drivers.
void read_devices(const DeviceNode& bus);
std::span<const arch::PlatformDevice> listed_devices();
/// Whether any of the range is RAM, the firmware's part included.
bool is_memory(arch::MemoryRange);

/// Physical address of something in the kernel's image.
PhysAddr image_physical(const void*);

/// Slots of CpuLocal::port.
enum PortSlot : unsigned {
    slot_fpu_owner = 0,  // const UserState*: whose registers are in the FPU, if that state's live_on agrees
    slot_user_state = 1, // const UserState*: the current user thread's
    slot_emergency = 2,  // stack top, for kernel stack overflows
    slot_plic = 3,       // address of the hart's threshold and claim registers, 0: none
    slot_kernel_map = 4, // how many times the kernel's part of the page tables had grown when this CPU last looked
};

/// Where map_device() and the boot stacks live: the GiB beyond the vmap space.
inline constexpr uptr device_start = arch::vmap_end;
extern arch::Pte* device_pages;      // level 0: the first 2 MiB
extern arch::Pte* device_megapages;  // level 1
uptr take_device_pages(usize pages); // of the first 2 MiB; 0: none left

void init_console();
/// Asks for the firmware's calls that we need: stops with words without a timer, goes on with one CPU without the
/// others'.
void probe_firmware();
void init_plic();
/// What every CPU does for itself: interrupt sources, PLIC threshold.
void init_this_cpu();

/// An external interrupt: claims and serves until none is left.
void serve_plic();
/// fence.i, if another CPU has asked for it. At every switch of address spaces and every IPI; interrupts are off.
void refresh_instructions();
/// Before a stack that may be new is used: forgets that there was nothing, if entries have been made meanwhile.
void notice_kernel_map();
/// A fault in the vmap space on an entry that is there: this CPU has remembered that there was none. True: go on.
bool forget_absence(uptr address, arch::PageFlags access);
/// True while a panic stops the machine: every CPU that looks halts.
bool stopping();
[[noreturn]] void halt();
} // namespace riscv

extern "C" {
extern arch::CpuLocal cpu_locals[arch::max_cpus];
extern char image_start[], text_end[], rodata_end[], boot_stack_guard[], boot_stack[], boot_stack_top[], image_end[];
extern arch::Fixup fixups_start[], fixups_end[]; // made by RECOVER in user_copy.S
extern char trap_entry[], secondary_start[], thread_start[];
void fpu_save(u64* f, u32* fcsr);
void fpu_load(const u64* f, u32 fcsr);
// user_copy.S: what may fault.
struct ProbedWord {
    u64 value, failed;
};
ProbedWord probe_load(const u64* at);
ProbedWord read_seed();
}
