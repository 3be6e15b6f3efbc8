// Devices that firmware or the boot loader names, because no bus can be asked for them.
#pragma once
#include "arch/api/machine.h"

namespace arch {
/// Where registers are: in memory, or in x86's port space. In bytes.
struct RegisterRange {
    PhysAddr start = 0;
    u64 size = 0;
    bool io_space = false;
};
inline constexpr unsigned no_line = ~0u;

/// What the driver of a PCI host bridge must know besides its registers.
struct PciHost {
    u8 first_bus = 0, last_bus = 255;
    /// Where the kernel may put registers of devices: below 4 GiB, anywhere. Empty: firmware has placed them all.
    MemoryRange windows[2] = {};
    /// Of pin INTA..INTD of device number n: line_of[n % 4][pin]. no_line: the device's Interrupt Line register says
    /// it.
    unsigned line_of[4][4] = {{no_line, no_line, no_line, no_line},
                              {no_line, no_line, no_line, no_line},
                              {no_line, no_line, no_line, no_line},
                              {no_line, no_line, no_line, no_line}};
};

/// Kinds are named as in device trees, whoever says that the device is there (ACPI, the command line).
struct PlatformDevice {
    std::string_view compatible; // what it is like, the most specific first; null bytes between them
    RegisterRange registers = {};
    unsigned stride = 1; // bytes from one register to the next, where the kind leaves that open
    unsigned line = no_line;
    const PciHost* pci = nullptr;
};

/// Whether any byte of the range is memory, firmware's, or a register that the port drives itself (interrupt
/// controllers): no device of a driver's can be there.
bool is_reserved(PhysAddr start, u64 size);
} // namespace arch
