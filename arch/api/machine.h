// The machine: what firmware said at boot, the other CPUs, the early console, the end.
#pragma once
#include "arch/api/paging.h"
#include "lib/types.h"
#include <span>
#include <string_view>

class Writer;

namespace arch {
struct MemoryRange {
    PhysAddr start, end; // whole pages
};
struct PlatformDevice; // arch/api/platform.h
/// Filled by the port before it calls kernel_main(). Spans stay valid for ever.
struct BootInfo {
    std::span<const MemoryRange> free_memory; // not the kernel, not the initrd, not firmware; sorted
    PhysAddr memory_end = 0;                  // beyond the last byte of RAM
    MemoryRange initrd{};                     // byte-exact; start == end: none
    std::string_view command_line;
    std::span<const PlatformDevice> devices; // in the order in which drivers shall meet them
    unsigned cpus = 1;
};
const BootInfo& boot_info();

/// Start the other CPUs; each calls upcall::secondary_cpu() on a stack of its own. Returns when all run.
void start_cpus();

/// The address of a device's registers, mapped uncached in the vmap space. For ever.
void* map_device(PhysAddr, usize size);

/// What programs are told about the CPU: uname(2), the auxiliary vector.
struct UserCpu {
    std::string_view machine;       // uname -m
    std::string_view platform;      // AT_PLATFORM; empty: none
    u64 hwcap = 0, hwcap2 = 0;      // AT_HWCAP, AT_HWCAP2
    usize minimum_signal_stack = 0; // AT_MINSIGSTKSZ
};
const UserCpu& user_cpu();
/// One processor's paragraph of /proc/cpuinfo.
void describe_cpu(Writer&, unsigned cpu);

/// Write to the console by polling, from any context, for log lines before the driver runs and for panics.
void console_write(std::string_view);

/// End the machine. Status 0..255 reaches the host (x86-64: ports 0xe9 and 0xf4; riscv64: sifive_test), then halt.
[[noreturn]] void power_off(unsigned status);
[[noreturn]] void restart();
/// Stop all other CPUs for a panic.
void stop_other_cpus();
/// Walk frame pointers of the current stack (or from `frame`): return addresses, innermost first.
usize backtrace(std::span<uptr> to, uptr frame_pointer);
} // namespace arch
