// Virtio devices that are PCI functions (Virtual I/O Device 1.2, 4.1): the interface of version 1, which transitional
// ones have, too.
#include "drivers/pci/pci.h"
#include "core/log/log.h"
#include "drivers/bus/bus.h"
#include "drivers/virtio/device.h"

namespace virtio {
namespace {
enum CommonField : u64 {
    field_device_features_half = 0,
    field_device_features = 4,
    field_driver_features_half = 8,
    field_driver_features = 12,
    field_config_message = 16,
    field_status = 20,
    field_generation = 21,
    field_queue = 22,
    field_queue_size = 24,
    field_queue_message = 26,
    field_queue_enable = 28,
    field_queue_notify = 30,
    field_descriptors = 32,
    field_available = 40,
    field_used = 48,
    common_size = 56,
};
enum Structure : u8 { structure_common = 1, structure_notify = 2, structure_interrupt = 3, structure_config = 4 };
constexpr u16 no_message = 0xffff;
constexpr u16 vendor = 0x1af4, first_device = 0x1000, first_modern = 0x1040, last_device = 0x107f;

/// The structures that the device's capabilities point to.
struct Structures {
    bus::Registers common, notify, interrupt, config;
    u32 notify_step = 0;
};

/// err::nodev: the device has none of this kind, or says that it is where nothing can be.
Result<bus::Registers> find(pci::Device& device, Structure kind, u64 least, u32* notify_step = nullptr) {
    u16 at;
    for (unsigned n = 0; (at = device.find_capability(pci::Capability::vendor, n)); n++) {
        auto byte = [&](u16 offset) { return device.config8(static_cast<u16>(at + offset)); };
        auto word = [&](u16 offset) { return device.config32(static_cast<u16>(at + offset)); };
        constexpr u16 capability_size = 16, notify_size = 20;
        if (byte(3) != kind || byte(2) < (notify_step ? notify_size : capability_size)) continue;
        auto registers = device.registers(byte(4));
        if (!registers) continue;
        auto part = registers->part(word(8), word(12));
        if (!part || part->size() < least) continue;
        if (notify_step) *notify_step = word(16);
        return *part;
    }
    return err::nodev;
}

class PciDevice final : public Device {
public:
    PciDevice(pci::Device& parent, u16 type, const Structures& at) : Device{type}, parent_{parent}, at_{at} {
        name_ = parent.name();
        config_ = at.config;
    }
    void disconnect() override {
        parent_.disconnect();
        line_.clear();
        messages_used_ = 0;
    }
    unsigned messages() override { return parent_.find_capability(pci::Capability::msi_x) ? parent_.messages() : 0; }
    void let_reach_memory(bool yes) override {
        parent_.let_reach_memory(yes);
        Device::let_reach_memory(yes);
    }

private:
    u8 status() const override { return at_.common.read<u8>(field_status); }
    void set_status(u8 s) override { at_.common.write<u8>(field_status, s); }
    u32 device_features(unsigned half) const override {
        at_.common.write<u32>(field_device_features_half, half);
        return at_.common.read<u32>(field_device_features);
    }
    void set_driver_features(unsigned half, u32 features) override {
        at_.common.write<u32>(field_driver_features_half, half);
        at_.common.write<u32>(field_driver_features, features);
    }
    u32 config_generation() const override { return at_.common.read<u8>(field_generation); }
    u16 select_queue(u16 index) override {
        at_.common.write<u16>(field_queue, index);
        u16 most = at_.common.read<u16>(field_queue_size);
        return most > 0x8000 ? 0x8000 : most;
    }
    Result<bus::Registers> set_queue(u16 index, u16 size, const Parts& parts, unsigned cpu,
                                     IrqHandler* handler) override {
        u64 notify = u64{at_.common.read<u16>(field_queue_notify)} * at_.notify_step;
        auto doorbell = TRY(at_.notify.part(notify, sizeof(u16)));
        u16 message = handler ? TRY(connect(cpu, *handler)) : no_message;
        if (handler && message == no_message) TRY(line_.add(index, *handler, parent_));
        TRY(write_message(field_queue_message, message));
        at_.common.write<u16>(field_queue_size, size);
        at_.common.write_halves(field_descriptors, parts.descriptors);
        at_.common.write_halves(field_available, parts.available);
        at_.common.write_halves(field_used, parts.used);
        at_.common.write<u16>(field_queue_enable, 1);
        return doorbell;
    }
    Result<> set_config_handler(IrqHandler& handler) override {
        u16 message = TRY(connect(0, handler));
        if (message == no_message) TRY(line_.add_config(handler, parent_));
        return write_message(field_config_message, message);
    }
    /// The next message; `no_message`: it has its wire for everything.
    Result<u16> connect(unsigned cpu, IrqHandler& handler) {
        if (messages_used_ == messages()) {
            if (messages_used_) return err::nospc; // with messages on, the wire is silent
            return no_message;
        }
        auto connected = parent_.connect_message(messages_used_, cpu, handler);
        if (connected) return messages_used_++;
        if (connected == err::opnotsupp && !messages_used_) return no_message;
        return std::unexpected(connected.error());
    }
    Result<> write_message(CommonField where, u16 message) {
        at_.common.write<u16>(where, message);
        if (at_.common.read<u16>(where) != message) return err::nospc; // it cannot have it
        return {};
    }
    u32 take_interrupt() override { return at_.interrupt.read<u8>(0); } // reading quiets it

    pci::Device& parent_;
    Structures at_;
    SharedLine line_{*this};
    u16 messages_used_ = 0;
};

constexpr bus::Match matches[] = {bus::pci(vendor, first_device, last_device)};

Result<> probe(bus::Device& found) {
    pci::Device& function = pci::device(found);
    Structures at;
    auto common = find(function, structure_common, common_size);
    auto notify = find(function, structure_notify, sizeof(u16), &at.notify_step);
    auto interrupt = find(function, structure_interrupt, 1);
    if (!common || !notify || !interrupt) {
        log(LogLevel::warning, "virtio: {} has only the interface of before virtio 1.0, which is not used",
            found.name());
        return err::nodev;
    }
    at.common = *common;
    at.notify = *notify;
    at.interrupt = *interrupt;
    at.config = find(function, structure_config, 1).value_or(bus::Registers{});
    u16 number = function.device_number();
    u16 type = number >= first_modern ? static_cast<u16>(number - first_modern) : function.subsystem_number();
    bus::add(TRY(make<PciDevice>(function, type, at)));
    return {};
}
} // namespace

const bus::Driver pci_transport{"virtio-pci", matches, probe};
} // namespace virtio
