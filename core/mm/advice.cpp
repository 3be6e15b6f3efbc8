// What programs say and ask about their memory: madvise, mlock, mincore, msync; and what /proc shows.
#include "core/mm/address_space_impl.h"
#include "core/sched/thread.h"
#include <linux/mman.h>

namespace {
/// [start, start + size) checked as mlock, madvise and msync do. err::inval, err::nomem.
Result<uptr> range_end(uptr start, usize size) {
    if (!is_aligned(start, page_size)) return err::inval;
    if (page_up(size) < size || start + page_up(size) < start) return err::inval;
    if (start + page_up(size) > arch::user_top) return err::nomem;
    return start + page_up(size);
}

/// Calls visit(area, from, to) for the part of each area in [start, end). err::nomem at the end if there were holes.
template <class F>
Result<> each_part(AreaSet& areas, uptr start, uptr end, F visit) {
    bool holes = false;
    for (uptr at = start; at < end;) {
        Area* a = areas.first_in(at, end);
        if (!a || a->start > at) holes = true;
        if (!a) break;
        uptr from = std::max(a->start, at), to = std::min(a->end, end);
        TRY(visit(*a, from, to));
        at = to;
    }
    if (holes) return err::nomem;
    return {};
}
} // namespace

Result<> AddressSpace::advise(uptr start, usize size, int advice) {
    bool Area::* flag = nullptr;
    bool value = true;
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED: // page faults read ahead as they do
    case MADV_COLD:
    case MADV_PAGEOUT: // no swap
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE: break;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        (void)TRY(range_end(start, size));
        return populate(start, size, advice == MADV_POPULATE_WRITE);
    case MADV_REMOVE: return punch(start, TRY(range_end(start, size)));
    case MADV_DONTFORK: flag = &Area::dont_fork; break;
    case MADV_DOFORK: flag = &Area::dont_fork, value = false; break;
    case MADV_WIPEONFORK: flag = &Area::wipe_on_fork; break;
    case MADV_KEEPONFORK: flag = &Area::wipe_on_fork, value = false; break;
    case MADV_DONTDUMP: flag = &Area::dont_dump; break;
    case MADV_DODUMP: flag = &Area::dont_dump, value = false; break;
    default: return err::inval;
    }
    uptr end = TRY(range_end(start, size));
    if (start == end) return {};
    Holding hold{impl_->lock};
    bool on_huge = advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
    if (flag || on_huge) TRY(impl_->split_range(start, end));
    auto done = each_part(impl_->areas, start, end, [&](Area& a, uptr from, uptr to) -> Result<> {
        if (flag) {
            bool wipe = flag == &Area::wipe_on_fork && value;
            if ((a.special && advice != MADV_DONTDUMP) || (wipe && (a.shared || a.object))) return err::inval;
            a.*flag = value;
        }
        if (on_huge) a.huge_advice = advice;
        if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE) {
            if ((a.locked && advice != MADV_DONTNEED_LOCKED) || a.special) return err::inval;
            if (advice == MADV_FREE && (a.shared || a.object)) return err::inval;
            impl_->zap_all(*this, from, to);
        }
        return {};
    });
    return done;
}

/// MADV_REMOVE. The objects' own locks stand above the space's.
Result<> AddressSpace::punch(uptr start, uptr end) {
    bool holes = false;
    for (uptr at = start; at < end;) {
        Ref<MemoryObject> object;
        u64 first, n;
        {
            Sharing hold{impl_->lock};
            Area* a = impl_->areas.first_in(at, end);
            if (!a || a->start > at) holes = true;
            if (!a) break;
            if (a->locked || a->special || !a->object) return err::inval;
            if (!a->shared || !(a->max_access & arch::page_write)) return err::acces;
            uptr from = std::max(a->start, at), to = std::min(a->end, end);
            object = a->object;
            first = (a->offset + (from - a->start)) >> page_shift;
            n = (to - from) >> page_shift;
            at = to;
        }
        TRY(object->punch(first, n));
    }
    if (holes) return err::nomem;
    return {};
}

/// Its object looks at it, too: MemoryObject::is_locked().
void AddressSpace::Impl::set_locked(Area& a, bool locked) {
    tally(a, -1);
    if (a.object) {
        auto areas = a.object->mappings_.lock();
        a.locked = locked;
    } else {
        a.locked = locked;
    }
    tally(a, 1);
}

Result<> AddressSpace::lock_pages(uptr start, usize size, Locking how) {
    bool lock = how != Locking::none;
    uptr at = page_down(start);
    uptr end = TRY(range_end(at, size + (start - at)));
    if (at == end) return {};
    {
        Holding hold{impl_->lock};
        u64 more = 0;
        for (Area* a = impl_->areas.first_in(at, end); lock && a && a->start < end; a = impl_->areas.next(*a))
            if (!a->locked) more += (std::min(a->end, end) - std::max(a->start, at)) >> page_shift;
        if (impl_->locked + more > impl_->limits.locked >> page_shift) return err::nomem;
        TRY(impl_->split_range(at, end));
        TRY(each_part(impl_->areas, at, end, [&](Area& a, uptr, uptr) -> Result<> {
            if (a.special) return {};
            impl_->set_locked(a, lock);
            return {};
        }));
    }
    if (how != Locking::now) return {};
    auto filled = populate(at, end - at, false);
    if (filled) return {};
    // A page of no access or beyond a file's end stays out: it is locked, and the answer says so, as Linux does.
    return filled == err::fault ? Result<>{err::nomem} : Result<>{err::again};
}

Result<> AddressSpace::lock_all(Locking current, Locking future) {
    {
        Holding hold{impl_->lock};
        if (current != Locking::none && impl_->total > impl_->limits.locked >> page_shift) return err::nomem;
        impl_->lock_future = future;
        if (current == Locking::none && future != Locking::none) return {};
        for (Area* a = impl_->areas.first(); a; a = impl_->areas.next(*a))
            if (!a->special) impl_->set_locked(*a, current != Locking::none);
    }
    if (current != Locking::now) return {};
    for (uptr at = 0;;) { // the areas as they are when their turn comes
        uptr start, end;
        {
            Sharing hold{impl_->lock};
            Area* a = impl_->areas.first_beyond(at);
            while (a && (a->special || !a->access)) a = impl_->areas.next(*a);
            if (!a) return {};
            start = std::max(a->start, at);
            end = at = a->end;
        }
        auto filled = populate(start, end - start, false);
        if (filled == err::nomem || filled == err::intr) return err::nomem;
    }
}

Result<> AddressSpace::residency(uptr start, std::span<u8> out) {
    uptr end = TRY(range_end(start, out.size() << page_shift));
    Sharing hold{impl_->lock};
    return each_part(impl_->areas, start, end, [&](Area& a, uptr from, uptr to) -> Result<> {
        for (uptr at = from; at < to; at += page_size) {
            u8& answer = out[(at - start) >> page_shift];
            {
                Holding entries{impl_->entries};
                answer = page_table::lookup(root_, at).present();
            }
            if (answer || !a.object) continue;
            FrameRef page;
            a.object->present_pages((a.offset + (at - a.start)) >> page_shift, {&page, 1});
            answer = bool(page);
        }
        return {};
    });
}

Result<> AddressSpace::sync(uptr start, usize size, int flags) {
    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC)) return err::inval;
    if (!is_aligned(start, page_size)) return err::inval;
    if (page_up(size) < size || start + page_up(size) < start) return err::nomem;
    uptr end = start + page_up(size);
    bool holes = false;
    for (uptr at = start; at < end;) { // the files' own locks stand above the space's
        Ref<MappingSource> source;
        u64 first = 0, bytes = 0;
        {
            Sharing hold{impl_->lock};
            Area* a = impl_->areas.first_in(at, end);
            if (!a || a->start > at) holes = true;
            if (!a) break;
            if (flags & MS_INVALIDATE && a->locked) return err::busy;
            uptr from = std::max(a->start, at), to = std::min(a->end, end);
            if (flags & MS_SYNC && a->shared) source = a->source;
            first = a->offset + (from - a->start);
            bytes = to - from;
            at = to;
        }
        if (source) TRY(source->sync(first, bytes));
    }
    if (holes) return err::nomem;
    return {};
}

Result<AddressSpace::FutexKey> AddressSpace::futex_key(uptr address, Ref<MemoryObject>* keep_alive) {
    Sharing hold{impl_->lock};
    Area* a = impl_->areas.find(address);
    if (!a) return err::fault;
    if (!a->object && !(a->access & arch::page_write)) return err::fault; // nobody could ever wake it
    if (!a->shared || !a->object) return FutexKey{this, address};
    if (keep_alive) *keep_alive = a->object;
    return FutexKey{a->object.get(), a->offset + (address - a->start)};
}

Result<AddressSpace::AreaInfo> AddressSpace::area_after(uptr address) {
    Sharing hold{impl_->lock};
    Area* a = impl_->areas.first_beyond(address);
    if (!a) return err::noent;
    bool may_be_huge = mm::may_be_huge(*a) && !impl_->huge_disabled;
    return AreaInfo{.start = a->start,
                    .end = a->end,
                    .access = a->access,
                    .shared = a->shared,
                    .grows_down = a->grows_down,
                    .copied = a->copied,
                    .special = a->special,
                    .dont_dump = a->dont_dump,
                    .may_be_huge = may_be_huge,
                    .huge_advice = a->huge_advice,
                    .offset = a->offset,
                    .source = a->source,
                    .label = a->label};
}

namespace {
u64 pages(const std::atomic<i64>& n) { return static_cast<u64>(std::max<i64>(n.load(std::memory_order_relaxed), 0)); }
} // namespace

u64 AddressSpace::peak_resident() {
    Sharing hold{impl_->lock};
    return std::max(impl_->peak_resident.load(), pages(impl_->anonymous) + pages(impl_->file) + pages(impl_->shared));
}

SpaceUsage AddressSpace::usage() {
    Sharing hold{impl_->lock};
    SpaceUsage u{};
    u.total = impl_->total;
    u.anonymous = pages(impl_->anonymous);
    u.file = pages(impl_->file);
    u.shared = pages(impl_->shared);
    u.resident = u.anonymous + u.file + u.shared;
    u.data = impl_->data;
    u.locked = impl_->locked;
    u.peak_total = impl_->peak_total;
    u.peak_resident = std::max(impl_->peak_resident.load(), u.resident);
    for (Area* a = impl_->areas.first(); a; a = impl_->areas.next(*a)) {
        u64 n = a->size() >> page_shift;
        if (a->grows_down)
            u.stack += n;
        else if (a->access & arch::page_execute && !(a->access & arch::page_write))
            u.text += n;
    }
    u.page_tables = impl_->tables;
    return u;
}
