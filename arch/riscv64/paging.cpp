// The TLB, and mapping devices.
#include "arch/api/paging.h"
#include "arch/api/code.h"
#include "arch/api/irq.h"
#include "arch/api/kernel_map.h"
#include "arch/riscv64/internal.h"

namespace {
/// CPUs whose instruction fetch may see old code until they execute fence.i: they do in refresh_instructions().
constinit std::atomic<u64> stale = 0;

/// How often new entries were made in the kernel's half.
constinit std::atomic<u64> kernel_map_changes = 0;

u64 bit(unsigned cpu) { return u64{1} << cpu; }
} // namespace

void riscv::refresh_instructions() {
    u64 self = bit(arch::cpu_id());
    if (!(stale.load(std::memory_order_seq_cst) & self)) return;
    stale.fetch_and(~self, std::memory_order_seq_cst); // first: a mark that comes after this one is kept
    asm volatile("fence.i" ::: "memory");
}

void riscv::notice_kernel_map() {
    u64 now = kernel_map_changes.load(std::memory_order_acquire);
    u64& seen = arch::this_cpu().port[slot_kernel_map];
    if (seen == now) return;
    seen = now;
    arch::flush_all();
}

bool riscv::forget_absence(uptr address, arch::PageFlags access) {
    using namespace arch;
    if (address < vmap_start || address >= device_start + GiB) return false;
    auto* table = static_cast<const Pte*>(direct(kernel_page_table()));
    for (unsigned level = page_table_levels; level-- > 0;) {
        Pte e = table[address >> (page_shift + 9 * level) & 511];
        if (!e.present()) return false;
        if (e.is_leaf(level)) {
            if ((e.flags() & access) != access) return false;
            flush_page(address);
            return true;
        }
        table = static_cast<const Pte*>(direct(e.address()));
    }
    return false;
}

namespace arch {
void kernel_map_grew() { kernel_map_changes.fetch_add(1, std::memory_order_release); }

void use_page_table(PhysAddr root) {
    asm volatile("csrw satp, %0\n sfence.vma zero, %1" ::"r"(u64{8} << 60 | root >> page_shift), "r"(0ul) : "memory");
    riscv::refresh_instructions();
}

void sync_instructions(const std::atomic<u64>& running) {
    bool on = irqs_save(); // the fence is this CPU's
    asm volatile("fence.i" ::: "memory");
    u64 others = (bit(cpu_count()) - 1) & ~bit(cpu_id());
    irqs_restore(on);
    // Marked before `running` is read: who loads the address space in between finds the mark.
    if (others) stale.fetch_or(others, std::memory_order_seq_cst);
    u64 now = others & running.load(std::memory_order_seq_cst);
    for (unsigned cpu = 0; now >> cpu; cpu++)
        if (now & bit(cpu)) send_ipi(cpu); // not the firmware's remote fence: harts queue up for a lock of its
    constexpr unsigned patience = 1000;
    for (unsigned spins = 1; u64 late = stale.load(std::memory_order_seq_cst) & now; spins++) {
        on = irqs_save();
        riscv::refresh_instructions(); // two CPUs may wait for each other
        irqs_restore(on);
        pause();
        // A third CPU may have marked one again, without an interrupt, after it had answered ours.
        for (unsigned cpu = 0; spins % patience == 0 && late >> cpu; cpu++)
            if (late & bit(cpu)) send_ipi(cpu);
    }
}

void sync_instructions() {
    static constexpr std::atomic<u64> everybody{~u64{0}};
    sync_instructions(everybody);
}

// An address space number in rs2, even 0, spares the global entries.
void flush_page(uptr address) { asm volatile("sfence.vma %0" ::"r"(address) : "memory"); }
void flush_user() { asm volatile("sfence.vma zero, %0" ::"r"(0ul) : "memory"); }
void flush_all() { asm volatile("sfence.vma" ::: "memory"); }

namespace {
constinit std::atomic<bool> mapping = false;
usize next_megapage = 1; // entry 0 holds the small pages

uptr map_small(PhysAddr at, usize pages) {
    uptr address = riscv::take_device_pages(pages);
    if (!address) return 0;
    for (usize i = 0; i < pages; i++)
        riscv::device_pages[(address >> page_shift & 511) + i] =
            Pte::leaf(at + i * page_size, page_read | page_write | page_global | page_device);
    return address;
}

uptr map_large(PhysAddr at, usize megapages) {
    if (megapages > 512 - next_megapage) return 0;
    uptr address = riscv::device_start + next_megapage * 2 * MiB;
    for (usize i = 0; i < megapages; i++)
        riscv::device_megapages[next_megapage++] =
            Pte::leaf(at + i * 2 * MiB, page_read | page_write | page_global | page_device, 1);
    return address;
}
} // namespace

void* map_device(PhysAddr at, usize size) {
    bool on = irqs_save();
    while (mapping.exchange(true, std::memory_order_acquire)) pause();
    PhysAddr start = page_down(at), end = page_up(at + size);
    uptr address = end - start < 512 * KiB ? map_small(start, (end - start) / page_size) : 0;
    if (!address) {
        start = align_down(at, 2 * MiB);
        address = map_large(start, (align_up(end, 2 * MiB) - start) / (2 * MiB));
    }
    flush_all();
    mapping.store(false, std::memory_order_release);
    irqs_restore(on);
    return address ? reinterpret_cast<void*>(address + (at - start)) : nullptr;
}
} // namespace arch
