// mremap(2).
#include "core/mm/address_space_impl.h"
#include <linux/mman.h>

namespace {
struct Remap {
    AddressSpace& space;
    AddressSpace::Impl& impl;
    uptr old_start, old_size, new_size;
    unsigned flags;
    uptr new_start;
};

/// The area that holds all of [start, start + size).
Result<Area*> whole_area(AddressSpace::Impl& impl, uptr start, usize size) {
    Area* a = impl.areas.find(start);
    if (!a || a->end - start < size) return err::fault;
    if (a->special) return err::inval;
    return a;
}

MapRequest like(const Area& a, uptr old_start, usize size) {
    return {.size = size,
            .access = a.access,
            .max_access = a.max_access,
            .shared = a.shared,
            .grows_down = a.grows_down,
            .huge_advice = a.huge_advice,
            .offset = a.object ? a.offset + (old_start - a.start) : 0,
            .object = a.object,
            .source = a.source,
            .label = a.label};
}

Result<uptr> grow_in_place(const Remap& r, Area& a) {
    usize more = r.new_size - r.old_size;
    uptr end = a.end;
    if (r.old_start + r.old_size != end || end + more < end || end + more > arch::user_top ||
        !r.impl.areas.is_free(end, end + more))
        return err::nomem;
    MapRequest request = like(a, end, more);
    TRY(r.impl.check_limits(request, more, 0));
    r.impl.extend(a, more);
    return r.old_start;
}

Result<uptr> move(const Remap& r, Area& old) {
    MapRequest request = like(old, r.old_start, r.new_size);
    bool was_locked = old.locked, copied = old.copied;
    if (r.flags & MREMAP_FIXED) {
        request.fixed = true;
        request.address = r.new_start;
    }
    // The old place counts until it is gone, as on Linux.
    uptr to = TRY(r.impl.map(r.space, request));
    usize moved = std::min(r.old_size, r.new_size);
    if (moved == 0) return to; // old size 0: a second mapping of the same shared pages
    Result<> ready = r.impl.prepare_move_all(r.space, r.old_start, to, moved);
    if (ready) ready = r.impl.split_range(r.old_start, r.old_start + r.old_size, !(r.flags & MREMAP_DONTUNMAP));
    if (!ready) {
        if (r.impl.split_range(to, to + r.new_size, 1)) r.impl.remove_range(r.space, to, to + r.new_size);
        return std::unexpected(ready.error());
    }
    Area* at = r.impl.areas.find(to);
    at->copied |= copied;
    if (was_locked && !at->locked) {
        r.impl.tally(*at, -1);
        at->locked = true;
        r.impl.tally(*at, 1);
    }
    r.impl.move_pages_all(r.space, r.old_start, to, moved);
    if (!(r.flags & MREMAP_DONTUNMAP)) r.impl.remove_range(r.space, r.old_start, r.old_start + r.old_size);
    return to;
}
} // namespace

Result<uptr> AddressSpace::remap(uptr old_start, usize old_size, usize new_size, unsigned flags, uptr new_start) {
    constexpr unsigned known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    if (flags & ~known || (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))) return err::inval;
    if (!is_aligned(old_start, page_size) || old_size > arch::user_top || new_size > arch::user_top) return err::inval;
    old_size = page_up(old_size);
    new_size = page_up(new_size);
    if (!new_size || (flags & MREMAP_DONTUNMAP && old_size != new_size)) return err::inval;
    if (flags & MREMAP_FIXED) {
        if (!is_aligned(new_start, page_size) || new_start > arch::user_top - new_size) return err::inval;
        if (new_start < old_start + old_size && old_start < new_start + new_size) return err::inval;
    }
    Impl::Change change{*impl_};
    Area* a = TRY(whole_area(*impl_, old_start, old_size));
    if (!old_size && !a->shared) return err::inval;
    if (flags & MREMAP_DONTUNMAP && (a->shared || a->object)) return err::inval;
    u64 more = new_size > old_size ? (new_size - old_size) >> page_shift : 0;
    if (more && a->locked && impl_->locked + more > impl_->limits.locked >> page_shift) return err::again;
    Remap r{*this, *impl_, old_start, old_size, new_size, flags, new_start};

    if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && old_size) {
        if (new_size <= old_size) {
            if (new_size == old_size) return old_start;
            TRY(impl_->split_range(old_start + new_size, old_start + old_size, 1));
            impl_->remove_range(*this, old_start + new_size, old_start + old_size);
            return old_start;
        }
        if (auto grown = grow_in_place(r, *a)) return grown;
    }
    if (!(flags & MREMAP_MAYMOVE)) return err::nomem;
    return move(r, *a);
}
