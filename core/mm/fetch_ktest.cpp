// Faults on pages that take long to come, and faults of several threads.
#include "core/ktest/ktest.h"
#include "core/ktest/threads.h"
#include "core/mm/address_space_impl.h"
#include "core/mm/mm_ktest.h"
#include "core/mm/page_tree.h"
#include "core/time/clock.h"
#include "core/wait/wait.h"
#include <linux/mman.h>

using namespace mm_ktest;

namespace {
/// Page i holds i + 1, once it has been fetched; a fetch lasts until it is let go, and fails where it shall.
class SlowObject final : public MemoryObject {
public:
    static constexpr u64 count = 8;
    std::atomic<bool> open = true; // fetches go through
    std::atomic<unsigned> fetching = 0, fetches = 0;
    WaitQueue changed;

    Result<FrameRef> page(u64 index, bool for_write) override {
        if (index >= count) return err::nxio;
        auto pages = pages_.lock();
        if (!pages->find(index)) return err::again;
        return for_write ? std::move(TRY(pages->own(index)).frame) : pages->find(index);
    }
    Result<> fetch(u64 index, u64) override {
        fetches++;
        fetching++;
        changed.notify_all();
        (void)wait_until(changed, [&] { return open.load(); }, never, false);
        fetching--;
        if (index == count - 1) return err::io;
        auto pages = pages_.lock();
        if (pages->find(index)) return {};
        auto owned = TRY(pages->own(index));
        *static_cast<u64*>(owned.frame->data()) = index + 1;
        return {};
    }
    void present_pages(u64 first, std::span<FrameRef> out) override { pages_.lock()->find_range(first, out); }
    void let_go() {
        open = true;
        changed.notify_all();
    }
    void wait_for_fetch() {
        (void)wait_until(changed, [&] { return fetching.load() != 0; }, never, false);
    }

private:
    Guarded<PageTree, Mutex<Rank::inode>> pages_;
};

/// A space with the object mapped, shared, and how threads enter it.
struct SlowSpace : InSpace {
    Ref<SlowObject> object;
    uptr at = 0;
    SlowSpace() {
        if (auto made = make_ref<SlowObject>()) object = std::move(*made);
        at = map_object(true);
    }
    uptr map_object(bool shared) {
        return space
            ->map({.size = (SlowObject::count + 1) * page_size, .access = rw, .shared = shared, .object = object})
            .value_or(0);
    }
    uptr page(u64 index) const { return at + index * page_size; }
};
} // namespace

KTEST(fetch_leaves_the_space_to_others) {
    SlowSpace s;
    REQUIRE(s.object && s.at);
    uptr plain = s.map(64 * KiB);
    s.object->open = false;
    std::atomic<u64> seen = 0;
    EXPECT(ktest::run_threads(2, [&](unsigned thread) {
        AddressSpace* before = AddressSpace::of(Thread::current());
        AddressSpace::use(s.space.get());
        if (thread == 0) {
            seen = look(s.page(3));
        } else {
            s.object->wait_for_fetch();
            EXPECT(poke(plain, 5) && look(plain) == 5); // another fault
            uptr more = s.map(1 * MiB);
            EXPECT(more && poke(more + 4096, 6));
            EXPECT(s->protect(plain, 4096, arch::page_read) && s->unmap(more, 1 * MiB));
            EXPECT(s->clone());
            EXPECT(seen == 0 && s.object->fetching == 1);
            s.object->let_go();
        }
        AddressSpace::use(before);
    }));
    EXPECT(seen == 4);
}

KTEST(fetch_finds_what_is_there_afterwards) {
    SlowSpace s;
    REQUIRE(s.object && s.at);
    s.object->open = false;
    FaultOutcome outcome{};
    EXPECT(ktest::run_threads(2, [&](unsigned thread) {
        if (thread == 0) {
            outcome = s->fault(s.page(2), arch::page_write);
        } else {
            s.object->wait_for_fetch();
            EXPECT(s->unmap(s.at, 4 * page_size));
            s.object->let_go();
        }
    }));
    EXPECT(outcome == FaultOutcome::no_mapping);
    EXPECT(s->fault(s.page(7), arch::page_read) == FaultOutcome::bus_error); // the read fails
    EXPECT(s->fault(s.page(8), arch::page_read) == FaultOutcome::bus_error); // beyond the end
    EXPECT(poke(s.page(5), 77) && look(s.page(5)) == 77);
    unsigned fetches = s.object->fetches;
    EXPECT(look(s.page(5)) == 77 && s.object->fetches == fetches);
}

KTEST(fetch_serves_every_way_to_a_page) {
    SlowSpace s;
    REQUIRE(s.object && s.at);
    EXPECT(peek(*s.space, s.page(1)) == 2);
    u64 value = 99;
    EXPECT(s->write_memory(s.page(2), std::as_bytes(std::span{&value, 1}), false) == 8);
    EXPECT(look(s.page(2)) == 99);
    EXPECT(s->populate(s.page(0), 6 * page_size, true));
    EXPECT(s->usage().resident == 6);
    EXPECT(s->populate(s.page(6), 2 * page_size, false) == err::fault); // the last one cannot be read
    SlowSpace locked;
    EXPECT(locked->lock_all(AddressSpace::Locking::now, AddressSpace::Locking::none));
    EXPECT(locked->usage().resident == 7);
    // A private mapping copies what has been fetched.
    SlowSpace own;
    uptr at = own.map_object(false);
    REQUIRE(at);
    EXPECT(poke(at + 8, 1) && look(at) == 1 && look(own.page(0)) == 1 && look(own.page(0) + 8) == 0);
}

KTEST(mm_faults_share_the_space) {
    // A page that takes its time, and another fault that is over before.
    struct Patient final : MemoryObject {
        std::atomic<bool> asked = false, other_done = false;
        bool in_time = false;
        WaitQueue changed;
        Result<FrameRef> page(u64, bool) override {
            asked = true;
            changed.notify_all();
            in_time =
                wait_until(changed, [&] { return other_done.load(); }, clocks::in(5'000'000'000), false).has_value();
            return mm::allocate_frame(FrameUse::shared);
        }
    };
    InSpace s;
    auto object = make_ref<Patient>();
    REQUIRE(s.space && object);
    Patient& patient = **object;
    uptr slow = s->map({.size = page_size, .access = rw, .shared = true, .object = *object}).value_or(0);
    uptr plain = s.map(64 * KiB);
    REQUIRE(slow && plain);
    EXPECT(ktest::run_threads(2, [&](unsigned thread) {
        if (thread == 0) {
            EXPECT(s->fault(slow, arch::page_write) == FaultOutcome::resolved);
        } else {
            (void)wait_until(patient.changed, [&] { return patient.asked.load(); }, never, false);
            EXPECT(s->fault(plain, arch::page_write) == FaultOutcome::resolved);
            patient.other_done = true;
            patient.changed.notify_all();
        }
    }));
    EXPECT(patient.in_time);
}

KTEST(mm_faults_in_parallel_count_once) {
    InSpace s;
    REQUIRE(s.space);
    constexpr uptr pages = 1536, huge = 3; // tables, pages and huge pages are made by several at once
    u64 free_before = 0;
    for (int round = 0; round < 3; round++) {
        if (round == 1) free_before = free_now(); // the first round makes stacks
        uptr plain = s.map(pages * page_size), advised = s.map((huge + 1) * mm::huge_size);
        REQUIRE(plain && advised);
        EXPECT(s->advise(advised, (huge + 1) * mm::huge_size, MADV_HUGEPAGE));
        uptr first_huge = align_up(advised, mm::huge_size);
        EXPECT(ktest::run_threads(4, [&](unsigned thread) {
            AddressSpace* before = AddressSpace::of(Thread::current());
            AddressSpace::use(s.space.get());
            for (uptr i = 0; i < pages; i++) {
                uptr at = plain + (thread & 1 ? pages - 1 - i : i) * page_size;
                if (i % 3 == thread % 3) (void)look(at);
                EXPECT(poke(at + 8 * thread, thread + 1));
                if (i % 500 == 250 && thread == 3) EXPECT(s->clone()); // fork comes in between
            }
            for (uptr i = 0; i < huge; i++) EXPECT(poke(first_huge + i * mm::huge_size + 8 * thread, thread + 1));
            AddressSpace::use(before);
        }));
        bool kept = true;
        for (uptr i = 0; i < pages; i++)
            for (u64 thread = 0; thread < 4; thread++) kept &= look(plain + i * page_size + 8 * thread) == thread + 1;
        EXPECT(kept);
        u64 resident = s->usage().resident;
        EXPECT(resident >= pages + huge && resident <= pages + huge * mm::huge_size / page_size);
        EXPECT(s->unmap(plain, pages * page_size) && s->unmap(advised, (huge + 1) * mm::huge_size));
        EXPECT(s->usage().resident == 0);
    }
    EXPECT(free_now() == free_before);
}

KTEST(mm_sleepers_are_not_asked_to_flush) {
    if (arch::cpu_count() < 2) return;
    InSpace s;
    uptr at = s.map(64 * KiB);
    REQUIRE(s.space && at);
    std::atomic<unsigned> step = 0;
    WaitQueue changed;
    auto go = [&](unsigned to) {
        step = to;
        changed.notify_all();
    };
    auto await = [&](unsigned what) { (void)wait_until(changed, [&] { return step.load() == what; }, never, false); };
    EXPECT(ktest::run_threads(2, [&](unsigned thread) {
        AddressSpace* before = AddressSpace::of(Thread::current());
        EXPECT(Thread::current().set_affinity(u64{1} << thread));
        sched::yield(); // it moves when it gives its CPU up
        AddressSpace::use(s.space.get());
        if (thread == 0) {
            await(1);
            bool gone = false;
            for (unsigned i = 0; i < 1000 && !gone; i++) { // it may not sleep yet
                EXPECT(poke(at, i) && s->unmap(at, page_size));
                gone = !(s->active_cpus & 2);
                EXPECT(s->map({.address = at, .size = page_size, .access = rw, .fixed = true}));
                if (!gone) sched::yield();
            }
            EXPECT(gone && poke(at, 7));
            go(2);
        } else {
            EXPECT(poke(at, 1) && s->active_cpus & 2);
            go(1);
            await(2);
            EXPECT(look(at) == 7 && s->active_cpus & 2);
        }
        AddressSpace::use(before);
    }));
}

KTEST(mm_unmapped_pages_wait_for_one_flush) {
    // Pages of the space alone, shared ones and holes between them, more than are kept back at once.
    constexpr uptr pages = 2000;
    InSpace s;
    REQUIRE(s.space);
    u64 free_before = 0;
    for (int round = 0; round < 2; round++) {
        if (round == 1) free_before = free_now();
        uptr at = s.map(pages * page_size);
        REQUIRE(at);
        EXPECT(s->advise(at, pages * page_size, MADV_NOHUGEPAGE));
        for (uptr i = 0; i < pages; i++)
            if (i % 7) EXPECT(poke(at + i * page_size, i));
        {
            auto child = s->clone();
            REQUIRE(child);
            for (uptr i = 0; i < pages; i += 3)
                if (i % 7) EXPECT(poke(at + i * page_size, i + 1)); // its own again
            EXPECT(s->unmap(at, pages * page_size) && s->usage().resident == 0);
            bool kept = true;
            for (uptr i = 1; i < pages; i++) kept &= peek(**child, at + i * page_size) == (i % 7 ? i : 0);
            EXPECT(kept);
        }
    }
    EXPECT(free_now() == free_before);
}
