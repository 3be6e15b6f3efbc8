#include "core/mm/mm_ktest.h"
#include "core/ktest/ktest.h"
#include <linux/mman.h>

using namespace mm_ktest;

KTEST(mm_demand_paging) {
    InSpace s;
    REQUIRE(s.space);
    uptr at = s.map(1 * MiB);
    REQUIRE(at);
    EXPECT(s->usage().resident == 0);
    EXPECT(look(at + 4096) == 0); // the page of zeros
    EXPECT(s->usage().resident == 0);
    EXPECT(poke(at + 8192 - 4, 0x1234567890)); // two pages
    EXPECT(look(at + 8192 - 4) == 0x1234567890);
    EXPECT(s->usage().resident == 2);
    u8 resident[4];
    EXPECT(s->residency(at, resident));
    EXPECT(resident[1] && resident[2] && !resident[3]);
    EXPECT(s->advise(at, 1 * MiB, MADV_DONTNEED));
    EXPECT(look(at + 8192 - 4) == 0);
    EXPECT(s->unmap(at + 64 * KiB, 64 * KiB));
    EXPECT(!poke(at + 64 * KiB, 1));
    EXPECT(poke(at + 128 * KiB, 1));
    EXPECT(s->residency(at + 60 * KiB, resident) == err::nomem);
}

KTEST(mm_protection) {
    InSpace s;
    uptr at = s.map(64 * KiB);
    EXPECT(poke(at, 7) && poke(at + 16 * KiB, 8));
    EXPECT(s->protect(at, 16 * KiB, arch::page_read));
    EXPECT(!poke(at, 9));
    EXPECT(look(at) == 7);
    EXPECT(poke(at + 16 * KiB, 9));
    EXPECT(s->protect(at, 64 * KiB, arch::page_none));
    EXPECT(look(at) == ~u64{0});
    EXPECT(s->protect(at, 64 * KiB, rw));
    EXPECT(look(at) == 7 && look(at + 16 * KiB) == 9 && poke(at, 10) && look(at) == 10);
    EXPECT(s->protect(at, 128 * KiB, rw) == err::nomem);
    EXPECT(s->fault(at, arch::page_execute) == FaultOutcome::no_access);
    EXPECT(s->fault(at - 4096, arch::page_read) == FaultOutcome::no_mapping);
    EXPECT(!poke(arch::user_top - 4, 1) && !poke(~uptr{0} - 100, 1) && !poke(arch::direct_map, 1));
}

KTEST(mm_fork_copies_on_write) {
    InSpace s;
    uptr own = s.map(64 * KiB), shared = s.map(64 * KiB, rw, true);
    for (uptr i = 0; i < 16; i++) EXPECT(poke(own + i * page_size, 100 + i) && poke(shared + i * page_size, 200 + i));
    auto child = s->clone();
    REQUIRE(child);
    EXPECT(poke(own, 1) && poke(shared, 2));
    EXPECT(peek(**child, own) == 100 && peek(**child, shared) == 2);
    EXPECT(peek(**child, own + 15 * page_size) == 115);
    u64 value = 55;
    EXPECT((*child)->write_memory(own + page_size, std::as_bytes(std::span{&value, 1}), false) == 8);
    EXPECT((*child)->write_memory(shared + page_size, std::as_bytes(std::span{&value, 1}), false) == 8);
    EXPECT(look(own + page_size) == 101 && look(shared + page_size) == 55);
    auto grandchild = (*child)->clone();
    REQUIRE(grandchild);
    *child = nullptr;
    EXPECT(peek(**grandchild, own + page_size) == 55 && peek(**grandchild, own) == 100);
}

KTEST(mm_fixed_and_hints) {
    InSpace s;
    uptr at = s.map(64 * KiB);
    EXPECT(poke(at + 8 * KiB, 3));
    MapRequest r{.address = at + 4 * KiB, .size = 8 * KiB, .access = rw, .fixed = true, .replace = false};
    EXPECT(s->map(r) == err::exist);
    r.replace = true;
    EXPECT(s->map(r) == at + 4 * KiB);
    EXPECT(look(at + 8 * KiB) == 0);
    r.address = 4096;
    EXPECT(s->map(r) == err::perm);
    r.address = arch::user_top - 4096;
    EXPECT(s->map(r) == err::nomem);
    EXPECT(s->map({.address = 0x10000000, .size = 4096, .access = rw}) == 0x10000000u);
    auto elsewhere = s->map({.address = 0x10000000, .size = 4096, .access = rw});
    EXPECT(elsewhere && *elsewhere != 0x10000000);
    EXPECT(s->map({.size = 0}) == err::inval);
    EXPECT(s->map({.size = ~usize{0}}) == err::nomem);
    EXPECT(s->map({.size = arch::user_top, .access = rw}) == err::nomem);
}

KTEST(mm_stack_grows) {
    InSpace s;
    s->set_limits({.stack = 256 * KiB});
    uptr top = 0x40000000;
    REQUIRE(s->map({.address = top - 16 * KiB, .size = 16 * KiB, .access = rw, .fixed = true, .grows_down = true}));
    EXPECT(poke(top - 100 * KiB, 1));
    EXPECT(poke(top - 256 * KiB, 1));
    EXPECT(!poke(top - 257 * KiB, 1));
    EXPECT(s->area_after(0)->start == top - 256 * KiB);
}

KTEST(mm_remap) {
    InSpace s;
    uptr at = s.map(32 * KiB);
    for (uptr i = 0; i < 8; i++) EXPECT(poke(at + i * page_size, i));
    EXPECT(s->remap(at, 32 * KiB, 16 * KiB, 0, 0) == at);
    EXPECT(!poke(at + 16 * KiB, 1));
    REQUIRE(s->map({.address = at + 16 * KiB, .size = 4096, .access = arch::page_read, .fixed = true}));
    EXPECT(s->remap(at, 16 * KiB, 64 * KiB, 0, 0) == err::nomem);
    auto moved = s->remap(at, 16 * KiB, 4 * MiB, MREMAP_MAYMOVE, 0);
    REQUIRE(moved && *moved != at);
    for (uptr i = 0; i < 4; i++) EXPECT(look(*moved + i * page_size) == i);
    EXPECT(look(at) == ~u64{0} && poke(*moved + 4 * MiB - 8, 1));
    EXPECT(s->remap(at, 4096, 8192, MREMAP_MAYMOVE, 0) == err::fault);
    EXPECT(s->remap(*moved, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, 0x20000000) == 0x20000000u);
    EXPECT(look(0x20000000) == 0);
    EXPECT(look(*moved + page_size) == 1);
}

KTEST(mm_break) {
    InSpace s;
    s->init_break(0x30000000);
    EXPECT(s->set_break(0) == 0x30000000u);
    EXPECT(s->set_break(0x30000123) == 0x30000123u);
    EXPECT(poke(0x30000100, 5));
    EXPECT(s->set_break(0x30100000) == 0x30100000u);
    EXPECT(poke(0x300ffff8, 6) && look(0x30000100) == 5);
    EXPECT(s->set_break(0x30001000) == 0x30001000u);
    EXPECT(!poke(0x300ffff8, 6));
}

KTEST(mm_account_limits_a_space) {
    InSpace s;
    auto account = MemoryAccount::create(1 * MiB);
    REQUIRE(account);
    uptr at = s.map(8 * MiB);
    MemoryAccount* before = std::exchange(Thread::current().account, *account);
    uptr reached = at;
    while (poke(reached, 1)) reached += page_size;
    EXPECT(s->fault(reached, arch::page_write) == FaultOutcome::no_memory);
    EXPECT(reached - at < 1 * MiB && reached - at > 900 * KiB);
    EXPECT(!AddressSpace::create() || (*account)->used() <= 1 * MiB);
    EXPECT(s->unmap(at, 8 * MiB));
    Thread::current().account = before;
    EXPECT(left_on(**account) == 0);
}

KTEST(mm_spaces_give_everything_back) {
    { InSpace warm; }
    u64 before = free_now();
    for (int i = 0; i < 20; i++) {
        InSpace s;
        for (uptr at = 64 * KiB; at < arch::user_top; at = at * 3 & ~uptr{4095})
            if (s->map({.address = at, .size = 20 * KiB, .access = rw})) (void)poke(at + 4096, at);
        auto child = s->clone();
        if (child) (void)(*child)->write_memory(64 * KiB + 4096, std::as_bytes(std::span{"x"}), false);
        s.map(1 * MiB, rw, true);
    }
    EXPECT(free_now() == before);
}

KTEST(mm_stacks_give_everything_back) {
    uptr tops[40];
    for (int round = 0; round < 3; round++) {
        u64 before = free_now();
        for (auto& top : tops) {
            auto made = mm::allocate_stack();
            REQUIRE(made);
            top = *made;
            for (usize i = 1; i <= mm::kernel_stack_size / 8; i++)
                reinterpret_cast<u64*>(top)[-static_cast<long>(i)] = i;
        }
        for (auto top : tops) mm::free_stack(top);
        if (round) EXPECT(free_now() == before); // the first round makes tables
    }
}

KTEST(mm_large_memory_is_refused_not_fatal) {
    InSpace s;
    u64 before = free_now();
    uptr at = s.map(mm::memory_info().total - 1 * MiB);
    REQUIRE(at);
    uptr reached = at;
    while (poke(reached, 1)) reached += page_size;
    EXPECT(s->fault(reached, arch::page_write) == FaultOutcome::no_memory);
    EXPECT(mm::memory_info().free > 0);
    EXPECT(s->unmap(at, mm::memory_info().total - 1 * MiB));
    EXPECT(free_now() == before);
}
