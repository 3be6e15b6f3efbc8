// Pages of 2 MiB for private anonymous memory. Such a page is nothing but a shorter way to write 512 entries of level
// 0: its frames are ordinary ones, counted and charged one by one, that lie together. The table for those entries
// stands by, linked to the first frame, so that no operation on a part of the page can fail.
#include "arch/api/code.h"
#include "core/alloc/frame_pool.h"
#include "core/mm/address_space_impl.h"
#include "core/mm/area_use.h"
#include <linux/mman.h>

using arch::Pte;
using page_table::load;

namespace {
constexpr unsigned order = 9;
constexpr u64 frames = u64{1} << order;
static_assert(mm::huge_size == page_size << order && frames == page_table::entries);

constinit std::atomic<u64> pages_everywhere = 0;

void count(AddressSpace::Impl& impl, i64 change) {
    impl.huge_pages += static_cast<u64>(change);
    pages_everywhere.fetch_add(static_cast<u64>(change), std::memory_order_relaxed);
}

/// The table, empty, that stands by for the page. Anonymous frames have no other use for the link.
Frame*& spare_table(Frame* first) { return first->link.next; }

/// Calls visit(entry, where its page starts) for each huge page with a part in [start, end). err::...: visit's.
template <class F>
Result<> each_huge(AddressSpace& space, uptr start, uptr end, F visit) {
    for (uptr at = start; Pte* p = page_table::next_huge(space.page_table_root(), at, end);) {
        uptr base = align_down(at, mm::huge_size);
        TRY(visit(p, base));
        at = base + mm::huge_size;
    }
    return {};
}

void split_one(AddressSpace& space, Pte* p, uptr base) {
    Pte whole = load(p);
    Frame* table = spare_table(mm::frame_of(whole.address()));
    auto* entry = static_cast<Pte*>(table->data());
    for (u64 i = 0; i < frames; i++)
        page_table::store(entry + i, Pte::leaf(whole.address() + i * page_size, whole.flags()));
    table->entries = frames;
    // No TLB may hold translations of both sizes (AMD erratum 383 is one reason), so there is neither for a moment. Who
    // faults meanwhile waits for `lock`.
    page_table::store(p, Pte::empty());
    tlb::flush(space, base, base + page_size);
    page_table::store(p, Pte::table(table->address()));
    count(space.impl(), -1);
}

void zap_one(AddressSpace& space, Pte* p, uptr base) {
    auto& impl = space.impl();
    Frame* first = mm::frame_of(load(p).address());
    page_table::clear(p);
    tlb::flush(space, base, base + page_size);
    count(impl, -1);
    impl.anonymous.fetch_sub(static_cast<i64>(frames), std::memory_order_relaxed);
    impl.tables--;
    mm::drop_zeros(spare_table(first)); // no hardware has ever seen it
    mm::drop_together(first, order);
}

/// Whether every page of the 2 MiB is there. None goes while `lock` is shared: the span is of one area that has no
/// object.
bool is_full(AddressSpace& space, uptr base) {
    Pte* p = page_table::find(space.page_table_root(), base, 1);
    Pte e = p ? load(p) : Pte::empty();
    if (!e.present() || e.is_leaf(1)) return e.present();
    return std::atomic_ref{mm::frame_of(e.address())->entries}.load(std::memory_order_relaxed) == frames;
}

/// Memory that is filled in order gets huge pages from its second span on; what is used here and there never does.
bool wants_huge(AddressSpace& space, const Area& a, uptr base) {
    if (!mm::may_be_huge(a) || !(a.access & arch::page_write) || space.impl().huge_disabled) return false;
    if (base < a.start || a.end - base < mm::huge_size) return false;
    if (space.impl().whole_span || a.huge_advice == MADV_HUGEPAGE) return true;
    return (base - a.start >= mm::huge_size && is_full(space, base - mm::huge_size)) ||
           (a.end - base >= 2 * mm::huge_size && is_full(space, base + mm::huge_size));
}
} // namespace

u64 mm::huge_memory() { return pages_everywhere.load(std::memory_order_relaxed) * huge_size; }

bool mm::may_be_huge(const Area& a) {
    return !a.object && !a.special && !a.grows_down && a.huge_advice != MADV_NOHUGEPAGE &&
           align_up(a.start, huge_size) < a.end && a.end - align_up(a.start, huge_size) >= huge_size;
}

namespace {
/// Fills an entry of level 1, unless somebody else is faster; false: there is no memory for that.
bool install(AddressSpace& space, Area& a, Pte* entry) {
    auto& impl = space.impl();
    auto table = mm::allocate_frame(FrameUse::page_table);
    if (!table) return false;
    Frame* first = mm::allocate_together(FrameUse::anonymous, order);
    if (!first) return false;
    (*table)->entries = 0;
    spare_table(first) = table->get();
    arch::PageFlags flags = hardware_flags(a.access);
    if (flags & arch::page_execute) arch::sync_instructions(space.active_cpus);
    if (!page_table::fill_first(entry, Pte::leaf(first->address(), flags, 1))) {
        mm::drop_together(first, order);
        return true;
    }
    (void)table->release();
    impl.tables++;
    count(impl, 1);
    impl.anonymous.fetch_add(static_cast<i64>(frames), std::memory_order_relaxed);
    note_copied(a);
    return true;
}
} // namespace

Result<Pte*> AddressSpace::Impl::entry_or_huge(AddressSpace& space, Area& a, uptr at, bool write, Pte& stand_in) {
    arch::PhysAddr root = space.page_table_root();
    Pte* above = page_table::find(root, at, 1);
    bool there = above && load(above).present();
    if (!there && write && wants_huge(space, a, align_down(at, mm::huge_size)))
        (void)install(space, a, TRY(page_table::make(root, at, &tables, nullptr, 1)));
    auto entry = page_table::make(root, at, &tables);
    if (entry != err::exist) return entry;
    // It allows what its area does. A debugger, too, may write: the page is nobody else's.
    stand_in = Pte::leaf(load(page_table::find(root, at, 1)).address(), hardware_flags(arch::page_write));
    return &stand_in;
}

void AddressSpace::Impl::split_huge(AddressSpace& space, uptr start, uptr end) {
    if (!huge_pages) return;
    (void)each_huge(space, start, end, [&](Pte* p, uptr base) -> Result<> {
        split_one(space, p, base);
        return {};
    });
}

void AddressSpace::Impl::split_huge_at(AddressSpace& space, uptr at) {
    if (!is_aligned(at, mm::huge_size)) split_huge(space, at, at + 1);
}

void AddressSpace::Impl::zap_all(AddressSpace& space, uptr start, uptr end) {
    if (huge_pages)
        (void)each_huge(space, start, end, [&](Pte* p, uptr base) -> Result<> {
            if (base >= start && end - base >= mm::huge_size)
                zap_one(space, p, base);
            else
                split_one(space, p, base);
            return {};
        });
    zap(space, start, end, Zap::all);
}

void AddressSpace::Impl::change_access_all(AddressSpace& space, const Area& area, uptr start, uptr end) {
    bool changed = false;
    if (huge_pages)
        (void)each_huge(space, start, end, [&](Pte* p, uptr) -> Result<> {
            if (area.access & arch::page_execute) arch::sync_instructions(space.active_cpus);
            // The page is this area's alone, whoever else may look at a frame just now: it need not be copied.
            page_table::store(p, Pte::leaf(load(p).address(), hardware_flags(area.access), 1));
            changed = true;
            return {};
        });
    if (changed) tlb::flush(space, start, end);
    change_access(space, area, start, end);
}

Result<> AddressSpace::Impl::prepare_move_all(AddressSpace& space, uptr old, uptr to, usize size) {
    if (huge_pages)
        TRY(each_huge(space, old, old + size, [&](Pte* p, uptr base) -> Result<> {
            bool whole = base >= old && old + size - base >= mm::huge_size;
            if (whole && is_aligned(to + (base - old), mm::huge_size)) {
                Pte* target = TRY(page_table::make(space.page_table_root(), to + (base - old), &tables, nullptr, 1));
                if (!load(target).present()) return {};
            }
            split_one(space, p, base);
            return {};
        }));
    return prepare_move(space, old, to, size);
}

void AddressSpace::Impl::move_pages_all(AddressSpace& space, uptr old, uptr to, usize size) {
    if (huge_pages) // those that prepare_move_all() has left whole
        (void)each_huge(space, old, old + size, [&](Pte* p, uptr base) -> Result<> {
            Pte e = load(p);
            page_table::clear(p);
            page_table::fill(page_table::find(space.page_table_root(), to + (base - old), 1), e);
            return {};
        });
    move_pages(space, old, to, size);
}

void AddressSpace::disable_huge_pages(bool disabled) {
    Holding hold{impl_->lock};
    impl_->huge_disabled = disabled;
}
bool AddressSpace::huge_pages_disabled() {
    Sharing hold{impl_->lock};
    return impl_->huge_disabled;
}
