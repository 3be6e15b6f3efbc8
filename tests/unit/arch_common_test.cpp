// What ports share: memory ranges beside a list of pages, the exception table, frame walks.
#include "arch/common/fixups.h"
#include "arch/common/frame_walk.h"
#include "arch/common/memory_ranges.h"
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <vector>

namespace {
constexpr u64 pages = 64;
using Pages = std::set<u64>;

Pages listed(const arch::MemoryRanges& ranges) {
    Pages all;
    u64 last = 0;
    bool first = true;
    for (auto& r : ranges.all()) {
        EXPECT_LT(r.start, r.end);
        if (!first) EXPECT_LT(last, r.start); // neighbours are one
        first = false;
        last = r.end;
        for (u64 p = r.start; p < r.end; p += page_size) all.insert(p / page_size);
    }
    return all;
}
} // namespace

TEST(MemoryRanges, AgreeWithAListOfPages) {
    std::mt19937 random{7};
    for (int round = 0; round < 200; round++) {
        arch::MemoryRanges ranges;
        Pages model;
        for (int step = 0; step < 60; step++) {
            u64 a = random() % pages, b = random() % pages;
            arch::MemoryRange r{a * page_size, b * page_size}; // may be empty or inside out
            if (random() % 2) {
                ranges.add(r);
                for (u64 p = a; p < b; p++) model.insert(p);
            } else {
                ranges.remove(r);
                for (u64 p = a; p < b; p++) model.erase(p);
            }
            ASSERT_EQ(listed(ranges), model);
            bool all = true, any = false;
            for (u64 p = a; p < b; p++) (model.count(p) ? any : all) = model.count(p);
            if (a < b) {
                EXPECT_EQ(ranges.has(r), all);
                EXPECT_EQ(ranges.overlaps(r), any);
            }
            EXPECT_EQ(ranges.end(), model.empty() ? 0 : (*model.rbegin() + 1) * page_size);
        }
    }
}

TEST(MemoryRanges, TakeTheLowestThatFits) {
    arch::MemoryRanges ranges;
    ranges.add({0x1000, 0x3000});
    ranges.add({0x8000, 0x10000});
    EXPECT_EQ(ranges.take(0x3000), 0x8000u);
    EXPECT_EQ(ranges.take(0x1000), 0x1000u);
    EXPECT_EQ(ranges.take(0x1000, 0xd000), 0xd000u);
    EXPECT_EQ(ranges.take(0x2000, 0, 0x4000), 0u);
    EXPECT_EQ(ranges.take(0x10000), 0u);
    EXPECT_EQ(listed(ranges), (Pages{2, 11, 12, 14, 15}));
}

TEST(MemoryRanges, MoreThanThereIsRoomForAreLost) {
    arch::MemoryRanges ranges;
    for (u64 i = 0; i < 200; i++) ranges.add({2 * i * page_size, (2 * i + 1) * page_size});
    EXPECT_EQ(ranges.all().size(), 64u);
    ranges.remove({0, 400 * page_size});
    EXPECT_TRUE(ranges.all().empty());
    ranges.add({0, 200 * page_size});
    for (u64 i = 0; i < 100; i++) ranges.remove({(2 * i + 1) * page_size, (2 * i + 2) * page_size});
    for (auto p : listed(ranges)) EXPECT_EQ(p % 2, 0u); // nothing that was taken away came back
}

TEST(Fixups, FindTheRangeOfAnInstruction) {
    static u8 code[64];
    static arch::Fixup table[3];
    auto distance = [](const i32& field, const u8* to) {
        return static_cast<i32>(to - reinterpret_cast<const u8*>(&field));
    };
    auto fill = [&](arch::Fixup& f, unsigned start, unsigned end, unsigned label) {
        f = {distance(f.start, code + start), distance(f.end, code + end), distance(f.label, code + label)};
    };
    fill(table[0], 30, 34, 50);
    fill(table[1], 10, 11, 60);
    fill(table[2], 34, 35, 40);
    arch::sort_fixups(table);
    auto at = [](unsigned i) { return reinterpret_cast<uptr>(code + i); };
    for (unsigned i = 0; i < 64; i++) {
        uptr expected = i == 10 ? at(60) : i >= 30 && i < 34 ? at(50) : i == 34 ? at(40) : 0;
        EXPECT_EQ(arch::find_fixup(table, at(i)), expected) << i;
    }
    EXPECT_EQ(arch::find_fixup({}, at(10)), 0u);
}

TEST(FrameWalk, EndsWhereFramesMakeNoSense) {
    // Frames of two words: the caller's frame, then the return address.
    uptr stack[16] = {};
    auto place = [&](unsigned i) { return reinterpret_cast<uptr>(stack + i); };
    auto frame = [&](unsigned i, uptr caller, uptr address) { stack[i] = caller, stack[i + 1] = address; };
    auto walk = [&](usize room) {
        std::vector<uptr> got(room);
        auto read = [&](uptr at) -> std::optional<arch::SavedFrame> {
            if (at < place(0) || at > place(14)) return {};
            auto* words = reinterpret_cast<const uptr*>(at);
            return arch::SavedFrame{words[1], words[0]};
        };
        got.resize(arch::walk_frames(got, place(0), read, [](uptr a) { return a >= 1000; }));
        return got;
    };
    frame(0, place(4), 1001);
    frame(4, place(8), 1002);
    frame(8, 0, 1003);
    EXPECT_EQ(walk(8), (std::vector<uptr>{1001, 1002, 1003}));
    EXPECT_EQ(walk(2), (std::vector<uptr>{1001, 1002}));
    frame(8, place(4), 1003); // a circle
    EXPECT_EQ(walk(8), (std::vector<uptr>{1001, 1002, 1003}));
    frame(4, place(8), 5); // not code
    EXPECT_EQ(walk(8), (std::vector<uptr>{1001}));
    frame(0, place(4) + 1, 1001);
    EXPECT_EQ(walk(8), (std::vector<uptr>{1001}));
}
