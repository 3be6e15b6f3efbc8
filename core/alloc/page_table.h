// Walking and growing the trees that arch/api/paging.h describes. Who may change an entry is the caller's affair.
#pragma once
#include "core/alloc/frame.h"

namespace page_table {
inline constexpr unsigned entries = 512;
inline constexpr unsigned top = arch::page_table_levels - 1;
/// Bytes that one entry of a level maps: 4 KiB at level 0.
constexpr u64 span_of(unsigned level) { return u64{page_size} << (9 * level); }
constexpr unsigned index_at(uptr address, unsigned level) {
    return static_cast<unsigned>(address >> (page_shift + 9 * level)) & (entries - 1);
}

inline arch::Pte load(const arch::Pte* p) { return {__atomic_load_n(&p->bits, __ATOMIC_ACQUIRE)}; }
inline void store(arch::Pte* p, arch::Pte value) { __atomic_store_n(&p->bits, value.bits, __ATOMIC_RELEASE); }

inline arch::Pte* table_at(arch::PhysAddr p) { return static_cast<arch::Pte*>(arch::direct(p)); }
/// The frame of the table that holds this entry; its `entries` counts those in use. Only for tables made by make().
inline Frame& table_frame(const arch::Pte* p) { return *mm::frame_of(static_cast<const void*>(p)); }

/// Fills or empties an entry and counts it in its table.
inline void fill(arch::Pte* p, arch::Pte value) {
    table_frame(p).entries++;
    store(p, value);
}
/// Fills an entry above level 0 that others may be filling, too; false: it is not empty any more.
bool fill_first(arch::Pte* p, arch::Pte value);
inline void clear(arch::Pte* p) {
    store(p, arch::Pte::empty());
    table_frame(p).entries--;
}

/// The entry of `address` in the table of a level; null if there is no such table, or a larger page.
arch::Pte* find(arch::PhysAddr root, uptr address, unsigned level = 0);
/// The same, making the tables that are missing, charged to `account` (default: the current thread's) and added to
/// `made`. Others may do so at the same time. err::exist: a larger page is at `address`, perhaps since a moment ago.
Result<arch::Pte*> make(arch::PhysAddr root, uptr address, std::atomic<u64>* made, MemoryAccount* account = nullptr,
                        unsigned level = 0);
/// What stands for the page of `address`, in a larger page too: the entry of level 0 that maps it, or would.
arch::Pte lookup(arch::PhysAddr root, uptr address);

/// Moves `at` to the first address at or after it and below `end` whose level-0 table exists, and returns its entry;
/// null, and `at` is `end`, if there is none. Passes larger pages over.
arch::Pte* next_table(arch::PhysAddr root, uptr& at, uptr end);
/// Likewise to the first address in a page of level 1; returns the entry of that page and passes tables over.
arch::Pte* next_huge(arch::PhysAddr root, uptr& at, uptr end);
/// The first entry at or after `p` and before `stop`, in one table, that is not empty; `stop` if there is none.
inline arch::Pte* next_entry(arch::Pte* p, arch::Pte* stop) {
    if (p < stop && load(p).bits) return p; // mostly: pages lie together
    while (stop - p >= 4 && !((load(p).bits | load(p + 1).bits) | (load(p + 2).bits | load(p + 3).bits))) p += 4;
    while (p < stop && !load(p).bits) p++;
    return p;
}

/// A tree whose kernel half is the kernel's. err::nomem.
Result<arch::PhysAddr> create_root();
/// Frees all tables of the user half that are left, and the root. Nothing may be mapped.
void destroy(arch::PhysAddr root);

/// What the kernel's own tables say about any kernel address; 0: not mapped.
arch::PhysAddr translate_kernel(uptr address);

namespace detail {
template <class F>
void prune_level(arch::Pte* table, unsigned level, uptr base, uptr start, uptr end, F& visit) {
    unsigned i = start > base ? index_at(start, level) : 0;
    for (; i < entries; i++) {
        uptr at = base + i * span_of(level);
        if (at >= end) break;
        arch::Pte e = load(table + i);
        if (!e.present() || e.is_leaf(level)) continue;
        if (level > 1) prune_level(table_at(e.address()), level - 1, at, start, end, visit);
        Frame* child = mm::frame_of(e.address());
        if (child->entries) continue;
        store(table + i, arch::Pte::empty());
        table_frame(table).entries--;
        visit(child);
    }
}
} // namespace detail
/// Takes the tables that map a part of [start, end) and hold nothing out of the tree. visit(frame) gets each; it may be
/// freed after a TLB flush.
template <class F>
void prune(arch::PhysAddr root, uptr start, uptr end, F visit) {
    detail::prune_level(table_at(root), top, 0, start, end, visit);
}
} // namespace page_table
