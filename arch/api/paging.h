// Page tables: the encoding of an entry, the shape of the tree, and the TLB. core/mm walks the tree itself.
#pragma once
#include "arch/api/cpu.h"

namespace arch {
using PhysAddr = u64;

/// What an access needs or a page allows. No bits: PROT_NONE.
enum PageFlags : u32 {
    page_none = 0,
    page_read = 1,
    page_write = 2,
    page_execute = 4,
    page_user = 8,
    page_global = 16,  // the same in every address space: kernel only
    page_device = 32,  // uncached
    page_special = 64, // a software bit: the frame behind is not reference-counted (vDSO, device)
};
constexpr PageFlags operator|(PageFlags a, PageFlags b) { return static_cast<PageFlags>(u32{a} | u32{b}); }
constexpr PageFlags operator&(PageFlags a, PageFlags b) { return static_cast<PageFlags>(u32{a} & u32{b}); }
constexpr PageFlags operator~(PageFlags a) { return static_cast<PageFlags>(~u32{a} & 127); }
} // namespace arch

#include "port/paging.h"
// port/paging.h defines, all inline or constexpr:
//   inline constexpr unsigned arch::page_table_levels;      x86-64: 4; riscv64 (Sv39): 3. 512 entries of 8 bytes each
//   inline constexpr uptr arch::direct_map;                 virtual address of physical address 0; all RAM is mapped
//   there inline constexpr uptr arch::vmap_start, arch::vmap_end; kernel virtual space for stacks and devices; its
//   top-level
//                                                           entries exist from boot, so every address space shares them
//   inline constexpr unsigned arch::kernel_half;            first top-level index that belongs to the kernel
//   struct arch::Pte { u64 bits; ... }:
//      static Pte leaf(PhysAddr, PageFlags, unsigned level = 0);  accessed and dirty bits set; level 1 is a 2 MiB page
//      static Pte table(PhysAddr);  static Pte empty();
//      bool present() const;  bool is_leaf(unsigned level) const;  PhysAddr address() const;  PageFlags flags() const;
//      An entry may be present with page_none (PROT_NONE): software keeps the frame, hardware faults.

namespace arch {
inline void* direct(PhysAddr p) { return reinterpret_cast<void*>(direct_map + p); }
inline PhysAddr physical(const void* direct) { return reinterpret_cast<uptr>(direct) - direct_map; }

/// The kernel's own top-level table, whose kernel half every address space copies.
PhysAddr kernel_page_table();
/// Use the tree rooted at `root` on this CPU. Flushes what is not global.
void use_page_table(PhysAddr root);
/// Flush this CPU's TLB: one page, or everything that is not global.
void flush_page(uptr address);
void flush_user();
/// Flush everything, kernel pages included.
void flush_all();
/// After code was written to memory: every CPU will fetch what was written, at the latest when it next returns to user
/// mode. Nothing to do on x86-64.
void sync_instructions();
} // namespace arch
