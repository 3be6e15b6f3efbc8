// The contract between buses and drivers: what a device is, and what a driver says of itself.
#pragma once
#include "core/irq/irq.h"
#include "drivers/bus/registers.h"
#include "lib/memory.h"
#include "lib/string.h"

namespace bus {
/// A row of a driver's table: which devices are its own.
struct Match {
    enum class Kind : u8 { platform, pci, virtio } kind;
    std::string_view compatible = {};    // platform: a string of the device tree's
    u16 vendor = 0, first = 0, last = 0; // pci: device numbers from .. to; virtio: the device's type twice
};
constexpr Match platform(std::string_view compatible) { return {Match::Kind::platform, compatible}; }
constexpr Match pci(u16 vendor, u16 first, u16 last) { return {Match::Kind::pci, {}, vendor, first, last}; }
constexpr Match virtio(u16 type) { return {Match::Kind::virtio, {}, 0, type, type}; }

/// A device, as its bus shows it. Made by the bus; lives for ever once a driver has taken it. Used by its driver only.
class Device {
public:
    virtual ~Device() = default;
    Device(const Device&) = delete;
    /// For messages: "pci 00:03.0", "virtio,mmio@10001000".
    std::string_view name() const { return name_; }
    virtual bool is(const Match&) const = 0;
    /// Its i-th range of registers (pci: BAR), checked and mapped. err::nodev: there is none; err::busy, with words in
    /// the log: where it says they are is something else.
    virtual Result<Registers> registers(unsigned i) = 0;
    /// What firmware said, for platform devices; else null.
    virtual const arch::PlatformDevice* description() const { return nullptr; }

    /// How many messages it can send; 0: it has its wire only.
    virtual unsigned messages() { return 0; }
    /// Has message `i` interrupt `cpu` and `handler` called. err::opnotsupp: this machine has none, use connect_line().
    virtual Result<> connect_message(unsigned /*i*/, unsigned /*cpu*/, IrqHandler&) { return err::opnotsupp; }
    /// Has `handler` called for its wire, which it may share. err::nodev: it has none, or nobody knows where it ends.
    virtual Result<> connect_line(IrqHandler&) = 0;
    /// No handler is called any more. Sleeps shortly.
    virtual void disconnect() = 0;

    /// Whether it may read and write memory now: what it could reach is not given back before (DmaBuffer).
    bool reaches_memory() const { return reaches_memory_; }
    /// By its driver: before it is given addresses, and after it has been reset and has forgotten them.
    virtual void let_reach_memory(bool yes) { reaches_memory_ = yes; }

protected:
    Device() = default;
    FixedString<31> name_;

private:
    friend void add(Box<Device>);
    Device* next_ = nullptr; // of those that have a driver
    bool reaches_memory_ = false;
};

/// The wire of a device, and who serves it: for buses.
class Line {
public:
    Result<> connect(unsigned line, IrqHandler& handler) {
        if (line == arch::no_line) return err::nodev;
        TRY(request_irq(line, handler));
        line_ = line;
        handler_ = &handler;
        return {};
    }
    void disconnect() {
        if (auto* handler = std::exchange(handler_, nullptr)) release_irq(line_, *handler);
    }

private:
    unsigned line_ = arch::no_line;
    IrqHandler* handler_ = nullptr;
};

/// What boot/manifest.cpp lists. A bus is the driver of its controller: it finds devices and add()s them.
struct Driver {
    std::string_view name;
    std::span<const Match> matches;
    /// Starts a device that matches. err::nodev: it is none after all, another driver may look. After any error the
    /// device does nothing any more: no interrupts, no access to memory.
    Result<> (*probe)(Device&);
};
} // namespace bus
