#include "kernel/views/user_namespace.h"
#include <gtest/gtest.h>
#include <initializer_list>

namespace {
using Extent = IdMap::Extent;

Result<IdMap> map_of(std::initializer_list<Extent> extents) {
    Vector<Extent> all;
    for (const Extent& e : extents) EXPECT_TRUE(all.push(e));
    return IdMap::create(std::move(all));
}

TEST(IdMap, LooksUpBothWays) {
    IdMap map = *map_of({{1000, 0, 1}, {0, 100'000, 1000}, {1001, 300'000, 64'535}, {70'000, 99'999, 1}});
    struct {
        u32 inside, outside;
    } pairs[] = {{0, 100'000},    {999, 100'999},    {1000, 0},       {1001, 300'000},
                 {1002, 300'001}, {65'535, 364'534}, {70'000, 99'999}};
    for (auto [inside, outside] : pairs) {
        EXPECT_EQ(map.to_kernel(inside), outside);
        EXPECT_EQ(map.to_user(outside), inside);
    }
    for (u32 id : {65'536u, 69'999u, 70'001u, ids::none}) EXPECT_EQ(map.to_kernel(id), ids::none) << id;
    for (u32 id : {1u, 99'998u, 101'000u, 299'999u, 364'535u, ids::none}) EXPECT_EQ(map.to_user(id), ids::none) << id;
    EXPECT_EQ(map.extents()[0].inside, 0u);
    EXPECT_EQ(IdMap{}.to_kernel(0), ids::none);
}

TEST(IdMap, Bounds) {
    EXPECT_TRUE(map_of({{0, 0, ids::none}}));
    EXPECT_TRUE(map_of({{ids::none - 1, ids::none - 1, 1}}));
    EXPECT_TRUE(map_of({{0, 10, 5}, {5, 5, 5}, {10, 0, 5}}));
    EXPECT_FALSE(map_of({{0, 0, 0}}));
    EXPECT_FALSE(map_of({{1, 0, ids::none}}));
    EXPECT_FALSE(map_of({{0, 1, ids::none}}));
    EXPECT_FALSE(map_of({{ids::none, 0, 1}}));
    EXPECT_FALSE(map_of({{0, ids::none, 1}}));
    EXPECT_FALSE(map_of({{0, 0, 2}, {1, 10, 1}}));
    EXPECT_FALSE(map_of({{0, 10, 1}, {5, 9, 2}}));
    EXPECT_FALSE(map_of({{7, 1, 1}, {7, 2, 1}}));
    Vector<Extent> many;
    for (u32 i = 0; i <= IdMap::most_extents; i++) EXPECT_TRUE(many.push({2 * i, 3 * i, 1}));
    EXPECT_FALSE(IdMap::create(std::move(many)));
}

TEST(UserNamespace, ShowsWhatItMaps) {
    auto own = *make_ref<UserNamespace>(*map_of({{0, 1000, 10}}), *map_of({{0, 2000, 10}}));
    EXPECT_TRUE(own->if_mapped());
    EXPECT_EQ(own->kuid(3), Kuid{1003});
    EXPECT_EQ(own->kgid(3), Kgid{2003});
    EXPECT_EQ(own->kuid(10), ids::no_user);
    EXPECT_EQ(own->shown(Kgid{2009}), 9u);
    EXPECT_EQ(own->shown(Kuid{0}), ids::overflow);
    EXPECT_EQ(own->id_of(Kuid{0}), ids::none);
    EXPECT_EQ(own->root(), Kuid{1000});
    EXPECT_TRUE(own->maps(Kuid{1000}, Kgid{2000}));
    EXPECT_FALSE(own->maps(Kuid{1000}, Kgid{1000}));
    auto plain = *make_ref<UserNamespace>();
    EXPECT_FALSE(plain->if_mapped());
    EXPECT_EQ(plain->kuid(70'000), Kuid{70'000});
    EXPECT_EQ(plain->shown(Kuid{70'000}), 70'000u);
    EXPECT_NE(own->number, plain->number);
}
} // namespace
