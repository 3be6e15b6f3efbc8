#include "core/alloc/frame_pool.h"
#include "core/alloc/heap.h"
#include "core/ktest/threads.h"
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {
/// Who pays for what the test allocates from now on.
void charge(MemoryAccount& payer) { ThreadBase::running()->account = &payer; }

u64 free_bytes() {
    mm::drain_caches();
    return mm::memory_info().free;
}

TEST(Frames, AllComeBackInLargestBlocks) {
    u64 before = free_bytes();
    std::vector<FrameRef> taken;
    while (auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, taken.size() % 4)) {
        std::memset((*f)->data(), 0xaa, page_size << (*f)->order);
        taken.push_back(std::move(*f));
    }
    while (auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing)) taken.push_back(std::move(*f));
    EXPECT_EQ(free_bytes(), 0u);
    std::shuffle(taken.begin(), taken.end(), std::mt19937{1});
    taken.clear();
    EXPECT_EQ(free_bytes(), before);
    // Everything has merged again: the blocks of the largest order are all there.
    for (u64 n = 0; n < (before - 2 * MiB) / (page_size << mm::max_order) - 1; n++) {
        auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, mm::max_order);
        ASSERT_TRUE(f);
        taken.push_back(std::move(*f));
    }
    EXPECT_FALSE(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, mm::max_order + 1));
}

TEST(Frames, ZeroedAndCounted) {
    auto f = *mm::allocate_frame(FrameUse::anonymous);
    for (auto b : f->bytes()) ASSERT_EQ(b, std::byte{0});
    u64 used = mm::memory_info().of(FrameUse::anonymous);
    FrameRef second = f;
    f = {};
    EXPECT_EQ(mm::memory_info().of(FrameUse::anonymous), used);
    EXPECT_EQ(mm::frame_of(second->address()), second.get());
    EXPECT_EQ(mm::frame_of(second->data()), second.get());
    second = {};
    EXPECT_EQ(mm::memory_info().of(FrameUse::anonymous), used - page_size);
}

TEST(Frames, TogetherTheyAreSingleFrames) {
    constexpr unsigned order = 9, count = 1 << order;
    u64 before = free_bytes();
    Frame* first = mm::allocate_together(FrameUse::anonymous, order);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->address() % (page_size << order), 0u);
    for (Frame* f = first; f < first + count; f++) {
        ASSERT_TRUE(f->refs == 1 && f->order == 0 && f->use == FrameUse::anonymous);
        for (auto b : f->bytes()) ASSERT_EQ(b, std::byte{0});
    }
    EXPECT_EQ(mm::memory_info().of(FrameUse::anonymous), page_size << order);
    FrameRef kept = FrameRef::share(first + 7);
    mm::drop_together(first, order);
    EXPECT_EQ(free_bytes(), before - page_size);
    EXPECT_EQ(kept->refs, 1u);
    kept = {};
    EXPECT_EQ(free_bytes(), before);
    first = mm::allocate_together(FrameUse::anonymous, order);
    ASSERT_TRUE(first);
    mm::drop_together(first, order);
    EXPECT_EQ(free_bytes(), before);

    std::vector<Frame*> taken; // an eighth stays
    while (Frame* f = mm::allocate_together(FrameUse::anonymous, order)) taken.push_back(f);
    EXPECT_GE(mm::memory_info().free, mm::memory_info().total / 8);
    for (Frame* f : taken) mm::drop_together(f, order);
    EXPECT_EQ(free_bytes(), before);
}

TEST(Frames, UserPagesLeaveAReserve) {
    std::vector<FrameRef> taken;
    while (auto f = mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing)) taken.push_back(std::move(*f));
    EXPECT_GT(mm::memory_info().free, 0u);
    EXPECT_TRUE(mm::allocate_frame(FrameUse::kernel));
}

TEST(Frames, ContainersLeaveSomeToTheHost) {
    MemoryAccount* container = *MemoryAccount::create(~u64{0});
    std::vector<FrameRef> taken;
    while (auto f = mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing, 0, container))
        taken.push_back(std::move(*f));
    EXPECT_FALSE(mm::has_room(*container));
    EXPECT_TRUE(mm::has_room(MemoryAccount::kernel()));
    while (auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, 0, container))
        taken.push_back(std::move(*f));
    u64 left = mm::memory_info().free;
    EXPECT_GT(left, mm::memory_info().total / 100);
    // However often the host takes a page and gives it back, the container does not get at it.
    for (int i = 0; i < 100; i++) {
        ASSERT_TRUE(mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing));
        if (auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, 0, container))
            taken.push_back(std::move(*f));
    }
    EXPECT_GE(mm::memory_info().free, left - 2 * page_size);
    taken.clear();
    container->close();
}

TEST(Frames, BelowALimit) {
    u64 before = free_bytes();
    constexpr arch::PhysAddr limit = 1 * MiB; // 576 KiB of the tests' memory are there, of which devices keep some
    std::vector<FrameRef> low;
    for (;;) {
        auto block = mm::allocate_frame_below(limit, FrameUse::kernel, 2);
        if (!block) break;
        EXPECT_LE((*block)->address() + 4 * page_size, limit);
        EXPECT_EQ((*block)->bytes()[0], std::byte{0});
        std::memset((*block)->data(), 0xff, 4 * page_size);
        low.push_back(std::move(*block));
    }
    EXPECT_FALSE(low.empty());
    EXPECT_FALSE(mm::allocate_frame_below(limit, FrameUse::kernel, 2));
    EXPECT_TRUE(mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, 2)); // there is memory elsewhere
    low.clear();
    EXPECT_EQ(free_bytes(), before);
}

TEST(Accounts, LimitHoldsAndIsGivenBack) {
    MemoryAccount* a = *MemoryAccount::create(10 * page_size);
    std::vector<FrameRef> taken;
    while (auto f = mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing, 0, a)) taken.push_back(std::move(*f));
    EXPECT_EQ(taken.size(), 10u);
    EXPECT_EQ(a->used(), 10 * page_size);
    EXPECT_EQ(a->peak(), 10 * page_size);
    EXPECT_EQ(a->failures(), 1u);
    a->close();
    MemoryAccount* b = *MemoryAccount::create(1);
    EXPECT_NE(a, b) << "a slot is not reused while something is charged to it";
    taken.clear();
    EXPECT_EQ(a->used(), 0u);
    b->close();
}

TEST(Accounts, AllSlots) {
    std::vector<MemoryAccount*> all;
    while (auto a = MemoryAccount::create(1)) {
        EXPECT_EQ(&MemoryAccount::at((*a)->index()), *a);
        all.push_back(*a);
    }
    EXPECT_EQ(all.size(), 32'766u) << "those of earlier tests included";
    for (auto* a : all) a->close();
}

TEST(Heap, SizesAlignmentsAndAccounts) {
    MemoryAccount* account = *MemoryAccount::create(~u64{0});
    u64 before = free_bytes();
    charge(*account);
    std::vector<std::pair<unsigned char*, usize>> objects;
    std::mt19937 random{7};
    for (int i = 0; i < 20000; i++) {
        if (objects.size() > 3000 || (!objects.empty() && random() % 3 == 0)) {
            usize at = random() % objects.size();
            auto [p, n] = objects[at];
            ASSERT_EQ(p[0], static_cast<unsigned char>(n));
            ASSERT_EQ(p[n - 1], static_cast<unsigned char>(n));
            mm::release_object(p);
            objects[at] = objects.back();
            objects.pop_back();
            continue;
        }
        usize n = 1 + random() % (i % 50 == 0 ? 20000 : 2100), align = usize{16} << random() % 5;
        auto* p = static_cast<unsigned char*>(mm::allocate_object(n, align));
        ASSERT_TRUE(p);
        ASSERT_EQ(reinterpret_cast<uptr>(p) % align, 0u);
        std::memset(p, static_cast<int>(n), n);
        objects.push_back({p, n});
    }
    EXPECT_GT(account->used(), 0u);
    charge(MemoryAccount::kernel()); // whoever frees: the payer gets it back
    for (auto [p, n] : objects) mm::release_object(p);
    EXPECT_EQ(free_bytes(), before);
    EXPECT_EQ(account->used(), 0u);
    account->close();
}

TEST(Heap, WhoKeepsASlabPaysForIt) {
    u64 before = free_bytes();
    MemoryAccount* account = *MemoryAccount::create(4 * MiB);
    charge(*account);
    std::vector<void*> kept;
    // Fills slabs of one size after the other, and gives back all but one object of each.
    for (usize size : {2000, 1300, 1000, 750, 630, 500, 440, 380, 310, 250, 220, 190, 150}) {
        std::vector<void*> objects;
        while (void* p = mm::allocate_object(size, 16)) objects.push_back(p);
        for (usize i = 0; i < objects.size(); i++) {
            if (i % 16 == 0)
                kept.push_back(objects[i]);
            else
                mm::release_object(objects[i]);
        }
    }
    u64 lost = before - free_bytes();
    EXPECT_LT(lost, account->limit() + 1 * MiB) << "what nobody pays for is a slab per size";
    EXPECT_GE(account->used() + 1 * MiB, lost);
    // What it has given back it can have again.
    void* again = mm::allocate_object(2000, 16);
    EXPECT_TRUE(again);
    mm::release_object(again);
    // Somebody else who takes it pays from then on.
    MemoryAccount* other = *MemoryAccount::create(1 * MiB);
    charge(*other);
    u64 paid = account->used();
    void* taken = mm::allocate_object(2000, 16);
    EXPECT_TRUE(taken);
    EXPECT_LT(account->used(), paid);
    EXPECT_GE(other->used(), 2000u);
    mm::release_object(taken);
    charge(MemoryAccount::kernel());
    other->close();
    // A container that is gone is asked for nothing: its slot comes back although others keep the slabs.
    account->close();
    for (usize i = 0; i < kept.size(); i += 2) mm::release_object(kept[i]);
    u64 charged = account->used();
    mm::settle_idle_objects();
    EXPECT_LT(account->used(), charged);
    for (usize i = 1; i < kept.size(); i += 2) mm::release_object(kept[i]);
    EXPECT_EQ(free_bytes(), before);
    EXPECT_EQ(account->used(), 0u);
    EXPECT_EQ(other->used(), 0u);
}

TEST(Heap, LimitRefuses) {
    MemoryAccount* account = *MemoryAccount::create(1000);
    charge(*account);
    void* a = mm::allocate_object(500, 16);
    EXPECT_TRUE(a);
    EXPECT_FALSE(mm::allocate_object(500, 16));
    EXPECT_FALSE(mm::allocate_object(50000, 16));
    mm::release_object(a);
    charge(MemoryAccount::kernel());
    account->close();
}

TEST(Heap, ThreadsPassObjectsOn) {
    u64 before = free_bytes();
    constexpr unsigned threads = 4, rounds = 5000;
    std::atomic<void*> slots[64] = {};
    ASSERT_TRUE(ktest::run_threads(threads, [&](unsigned t) {
        std::mt19937 random{t};
        for (unsigned i = 0; i < rounds; i++) {
            usize n = 16 + random() % 1500;
            void* p = mm::allocate_object(n, 16);
            if (p) std::memset(p, static_cast<int>(t), n);
            mm::release_object(slots[random() % 64].exchange(p));
            if (i % 1000 == 0) mm::drain_caches();
        }
    }));
    for (auto& s : slots) mm::release_object(s);
    EXPECT_EQ(free_bytes(), before);
}
} // namespace
