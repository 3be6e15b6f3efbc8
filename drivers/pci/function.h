// A PCI function as a bus::Device: registers (BARs), messages (MSI-X, MSI), its wire.
#pragma once
#include "drivers/pci/host.h"
#include "drivers/pci/pci.h"
#include "lib/vector.h"

namespace pci {
class Function final : public Device {
public:
    Function(Host& host, const Place& place, const Config& config);

    bool is(const bus::Match& m) const override;
    Result<bus::Registers> registers(unsigned i) override;
    unsigned messages() override;
    Result<> connect_message(unsigned i, unsigned cpu, IrqHandler& handler) override;
    Result<> connect_line(IrqHandler& handler) override;
    void disconnect() override;
    void let_reach_memory(bool yes) override;

    u16 device_number() const override { return device_; }
    u16 subsystem_number() const override { return config_.read<u16>(offset_subsystem); }
    u16 find_capability(Capability, unsigned n = 0) const override;
    u8 config8(u16 offset) const override { return config_.read<u8>(offset); }
    u32 config32(u16 offset) const override { return config_.read<u32>(offset); }

private:
    static constexpr unsigned bars = 6;
    struct Message {
        unsigned line;
        IrqHandler* handler;
    };
    Result<arch::RegisterRange> place_bar(unsigned i);
    u64 bar_size(unsigned i, u32 low, bool wide, bool io);
    Result<bus::Registers> message_table();
    void write_message(u16 msi, const arch::Message& message);
    void set_command(u16 on, u16 off = 0);

    Host& host_;
    Place place_;
    Config config_;
    u16 vendor_, device_;
    bool mapped_[bars] = {};
    bus::Registers bars_[bars];
    Vector<Message> connected_;
    bus::Line line_;
};
} // namespace pci
