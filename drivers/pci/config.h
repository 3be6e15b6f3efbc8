// Configuration space, by whichever way the machine has.
#pragma once
#include "core/sync/lock.h"
#include "drivers/bus/registers.h"

namespace pci {
struct Address {
    u8 bus = 0, device = 0, function = 0;
};

/// Offsets in configuration space (PCI Local Bus Specification 3.0, chapter 6).
enum Offset : u16 {
    offset_vendor = 0,
    offset_device = 2,
    offset_command = 4,
    offset_status = 6,
    offset_header_type = 0xe,
    offset_bar = 0x10,
    offset_secondary_bus = 0x19, // of a bridge
    offset_subsystem = 0x2e,
    offset_capabilities = 0x34,
    offset_interrupt_line = 0x3c,
    offset_interrupt_pin = 0x3d,
};
enum Command : u16 {
    command_io = 1,
    command_memory = 2,
    command_master = 4,
    command_no_wire = 1 << 10,
};

/// Reads and writes registers of one function. Copies freely.
class Config {
public:
    static constexpr u16 size = 4096, size_by_ports = 256;
    Config() = default;
    /// The function's 4 KiB of the memory-mapped space (ECAM).
    explicit Config(const bus::Registers& own) : own_{own}, by_ports_{false} {}
    /// By the ports 0xcf8 and 0xcfc, where there is nothing better.
    Config(const bus::Registers& ports, Address at)
        : own_{ports},
          by_ports_{true},
          select_{u32{1} << 31 | u32{at.bus} << 16 | u32{at.device} << 11 | u32{at.function} << 8} {}

    /// `offset` is a multiple of the size, and inside.
    template <class T>
    T read(u16 offset) const {
        if (!by_ports_) return own_.read<T>(offset);
        Holding held{port_lock};
        own_.write<u32>(0, select_ | (offset & 0xfc));
        return own_.read<T>(4 + (offset & 3));
    }
    template <class T>
    void write(u16 offset, T value) const {
        if (!by_ports_) return own_.write<T>(offset, value);
        Holding held{port_lock};
        own_.write<u32>(0, select_ | (offset & 0xfc));
        own_.write<T>(4 + (offset & 3), value);
    }

private:
    static inline constinit Spinlock<Rank::device> port_lock;
    bus::Registers own_;
    bool by_ports_ = true;
    u32 select_ = 0;
};
} // namespace pci
