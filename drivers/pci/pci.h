// PCI: host bridges, and the devices behind them.
#pragma once
#include "drivers/bus/device.h"

namespace pci {
/// Finds the devices of a host bridge: bus 0, and the buses that firmware has given to bridges.
extern const bus::Driver host_driver;

enum class Capability : u8 { msi = 5, vendor = 9, msi_x = 0x11 };

/// A function of a device. What it says of itself is not trusted.
class Device : public bus::Device {
public:
    virtual u16 device_number() const = 0;
    virtual u16 subsystem_number() const = 0;
    /// Where the n-th capability of a kind stands; 0: there are not so many.
    virtual u16 find_capability(Capability, unsigned n = 0) const = 0;
    virtual u8 config8(u16 offset) const = 0;
    virtual u32 config32(u16 offset) const = 0;
};
/// A device that matched a row of bus::pci().
inline Device& device(bus::Device& d) { return static_cast<Device&>(d); }
} // namespace pci
