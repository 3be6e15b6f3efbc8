#include "core/ktest/ktest.h"
#include "core/ktest/threads.h"
#include "core/mm/address_space_impl.h"
#include "core/mm/area_use.h"
#include "core/mm/mm_ktest.h"
#include <algorithm>
#include <linux/mman.h>

using namespace mm_ktest;

namespace {
constexpr uptr span = mm::huge_size;

u64 leaves(AddressSpace& space) { return space.impl().huge_pages; }

/// `spans` of them, aligned, with an unused span on either side.
uptr map_spans(InSpace& s, unsigned spans, int advice = 0) {
    uptr at = s.map((spans + 3) * span);
    if (!at) return 0;
    uptr start = align_up(at, span) + span;
    if (advice && !s->advise(start, spans * span, advice)) return 0;
    return start;
}
/// Each page says where it is.
bool fill(uptr start, uptr size) {
    for (uptr at = start; at < start + size; at += page_size)
        if (!poke(at + 8, at)) return false;
    return true;
}
bool filled(uptr start, uptr size, uptr by = 0) {
    for (uptr at = start; at < start + size; at += page_size)
        if (look(at + 8) != at - by) return false;
    return true;
}
bool empty(uptr start, uptr size) {
    for (uptr at = start; at < start + size; at += page_size)
        if (look(at + 8) != 0) return false;
    return true;
}
} // namespace

KTEST(huge_when) {
    InSpace s;
    uptr at = map_spans(s, 6);
    REQUIRE(at);
    EXPECT(fill(at, span - page_size) && poke(at + span, 1));
    EXPECT(leaves(*s.space) == 0); // the neighbour is not full
    EXPECT(fill(at + span - page_size, page_size) && poke(at + 2 * span - 8, 1));
    EXPECT(leaves(*s.space) == 0); // it is, but this span has a page
    EXPECT(look(at + 2 * span) == 0 && fill(at + span, span) && poke(at + 2 * span, 1));
    EXPECT(leaves(*s.space) == 0); // a page of zeros is one too
    EXPECT(s->advise(at + 2 * span, span, MADV_DONTNEED) && fill(at + 2 * span, span));
    EXPECT(fill(at + 3 * span, page_size) && leaves(*s.space) == 1);
    EXPECT(fill(at + 3 * span, 3 * span) && leaves(*s.space) == 3 && filled(at, 6 * span));
    EXPECT(poke(at - 8, 1) && leaves(*s.space) == 4); // downwards as well
    EXPECT(s->usage().anonymous == (6 + 1) * 512);
    auto use = mm::area_use(*s.space, 0, arch::user_top);
    EXPECT(use.huge == 4 * 512 && use.resident == 7 * 512 && use.private_dirty == 7 * 512);

    uptr advised = map_spans(s, 2, MADV_HUGEPAGE);
    EXPECT(look(advised) == 0 && leaves(*s.space) == 4); // reading takes the page of zeros
    EXPECT(poke(advised + span + 5 * page_size, 1) && leaves(*s.space) == 5 && look(advised + span) == 0);
    uptr refused = map_spans(s, 3, MADV_NOHUGEPAGE);
    EXPECT(fill(refused, 3 * span) && leaves(*s.space) == 5);
    uptr populated = map_spans(s, 3);
    EXPECT(s->populate(populated + page_size, 3 * span - page_size, true) && leaves(*s.space) == 7);
    uptr half = map_spans(s, 2, MADV_HUGEPAGE); // from the middle of a page to the middle of the next
    u8 there[page_table::entries] = {};
    EXPECT(s->populate(half + span / 2, span, true) && s->residency(half + span / 2, there));
    EXPECT(std::ranges::count(there, 0) == 0 && leaves(*s.space) == 9);
    s->disable_huge_pages(true);
    uptr disabled = map_spans(s, 2, MADV_HUGEPAGE);
    EXPECT(fill(disabled, 2 * span) && leaves(*s.space) == 9);
    auto child = s->clone();
    EXPECT(child && (*child)->huge_pages_disabled());
    s->disable_huge_pages(false);
    uptr stack = 0x40000000;
    REQUIRE(s->map({.address = stack, .size = 4 * span, .access = rw, .fixed = true, .grows_down = true}));
    EXPECT(fill(stack, 4 * span) && leaves(*s.space) == 0); // those there were are shared with the child
    EXPECT(s->map({.address = stack, .size = span - page_size, .access = rw, .fixed = true}));
    EXPECT(s->advise(stack, span - page_size, MADV_HUGEPAGE) && poke(stack, 1) && leaves(*s.space) == 0);
}

KTEST(huge_parts) {
    InSpace s;
    uptr at = map_spans(s, 6, MADV_HUGEPAGE);
    REQUIRE(at && fill(at, 6 * span));
    EXPECT(leaves(*s.space) == 6);
    u8 resident[3];
    EXPECT(s->unmap(at + span - page_size, 2 * page_size) && leaves(*s.space) == 4);
    EXPECT(s->residency(at + 3 * span - page_size, resident) && resident[0] && resident[1]);
    EXPECT(filled(at, span - page_size) && filled(at + span + page_size, 5 * span - page_size));
    EXPECT(!poke(at + span, 1) && !poke(at + span - 8, 1));
    EXPECT(s->advise(at + 2 * span + 3 * page_size, page_size, MADV_DONTNEED) && leaves(*s.space) == 3);
    EXPECT(empty(at + 2 * span + 3 * page_size, page_size) && filled(at + 2 * span, 3 * page_size));
    EXPECT(filled(at + 2 * span + 4 * page_size, 4 * span - 4 * page_size));
    EXPECT(s->advise(at + 3 * span, span, MADV_DONTNEED) && leaves(*s.space) == 2 && empty(at + 3 * span, span));
    EXPECT(s->residency(at + 4 * span - page_size, resident) && resident[1]);
    EXPECT(s->usage().anonymous == 6 * 512 - 2 - 1 - 512);
    EXPECT(s->unmap(at + 4 * span, span) && leaves(*s.space) == 1 && !poke(at + 4 * span, 1));
    EXPECT(peek(*s.space, at + 5 * span + 7 * page_size + 8) == at + 5 * span + 7 * page_size);
    EXPECT(s->lock_pages(at + 5 * span, page_size, AddressSpace::Locking::none) && leaves(*s.space) == 0);
    EXPECT(filled(at + 5 * span, span));
}

KTEST(huge_fork) {
    InSpace s;
    uptr at = map_spans(s, 2, MADV_HUGEPAGE), kept = map_spans(s, 1, MADV_HUGEPAGE);
    REQUIRE(at && kept && fill(at, 2 * span) && fill(kept, span));
    EXPECT(s->advise(kept, span, MADV_DONTFORK) && leaves(*s.space) == 3);
    auto child = s->clone();
    REQUIRE(child);
    EXPECT(leaves(*s.space) == 0 && leaves(**child) == 0);
    EXPECT(poke(at + 8, 1) && peek(**child, at + 8) == at);
    u64 value = 2;
    EXPECT((*child)->write_memory(at + span + 8, std::as_bytes(std::span{&value, 1}), false) == 8);
    EXPECT(filled(at + page_size, 2 * span - page_size) && filled(kept, span));
    *child = nullptr;
    EXPECT(fill(at, 2 * span) && filled(at, 2 * span) && s->usage().anonymous == 3 * 512);
}

KTEST(huge_protection) {
    InSpace s;
    uptr at = map_spans(s, 3, MADV_HUGEPAGE);
    REQUIRE(at && fill(at, 3 * span));
    EXPECT(s->protect(at, 2 * span, arch::page_read) && leaves(*s.space) == 3);
    EXPECT(!poke(at, 1) && !poke(at + 2 * span - 8, 1) && poke(at + 2 * span, 1) && filled(at, 3 * span));
    EXPECT(s->protect(at, span, arch::page_none) && leaves(*s.space) == 3);
    EXPECT(look(at) == ~u64{0} && look(at + span - 8) == ~u64{0} && filled(at + span, span));
    u8 resident[1];
    EXPECT(s->residency(at, resident) && resident[0]);
    EXPECT(s->protect(at, 3 * span, rw) && leaves(*s.space) == 3 && fill(at, 3 * span) && filled(at, 3 * span));
    EXPECT(s->protect(at + page_size, page_size, arch::page_none) && leaves(*s.space) == 2);
    EXPECT(look(at + page_size) == ~u64{0} && filled(at, page_size) && filled(at + 2 * page_size, 2 * span));
    EXPECT(s->protect(at + page_size, page_size, rw) && filled(at, 3 * span) && fill(at, 3 * span));
    EXPECT(s->protect(at + span, span, arch::page_read) && leaves(*s.space) == 2);
    u64 value = 7; // a debugger may
    EXPECT(s->write_memory(at + span + 8, std::as_bytes(std::span{&value, 1}), true) == 8);
    EXPECT(look(at + span + 8) == 7 && !poke(at + span, 1));
    EXPECT(s->protect(at + span, span, arch::page_none) && s->unmap(at + span, span));
    EXPECT(leaves(*s.space) == 1 && filled(at + 2 * span, span));
}

KTEST(huge_remap) {
    InSpace s;
    uptr at = map_spans(s, 4, MADV_HUGEPAGE), to = map_spans(s, 8);
    REQUIRE(at && to && fill(at, 4 * span) && s->unmap(to, 8 * span));
    constexpr unsigned fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
    EXPECT(s->remap(at, span, span, fixed, to) == to);
    EXPECT(leaves(*s.space) == 4 && filled(to, span, to - at) && !poke(at, 1));
    EXPECT(s->remap(at + span, span, span, fixed, to + span + page_size) == to + span + page_size);
    EXPECT(leaves(*s.space) == 3 && filled(to + span + page_size, span, to + page_size - at));
    // Two and a half, of which one goes as a whole; then an aligned move that leaves a part behind.
    EXPECT(s->remap(at + 2 * span, 2 * span, span + span / 2, fixed, to + 4 * span) == to + 4 * span);
    EXPECT(leaves(*s.space) == 2 && filled(to + 4 * span, span + span / 2, to + 2 * span - at));
    EXPECT(!poke(at + 2 * span, 1) && !poke(at + 4 * span - 8, 1));
    EXPECT(s->remap(to + 4 * span, span + span / 2, page_size, fixed, at + page_size) == at + page_size);
    EXPECT(leaves(*s.space) == 1 && look(at + page_size + 8) == at + 2 * span);
    uptr grown = s->remap(to, span, 4 * span, MREMAP_MAYMOVE, 0).value_or(0);
    REQUIRE(grown);
    EXPECT(filled(grown, span, grown - at) && fill(grown, 4 * span) && filled(grown, 4 * span));
    EXPECT(leaves(*s.space) >= (is_aligned(grown, span) ? 1u : 0u));
    uptr again = map_spans(s, 1, MADV_HUGEPAGE);
    u64 had = leaves(*s.space);
    REQUIRE(again && fill(again, span) && leaves(*s.space) == had + 1);
    auto moved = s->remap(again, span, span, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    REQUIRE(moved);
    EXPECT(filled(*moved, span, *moved - again) && empty(again, span) && fill(again, span) && filled(again, span));
}

KTEST(huge_limits) {
    InSpace s;
    auto account = MemoryAccount::create(16 * MiB);
    REQUIRE(account);
    uptr at = map_spans(s, 10, MADV_HUGEPAGE);
    MemoryAccount* before = std::exchange(Thread::current().account, *account);
    uptr reached = at;
    while (poke(reached, 1)) reached += page_size;
    EXPECT(s->fault(reached, arch::page_write) == FaultOutcome::no_memory);
    EXPECT(reached - at < 16 * MiB && reached - at > 15 * MiB && leaves(*s.space) >= 5);
    EXPECT(s->unmap(at, 10 * span));
    EXPECT((*account)->used() < 64 * KiB);
    (*account)->set_limit(1 * MiB);
    at = map_spans(s, 1, MADV_HUGEPAGE);
    u64 failures = (*account)->failures();
    EXPECT(poke(at, 1) && leaves(*s.space) == 0 && (*account)->failures() == failures);
    Thread::current().account = before;
    s.space->unmap(0, arch::user_top).has_value();
    AddressSpace::use(nullptr);
    s.space = nullptr;
    EXPECT(left_on(**account) == 0);

    InSpace all; // small pages come into what is left when an eighth is
    u64 free = mm::memory_info().free, total = mm::memory_info().total;
    auto spans = static_cast<unsigned>(free / span) - 8;
    at = map_spans(all, spans, MADV_HUGEPAGE);
    REQUIRE(at);
    for (uptr p = at; p < at + spans * span; p += span) EXPECT(poke(p, 1));
    EXPECT(leaves(*all.space) >= 8);
    EXPECT(leaves(*all.space) < spans && mm::memory_info().free > total / 8 - 1 * MiB);
}

KTEST(huge_balance) {
    { InSpace warm; }
    u64 before = free_now();
    for (int i = 0; i < 10; i++) {
        InSpace s;
        uptr at = map_spans(s, 8, MADV_HUGEPAGE);
        EXPECT(at && fill(at, 8 * span) && leaves(*s.space) == 8);
        EXPECT(s->unmap(at + span + page_size, page_size));
        EXPECT(s->protect(at + 3 * span, span / 2, arch::page_read));
        EXPECT(s->advise(at + 4 * span, span + page_size, MADV_DONTNEED));
        EXPECT(s->remap(at + 6 * span, span, span, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
        auto child = i % 2 ? s->clone() : AddressSpace::create();
        if (child) (void)(*child)->write_memory(at, std::as_bytes(std::span{"x"}), false);
    }
    EXPECT(free_now() == before);
}

/// The threads of a test may still be going when it is told that they have ended.
bool comes_back(u64 free) {
    for (int i = 0; i < 10'000 && free_now() != free; i++) sched::yield();
    return free_now() == free;
}

/// Each byte is that of `of` or zero.
bool has_bytes_of(u64 value, u64 of) {
    for (; value; value >>= 8, of >>= 8)
        if ((value & 0xff) && (value & 0xff) != (of & 0xff)) return false;
    return true;
}

/// Threads that write, and others that take the page apart and put it together below them.
KTEST(huge_threads) {
    u64 before = free_now();
    for (int round = 0; round < 20; round++) {
        InSpace s;
        uptr at = map_spans(s, 4, MADV_HUGEPAGE);
        REQUIRE(at);
        AddressSpace* space = s.space.get();
        bool ran = ktest::run_threads(4, [space, at, &ktest_context](unsigned n) {
            AddressSpace* own = AddressSpace::of(Thread::current());
            AddressSpace::use(space);
            u64 x = n;
            for (unsigned i = 0; i < 200 && n < 2; i++) {
                x = x * 6364136223846793005 + 1442695040888963407;
                uptr p = at + (x >> 33) % (4 * span / page_size) * page_size + n * 16;
                if (poke(p, x)) {
                    // Zeros when the other threads have taken the page away meanwhile: of each byte, where they are
                    // copied one by one.
                    u64 now = look(p);
                    EXPECT(now == ~u64{0} || has_bytes_of(now, x));
                }
            }
            for (unsigned i = 0; i < 40 && n == 2; i++) {
                uptr p = at + i % 4 * span;
                EXPECT(
                    space->protect(p, i & 4 ? span : page_size * (i + 1), i & 8 ? arch::page_read : arch::page_none));
                EXPECT(space->protect(at, 4 * span, rw));
            }
            for (unsigned i = 0; i < 40 && n == 3; i++) {
                EXPECT(space->advise(at + i % 4 * span, i & 4 ? span : span / 2, MADV_DONTNEED));
                if (i % 16 == 15) EXPECT(space->clone());
            }
            AddressSpace::use(own);
        });
        EXPECT(ran);
    }
    EXPECT(comes_back(before));
}
