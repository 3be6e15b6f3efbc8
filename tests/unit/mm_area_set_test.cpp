#include "core/mm/area_set.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <random>
#include <vector>

namespace {
constexpr uptr operator""_p(unsigned long long pages) { return pages * page_size; }

struct Areas {
    AreaSet set;
    std::list<Area> storage;
    Area& add(uptr start, uptr end, bool stack = false) {
        Area& a = storage.emplace_back();
        a.start = start;
        a.end = end;
        a.grows_down = stack;
        set.insert(a);
        return a;
    }
};

TEST(AreaSet, Finds) {
    Areas s;
    EXPECT_FALSE(s.set.first_beyond(0));
    Area &a = s.add(10_p, 20_p), &b = s.add(20_p, 30_p), &c = s.add(40_p, 50_p);
    EXPECT_EQ(s.set.find(9_p), nullptr);
    EXPECT_EQ(s.set.first_beyond(9_p), &a);
    EXPECT_EQ(s.set.find(10_p), &a);
    EXPECT_EQ(s.set.find(20_p - 1), &a);
    EXPECT_EQ(s.set.find(20_p), &b);
    EXPECT_EQ(s.set.find(30_p), nullptr);
    EXPECT_EQ(s.set.first_beyond(30_p), &c);
    EXPECT_EQ(s.set.first_in(30_p, 40_p), nullptr);
    EXPECT_EQ(s.set.first_in(30_p, 41_p), &c);
    EXPECT_EQ(s.set.first_beyond(50_p), nullptr);
    EXPECT_TRUE(s.set.covers(10_p, 30_p));
    EXPECT_TRUE(s.set.covers(15_p, 25_p));
    EXPECT_FALSE(s.set.covers(10_p, 31_p));
    EXPECT_FALSE(s.set.covers(9_p, 20_p));
    s.set.erase(b);
    EXPECT_EQ(s.set.find(25_p), nullptr);
}

TEST(AreaSet, GapsFromTheTop) {
    Areas s;
    EXPECT_EQ(s.set.find_gap(5_p, 16_p, 100_p), 95_p);
    s.add(90_p, 95_p);
    s.add(50_p, 80_p);
    EXPECT_EQ(s.set.find_gap(5_p, 16_p, 100_p), 95_p);
    EXPECT_EQ(s.set.find_gap(6_p, 16_p, 100_p), 84_p);
    EXPECT_EQ(s.set.find_gap(11_p, 16_p, 100_p), 39_p);
    EXPECT_EQ(s.set.find_gap(34_p, 16_p, 100_p), 16_p);
    EXPECT_EQ(s.set.find_gap(35_p, 16_p, 100_p), 0u);
    EXPECT_EQ(s.set.find_gap(1_p, 16_p, 93_p), 89_p);
}

TEST(AreaSet, StacksKeepTheirGap) {
    Areas s;
    s.add(1000_p, 1010_p, true);
    EXPECT_EQ(s.set.find_gap(5_p, 16_p, 1000_p), 1000_p - AreaSet::stack_gap - 5_p);
    EXPECT_FALSE(s.set.is_free(990_p, 995_p));
    EXPECT_TRUE(s.set.is_free(500_p, 700_p));
}

TEST(AreaSet, GapsAgreeWithASearchPageByPage) {
    std::mt19937 random{5};
    for (int round = 0; round < 200; round++) {
        Areas s;
        constexpr unsigned pages = 200;
        bool used[pages] = {};
        for (unsigned at = 16; at < pages;) {
            unsigned n = 1 + random() % 12;
            if (at + n > pages) break;
            if (random() % 2) {
                s.add(at * page_size, (at + n) * page_size);
                std::fill(used + at, used + at + n, true);
            }
            at += n;
        }
        for (unsigned want = 1; want < 30; want++) {
            uptr expected = 0;
            for (unsigned at = pages - want; at >= 16 && !expected; at--)
                if (std::none_of(used + at, used + at + want, [](bool b) { return b; })) expected = at * page_size;
            ASSERT_EQ(s.set.find_gap(want * page_size, 16_p, pages * page_size), expected);
        }
    }
}

TEST(AreaSet, GapsThatComeAndGoAgreeWithASearchPageByPage) {
    std::mt19937 random{7};
    constexpr unsigned pages = 300, low = 16;
    for (int round = 0; round < 100; round++) {
        Areas s;
        std::vector<Area*> there;
        bool used[pages] = {};
        auto mark = [&](const Area& a, bool on) {
            std::fill(used + a.start / page_size, used + a.end / page_size, on);
        };
        for (int step = 0; step < 200; step++) {
            unsigned high = step % 10 ? pages : pages - 40, want = 1 + random() % (random() % 4 ? 4 : 40);
            uptr expected = 0;
            for (unsigned at = high - want; at >= low && !expected; at--)
                if (std::none_of(used + at, used + at + want, [](bool b) { return b; })) expected = at * page_size;
            ASSERT_EQ(s.set.find_gap(want * page_size, low * page_size, high * page_size), expected);
            if (expected && random() % 5 < 3) {
                there.push_back(&s.add(expected, expected + want * page_size));
                mark(*there.back(), true);
            } else if (!there.empty()) {
                usize which = random() % there.size();
                mark(*there[which], false);
                s.set.erase(*there[which]);
                there.erase(there.begin() + static_cast<long>(which));
            }
        }
    }
}
} // namespace
