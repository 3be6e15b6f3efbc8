// What the PVH start_info says: memory, modules, command line. Xen's public/arch-x86/hvm/start_info.h is the
// specification.
#include "arch/common/memory_ranges.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"
#include <algorithm>
#include <cstring>

namespace {
struct StartInfo {
    u32 magic, version, flags, modules;
    u64 module_list, command_line, rsdp, memory_map;
    u32 memory_map_entries, reserved;
};
struct [[gnu::packed]] Module { // the loader puts the list anywhere
    u64 address, size, command_line, reserved;
};
struct MapEntry {
    u64 address, size;
    u32 type, reserved;
};
constexpr u32 start_info_magic = 0x336ec578;
constexpr u32 type_ram = 1, type_acpi = 3, type_acpi_nvs = 4;
constexpr arch::PhysAddr direct_map_limit = 512 * GiB;

arch::BootInfo info;
arch::PhysAddr memory_end; // goes into `info` when all of it is mapped, its shadow too
constinit arch::MemoryRanges ram, usable;
char command_line[2048];

template <class T>
const T& at(u64 physical) {
    return *static_cast<const T*>(arch::direct(physical));
}
} // namespace

namespace arch {
const BootInfo& boot_info() { return info; }
} // namespace arch

namespace x86 {
arch::BootInfo& mutable_boot_info() { return info; }

void read_memory_map(PhysAddr start_info) {
    const auto& start = at<StartInfo>(start_info);
    if (start.magic != start_info_magic || start.version < 1 || start.memory_map_entries == 0) {
        arch::console_write("The kernel was not started by the PVH protocol with a memory map.\n");
        arch::power_off(255);
    }
    for (u32 i = 0; i < start.memory_map_entries; i++) {
        const auto& e = at<MapEntry>(start.memory_map + i * sizeof(MapEntry));
        if (e.address >= direct_map_limit) continue;
        u64 end = e.address + std::min(e.size, direct_map_limit - e.address);
        // Maps may overlap: a page is listed once, and is free only if no entry says otherwise.
        if (e.type == type_ram) {
            ram.add({page_up(e.address), page_down(end)});
            usable.add({page_up(e.address), page_down(end)});
            memory_end = std::max(memory_end, page_down(end));
        } else if (e.type == type_acpi || e.type == type_acpi_nvs) {
            ram.add({page_down(e.address), page_up(end)});
        }
    }
    for (u32 i = 0; i < start.memory_map_entries; i++) {
        const auto& e = at<MapEntry>(start.memory_map + i * sizeof(MapEntry));
        if (e.type != type_ram && e.address < direct_map_limit)
            usable.remove({page_down(e.address), page_up(e.address + std::min(e.size, direct_map_limit - e.address))});
    }
    if (start.command_line) {
        std::string_view text{&at<char>(start.command_line)};
        text = text.substr(0, sizeof command_line);
        std::memcpy(command_line, text.data(), text.size());
        info.command_line = {command_line, text.size()};
    }
    if (start.modules) {
        const auto& m = at<Module>(start.module_list);
        info.initrd = {m.address, m.address + m.size};
        usable.remove({page_down(m.address), page_up(m.address + m.size)});
    }
    usable.remove({0, page_size}); // a null pointer in a device's register must not hit data
    bool can_start_cpus = usable.has({TRAMPOLINE, TRAMPOLINE + page_size});
    usable.remove({TRAMPOLINE, TRAMPOLINE + page_size});
    usable.remove({page_down(image_physical(image_start)), image_physical(image_end)});
    read_topology(start.rsdp);
    publish_devices();
    if (topology.cpus > 1 && !can_start_cpus) {
        arch::console_write("The page at 0x8000, where other CPUs start, is not free memory: going on with one CPU.\n");
        topology.cpus = 1;
    }
    info.cpus = topology.cpus;
}

PhysAddr take_boot_pages(usize count, PhysAddr below) {
    // Above 1 MiB: low memory is too scattered.
    if (PhysAddr at = usable.take(count * page_size, MiB, below)) {
        std::memset(arch::direct(at), 0, count * page_size);
        return at;
    }
    arch::console_write("Not enough memory to boot.\n");
    arch::power_off(255);
}

void publish_free_memory() {
    usable.add({image_physical(data_end), image_physical(image_end)});
    info.memory_end = memory_end;
    info.free_memory = usable.all();
}

std::span<const arch::MemoryRange> mapped_memory() { return ram.all(); }
} // namespace x86
