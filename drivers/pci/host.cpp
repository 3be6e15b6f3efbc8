#include "drivers/pci/host.h"
#include "core/log/log.h"
#include "drivers/bus/bus.h"
#include "drivers/pci/pci.h"

namespace pci {
namespace {
constexpr unsigned devices_per_bus = 32, functions_per_device = 8;
constexpr u64 bus_size = u64{devices_per_bus} * functions_per_device * Config::size;
constexpr u8 many_functions = 0x80, header_kind = 0x7f, header_device = 0, header_bridge = 1;
constexpr unsigned most_bridges = 8; // one behind the other

bool is_there(const Config& config) {
    u16 vendor = config.read<u16>(offset_vendor);
    return vendor != 0xffff && vendor != 0;
}

constexpr bus::Match matches[] = {bus::platform("pci-host-ecam-generic"), bus::platform("pci-host-ports")};

Result<> probe(bus::Device& device) {
    auto* description = device.description();
    if (!description->pci) return err::nodev;
    auto host = TRY(make<Host>());
    TRY(host->start(*description, description->registers.io_space ? TRY(device.registers(0)) : bus::Registers{}));
    host.release()->scan(description->pci->first_bus, 0, 0, 0); // its devices keep it
    return {};
}
} // namespace

const bus::Driver host_driver{"pci", matches, probe};

Result<> Host::start(const arch::PlatformDevice& description, const bus::Registers& registers) {
    description_ = description.pci;
    range_ = description.registers;
    ports_ = registers;
    by_ports_ = range_.io_space;
    for (unsigned i = 0; i < 2; i++) next_[i] = description_->windows[i].start;
    if (!by_ports_) return {};
    // Nothing behind the ports: they do not keep what is written.
    constexpr u32 probe = u32{1} << 31;
    ports_.write<u32>(0, probe);
    if (ports_.read<u32>(0) != probe) return err::nodev;
    return {};
}

Result<bus::Registers> Host::map_bus(u8 bus) {
    u64 offset = u64{bus} - description_->first_bus;
    if ((offset + 1) * bus_size > range_.size) return err::range;
    return bus::Registers::map({range_.start + offset * bus_size, bus_size});
}

void Host::scan(u8 bus, u8 root_device, u8 turn, unsigned depth) {
    if (seen_[bus / 64] >> bus % 64 & 1) return;
    seen_[bus / 64] |= u64{1} << bus % 64;
    bus::Registers space;
    if (!by_ports_) {
        auto mapped = map_bus(bus);
        if (!mapped) return log(LogLevel::warning, "pci: bus {:02x} cannot be reached", bus);
        space = *mapped;
    }
    auto config_of = [&](Address at) {
        if (by_ports_) return Config{ports_, at};
        u64 number = u64{at.device} * functions_per_device + at.function;
        return Config{*space.part(number * Config::size, Config::size)};
    };
    for (u8 device = 0; device < devices_per_bus; device++) {
        Place place{{bus, device, 0}, depth ? root_device : device, depth ? static_cast<u8>(turn + device) : u8{0}};
        Config first = config_of(place.at);
        if (!is_there(first)) continue;
        bool many = first.read<u8>(offset_header_type) & many_functions;
        add(place, first, depth);
        for (u8 function = 1; many && function < functions_per_device; function++) {
            place.at.function = function;
            if (Config config = config_of(place.at); is_there(config)) add(place, config, depth);
        }
    }
}

void Host::add(const Place& place, const Config& config, unsigned depth) {
    u8 kind = config.read<u8>(offset_header_type) & header_kind;
    if (kind == header_device) return add_function(*this, place, config);
    if (kind == header_bridge) enter_bridge(place, config, depth);
}

void Host::enter_bridge(const Place& place, const Config& config, unsigned depth) {
    u8 behind = config.read<u8>(offset_secondary_bus);
    if (behind > place.at.bus && behind <= description_->last_bus && depth < most_bridges)
        return scan(behind, place.root_device, place.turn, depth + 1);
    log(LogLevel::info, "pci: firmware has given bridge {:02x}:{:02x}.{} no bus: what is behind it is not used",
        place.at.bus, place.at.device, place.at.function);
}

arch::PhysAddr Host::take_window(u64 size, bool wide) {
    unsigned i = wide && description_->windows[1].start < description_->windows[1].end ? 1 : 0;
    const auto& window = description_->windows[i];
    arch::PhysAddr at = align_up(next_[i], size);
    if (at < next_[i] || at >= window.end || window.end - at < size) return 0;
    next_[i] = at + size;
    return at;
}

unsigned Host::line(const Place& place, u8 pin, u8 interrupt_line) const {
    if (pin < 1 || pin > 4) return arch::no_line;
    unsigned known = description_->line_of[place.root_device % 4][(pin - 1 + place.turn) % 4];
    if (known != arch::no_line) return known;
    // Where firmware has placed everything it has written here where the wire ends.
    bool by_firmware = description_->windows[0].start == description_->windows[0].end;
    return by_firmware && interrupt_line != 0 && interrupt_line != 0xff ? interrupt_line : arch::no_line;
}
} // namespace pci
