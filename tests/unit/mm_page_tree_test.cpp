#include "core/ktest/threads.h"
#include "core/mm/page_tree.h"
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

namespace {
unsigned char& first_byte(const FrameRef& f) { return *static_cast<unsigned char*>(f->data()); }

/// A tree beside a plain map of what it must hold.
struct Checked {
    PageTree tree;
    std::map<u64, unsigned char> model;

    void write(u64 index, unsigned char value) {
        auto owned = tree.own(index);
        ASSERT_TRUE(owned);
        first_byte(owned->frame) = value;
        model[index] = value;
    }
    void erase(u64 first, u64 n) {
        ASSERT_TRUE(tree.erase(first, n));
        for (auto it = model.lower_bound(first); it != model.end() && it->first - first < n;) it = model.erase(it);
    }
    void check() const {
        ASSERT_EQ(tree.pages(), model.size());
        u64 at = 0;
        for (auto& [index, value] : model) {
            auto found = tree.find(index);
            ASSERT_TRUE(found);
            ASSERT_TRUE(tree.holds(index));
            ASSERT_EQ(tree.holds(index + 1), model.contains(index + 1));
            ASSERT_EQ(first_byte(found), value);
            ASSERT_EQ(tree.next_page(at), index);
            ASSERT_EQ(tree.next_hole(index), model.contains(index + 1) ? tree.next_hole(index + 1) : index + 1);
            at = index + 1;
        }
        ASSERT_FALSE(tree.next_page(at));
    }
};

u64 free_frames() {
    mm::drain_caches();
    return mm::memory_info().free;
}

TEST(PageTree, SinglePageNeedsNoNode) {
    u64 before = free_frames();
    {
        PageTree t;
        EXPECT_FALSE(t.find(0));
        EXPECT_FALSE(t.find(~u64{0}));
        EXPECT_FALSE(t.holds(0) || t.holds(~u64{0}));
        EXPECT_EQ(t.next_hole(0), 0u);
        auto owned = *t.own(0);
        EXPECT_TRUE(owned.changed);
        EXPECT_FALSE(t.own(0)->changed);
        EXPECT_EQ(t.pages(), 1u);
        EXPECT_EQ(t.next_hole(0), 1u);
    }
    EXPECT_EQ(free_frames(), before);
}

TEST(PageTree, FarIndices) {
    Checked c;
    for (u64 i : {u64{0}, u64{63}, u64{64}, u64{4095}, u64{4096}, u64{1} << 40, (u64{1} << 52) - 1})
        c.write(i, i % 251);
    c.check();
    EXPECT_EQ(c.tree.own(u64{1} << 60).error(), Errno::fbig);
    c.erase(64, ~u64{0});
    c.check();
}

TEST(PageTree, SnapshotsAreIndependent) {
    u64 before = free_frames();
    {
        std::mt19937 random{3};
        std::vector<Checked> trees(1);
        for (int i = 0; i < 6000; i++) {
            auto& c = trees[random() % trees.size()];
            switch (random() % 8) {
            case 0:
                if (trees.size() < 12) {
                    Checked copy{c.tree.share(), c.model};
                    trees.push_back(std::move(copy));
                } else if (random() % 4 == 0) {
                    trees.erase(trees.begin() + 1 + static_cast<long>(random() % (trees.size() - 1)));
                }
                break;
            case 1: c.erase(random() % 700, random() % 100); break;
            default: c.write(random() % 700, static_cast<unsigned char>(random()));
            }
            if (i % 500 == 0)
                for (auto& t : trees) t.check();
        }
        for (auto& t : trees) t.check();
    }
    EXPECT_EQ(free_frames(), before);
}

TEST(PageTree, UnsharedAgainWritesInPlace) {
    PageTree a;
    FrameRef page = a.own(5)->frame;
    {
        PageTree b = a.share();
        auto owned = *b.own(5);
        EXPECT_TRUE(owned.changed);
        EXPECT_NE(owned.frame.get(), page.get());
        EXPECT_EQ(a.find(5).get(), page.get());
    }
    auto again = *a.own(5);
    EXPECT_FALSE(again.changed);
    EXPECT_EQ(again.frame.get(), page.get());
}

TEST(PageTree, PutReplaces) {
    PageTree t;
    FrameRef f = *mm::allocate_frame(FrameUse::page_cache);
    first_byte(f) = 9;
    ASSERT_TRUE(t.put(100, f));
    ASSERT_TRUE(t.put(100, *mm::allocate_frame(FrameUse::page_cache)));
    EXPECT_EQ(f->refs, 1u);
    EXPECT_EQ(t.pages(), 1u);
}

TEST(PageTree, MarksAgreeWithASet) {
    using Mark = PageTree::Mark;
    PageTree t;
    std::set<u64> marked, there;
    std::mt19937 random{5};
    EXPECT_FALSE(t.mark(0, Mark::dirty));
    for (int i = 0; i < 20'000; i++) {
        u64 at = random() % 4 ? random() % 100 : random() % 8'000;
        switch (random() % 8) {
        case 0: {
            u64 n = random() % 60;
            ASSERT_TRUE(t.erase(at, n));
            for (auto* set : {&marked, &there}) set->erase(set->lower_bound(at), set->lower_bound(at + n));
            break;
        }
        case 1:
        case 2:
            t.unmark(at, Mark::dirty);
            marked.erase(at);
            break;
        case 3:
            ASSERT_TRUE(t.own(at));
            there.insert(at);
            break;
        default:
            ASSERT_EQ(t.mark(at, Mark::dirty), there.contains(at));
            if (there.contains(at)) marked.insert(at);
        }
        auto next = marked.lower_bound(at);
        ASSERT_EQ(t.next_marked(at, Mark::dirty), next == marked.end() ? std::optional<u64>{} : *next);
        ASSERT_EQ(t.is_marked(at, Mark::dirty), marked.contains(at));
        ASSERT_FALSE(t.next_marked(0, Mark::writing));
    }
    t.clear();
    EXPECT_FALSE(t.next_marked(0, Mark::dirty));
}

TEST(PageTree, MarkOfTheOnlyPageMovesDown) {
    using Mark = PageTree::Mark;
    PageTree t;
    ASSERT_TRUE(t.own(0));
    EXPECT_TRUE(t.mark(0, Mark::writing));
    EXPECT_TRUE(t.is_marked(0, Mark::writing));
    ASSERT_TRUE(t.own(5'000));
    EXPECT_EQ(t.next_marked(0, Mark::writing), 0u);
    EXPECT_FALSE(t.next_marked(1, Mark::writing));
    t.unmark(0, Mark::writing);
    EXPECT_FALSE(t.next_marked(0, Mark::writing));
    ASSERT_TRUE(t.erase(0, ~u64{0}));
}

// Owners of trees that share pages take no common lock.
TEST(PageTree, SnapshotsInThreads) {
    u64 before = free_frames();
    {
        PageTree base;
        for (u64 i = 0; i < 300; i++) first_byte(base.own(i)->frame) = static_cast<unsigned char>(i);
        std::vector<PageTree> copies;
        for (int t = 0; t < 4; t++) copies.push_back(base.share());
        base.clear();
        ASSERT_TRUE(ktest::run_threads(4, [&copies](unsigned t) {
            PageTree tree = std::move(copies[t]);
            std::mt19937 random{t};
            for (int i = 0; i < 3000; i++) {
                u64 at = random() % 300;
                if (random() % 2)
                    first_byte(tree.own(at)->frame)++;
                else
                    (void)first_byte(tree.find(at));
                if (i % 100 == 0) {
                    PageTree snapshot = tree.share();
                    first_byte(tree.own(at)->frame)++;
                }
            }
        }));
    }
    EXPECT_EQ(free_frames(), before);
}
} // namespace
