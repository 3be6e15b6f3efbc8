#include "drivers/pci/function.h"
#include "core/log/log.h"
#include "drivers/bus/bus.h"
#include <bit>

namespace pci {
namespace {
constexpr u16 status_capabilities = 1 << 4, first_capability = 0x40;
constexpr unsigned most_capabilities = 48; // as many as have room: they may stand in a circle
constexpr u16 msi_control = 2, msi_on = 1, msi_wide = 1 << 7, msi_more = 7 << 4;
constexpr u16 msi_x_control = 2, msi_x_table = 4, msi_x_on = 1 << 15, msi_x_masked = 1 << 14, msi_x_last = 0x7ff;
constexpr u64 entry_size = 16, entry_address = 0, entry_data = 8, entry_control = 12; // of the MSI-X table
constexpr u32 entry_masked = 1;
constexpr u64 largest_bar = 256 * MiB; // that is mapped
} // namespace

Function::Function(Host& host, const Place& place, const Config& config)
    : host_{host},
      place_{place},
      config_{config},
      vendor_{config.read<u16>(offset_vendor)},
      device_{config.read<u16>(offset_device)} {
    char text[31];
    BufferWriter out{text};
    print(out, "pci {:02x}:{:02x}.{}", place.at.bus, place.at.device, place.at.function);
    name_ = out.text();
}

void add_function(Host& host, const Place& place, const Config& config) {
    auto made = make<Function>(host, place, config);
    if (!made) return log(LogLevel::warning, "pci: no memory for a device");
    bus::add(std::move(*made));
}

bool Function::is(const bus::Match& m) const {
    return m.kind == bus::Match::Kind::pci && m.vendor == vendor_ && m.first <= device_ && device_ <= m.last;
}

void Function::set_command(u16 on, u16 off) {
    u16 old = config_.read<u16>(offset_command);
    config_.write<u16>(offset_command, static_cast<u16>((old & ~off) | on));
}

void Function::let_reach_memory(bool yes) {
    set_command(yes ? command_master : 0, yes ? 0 : command_master);
    bus::Device::let_reach_memory(yes);
}

u16 Function::find_capability(Capability kind, unsigned n) const {
    if (!(config_.read<u16>(offset_status) & status_capabilities)) return 0;
    u8 at = config_.read<u8>(offset_capabilities) & 0xfc;
    for (unsigned i = 0; i < most_capabilities && at >= first_capability; i++) {
        if (config_.read<u8>(at) == static_cast<u8>(kind) && n-- == 0) return at;
        at = config_.read<u8>(static_cast<u16>(at + 1)) & 0xfc;
    }
    return 0;
}

/// What is left of all ones says how large it is. The device does not answer meanwhile.
u64 Function::bar_size(unsigned i, u32 low, bool wide, bool io) {
    u16 at = static_cast<u16>(offset_bar + 4 * i), next = static_cast<u16>(at + 4);
    u16 command = config_.read<u16>(offset_command);
    config_.write<u16>(offset_command, static_cast<u16>(command & ~(command_io | command_memory)));
    u32 high = wide ? config_.read<u32>(next) : 0;
    config_.write<u32>(at, ~u32{0});
    if (wide) config_.write<u32>(next, ~u32{0});
    u64 mask = config_.read<u32>(at) & (io ? ~u32{3} : ~u32{15});
    if (wide) mask |= u64{config_.read<u32>(next)} << 32;
    config_.write<u32>(at, low);
    if (wide) config_.write<u32>(next, high);
    config_.write<u16>(offset_command, command);
    // Ones from the size upwards, or it is no size.
    u64 size = mask & -mask, decoded = wide ? ~u64{0} : io ? 0xffff : 0xffff'ffff;
    return (mask & decoded) == (-size & decoded) ? size : 0;
}

/// Where the registers are: as firmware has placed them, or placed here.
Result<arch::RegisterRange> Function::place_bar(unsigned i) {
    u16 at = static_cast<u16>(offset_bar + 4 * i);
    u32 low = config_.read<u32>(at);
    bool io = low & 1, wide = !io && (low >> 1 & 3) == 2;
    if (wide && i + 1 == bars) return err::nodev;
    u64 size = bar_size(i, low, wide, io);
    if (!size) return err::nodev;
    u64 start = low & (io ? ~u32{3} : ~u32{15});
    if (wide) start |= u64{config_.read<u32>(static_cast<u16>(at + 4))} << 32;
    if (!start && !io && (start = host_.take_window(size, wide))) {
        config_.write<u32>(at, static_cast<u32>(start));
        if (wide) config_.write<u32>(static_cast<u16>(at + 4), static_cast<u32>(start >> 32));
        if ((config_.read<u32>(at) & ~u32{15}) != static_cast<u32>(start)) start = 0;
    }
    if (!start || !is_aligned(start, size) || size > largest_bar || (io && start + size > 64 * KiB)) {
        log(LogLevel::warning, "pci: {}: range {} has {} bytes at {:#x}: cannot be used", name(), i, size, start);
        return err::nxio;
    }
    return arch::RegisterRange{start, size, io};
}

Result<bus::Registers> Function::registers(unsigned i) {
    if (i >= bars) return err::nodev;
    if (mapped_[i]) return bars_[i];
    auto range = TRY(place_bar(i));
    TRY(bus::claim(range, name()));
    bars_[i] = TRY(bus::Registers::map(range));
    mapped_[i] = true;
    set_command(range.io_space ? command_io : command_memory);
    return bars_[i];
}

unsigned Function::messages() {
    if (u16 at = find_capability(Capability::msi_x))
        return (config_.read<u16>(static_cast<u16>(at + msi_x_control)) & msi_x_last) + 1u;
    return find_capability(Capability::msi) ? 1 : 0;
}

Result<bus::Registers> Function::message_table() {
    u16 at = find_capability(Capability::msi_x);
    if (!at) return err::nodev;
    u32 where = config_.read<u32>(static_cast<u16>(at + msi_x_table));
    return TRY(registers(where & 7)).part(where & ~u32{7}, messages() * entry_size);
}

/// The one message of MSI.
void Function::write_message(u16 msi, const arch::Message& message) {
    u16 control = config_.read<u16>(static_cast<u16>(msi + msi_control));
    bool wide = control & msi_wide;
    config_.write<u32>(static_cast<u16>(msi + 4), static_cast<u32>(message.address));
    if (wide) config_.write<u32>(static_cast<u16>(msi + 8), static_cast<u32>(message.address >> 32));
    config_.write<u16>(static_cast<u16>(msi + (wide ? 12 : 8)), static_cast<u16>(message.data));
    config_.write<u16>(static_cast<u16>(msi + msi_control), static_cast<u16>((control & ~msi_more) | msi_on));
}

Result<> Function::connect_message(unsigned i, unsigned cpu, IrqHandler& handler) {
    if (i >= messages()) return err::inval;
    u16 msi_x = find_capability(Capability::msi_x);
    TRY(connected_.reserve(connected_.size() + 1));
    auto message = TRY(request_message(cpu, handler));
    (void)connected_.push({message.line, &handler}); // disconnect() gives it back
    auto table = msi_x ? TRY(message_table()) : bus::Registers{};
    if (msi_x) {
        u64 entry = i * entry_size;
        table.write<u32>(entry + entry_control, entry_masked);
        table.write_halves(entry + entry_address, message.address);
        table.write<u32>(entry + entry_data, message.data);
        table.write<u32>(entry + entry_control, 0);
        u16 at = static_cast<u16>(msi_x + msi_x_control);
        config_.write<u16>(at, static_cast<u16>((config_.read<u16>(at) & ~msi_x_masked) | msi_x_on));
    } else {
        write_message(find_capability(Capability::msi), message);
    }
    set_command(command_no_wire);
    return {};
}

Result<> Function::connect_line(IrqHandler& handler) {
    u8 pin = config_.read<u8>(offset_interrupt_pin), said = config_.read<u8>(offset_interrupt_line);
    TRY(line_.connect(host_.line(place_, pin, said), handler));
    set_command(0, command_no_wire);
    return {};
}

void Function::disconnect() {
    if (u16 at = find_capability(Capability::msi_x)) {
        at = static_cast<u16>(at + msi_x_control);
        config_.write<u16>(at, static_cast<u16>(config_.read<u16>(at) & ~msi_x_on));
    }
    if (u16 at = find_capability(Capability::msi)) {
        at = static_cast<u16>(at + msi_control);
        config_.write<u16>(at, static_cast<u16>(config_.read<u16>(at) & ~msi_on));
    }
    set_command(command_no_wire);
    line_.disconnect();
    for (auto& message : connected_) release_message(message.line, *message.handler);
    connected_ = {};
}
} // namespace pci
