#include "core/mm/area_use.h"
#include "core/mm/address_space_impl.h"
#include <algorithm>

namespace mm {
void AreaUse::add(const AreaUse& more) {
    resident += more.resident;
    anonymous += more.anonymous;
    huge += more.huge;
    private_clean += more.private_clean;
    private_dirty += more.private_dirty;
    shared_clean += more.shared_clean;
    shared_dirty += more.shared_dirty;
    pss_bytes += more.pss_bytes;
    pss_dirty_bytes += more.pss_dirty_bytes;
    pss_anonymous_bytes += more.pss_anonymous_bytes;
    pss_shared_bytes += more.pss_shared_bytes;
    locked += more.locked;
}

namespace {
/// Pages of files count as dirty where they are mapped for writing: nothing is ever written back.
void count(AreaUse& use, const Frame& frame, bool writable) {
    bool anonymous = frame.use == FrameUse::anonymous;
    u32 refs = frame.refs.load(std::memory_order_relaxed);
    u32 others = anonymous ? 0 : frame.cached.trees.load(std::memory_order_relaxed);
    u64 mappings = refs > others ? refs - others : 1;
    bool dirty = anonymous || writable, shared = mappings > 1;
    use.resident++;
    if (anonymous) use.anonymous++;
    (shared ? dirty ? use.shared_dirty : use.shared_clean : dirty ? use.private_dirty : use.private_clean)++;
    use.pss_bytes += page_size / mappings;
    if (anonymous) use.pss_anonymous_bytes += page_size / mappings;
    if (frame.use == FrameUse::shared) use.pss_shared_bytes += page_size / mappings;
    if (dirty) use.pss_dirty_bytes += page_size / mappings;
}
} // namespace

AreaUse area_use(AddressSpace& space, uptr start, uptr end) {
    AreaUse use;
    auto& impl = space.impl();
    Sharing hold{impl.lock};
    for (Area* a = impl.areas.first_in(start, end); a && a->start < end; a = impl.areas.next(*a)) {
        if (a->special) continue;
        uptr from = std::max(a->start, start), to = std::min(a->end, end);
        u64 before = use.resident;
        for (uptr at = from; arch::Pte* p = page_table::next_huge(space.page_table_root(), at, to);) {
            uptr stop = std::min(align_down(at, huge_size) + huge_size, to);
            Frame* frame = frame_of(page_table::load(p).address()) + page_table::index_at(at, 0);
            use.huge += (stop - at) >> page_shift;
            for (; at < stop; at += page_size) count(use, *frame++, true);
        }
        for (uptr at = from;;) {
            Holding entries{impl.entries}; // for one table
            arch::Pte* p = page_table::next_table(space.page_table_root(), at, to);
            if (!p) break;
            uptr stop = std::min(align_down(at, page_table::span_of(1)) + page_table::span_of(1), to);
            for (; at < stop; at += page_size, p++) {
                arch::Pte entry = page_table::load(p);
                Frame* frame = entry.present() ? frame_of(entry.address()) : nullptr;
                if (frame) count(use, *frame, entry.flags() & arch::page_write);
            }
        }
        if (a->locked) use.locked += use.resident - before;
    }
    return use;
}
} // namespace mm
