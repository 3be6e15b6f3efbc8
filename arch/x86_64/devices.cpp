// Devices that are found by name: the serial port, PCI's configuration space, virtio devices whose registers are
// memory.
#include "arch/api/platform.h"
#include "arch/x86_64/port_internal.h"
#include <cstring>

namespace {
arch::PlatformDevice devices[64] = {
    {.compatible = "ns16550a",
     .registers = {.start = 0x3f8, .size = 8, .io_space = true}}, // its line: publish_devices()
};
unsigned count = 1;
arch::PciHost host; // firmware has placed everything; lines are in the devices' own registers
bool has_configuration_space = false;

void add(const arch::PlatformDevice& device) {
    if (count < std::size(devices)) devices[count++] = device;
}

template <class T>
T read(x86::AcpiTable from, usize at) {
    T value;
    std::memcpy(&value, &from[at], sizeof value);
    return value;
}
} // namespace

namespace x86 {
void add_configuration_space(AcpiTable mcfg) {
    // PCI Firmware Specification 3.3, table 4-3: after 44 bytes an entry of 16 for each group of buses.
    constexpr usize first = 44, entry_size = 16;
    for (usize at = first; at + entry_size <= mcfg.size(); at += entry_size) {
        u64 base = read<u64>(mcfg, at);
        u8 first_bus = mcfg[at + 10], last_bus = mcfg[at + 11];
        if (read<u16>(mcfg, at + 8) != 0 || first_bus > last_bus || has_configuration_space) continue;
        has_configuration_space = true;
        host.first_bus = first_bus;
        host.last_bus = last_bus;
        add({.compatible = "pci-host-ecam-generic",
             .registers = {base + first_bus * MiB, (last_bus - first_bus + 1) * MiB},
             .pci = &host});
    }
}

/// In the byte code each is a Device with the name LNRO0005 and, after it, a resource template: one range of memory,
/// one interrupt (ACPI 6.5, 6.4.3.4 and 6.4.3.6). It is looked for as bytes: running the code would bring nothing more.
void add_virtio(AcpiTable dsdt) {
    constexpr std::string_view hardware_id{"LNRO0005", 9};
    constexpr u8 memory[] = {0x86, 9, 0}, interrupt[] = {0x89, 6, 0};
    constexpr usize longest_device = 200;
    for (usize at = 0; at + hardware_id.size() <= dsdt.size(); at++) {
        if (dsdt[at] != 'L' || std::memcmp(&dsdt[at], hardware_id.data(), hardware_id.size()) != 0) continue;
        at += hardware_id.size();
        arch::PlatformDevice found{.compatible = "virtio,mmio"};
        for (usize i = at; i < at + longest_device && i + 12 <= dsdt.size(); i++) {
            if (dsdt[i] == 'L' && std::memcmp(&dsdt[i], hardware_id.data(), hardware_id.size()) == 0) break; // the next
            if (!found.registers.size && std::memcmp(&dsdt[i], memory, sizeof memory) == 0)
                found.registers = {read<u32>(dsdt, i + 4), read<u32>(dsdt, i + 8)};
            else if (std::memcmp(&dsdt[i], interrupt, sizeof interrupt) == 0 && dsdt[i + 4] == 1) // one number
                found.line = read<u32>(dsdt, i + 5);
        }
        if (found.registers.size && found.line != arch::no_line) add(found);
    }
}

void publish_devices() {
    constexpr unsigned serial_irq = 4;
    devices[0].line = topology.isa[serial_irq].gsi;
    if (!has_configuration_space) // perhaps by the ports that PCI has had from the start
        add({.compatible = "pci-host-ports", .registers = {0xcf8, 8, true}, .pci = &host});
    mutable_boot_info().devices = {devices, count};
}
} // namespace x86

namespace arch {
bool is_reserved(PhysAddr start, u64 size) {
    auto overlaps = [&](PhysAddr from, u64 bytes) { return start < from + bytes && from < start + size; };
    constexpr PhysAddr messages = 0xfee00000; // the local APICs', and where devices write to interrupt
    if (start + size < start || overlaps(0, MiB) || overlaps(messages, MiB)) return true;
    for (unsigned i = 0; i < x86::topology.io_apic_count; i++)
        if (overlaps(x86::topology.io_apics[i].address, page_size)) return true;
    for (auto& r : x86::mapped_memory())
        if (overlaps(r.start, r.end - r.start)) return true;
    return false;
}
} // namespace arch
