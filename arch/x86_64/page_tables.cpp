// The kernel's page tables: image, direct map, device window, stacks of the CPUs.
#include "arch/api/kernel_map.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/port_internal.h"

// Below the image, in the same top-level entry: 1 GiB for devices in 2 MiB pages, and 2 MiB for the CPUs' own stacks.
namespace {
using arch::PhysAddr, arch::Pte;
constexpr uptr device_window = arch::kernel_image - GiB;
constexpr uptr stack_window = arch::kernel_image - 2 * GiB;
constexpr usize large_page = 2 * MiB;

constexpr auto read_only = arch::page_read | arch::page_global;
constexpr auto writable = arch::page_read | arch::page_write | arch::page_global;
constexpr auto executable = arch::page_read | arch::page_execute | arch::page_global;

alignas(page_size) Pte top[512], image_directory[512], device_pages[512], stack_pages[512];

PhysAddr low_tables;

constexpr unsigned index(uptr address, unsigned level) { return address >> (page_shift + 9 * level) & 511; }

Pte* table_in(Pte& entry) {
    if (!entry.present()) entry = Pte::table(x86::take_boot_pages(1));
    return static_cast<Pte*>(arch::direct(entry.address()));
}

/// Splits a large page of the direct map so that part of it can have other rights.
Pte* split(Pte& entry, unsigned level) {
    Pte whole = entry;
    if (!whole.is_leaf(level)) return table_in(entry);
    PhysAddr page = x86::take_boot_pages(1);
    auto* table = static_cast<Pte*>(arch::direct(page));
    for (unsigned i = 0; i < 512; i++)
        table[i] =
            Pte::leaf(whole.address() + (PhysAddr{i} << (page_shift + 9 * (level - 1))), whole.flags(), level - 1);
    entry = Pte::table(page);
    return table;
}

void map_page(uptr address, PhysAddr to, arch::PageFlags flags) {
    Pte* table = top;
    for (unsigned level = 3; level > 0; level--) table = table_in(table[index(address, level)]);
    table[index(address, 0)] = Pte::leaf(to, flags);
}

void map_image(const char* from, const char* to, arch::PageFlags flags) {
    for (const char* p = from; p < to; p += page_size)
        map_page(reinterpret_cast<uptr>(p), x86::image_physical(p), flags);
}

/// RAM, rounded outwards to the pages used.
void map_direct(PhysAddr start, PhysAddr end) {
    Pte* giants = table_in(top[index(arch::direct_map, 3)]);
    for (PhysAddr p = align_down(start, large_page); p < end;) {
        Pte& giant = giants[index(p, 2)];
        if (x86::features.huge_pages && is_aligned(p, GiB) && p + GiB <= end && !giant.present()) {
            giant = Pte::leaf(p, writable, 2);
            p += GiB;
            continue;
        }
        if (!(giant.present() && giant.is_leaf(2))) table_in(giant)[index(p, 1)] = Pte::leaf(p, writable, 1);
        p += large_page;
    }
}

#if RUNDLET_CHECK
/// KASan's shadow of RAM: zeros, all may be used.
void map_shadow(PhysAddr start, PhysAddr end) {
    for (PhysAddr p = page_down(start / 8); p < page_up(end / 8); p += page_size) {
        Pte* table = top;
        uptr at = arch::shadow_start + p;
        for (unsigned level = 3; level > 0; level--) table = table_in(table[index(at, level)]);
        if (!table[index(at, 0)].present()) table[index(at, 0)] = Pte::leaf(x86::take_boot_pages(1), writable);
    }
}
#endif

/// The image's code and constants cannot be written through the direct map either.
void protect_direct_map_of_image() {
    PhysAddr end = x86::image_physical(rodata_end);
    for (PhysAddr p = x86::image_physical(text_start); p < end; p += page_size) {
        Pte* giants = table_in(top[index(arch::direct_map, 3)]);
        Pte* larges = split(giants[index(p, 2)], 2);
        split(larges[index(p, 1)], 1)[index(p, 0)] = Pte::leaf(p, read_only);
    }
}
} // namespace

namespace x86 {
void init_page_tables() {
    table_in(top[index(arch::direct_map, 3)]);
    table_in(top[index(arch::vmap_start, 3)]);
    Pte* high = table_in(top[511]);
    high[index(device_window, 2)] = Pte::table(image_physical(device_pages));
    high[index(stack_window, 2)] = Pte::table(image_physical(image_directory));
    image_directory[index(stack_window, 1)] = Pte::table(image_physical(stack_pages));
    map_image(text_start, text_end, executable);
    map_image(rodata_start, rodata_end, read_only);
    map_image(data_start, data_end, writable);
    for (auto r : mapped_memory()) {
        map_direct(r.start, r.end);
#if RUNDLET_CHECK
        map_shadow(r.start, r.end);
#endif
    }
    protect_direct_map_of_image();
    if (topology.cpus > 1) {
        low_tables = take_boot_pages(2);
        *static_cast<Pte*>(arch::direct(low_tables)) = Pte::table(low_tables + page_size);
        *static_cast<Pte*>(arch::direct(low_tables + page_size)) =
            Pte::leaf(0, arch::page_read | arch::page_write | arch::page_execute, 1);
    }
}

uptr cpu_stack_top(unsigned cpu, CpuStack kind) {
    // Each stack is a slot of 8 pages: a guard page, unused pages, the stack.
    unsigned slot = cpu * static_cast<unsigned>(CpuStack::kinds) + static_cast<unsigned>(kind);
    return stack_window + (slot + 1) * 8 * page_size;
}

void map_cpu_stacks(unsigned cpus) {
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        for (unsigned kind = 0; kind < static_cast<unsigned>(CpuStack::kinds); kind++) {
            uptr stack_top = cpu_stack_top(cpu, static_cast<CpuStack>(kind));
            usize pages = kind == 0 ? 4 : 1;
            for (usize i = 1; i <= pages; i++)
                stack_pages[index(stack_top - i * page_size, 0)] = Pte::leaf(take_boot_pages(1), writable);
        }
}

void map_low_memory(bool on) {
    top[0] = on ? Pte::table(low_tables) : Pte::empty();
    if (!on) write_cr3(arch::kernel_page_table());
}
} // namespace x86

namespace arch {
void kernel_map_grew() {} // the CPU remembers no entry that is not present

PhysAddr kernel_page_table() { return x86::image_physical(top); }

void* map_device(PhysAddr address, usize size) {
    // Neighbours share their large page: it is looked up first. Called at boot, and later under the callers' own order.
    static std::atomic<bool> busy;
    bool were_on = irqs_save();
    while (busy.exchange(true, std::memory_order_acquire)) arch::pause();
    PhysAddr first = align_down(address, large_page);
    usize pages = (align_up(address + size, large_page) - first) / large_page;
    void* found = nullptr;
    for (usize i = 0; i + pages <= 512 && !found; i++) {
        usize same = 0;
        while (same < pages &&
               (!device_pages[i + same].present() || device_pages[i + same].address() == first + same * large_page))
            same++;
        if (same < pages) continue;
        for (usize k = 0; k < pages; k++)
            device_pages[i + k] =
                Pte::leaf(first + k * large_page, page_read | page_write | page_global | page_device, 1);
        found = reinterpret_cast<void*>(device_window + i * large_page + (address - first));
    }
    busy.store(false, std::memory_order_release);
    irqs_restore(were_on);
    return found;
}
} // namespace arch
