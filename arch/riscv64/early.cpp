// From the entry in boot.S to kernel_main(): reads the device tree, builds the kernel's page table. Runs before the
// shadow of a check build is mapped, so this file is not instrumented.
#include "arch/api/clock.h"
#include "arch/api/paging.h"
#include "arch/api/upcalls.h"
#include "arch/common/device_tree.h"
#include "arch/common/memory_ranges.h"
#include "arch/riscv64/internal.h"
#include <algorithm>
#include <cstring>

using namespace arch;

extern "C" {
CpuLocal cpu_locals[max_cpus];
constinit uptr __stack_chk_guard = 0x5bd1'e995'0000'0aff;
u64 secondary_satp = 0;   // for secondary_start in boot.S
u64 secondary_offset = 0; // virtual minus physical
}

namespace riscv {
constinit Platform platform;
arch::Pte* device_pages;
arch::Pte* device_megapages;

namespace {
alignas(page_size) [[gnu::section(".bss.pages")]] Pte root[512];
constinit BootInfo boot;
constinit MemoryRanges free_ranges;
constinit MemoryRanges memory; // all of it, the firmware's too
char command_line[2048];
PhysAddr load_base; // physical address of the GiB that the image is linked into
usize next_device_page = 0;

/// A page of zeros that is never given back.
PhysAddr take_page() {
    PhysAddr at = free_ranges.take(page_size);
    std::memset(direct(at), 0, page_size);
    return at;
}

Pte& entry(uptr address, unsigned level) {
    Pte* table = root;
    for (unsigned at = page_table_levels - 1;; at--) {
        Pte& e = table[address >> (page_shift + 9 * at) & 511];
        if (at == level) return e;
        if (!e.present()) e = Pte::table(take_page());
        table = static_cast<Pte*>(direct(e.address()));
    }
}

/// With the largest pages that alignment allows.
void map(uptr address, MemoryRange range, PageFlags flags) {
    for (PhysAddr at = range.start; at < range.end;) {
        unsigned level = page_table_levels - 1;
        usize size = GiB;
        while (level && (!is_aligned(address | at, size) || range.end - at < size)) {
            level--;
            size >>= 9;
        }
        entry(address, level) = Pte::leaf(at, flags | page_global, level);
        address += size;
        at += size;
    }
}

#if RUNDLET_CHECK
/// A page of KASan's shadow: 0 means that all is well.
void map_zeros(uptr address) {
    Pte& e = entry(address, 0);
    if (!e.present()) e = Pte::leaf(take_page(), page_read | page_write | page_global);
}
#endif

void map_image(const char* start, const char* end, PageFlags flags) {
    map(reinterpret_cast<uptr>(start), {image_physical(start), image_physical(end)}, flags);
}

void find_memory(const DeviceNode& tree, MemoryRanges& ram) {
    for (auto n = tree.first_child(); n; n = n->next_sibling()) {
        auto type = n->property("device_type");
        if (!type || type->string() != "memory" || !n->enabled()) continue;
        for (usize i = 0; auto r = n->reg(tree, i); i++) ram.add({page_up(r->start), page_down(r->start + r->size)});
    }
}

/// Takes away what firmware and boot loader keep. `ram` loses only what must not even be mapped.
void reserve_memory(const DeviceTree& dt, PhysAddr dtb, MemoryRanges& ram) {
    auto keep = [](PhysAddr start, u64 size) { free_ranges.remove({page_down(start), page_up(start + size)}); };
    dt.for_each_reservation(keep);
    keep(dtb, dt.size());
    keep(image_physical(image_start), static_cast<u64>(image_end - image_start));
    if (boot.initrd.start < boot.initrd.end) keep(boot.initrd.start, boot.initrd.end - boot.initrd.start);
    for (auto n = dt.root().first_child(); n; n = n->next_sibling()) {
        if (n->name() != "reserved-memory") continue;
        for (auto r = n->first_child(); r; r = r->next_sibling()) {
            for (usize i = 0; auto range = r->reg(*n, i); i++) {
                keep(range->start, range->size);
                if (r->property("no-map")) ram.remove({page_down(range->start), page_up(range->start + range->size)});
            }
        }
    }
}

void read_chosen(const DeviceNode& chosen) {
    if (auto p = chosen.property("bootargs")) {
        auto line = p->string().substr(0, sizeof command_line);
        std::memcpy(command_line, line.data(), line.size());
        boot.command_line = {command_line, line.size()};
    }
    auto start = chosen.property("linux,initrd-start"), end = chosen.property("linux,initrd-end");
    if (start && end) {
        boot.initrd = {start->number(0, static_cast<unsigned>(start->cells())),
                       end->number(0, static_cast<unsigned>(end->cells()))};
        if (boot.initrd.end < boot.initrd.start) boot.initrd = {};
    }
    if (auto p = chosen.property("rng-seed")) {
        usize n = p->bytes.size() < sizeof platform.seed ? p->bytes.size() : sizeof platform.seed;
        std::memcpy(platform.seed, p->bytes.data(), n);
        platform.seed_size = n;
    }
}

/// Newer device trees list the extensions instead: "riscv,isa-extensions" becomes a string of the old form.
std::string_view isa_of(const DeviceNode& cpu) {
    if (auto p = cpu.property("riscv,isa")) return p->string();
    static char text[512] = "rv64";
    usize used = 4;
    auto list = cpu.property("riscv,isa-extensions");
    for (bool letters : {true, false})
        for (auto rest = list; rest && !rest->bytes.empty();) {
            auto one = rest->string();
            if ((one.size() == 1) == letters && !one.empty() && used + 1 + one.size() <= sizeof text) {
                if (!letters) text[used++] = '_';
                std::memcpy(text + used, one.data(), one.size());
                used += one.size();
            }
            rest->bytes = rest->bytes.subspan(std::min(one.size() + 1, rest->bytes.size()));
        }
    return {text, used};
}

void read_cpus(const DeviceNode& cpus, u64 boot_hart) {
    if (auto p = cpus.property("timebase-frequency"))
        if (u64 hz = p->number(0, static_cast<unsigned>(p->cells()))) platform.timebase = hz;
    platform.hart_count = 1; // index 0: the boot hart, wherever it stands in the list
    platform.harts[0].id = boot_hart;
    for (auto n = cpus.first_child(); n; n = n->next_sibling()) {
        auto type = n->property("device_type");
        auto reg = n->property("reg");
        if (!type || type->string() != "cpu" || !reg || !n->enabled()) continue;
        u64 id = reg->number(0, static_cast<unsigned>(reg->cells()));
        if (id != boot_hart && platform.hart_count == max_cpus) continue;
        Hart& hart = platform.harts[id == boot_hart ? 0 : platform.hart_count++];
        hart.id = id;
        for (auto c = n->first_child(); c; c = c->next_sibling())
            if (auto p = c->property("phandle"); p && c->property("interrupt-controller"))
                hart.interrupt_phandle = p->cell(0);
        if (id == boot_hart) platform.isa = isa_of(*n);
    }
}

void read_tree(const DeviceTree& dt, u64 boot_hart) {
    auto root_node = dt.root();
    for (auto n = root_node.first_child(); n; n = n->next_sibling()) {
        if (n->name() == "chosen")
            read_chosen(*n);
        else if (n->name() == "cpus")
            read_cpus(*n, boot_hart);
    }
    read_devices(root_node);
    boot.devices = listed_devices();
    platform.fpu = has_letter('d');
    platform.sstc = has_extension("sstc");
    boot.cpus = platform.hart_count;
}

void map_kernel(MemoryRanges ram) {
    // The image's own pages cannot be written through the direct map either.
    MemoryRange fixed{image_physical(image_start), image_physical(rodata_end)};
    ram.remove(fixed);
    map(direct_map + fixed.start, fixed, page_read);
    for (auto& r : ram.all()) {
        map(direct_map + r.start, r, page_read | page_write);
#if RUNDLET_CHECK
        for (PhysAddr at = page_down(r.start / 8); at < r.end / 8; at += page_size) map_zeros(shadow_start + at);
#endif
    }
    map_image(image_start, text_end, page_read | page_execute);
    map_image(text_end, rodata_end, page_read);
    map_image(rodata_end, boot_stack_guard, page_read | page_write);
    map_image(boot_stack, image_end, page_read | page_write);
    for (uptr at = vmap_start; at < vmap_end; at += GiB) entry(at, 2) = Pte::table(take_page());
    device_megapages = static_cast<Pte*>(direct(take_page()));
    device_pages = static_cast<Pte*>(direct(take_page()));
    entry(device_start, 2) = Pte::table(physical(device_megapages));
    device_megapages[0] = Pte::table(physical(device_pages));
}

/// Stacks for the other CPUs to start on, with a guard page below, and for every CPU one to die on.
void make_stacks() {
    constexpr usize stack_pages = 4;
    for (unsigned i = 0; i < platform.hart_count; i++) {
        cpu_locals[i].port[slot_emergency] = reinterpret_cast<uptr>(direct(take_page())) + page_size;
        if (i == 0) continue;
        uptr at = take_device_pages(stack_pages + 1) + page_size;
        for (usize p = 0; p < stack_pages; p++)
            entry(at + p * page_size, 0) = Pte::leaf(take_page(), page_read | page_write | page_global);
        platform.harts[i].stack_top = at + stack_pages * page_size;
    }
}
} // namespace

bool has_letter(char letter) {
    auto letters = platform.isa.substr(0, platform.isa.find('_'));
    auto has = [&](char c) { return letters.find(c, 4) != std::string_view::npos; };
    return has(letter) || (has('g') && std::string_view{"imafd"}.contains(letter));
}

bool has_extension(std::string_view name) {
    for (auto rest = platform.isa; !rest.empty();) {
        usize end = rest.find('_');
        if (rest.substr(0, end) == name) return true;
        if (end == std::string_view::npos) return false;
        rest.remove_prefix(end + 1);
    }
    return false;
}

bool is_memory(MemoryRange range) { return memory.overlaps(range); }

PhysAddr image_physical(const void* p) { return reinterpret_cast<uptr>(p) - kernel_base + load_base; }

uptr take_device_pages(usize pages) {
    if (pages > 512 - next_device_page) return 0;
    uptr at = device_start + next_device_page * page_size;
    next_device_page += pages;
    return at;
}
} // namespace riscv

namespace arch {
const BootInfo& boot_info() { return riscv::boot; }
PhysAddr kernel_page_table() { return riscv::image_physical(riscv::root); }

std::span<const std::byte> boot_seed() {
    return std::as_bytes(std::span{riscv::platform.seed}).first(riscv::platform.seed_size);
}

std::optional<HardwareNumber> hardware_random() {
    // The CSR gives 16 bits a time (Zkr, chapter 4.1), when machine mode lets us read it.
    enum Status : u64 { wait = 1, has_16_bits = 2, dead = 3 };
    u64 value = 0;
    for (int tries = 0, words = 0; riscv::has_extension("zkr") && tries < 1000; tries++) {
        auto read = read_seed();
        u64 status = read.value >> 30 & 3;
        if (read.failed || status == dead) break;
        if (status != has_16_bits) continue;
        value = value << 16 | (read.value & 0xffff);
        if (++words == 4) return HardwareNumber{value, "Zkr"};
    }
    return std::nullopt;
}
} // namespace arch

/// On the boot stack, with the page table of boot.S: everything mapped, nothing protected.
extern "C" [[noreturn, gnu::no_stack_protector]] void riscv_start(u64 hart, PhysAddr dtb, PhysAddr gib) {
    using namespace riscv;
    CpuLocal& cpu = cpu_locals[0];
    cpu.self = &cpu;
    cpu.hardware_id = hart;
    load_base = gib;
    sort_fixups({fixups_start, fixups_end});
    auto dt = DeviceTree::open(direct(dtb));
    if (!dt) {
        console_write("The firmware gave no device tree.\n");
        power_off(1);
    }
    read_tree(*dt, hart);
    // A null byte stops string functions from reading or forging it.
    __stack_chk_guard = (platform.seed[0] + counter()) * 0x9e37'79b9'7f4a'7c15 & ~uptr{0xff};

    MemoryRanges ram;
    find_memory(dt->root(), ram);
    ram.remove({vmap_start - direct_map, ~PhysAddr{0}}); // what the direct map has no room for
    free_ranges = memory = ram;
    reserve_memory(*dt, dtb, ram);
    boot.memory_end = ram.end();
    map_kernel(ram);
    make_stacks();
    u64 satp = u64{8} << 60 | kernel_page_table() >> page_shift;
    asm volatile("sfence.vma\n csrw satp, %0\n sfence.vma" ::"r"(satp) : "memory");
    secondary_satp = satp;
    secondary_offset = kernel_base - load_base;

    init_console();
    probe_firmware();
    init_plic();
    init_this_cpu();
    boot.free_memory = free_ranges.all();
    kernel_main();
}
