// A host bridge, and what its devices ask of it.
#pragma once
#include "drivers/pci/config.h"

namespace pci {
/// Where a function is, and how its wire reaches the root: bridges turn the four pins by the number of the device.
struct Place {
    Address at;
    u8 root_device = 0, turn = 0;
};

class Host {
public:
    /// err::nodev: there is none.
    Result<> start(const arch::PlatformDevice& description, const bus::Registers& registers);
    /// Adds the devices of a bus and of those behind it.
    void scan(u8 bus, u8 root_device, u8 turn, unsigned depth);
    /// `size` bytes, a power of two, where the kernel may put a device's registers; 0: no room.
    arch::PhysAddr take_window(u64 size, bool wide);
    /// Of a pin 1..4; no_line: unknown.
    unsigned line(const Place& place, u8 pin, u8 interrupt_line) const;

private:
    Result<bus::Registers> map_bus(u8 bus);
    void add(const Place& place, const Config& config, unsigned depth);
    void enter_bridge(const Place& place, const Config& config, unsigned depth);

    const arch::PciHost* description_ = nullptr;
    arch::RegisterRange range_;
    bus::Registers ports_;
    bool by_ports_ = false;
    u64 seen_[4] = {}; // buses
    arch::PhysAddr next_[2] = {};
};

/// Makes the object for a function and offers it to the drivers.
void add_function(Host& host, const Place& place, const Config& config);
} // namespace pci
