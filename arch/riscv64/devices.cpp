// What the device tree says of devices: those that the port drives itself, and those that it lists for drivers.
#include "arch/api/platform.h"
#include "arch/common/device_tree.h"
#include "arch/riscv64/internal.h"
#include <algorithm>
#include <utility>

namespace riscv {
namespace {
arch::PlatformDevice devices[64];
unsigned count = 0;
arch::PciHost host;
u32 host_controller = 0; // phandle of the interrupt controller that the host's lines go to

void read_plic(const DeviceNode& n, const DeviceNode& bus) {
    constexpr u32 supervisor_external = 9;
    auto reg = n.reg(bus);
    auto contexts = n.property("interrupts-extended");
    if (!reg || !contexts) return;
    platform.plic = reg->start;
    platform.plic_size = reg->size;
    if (auto p = n.property("phandle")) platform.plic_phandle = p->cell(0);
    if (auto p = n.property("riscv,ndev")) platform.plic_sources = p->cell(0);
    for (usize i = 0; i + 1 < contexts->cells(); i += 2)
        for (auto& hart : platform.harts)
            if (contexts->cell(i) == hart.interrupt_phandle && contexts->cell(i + 1) == supervisor_external)
                hart.plic_context = static_cast<int>(i / 2);
}

/// PCI Bus Binding to Open Firmware 2.1: three cells of address, of which the first says what kind of space it is.
void read_pci_windows(const DeviceProperty& ranges) {
    constexpr usize cells = 7; // bus address, CPU's address, size
    for (usize i = 0; i + cells <= ranges.cells(); i += cells) {
        u32 kind = ranges.cell(i) >> 24 & 3;
        u64 on_bus = ranges.number(i + 1, 2), start = ranges.number(i + 3, 2), size = ranges.number(i + 5, 2);
        if (kind < 2 || on_bus != start || start + size < start) continue; // ports, or other addresses than the CPU's
        host.windows[kind - 2] = {page_up(start), page_down(start + size)};
    }
}

/// Entries of six cells: device and pin, the controller, its line. Only lines that repeat every four devices.
void read_pci_lines(const DeviceProperty& map, const DeviceProperty& mask) {
    constexpr usize cells = 6;
    if (mask.cell(0) != 0x1800 || mask.cell(3) != 7) return;
    for (usize i = 0; i + cells <= map.cells(); i += cells) {
        u32 pin = map.cell(i + 3);
        if (pin < 1 || pin > 4) return;
        host_controller = map.cell(i + 4);
        host.line_of[map.cell(i) >> 11 & 3][pin - 1] = map.cell(i + 5);
    }
}

const arch::PciHost* read_pci_host(const DeviceNode& n) {
    static bool found = false;
    if (std::exchange(found, true)) return nullptr; // one is enough
    if (auto p = n.property("bus-range"); p && p->cells() == 2) {
        host.first_bus = static_cast<u8>(p->cell(0));
        host.last_bus = static_cast<u8>(p->cell(1));
    }
    if (auto p = n.property("ranges")) read_pci_windows(*p);
    auto map = n.property("interrupt-map"), mask = n.property("interrupt-map-mask");
    if (map && mask) read_pci_lines(*map, *mask);
    return &host;
}

void list(const DeviceNode& n, const DeviceNode::Range& reg, const DeviceProperty& compatible) {
    if (count == std::size(devices)) return;
    auto* text = reinterpret_cast<const char*>(compatible.bytes.data());
    arch::PlatformDevice d{.compatible = {text, compatible.bytes.size()}, .registers = {reg.start, reg.size}};
    if (auto p = n.property("reg-shift")) d.stride = 1u << (p->cell(0) & 3);
    if (auto p = n.property("interrupts")) d.line = p->cell(0);
    if (compatible.lists("pci-host-ecam-generic")) d.pci = read_pci_host(n);
    if (compatible.lists("ns16550a") && !platform.console) {
        platform.console = d.registers.start;
        platform.console_stride = d.stride;
    }
    devices[count++] = d;
}
} // namespace

void read_devices(const DeviceNode& bus) {
    for (auto n = bus.first_child(); n; n = n->next_sibling()) {
        auto compatible = n->property("compatible");
        if (!compatible || !n->enabled()) continue;
        auto reg = n->reg(bus);
        if (compatible->lists("sifive,plic-1.0.0") || compatible->lists("riscv,plic0"))
            read_plic(*n, bus);
        else if (compatible->lists("simple-bus"))
            read_devices(*n);
        else if (reg && compatible->lists("sifive,test0"))
            platform.test = reg->start;
        else if (reg && compatible->lists("google,goldfish-rtc"))
            platform.rtc = reg->start;
        else if (reg)
            list(*n, *reg, *compatible);
    }
}

std::span<const arch::PlatformDevice> listed_devices() {
    if (host_controller != platform.plic_phandle)
        for (auto& lines : host.line_of) std::fill(std::begin(lines), std::end(lines), arch::no_line);
    return {devices, count};
}
} // namespace riscv

namespace arch {
bool is_reserved(PhysAddr start, u64 size) {
    using riscv::platform;
    auto overlaps = [&](PhysAddr from, u64 bytes) { return from && start < from + bytes && from < start + size; };
    if (start + size < start || riscv::is_memory({page_down(start), page_up(start + size)})) return true;
    return overlaps(platform.plic, platform.plic_size) || overlaps(platform.test, page_size) ||
           overlaps(platform.rtc, page_size);
}
} // namespace arch
