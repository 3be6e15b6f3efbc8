// Virtio devices whose registers are memory (Virtual I/O Device 1.2, 4.2), found by the device tree, ACPI or the
// command line.
#include "core/log/log.h"
#include "drivers/bus/bus.h"
#include "drivers/virtio/device.h"

namespace virtio {
namespace {
enum Register : u64 {
    reg_magic = 0,
    reg_version = 4,
    reg_type = 8,
    reg_device_features = 0x10,
    reg_device_features_half = 0x14,
    reg_driver_features = 0x20,
    reg_driver_features_half = 0x24,
    reg_queue = 0x30,
    reg_queue_most = 0x34,
    reg_queue_size = 0x38,
    reg_queue_ready = 0x44,
    reg_notify = 0x50,
    reg_interrupt_status = 0x60,
    reg_interrupt_taken = 0x64,
    reg_status = 0x70,
    reg_descriptors = 0x80,
    reg_available = 0x90,
    reg_used = 0xa0,
    reg_generation = 0xfc,
    reg_config = 0x100,
};
constexpr u32 magic = 0x74726976; // "virt"
constexpr u32 version = 2;

class MmioDevice final : public Device {
public:
    MmioDevice(bus::Device& parent, const bus::Registers& registers)
        : Device{static_cast<u16>(registers.read<u32>(reg_type))}, parent_{parent}, registers_{registers} {
        name_ = parent.name();
        config_ = *registers.part(reg_config, registers.size() - reg_config);
    }
    void disconnect() override {
        parent_.disconnect();
        line_.clear();
    }

private:
    u32 read(Register r) const { return registers_.read<u32>(r); }
    void write(Register r, u32 value) const { registers_.write<u32>(r, value); }

    u8 status() const override { return static_cast<u8>(read(reg_status)); }
    void set_status(u8 s) override { write(reg_status, s); }
    u32 device_features(unsigned half) const override {
        write(reg_device_features_half, half);
        return read(reg_device_features);
    }
    void set_driver_features(unsigned half, u32 features) override {
        write(reg_driver_features_half, half);
        write(reg_driver_features, features);
    }
    u32 config_generation() const override { return read(reg_generation); }
    u16 select_queue(u16 index) override {
        write(reg_queue, index);
        if (read(reg_queue_ready)) return 0; // it is in use already
        u32 most = read(reg_queue_most);
        return most > 0x8000 ? 0x8000 : static_cast<u16>(most);
    }
    Result<bus::Registers> set_queue(u16 index, u16 size, const Parts& parts, unsigned, IrqHandler* handler) override {
        if (handler) TRY(line_.add(index, *handler, parent_));
        write(reg_queue_size, size);
        registers_.write_halves(reg_descriptors, parts.descriptors);
        registers_.write_halves(reg_available, parts.available);
        registers_.write_halves(reg_used, parts.used);
        write(reg_queue_ready, 1);
        return registers_.part(reg_notify, sizeof(u32));
    }
    Result<> set_config_handler(IrqHandler& handler) override { return line_.add_config(handler, parent_); }
    u32 take_interrupt() override {
        u32 why = read(reg_interrupt_status);
        if (why) write(reg_interrupt_taken, why);
        return why;
    }

    bus::Device& parent_;
    bus::Registers registers_;
    SharedLine line_{*this};
};

constexpr bus::Match matches[] = {bus::platform("virtio,mmio")};

Result<> probe(bus::Device& found) {
    auto registers = TRY(found.registers(0));
    if (registers.size() < reg_config || registers.read<u32>(reg_magic) != magic) return err::nodev;
    if (registers.read<u32>(reg_type) == 0) return err::nodev; // room for one
    if (u32 theirs = registers.read<u32>(reg_version); theirs != version) {
        log(LogLevel::warning,
            "virtio: {}: version {} of the registers, from before virtio 1.0, is not used (QEMU has the other one with "
            "-global virtio-mmio.force-legacy=false)",
            found.name(), theirs);
        return err::nodev;
    }
    bus::add(TRY(make<MmioDevice>(found, registers)));
    return {};
}
} // namespace

const bus::Driver mmio_transport{"virtio-mmio", matches, probe};
} // namespace virtio
