// Page-table entries of address spaces: taken out, write-protected, shared, moved; and the TLBs that must follow.
#include "arch/api/code.h"
#include "core/alloc/frame_pool.h"
#include "core/cpu/cross_call.h"
#include "core/mm/address_space_impl.h"
#include <algorithm>

using arch::Pte;
using page_table::load;

namespace tlb {
namespace {
struct Range {
    AddressSpace& space;
    uptr start, end;
};
void flush_here(const Range& r) {
    constexpr usize single_pages = 16; // beyond, losing everything is cheaper
    if (r.end - r.start > single_pages * page_size) return arch::flush_user();
    for (uptr at = r.start; at < r.end; at += page_size) arch::flush_page(at);
}
} // namespace

void flush(AddressSpace& space, uptr start, uptr end) {
    std::atomic_thread_fence(std::memory_order_seq_cst); // entries changed before we look who runs the space
    u64 cpus = space.active_cpus.load(std::memory_order_seq_cst);
    if (!cpus) return;
    Range range{space, start, end};
    bool on = arch::irqs_save();
    u64 self = u64{1} << arch::cpu_id();
    if (cpus & self) flush_here(range);
    arch::irqs_restore(on);
    auto elsewhere = [](void* argument) {
        auto& r = *static_cast<Range*>(argument);
        // A CPU on which a thread of the space has gone to sleep is asked once, not each time until it wakes.
        if (!sched::unload_unused(r.space)) flush_here(r);
    };
    if (cpus & ~self) call_on(cpus & ~self, elsewhere, &range);
}
} // namespace tlb

namespace {
constexpr unsigned batch = 48;      // entries under one hold of the lock: bounds the time with interrupts off
constexpr unsigned most_gone = 256; // frames between two flushes: each interrupts other CPUs

/// Pages that come or go under one hold of the entries' lock, counted at its end.
class Tally {
public:
    explicit Tally(AddressSpace::Impl& impl) : impl_{impl} {}
    void count(const Frame& f) {
        (f.use == FrameUse::anonymous ? anonymous_ : f.use == FrameUse::shared ? shared_ : file_)++;
    }
    void settle(i64 sign) {
        auto add = [sign](std::atomic<i64>& to, i64 n) {
            if (n) to.fetch_add(sign * n, std::memory_order_relaxed);
        };
        add(impl_.anonymous, anonymous_);
        add(impl_.file, file_);
        add(impl_.shared, shared_);
    }

private:
    AddressSpace::Impl& impl_;
    i64 anonymous_ = 0, file_ = 0, shared_ = 0;
};

/// The end of the level-0 table that maps `at`, or `end`.
uptr table_end(uptr at, uptr end) {
    uptr next = align_down(at, page_table::span_of(1)) + page_table::span_of(1);
    return next < end ? next : end;
}
} // namespace

void AddressSpace::Impl::zap(AddressSpace& space, uptr start, uptr end, Zap what) {
    [[clang::uninitialized]] Frame* gone[most_gone];
    unsigned n = 0;
    uptr from = end; // what changed from here on has not been flushed
    auto flush_and_drop = [&](uptr to) {
        if (from < to) tlb::flush(space, from, to);
        from = end;
        for (unsigned i = 0; i < n; i += batch) mm::drop_frames({gone + i, std::min(batch, n - i)});
        n = 0;
    };
    for (uptr at = start; at < end;) {
        {
            Holding hold{entries};
            Pte* p = page_table::next_table(space.root_, at, end);
            if (!p) break;
            uptr first = at;
            unsigned most = n + batch;
            bool changed = false;
            uptr stop_at = table_end(at, end);
            Pte* const stop = p + ((stop_at - at) >> page_shift);
            Frame& table = page_table::table_frame(p);
            Tally taken{*this};
            // `left`: what the table may still hold, so that the search ends when it is empty.
            for (u32 left = table.entries; left && n < most; left--) {
                p = page_table::next_entry(p, stop);
                if (p == stop) break;
                Pte e = load(p++);
                if (!(e.flags() & arch::page_special)) {
                    Frame* f = mm::frame_of(e.address());
                    if (what == Zap::not_anonymous && f->use == FrameUse::anonymous) continue;
                    taken.count(*f);
                    gone[n++] = f;
                }
                page_table::store(p - 1, Pte::empty());
                table.entries--;
                changed = true;
            }
            if (changed) from = std::min(from, first);
            at = n == most ? stop_at - (static_cast<usize>(stop - p) << page_shift) : stop_at;
            taken.settle(-1);
        }
        if (n > most_gone - batch) flush_and_drop(at);
    }
    flush_and_drop(end);
}

void AddressSpace::Impl::prune(AddressSpace& space, uptr start, uptr end) {
    Frame* gone = nullptr;
    for (uptr at = start; at < end;) { // in parts: bounds the time with interrupts off
        uptr stop = std::min(align_down(at, page_table::span_of(2)) + page_table::span_of(2), end);
        Holding hold{entries};
        page_table::prune(space.root_, at, stop, [&](Frame* f) {
            f->link.next = gone;
            gone = f;
            tables--;
        });
        at = stop;
    }
    if (!gone) return;
    tlb::flush(space, 0, arch::user_top);
    while (gone) mm::drop_zeros(std::exchange(gone, gone->link.next)); // all entries are empty
}

void AddressSpace::Impl::change_access(AddressSpace& space, const Area& area, uptr start, uptr end) {
    arch::PageFlags wanted = hardware_flags(area.access);
    bool changed = false;
    if (area.access & arch::page_execute) arch::sync_instructions(space.active_cpus);
    for (uptr at = start; at < end;) {
        Holding hold{entries};
        Pte* p = page_table::next_table(space.root_, at, end);
        if (!p) break;
        uptr stop_at = table_end(at, end);
        Pte* const stop = p + ((stop_at - at) >> page_shift);
        at = stop_at;
        for (p = page_table::next_entry(p, stop); p < stop; p = page_table::next_entry(p + 1, stop)) {
            Pte e = load(p);
            arch::PageFlags had = e.flags(), flags = wanted | (had & arch::page_special);
            // Writing needs a fault, unless it was allowed before or the page is nobody else's.
            bool may_write = had & arch::page_write;
            if (!may_write && !area.shared && !(had & arch::page_special)) {
                Frame* f = mm::frame_of(e.address());
                may_write = f->use == FrameUse::anonymous && f->refs.load(std::memory_order_acquire) == 1;
            }
            if (!may_write) flags = flags & ~arch::page_write;
            Pte to = Pte::leaf(e.address(), flags);
            if (to.bits == e.bits) continue;
            page_table::store(p, to);
            changed = true;
        }
    }
    if (changed) tlb::flush(space, start, end);
}

/// Pages of a table that fork shares at once: bounds the time with interrupts off.
constexpr u32 most_shared = 256;

Result<> AddressSpace::Impl::share_pages(AddressSpace& from, AddressSpace& to, const Area& area, bool& wrote) {
    for (uptr at = area.start; at < area.end;) {
        Pte* p = page_table::next_table(from.root_, at, area.end); // `lock` keeps the tables
        if (!p) break;
        Pte* const target = TRY(page_table::make(to.root_, at, &to.impl().tables));
        uptr stop_at = table_end(at, area.end);
        Pte *const first = p, *const stop = p + ((stop_at - at) >> page_shift);
        Holding hold{entries};
        Frame& table = page_table::table_frame(target);
        Tally shared{to.impl()};
        u32 const present = page_table::table_frame(p).entries;
        u32 left = std::min(present, most_shared);
        for (p = page_table::next_entry(p, stop); p < stop; p = page_table::next_entry(p + 1, stop)) {
            Pte e = load(p);
            if (!(e.flags() & arch::page_special)) {
                Frame* f = mm::frame_of(e.address());
                f->refs.fetch_add(1, std::memory_order_relaxed);
                shared.count(*f);
                if (e.flags() & arch::page_write) {
                    e = Pte::leaf(e.address(), e.flags() & ~arch::page_write);
                    page_table::store(p, e);
                    wrote = true;
                }
            }
            page_table::store(target + (p - first), e);
            table.entries++;
            if (--left == 0) break;
        }
        // Perhaps the table holds no more; if it does, it goes on behind this page.
        at = left == 0 && present > most_shared ? at + (static_cast<usize>(p + 1 - first) << page_shift) : stop_at;
        shared.settle(1);
    }
    return {};
}

Result<> AddressSpace::Impl::prepare_move(AddressSpace& space, uptr old, uptr to, usize size) {
    for (uptr at = old; at < old + size;) {
        if (!page_table::next_table(space.root_, at, old + size)) break;
        uptr stop = table_end(at, old + size);
        // A table of the old place may straddle two of the new one.
        TRY(page_table::make(space.root_, to + (at - old), &tables));
        TRY(page_table::make(space.root_, to + (stop - page_size - old), &tables));
        at = stop;
    }
    return {};
}

void AddressSpace::Impl::move_pages(AddressSpace& space, uptr old, uptr to, usize size) {
    for (uptr at = old; at < old + size;) {
        Holding hold{entries};
        Pte* p = page_table::next_table(space.root_, at, old + size);
        if (!p) break;
        for (uptr stop = table_end(at, old + size); at < stop; at += page_size, p++) {
            Pte e = load(p);
            if (!e.present()) continue;
            page_table::clear(p);
            page_table::fill(page_table::find(space.root_, to + (at - old)), e);
        }
    }
    tlb::flush(space, old, old + size);
}
