// Areas: mapping, unmapping, protection, the break.
#include "arch/api/vdso.h"
#include "core/alloc/frame_pool.h"
#include "core/mm/address_space_impl.h"
#include "core/sched/thread.h"

namespace {
bool writable_private(const Area& a) { return !a.shared && a.access & arch::page_write && !a.special; }

constexpr uptr lowest_below = 1 * GiB; // where MapRequest::below has room, as Linux has it

/// [start, start + size) rounded up to pages, inside user space. err::nomem.
Result<uptr> end_of(uptr start, usize size) {
    if (size > arch::user_top || start > arch::user_top - page_up(size)) return err::nomem;
    return start + page_up(size);
}
} // namespace

AddressSpace::AddressSpace() = default;

Result<Ref<AddressSpace>> AddressSpace::create() {
    auto space = Ref<AddressSpace>::adopt(new (std::nothrow) AddressSpace);
    if (!space) return err::nomem;
    space->impl_ = TRY(make<Impl>());
    space->root_ = TRY(page_table::create_root());
    return space;
}

AddressSpace::~AddressSpace() {
    if (!root_) return;
    sched::unload(*this);
    uptr unpruned = 0; // where the areas start whose tables are still there: neighbours share them
    while (Area* a = impl_->areas.first()) {
        impl_->zap_all(*this, a->start, a->end);
        if (!unpruned) unpruned = a->start;
        Area* next = impl_->areas.next(*a);
        if (!next || (a->end - 1) / page_table::span_of(1) != next->start / page_table::span_of(1)) {
            impl_->prune(*this, unpruned, a->end);
            unpruned = 0;
        }
        impl_->unlink(*a);
        impl_->areas.erase(*a);
        delete a;
    }
    page_table::destroy(root_);
}

void AddressSpace::Impl::tally(const Area& a, int sign) {
    u64 pages = a.size() >> page_shift, delta = sign < 0 ? 0 - pages : pages;
    total += delta;
    if (writable_private(a) && !a.grows_down) data += delta;
    if (a.locked) locked += delta;
    if (total > peak_total) peak_total = total;
}

void AddressSpace::Impl::link(Area& a) {
    if (!a.object) return;
    auto areas = a.object->mappings_.lock();
    areas->push_back(a); // at the end: move_pages() relies on it
}
void AddressSpace::Impl::unlink(Area& a) {
    if (!a.object) return;
    auto areas = a.object->mappings_.lock();
    areas->erase(areas->iterator_to(a));
}

Result<> AddressSpace::Impl::split(Area& low, uptr at) {
    if (at <= low.start || at >= low.end) return {};
    Area* high = TRY(make<Area>(low)).release();
    split_huge_at(*low.space, at);
    high->start = at;
    if (low.object) {
        high->offset += at - low.start;
        auto mapped = low.object->mappings_.lock();
        low.end = at;
        mapped->push_back(*high);
    } else {
        if (low.special) high->physical += at - low.start;
        low.end = at;
    }
    areas.insert(*high);
    return {};
}

Result<> AddressSpace::Impl::split_range(uptr start, uptr end, usize leaving) {
    Area *first = areas.find(start), *last = areas.find(end);
    bool cut_first = first && first->start < start, cut_last = last && last->start < end;
    if (areas.count() + cut_first + cut_last > max_areas + leaving) return err::nomem;
    if (cut_first) TRY(split(*first, start));
    if (cut_last) TRY(split(*areas.find(end), end));
    return {};
}

bool AddressSpace::Impl::merge_with_next(Area& a) {
    Area* b = areas.next(a);
    if (!b || a.end != b->start || a.special || b->special || a.access != b->access || a.max_access != b->max_access ||
        a.shared != b->shared || a.grows_down != b->grows_down || a.locked != b->locked ||
        a.dont_fork != b->dont_fork || a.wipe_on_fork != b->wipe_on_fork || a.dont_dump != b->dont_dump ||
        a.huge_advice != b->huge_advice || a.object != b->object || a.source != b->source ||
        a.label.view() != b->label.view() || (a.object && a.offset + a.size() != b->offset))
        return false;
    areas.erase(*b);
    a.copied |= b->copied;
    if (a.object) {
        auto mapped = a.object->mappings_.lock();
        mapped->erase(mapped->iterator_to(*b));
        a.end = b->end;
    } else {
        a.end = b->end;
    }
    delete b;
    return true;
}
void AddressSpace::Impl::extend(Area& a, usize more) {
    tally(a, -1);
    if (a.object) {
        auto mapped = a.object->mappings_.lock();
        a.end += more;
    } else {
        a.end += more;
    }
    tally(a, 1);
    merge_around(a);
}
void AddressSpace::Impl::merge_around(Area& a) {
    merge_with_next(a);
    if (Area* before = areas.previous(a)) merge_with_next(*before);
}

void AddressSpace::Impl::remove_range(AddressSpace& space, uptr start, uptr end) {
    bool any = false;
    while (Area* a = areas.first_in(start, end)) {
        zap_all(space, a->start, a->end);
        tally(*a, -1);
        unlink(*a);
        areas.erase(*a);
        dead.push_back(*a);
        any = true;
    }
    if (any) prune(space, start, end);
    if (any && end > map_hint) map_hint = 0; // there is room above again
}

Result<uptr> AddressSpace::Impl::place(const MapRequest& r, usize size) {
    if (r.fixed) {
        if (!is_aligned(r.address, page_size)) return err::inval;
        TRY(end_of(r.address, size));
        if (r.address < lowest) return err::perm;
        if (!r.replace && areas.first_in(r.address, r.address + size)) return err::exist;
        return r.address;
    }
    if (r.address) {
        uptr hint = r.address < lowest ? lowest : page_up(r.address);
        uptr top = r.below ? r.below : arch::user_top;
        if (hint >= r.address && size <= top && hint <= top - size && areas.is_free(hint, hint + size)) return hint;
    }
    if (r.below) {
        uptr found = areas.find_gap(size, lowest_below, r.below);
        return found ? Result<uptr>{found} : err::nomem;
    }
    uptr found = map_hint ? areas.find_gap(size, lowest, map_hint) : 0;
    if (!found) found = areas.find_gap(size, lowest, map_base);
    if (!found) found = areas.find_gap(size, lowest, arch::user_top); // above the base, as Linux does when all is full
    if (!found) return err::nomem;
    map_hint = found;
    return found;
}

Result<> AddressSpace::Impl::check_limits(const MapRequest& r, usize size, u64 replaced) {
    u64 pages = size >> page_shift;
    if (areas.count() >= max_areas) return err::nomem;
    if ((total - replaced + pages) > limits.address_space >> page_shift) return err::nomem;
    bool own = !r.shared && r.access & arch::page_write && !r.special;
    if (own && !r.grows_down && data + pages > limits.data >> page_shift) return err::nomem;
    // Linux's heuristic overcommit: refuse only what can never be.
    if (own && !r.no_reserve && size > mm::total_memory()) return err::nomem;
    if ((r.locked || lock_future != Locking::none) && locked + pages > limits.locked >> page_shift) return err::again;
    return {};
}

Result<uptr> AddressSpace::Impl::map(AddressSpace& space, const MapRequest& r) {
    if (!r.size) return err::inval;
    if (r.size > arch::user_top) return err::nomem;
    usize size = page_up(r.size);
    if (!is_aligned(r.offset, page_size)) return err::inval;
    if (r.offset + size < r.offset) return err::overflow;
    uptr at = TRY(place(r, size));
    u64 replaced = 0;
    if (r.fixed)
        for (Area* a = areas.first_in(at, at + size); a && a->start < at + size; a = areas.next(*a))
            replaced += (std::min(a->end, at + size) - std::max(a->start, at)) >> page_shift;
    TRY(check_limits(r, size, replaced));

    // Everything that can fail comes first.
    Box<Area> area = TRY(make<Area>());
    area->start = at;
    area->end = at + size;
    area->access = r.access;
    area->max_access = r.max_access;
    area->shared = r.shared;
    area->grows_down = r.grows_down && !r.shared && !r.object && !r.source;
    area->locked = r.locked || lock_future != Locking::none;
    area->special = r.special;
    area->huge_advice = r.huge_advice;
    area->physical = r.physical;
    area->offset = r.offset;
    area->source = r.source;
    area->object = r.object ? r.object : r.source ? Ref<MemoryObject>::share(&r.source->object()) : nullptr;
    area->label = r.label;
    area->space = &space;
    if (r.shared && !area->object && !r.special) {
        area->object = TRY(make_shared_memory(size));
        area->offset = 0;
    }
    if (replaced) {
        TRY(split_range(at, at + size, 1));
        remove_range(space, at, at + size);
    }
    Area& a = *area.release();
    areas.insert(a);
    link(a);
    tally(a, 1);
    merge_around(a);
    return at;
}

Result<uptr> AddressSpace::map(const MapRequest& r) {
    uptr at;
    bool fill;
    {
        Impl::Change change{*impl_};
        at = TRY(impl_->map(*this, r));
        fill = r.populate || r.locked || impl_->lock_future == Locking::now;
    }
    if (fill && r.access) (void)populate(at, r.size, r.access & arch::page_write && !r.shared);
    return at;
}

Result<> AddressSpace::unmap(uptr start, usize size) {
    if (!is_aligned(start, page_size) || !size) return err::inval;
    auto end = end_of(start, size);
    if (!end) return err::inval;
    Impl::Change change{*impl_};
    if (!impl_->areas.first_in(start, *end)) return {};
    TRY(impl_->split_range(start, *end, 1));
    impl_->remove_range(*this, start, *end);
    return {};
}

Result<> AddressSpace::protect(uptr start, usize size, arch::PageFlags access) {
    if (!is_aligned(start, page_size)) return err::inval;
    if (!size) return {};
    uptr end = TRY(end_of(start, size));
    Holding hold{impl_->lock};
    for (uptr at = start; at < end;) {
        Area* a = impl_->areas.find(at);
        if (!a) return err::nomem;
        uptr stop = a->end < end ? a->end : end;
        if (access & ~a->max_access) return err::acces;
        if (access != a->access) {
            u64 pages = (stop - at) >> page_shift;
            bool becomes_data = !a->shared && access & arch::page_write && !(a->access & arch::page_write);
            if (becomes_data && impl_->data + pages > impl_->limits.data >> page_shift) return err::nomem;
            TRY(impl_->split_range(at, stop));
            a = impl_->areas.find(at);
            impl_->tally(*a, -1);
            a->access = access;
            impl_->tally(*a, 1);
            impl_->change_access_all(*this, *a, at, stop);
            impl_->merge_around(*a); // `a` may be gone
        }
        at = stop;
    }
    return {};
}

void AddressSpace::init_break(uptr start) {
    Holding hold{impl_->lock};
    impl_->break_start = impl_->break_end = start;
    layout.brk_start = start;
}

Result<uptr> AddressSpace::set_break(uptr address) {
    Impl::Change change{*impl_};
    Impl& s = *impl_;
    if (address < s.break_start || address > arch::user_top - page_size) return s.break_end;
    uptr old_end = page_up(s.break_end), new_end = page_up(address);
    if (new_end < old_end) {
        if (!s.split_range(new_end, old_end, 1)) return s.break_end;
        s.remove_range(*this, new_end, old_end);
    } else if (new_end > old_end) {
        MapRequest r{.address = old_end,
                     .size = new_end - old_end,
                     .access = arch::page_read | arch::page_write,
                     .fixed = true,
                     .replace = false,
                     .label = std::string_view{"[heap]"}};
        if (address - s.break_start > s.limits.data || !s.areas.is_free(old_end, new_end)) return s.break_end;
        if (!s.map(*this, r)) return s.break_end;
    }
    return s.break_end = address;
}

Result<> AddressSpace::map_vdso(Ref<clocks::VdsoPage> page) {
    impl_->vdso_page = std::move(page);
    auto image = arch::vdso_image();
    usize size = page_up(image.size());
    uptr at = TRY(map({.size = size + page_size,
                       .access = arch::page_read,
                       .max_access = arch::page_read,
                       .special = true,
                       .physical = impl_->vdso_page ? impl_->vdso_page->address() : clocks::vdso_data_page(),
                       .label = std::string_view{"[vvar]"}}));
    TRY(map({.address = at + page_size,
             .size = size,
             .access = arch::page_read | arch::page_execute,
             .max_access = arch::page_read | arch::page_execute,
             .fixed = true,
             .special = true,
             .physical = page_table::translate_kernel(reinterpret_cast<uptr>(image.data())),
             .label = std::string_view{"[vdso]"}}));
    layout.vdso = at + page_size;
    return {};
}

Result<Ref<AddressSpace>> AddressSpace::clone() {
    Ref<AddressSpace> copy = TRY(create());
    Impl &from = *impl_, &to = *copy->impl_;
    bool wrote = false;
    Result<> done;
    {
        Holding hold{from.lock};
        to.limits = from.limits;
        to.map_base = from.map_base;
        to.map_hint = from.map_hint;
        to.break_start = from.break_start;
        to.break_end = from.break_end;
        to.huge_disabled = from.huge_disabled;
        to.vdso_page = from.vdso_page;
        from.split_huge(*this, 0, arch::user_top);
        copy->layout = layout;
        copy->auxiliary = auxiliary;
        for (Area* a = from.areas.first(); a && done; a = from.areas.next(*a)) {
            if (Thread::current().killed()) {
                done = err::intr;
                break;
            }
            if (a->dont_fork) continue;
            auto area = make<Area>(*a);
            if (!area) {
                done = err::nomem;
                break;
            }
            Area& b = *area->release();
            b.space = copy.get();
            b.locked = false;
            to.areas.insert(b);
            to.link(b);
            to.tally(b, 1);
            // What the object has, the child's own faults will find.
            if (a->wipe_on_fork)
                b.copied = false;
            else if (a->copied && !a->shared)
                done = from.share_pages(*this, *copy, *a, wrote);
        }
        if (wrote) tlb::flush(*this, 0, arch::user_top);
    }
    if (!done) return std::unexpected(done.error());
    return copy;
}

void AddressSpace::set_limits(const MemoryLimits& limits) {
    Holding hold{impl_->lock};
    impl_->limits = limits;
}
void AddressSpace::set_map_base(uptr base) {
    Holding hold{impl_->lock};
    impl_->map_base = page_down(base);
    impl_->map_hint = 0;
}
