// Page faults: demand paging, copy-on-write, stacks that grow; and the kernel's own accesses to other spaces.
#include "arch/api/code.h"
#include "arch/api/upcalls.h"
#include "core/mm/address_space_impl.h"
#include "core/sched/thread.h"
#include <cstring>

using arch::Pte;
using page_table::load;

namespace {
constexpr unsigned around = 16; // pages filled at once from what an object holds in memory

bool permits(const Area& a, arch::PageFlags access) {
    if (access & arch::page_write) return a.access & arch::page_write;
    if (access & arch::page_execute) return a.access & arch::page_execute;
    return a.access & (arch::page_read | arch::page_write | arch::page_execute);
}

FaultOutcome outcome_of(Errno e) {
    if (e == Errno::nomem) return FaultOutcome::no_memory;
    return FaultOutcome::bus_error;
}

/// One fault on one page, with the space's lock shared.
class Fault {
public:
    Fault(AddressSpace& space, Area& area, uptr address, bool write)
        : space_{space},
          impl_{space.impl()},
          area_{area},
          at_{page_down(address)},
          write_{write},
          flags_{hardware_flags(area.access)} {}

    /// Until nothing raced with us.
    FaultOutcome run(AddressSpace::Impl::Need& need) {
        for (;;) {
            auto done = once();
            if (!done) [[unlikely]] {
                if (done.error() == Errno::again) need = {false, area_.object, index()};
                return outcome_of(done.error());
            }
            if (*done) break;
        }
        note_peak();
        return FaultOutcome::resolved;
    }

private:
    void note_peak() {
        auto count = [](const std::atomic<i64>& pages) { return pages.load(std::memory_order_relaxed); };
        u64 resident = static_cast<u64>(count(impl_.anonymous) + count(impl_.file) + count(impl_.shared));
        u64 peak = impl_.peak_resident.load(std::memory_order_relaxed);
        while (resident > peak &&
               !impl_.peak_resident.compare_exchange_weak(peak, resident, std::memory_order_relaxed)) {}
    }
    /// Whether the page is now there; false: again.
    Result<bool> once() {
        entry_ = TRY(entry());
        seen_ = load(entry_);
        if (area_.special) return set_special();
        if (area_.object) generation_ = area_.object->generation();
        if (!seen_.present()) {
            if (!area_.object) return write_ ? fresh_anonymous() : zero_page();
            if (area_.shared || !write_) return from_object();
            return copy_object();
        }
        if (!write_ || seen_.flags() & arch::page_write) { // another thread was faster, or a stale translation
            arch::flush_page(at_);
            return true;
        }
        if (area_.shared) return from_object();
        if (seen_.flags() & arch::page_special) return area_.object ? copy_object() : fresh_anonymous();
        return copy_on_write();
    }

    /// The level-0 entry for the page. Mostly the tables are there.
    Result<Pte*> entry() {
        Pte* table = page_table::table_at(space_.page_table_root());
        for (unsigned level = page_table::top; level > 0; level--) {
            Pte e = load(table + page_table::index_at(at_, level));
            if (!e.present() || e.is_leaf(level)) [[unlikely]]
                return impl_.entry_or_huge(space_, area_, at_, write_, stand_in_);
            table = page_table::table_at(e.address());
        }
        return table + page_table::index_at(at_, 0);
    }
    u64 index() const { return (area_.offset + (at_ - area_.start)) >> page_shift; }

    Result<bool> set_special() {
        if (seen_.present()) {
            arch::flush_page(at_);
            return true;
        }
        auto flags = flags_ | arch::page_special;
        return install(Pte::leaf(area_.physical + (at_ - area_.start), flags), nullptr);
    }
    Result<bool> zero_page() {
        auto flags = (flags_ & ~arch::page_write) | arch::page_special;
        return install(Pte::leaf(mm::zero_frame()->address(), flags), nullptr);
    }
    Result<bool> fresh_anonymous() {
        FrameRef frame = TRY(mm::allocate_frame(FrameUse::anonymous));
        note_copied(area_);
        return install_frame(std::move(frame), flags_);
    }
    Result<bool> copied_from(const FrameRef& from) {
        FrameRef frame = TRY(mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing));
        std::memcpy(frame->data(), from->data(), page_size);
        note_copied(area_);
        return install_frame(std::move(frame), flags_);
    }
    Result<bool> copy_object() { return copied_from(TRY(area_.object->page(index(), false))); }

    Result<bool> copy_on_write() {
        FrameRef old;
        {
            Holding hold{impl_.entries}; // the object's owner may be taking the page away
            if (load(entry_).bits != seen_.bits) return false;
            Frame* f = mm::frame_of(seen_.address());
            // Nobody but this space can reach an anonymous page with one reference, and our lock keeps fork out.
            if (f->use == FrameUse::anonymous && f->refs.load(std::memory_order_acquire) == 1) {
                page_table::store(entry_, Pte::leaf(seen_.address(), flags_));
                arch::flush_page(at_);
                return true;
            }
            old = FrameRef::share(f);
        }
        return copied_from(old);
    }

    Result<bool> from_object() {
        if (!write_ && !seen_.present()) {
            if (TRY(fill_around())) return true;
        }
        FrameRef frame = TRY(area_.object->page(index(), write_));
        return install_frame(std::move(frame), write_ ? flags_ : flags_ & ~arch::page_write);
    }

    /// Maps what the object has in memory around the page; true if the page itself was among it.
    Result<bool> fill_around() {
        uptr start = align_down(at_, around * page_size), end = start + around * page_size;
        if (start < area_.start) start = area_.start;
        if (end > area_.end) end = area_.end;
        unsigned n = static_cast<unsigned>((end - start) >> page_shift);
        FrameRef pages[around];
        u64 first = (area_.offset + (start - area_.start)) >> page_shift;
        area_.object->present_pages(first, {pages, n});
        bool found = false;
        Pte* entry = entry_ - ((at_ - start) >> page_shift); // the window lies in one table
        auto flags = flags_ & ~arch::page_write;
        if (flags & arch::page_execute) arch::sync_instructions(space_.active_cpus);
        Holding hold{impl_.entries};
        if (area_.object->generation() != generation_) return false;
        const Frame* any = nullptr;
        u32 filled = 0;
        for (unsigned i = 0; i < n; i++, entry++) {
            if (!pages[i] || load(entry).present()) continue;
            if (start + i * page_size == at_) found = true;
            any = pages[i].get();
            page_table::store(entry, Pte::leaf(pages[i].release()->address(), flags));
            filled++;
        }
        if (!filled) return false;
        impl_.counter(*any).fetch_add(filled, std::memory_order_relaxed); // an object's pages are of one use
        page_table::table_frame(entry_).entries += filled;
        return found;
    }

    Result<bool> install_frame(FrameRef frame, arch::PageFlags flags) {
        // The page of zeros stands in for holes of objects: shared by all, counted by nobody.
        if (frame.get() == mm::zero_frame()) flags = (flags & ~arch::page_write) | arch::page_special;
        return install(Pte::leaf(frame->address(), flags), flags & arch::page_special ? nullptr : &frame);
    }

    /// Writes the entry if nothing changed since we looked; takes the frame's reference over.
    Result<bool> install(Pte to, FrameRef* frame) {
        Frame* replaced = nullptr;
        if (flags_ & arch::page_execute) arch::sync_instructions(space_.active_cpus);
        {
            Holding hold{impl_.entries};
            if (load(entry_).bits != seen_.bits) return false;
            if (area_.object && area_.object->generation() != generation_) return false;
            if (frame) impl_.counter(*frame->get()).fetch_add(1, std::memory_order_relaxed);
            if (!seen_.present()) {
                page_table::fill(entry_, to);
            } else {
                page_table::store(entry_, to);
                if (!(seen_.flags() & arch::page_special)) {
                    replaced = mm::frame_of(seen_.address());
                    impl_.counter(*replaced).fetch_sub(1, std::memory_order_relaxed);
                }
            }
            if (frame) (void)frame->release();
        }
        if (seen_.present()) tlb::flush(space_, at_, at_ + page_size);
        if (replaced) mm::drop_frame(replaced);
        return true;
    }

    AddressSpace& space_;
    AddressSpace::Impl& impl_;
    Area& area_;
    uptr at_;
    bool write_;
    arch::PageFlags flags_;
    Pte* entry_ = nullptr;
    Pte stand_in_{}; // of a huge page
    Pte seen_{};
    u32 generation_ = 0;
};
} // namespace

bool AddressSpace::Impl::grow_stack(Area& a, uptr address) {
    uptr start = page_down(address);
    u64 pages = (a.start - start) >> page_shift;
    if (start < lowest || a.end - start > limits.stack) return false;
    if (total + pages > limits.address_space >> page_shift) return false;
    if (a.locked && locked + pages > limits.locked >> page_shift) return false;
    Area* below = areas.previous(a);
    if (below && below->access && !below->grows_down && below->end + AreaSet::stack_gap > start) return false;
    if (below && below->end > start) return false;
    tally(a, -1);
    a.start = start;
    tally(a, 1);
    return true;
}

FaultOutcome AddressSpace::Impl::resolve(AddressSpace& space, uptr address, arch::PageFlags access, bool force,
                                         Need& need) {
    if (address >= arch::user_top) return FaultOutcome::no_mapping;
    Area* a = areas.first_beyond(address);
    if (!a) return FaultOutcome::no_mapping;
    if (address < a->start) {
        need.stack = a->grows_down;
        return FaultOutcome::no_mapping;
    }
    if (!permits(*a, access)) {
        // A debugger may write where the program may not: into a private copy.
        bool forced = force && a->access && !a->shared && !a->special;
        if (!forced) return FaultOutcome::no_access;
    }
    return Fault{space, *a, address, bool(access & arch::page_write)}.run(need);
}

FaultOutcome AddressSpace::Impl::Need::meet(Impl& impl, uptr address) {
    if (object) {
        auto done = object->fetch(index, 1);
        return done ? FaultOutcome::resolved : outcome_of(done.error());
    }
    Holding hold{impl.lock};
    Area* a = impl.areas.first_beyond(address);
    bool there = a && (address >= a->start || (a->grows_down && impl.grow_stack(*a, address)));
    return there ? FaultOutcome::resolved : FaultOutcome::no_mapping;
}

FaultOutcome AddressSpace::fault(uptr address, arch::PageFlags access) {
    for (;;) {
        Impl::Need need;
        FaultOutcome outcome;
        {
            Sharing hold{impl_->lock};
            outcome = impl_->resolve(*this, address, access, false, need);
        }
        if (!need) [[likely]]
            return outcome;
        // Others go on meanwhile: what lies at the address may be something else afterwards.
        if (FaultOutcome met = need.meet(*impl_, address); met != FaultOutcome::resolved) return met;
    }
}

Result<> AddressSpace::populate(uptr start, usize size, bool for_write) {
    uptr end = page_up(start + size);
    for (uptr at = page_down(start), next = 0; at < end; at = next) {
        FaultOutcome outcome;
        Impl::Need need;
        auto resolve = [&] {
            return impl_->resolve(*this, at, for_write ? arch::page_write : arch::page_read, false, need);
        };
        next = at + page_size;
        if (is_aligned(at, mm::huge_size) && end - at >= mm::huge_size) {
            Holding hold{impl_->lock};
            u64 huge = impl_->huge_pages;
            impl_->whole_span = true;
            outcome = resolve();
            impl_->whole_span = false;
            if (impl_->huge_pages > huge) next = at + mm::huge_size;
        } else {
            Sharing hold{impl_->lock};
            outcome = resolve();
        }
        if (need) {
            outcome = need.meet(*impl_, at);
            next = at;
        }
        switch (outcome) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_mapping: return err::nomem;
        case FaultOutcome::no_access: return err::fault; // as MADV_POPULATE_* says
        case FaultOutcome::bus_error: return err::fault;
        case FaultOutcome::no_memory: return err::nomem;
        }
        if (Thread::current().killed()) return err::intr;
    }
    return {};
}

Result<FrameRef> AddressSpace::Impl::page_for_kernel(AddressSpace& space, uptr address, bool write, bool force,
                                                     Need& need) {
    for (int attempt = 0; attempt < 8; attempt++) {
        auto access = write ? arch::page_write : arch::page_read;
        FaultOutcome outcome = resolve(space, address, access, force, need);
        if (need) return err::again;
        switch (outcome) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_memory: return err::nomem;
        default: return err::fault;
        }
        Holding hold{entries};
        Pte p = page_table::lookup(space.root_, address);
        if (!p.present()) continue; // taken away again by the object's owner
        Frame* f = mm::frame_of(p.address());
        if (!f) return err::fault; // a device
        // The vDSO is memory of the kernel's image, which was never allocated: from now on it has a reference for good.
        u32 none = 0;
        if (p.flags() & arch::page_special) f->refs.compare_exchange_strong(none, 1, std::memory_order_relaxed);
        return FrameRef::share(f);
    }
    return err::fault;
}

namespace {
/// Calls move(kernel bytes, offset) page by page; returns bytes moved.
template <class Move>
usize each_page(AddressSpace& space, uptr address, usize size, bool write, bool force, Move move) {
    usize done = 0;
    while (done < size && address + done >= address) {
        uptr at = address + done;
        usize in_page = at & (page_size - 1), n = std::min(size - done, page_size - in_page);
        AddressSpace::Impl::Need need;
        auto page = [&] {
            Sharing hold{space.impl().lock};
            return space.impl().page_for_kernel(space, at, write, force, need);
        }();
        if (need && need.meet(space.impl(), at) == FaultOutcome::resolved) continue;
        if (!page) break;
        move((*page)->bytes().subspan(in_page, n), done);
        if (write)
            (void)space.fault(at, arch::page_write); // the object hears of it again: it may have been written back
        done += n;
    }
    return done;
}
} // namespace

usize AddressSpace::read_memory(uptr address, std::span<std::byte> to) {
    return each_page(*this, address, to.size(), false, false, [&](std::span<std::byte> page, usize done) {
        std::memcpy(to.data() + done, page.data(), page.size());
    });
}
usize AddressSpace::write_memory(uptr address, std::span<const std::byte> from, bool force) {
    usize done = each_page(*this, address, from.size(), true, force, [&](std::span<std::byte> page, usize done) {
        std::memcpy(page.data(), from.data() + done, page.size());
    });
    arch::sync_instructions(); // a breakpoint, perhaps
    return done;
}
