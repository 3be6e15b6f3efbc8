// Routes: the longest prefix wins, beside a list that is searched from end to end.
#include "net/stack/checksum.h"
#include "net/stack/route.h"
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

using namespace net;

namespace {
Route route(const Address& a, unsigned bits, u32 interface, u32 metric = 0) {
    return {.destination = Prefix::of(a, bits), .interface = interface, .metric = metric};
}
} // namespace

TEST(Address, Texts) {
    auto text = [](const Address& a) {
        char to[64];
        BufferWriter out{to};
        print_address(out, a);
        return std::string{out.text()};
    };
    EXPECT_EQ(text(Address::v4(10, 0, 2, 15)), "10.0.2.15");
    EXPECT_EQ(text({}), "::");
    EXPECT_EQ(text(Address::v6({0, 0, 0, 0, 0, 0, 0, 1})), "::1");
    EXPECT_EQ(text(Address::v6({0xfe80})), "fe80::");
    EXPECT_EQ(text(Address::v6({0x2001, 0xdb8, 0, 1, 0, 0, 0, 0xa})), "2001:db8:0:1::a");
    EXPECT_EQ(text(Address::v6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1})), "2001:db8::1:0:0:1");
    EXPECT_EQ(text(Address::v6({1, 2, 3, 4, 5, 6, 0, 8})), "1:2:3:4:5:6:0:8");
}

TEST(Address, TextsRead) {
    EXPECT_EQ(parse_v4("10.0.2.15"), Address::v4(10, 0, 2, 15));
    for (auto text : {"", "1", "1.2.3", "1.2.3.4.", "1.2.3.256", ".1.2.3", "1..2.3", "1.2.3.4 ", "a.2.3.4"})
        EXPECT_EQ(parse_v4(text), err::inval) << text;
    EXPECT_EQ(parse_v6("::"), Address{});
    EXPECT_EQ(parse_v6("::1"), loopback_v6);
    EXPECT_EQ(parse_v6("fe80::"), Address::v6({0xfe80}));
    EXPECT_EQ(parse_v6("2001:DB8::1:0:0:1"), Address::v6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}));
    EXPECT_EQ(parse_v6("1:2:3:4:5:6:7:8"), Address::v6({1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(parse_v6("1:2:3:4:5:6:7::"), Address::v6({1, 2, 3, 4, 5, 6, 7, 0}));
    EXPECT_EQ(parse_v6("::2:3:4:5:6:7:8"), Address::v6({0, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(parse_v6("64:ff9b::192.0.2.1"), Address::v6({0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0x201}));
    EXPECT_EQ(parse_v6("1:2:3:4:5:6:192.0.2.1"), Address::v6({1, 2, 3, 4, 5, 6, 0xc000, 0x201}));
    for (auto text : {"", ":", ":::", "1", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:::2",
                      "12345::", "g::", "::1 ", "::%1", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5",
                      "1:2:3:4::5:6:7:8", "::ffff:192.0.2.1"})
        EXPECT_EQ(parse_v6(text), err::inval) << text;
}

TEST(Address, LastOfANetwork) {
    EXPECT_EQ(Prefix::of(Address::v4(127, 0, 0, 1), 8).last(), Address::v4(127, 255, 255, 255));
    EXPECT_EQ(Prefix::of(Address::v4(10, 1, 2, 3), 22).last(), Address::v4(10, 1, 3, 255));
    EXPECT_EQ(Prefix::of(Address::v4(10, 1, 2, 3), 32).last(), Address::v4(10, 1, 2, 3));
    EXPECT_EQ(Prefix::of(Address::v4(10, 1, 2, 3), 0).last(), Address::v4(255, 255, 255, 255));
    EXPECT_EQ(Prefix::of(Address::v6({0xfd00, 1}), 32).last(),
              Address::v6({0xfd00, 1, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff}));
}

TEST(Address, WhatTheyAre) {
    EXPECT_TRUE(Address::v4(127, 1, 2, 3).loopback());
    EXPECT_TRUE(loopback_v6.loopback());
    EXPECT_TRUE(any_v4.unspecified());
    EXPECT_FALSE(any_v6.is_v4());
    EXPECT_TRUE(Address::v4(224, 0, 0, 1).multicast());
    EXPECT_FALSE(Address::v4(224, 0, 0, 1).valid_source());
    EXPECT_FALSE(Address::v4(255, 255, 255, 255).valid_source());
    auto a = Address::v6({0xfe80, 0, 0, 0, 0x1234, 0x5678, 0x9abc, 0xdef0});
    EXPECT_TRUE(a.link_local());
    EXPECT_EQ(a.solicited_node(), Address::v6({0xff02, 0, 0, 0, 0, 1, 0xffbc, 0xdef0}));
    EXPECT_EQ(link_multicast(a.solicited_node()), (LinkAddress{{0x33, 0x33, 0xff, 0xbc, 0xde, 0xf0}}));
    EXPECT_EQ(link_multicast(Address::v4(224, 129, 2, 3)), (LinkAddress{{0x01, 0x00, 0x5e, 1, 2, 3}}));
    EXPECT_EQ(Prefix::of(Address::v4(10, 1, 2, 3), 12).address, Address::v4(10, 0, 0, 0));
}

TEST(Routes, TheLongestPrefixWins) {
    RouteTable t;
    ASSERT_TRUE(t.add(route(any_v4, 0, 1)));
    ASSERT_TRUE(t.add(route(any_v6, 0, 9)));
    ASSERT_TRUE(t.add(route(Address::v4(10, 0, 0, 0), 8, 2)));
    ASSERT_TRUE(t.add(route(Address::v4(10, 1, 0, 0), 16, 3, 100)));
    ASSERT_TRUE(t.add(route(Address::v4(10, 1, 0, 0), 16, 4, 50)));
    EXPECT_EQ(t.add(route(Address::v4(10, 1, 0, 0), 16, 4, 50)), err::exist);
    EXPECT_EQ(t.find(Address::v4(10, 1, 2, 3))->interface, 4u);
    EXPECT_EQ(t.find(Address::v4(10, 1, 2, 3), 3)->interface, 3u);
    EXPECT_EQ(t.find(Address::v4(10, 2, 2, 3))->interface, 2u);
    EXPECT_EQ(t.find(Address::v4(11, 2, 2, 3))->interface, 1u);
    EXPECT_EQ(t.find(loopback_v6)->interface, 9u);
    ASSERT_TRUE(t.remove(route(any_v4, 0, 1)));
    EXPECT_EQ(t.find(Address::v4(11, 2, 2, 3)), nullptr); // IPv6's default route is not for it
    ASSERT_TRUE(t.remove(route(Address::v4(10, 1, 0, 0), 16, 4)));
    EXPECT_EQ(t.find(Address::v4(10, 1, 2, 3))->interface, 3u);
    EXPECT_EQ(t.remove(route(Address::v4(10, 1, 0, 0), 17, 3)), err::srch);
    t.remove_interface(9);
    EXPECT_EQ(t.find(loopback_v6), nullptr);
    t.remove_interface(1);
    EXPECT_EQ(t.find(Address::v4(11, 2, 2, 3)), nullptr);
    EXPECT_EQ(t.size(), 2u);
}

TEST(Routes, AsASearchThroughAll) {
    RouteTable t;
    std::vector<Route> all;
    std::mt19937 random{3};
    auto address = [&] { // close together, so that prefixes contain each other
        return Address::v4(random() & 0xf00000ff & (random() % 2 ? ~0u : 0xf0000000));
    };
    for (u32 round = 0; round < 4000; round++) {
        if (all.empty() || random() % 3) {
            Route r = route(address(), random() % 33, 1 + round);
            r.metric = round;
            ASSERT_TRUE(t.add(r));
            all.push_back(r);
        } else {
            usize i = random() % all.size();
            ASSERT_TRUE(t.remove(all[i]));
            all.erase(all.begin() + static_cast<long>(i));
        }
        Address to = address();
        const Route* best = nullptr;
        for (const Route& r : all)
            if (r.destination.contains(to) && (r.destination.length >= 96 || !to.is_v4()) &&
                (!best || r.destination.length > best->destination.length ||
                 (r.destination.length == best->destination.length && r.metric < best->metric)))
                best = &r;
        const Route* found = t.find(to);
        ASSERT_EQ(found != nullptr, best != nullptr);
        if (best) ASSERT_EQ(found->interface, best->interface);
        ASSERT_EQ(t.size(), all.size());
    }
    usize seen = 0;
    t.for_each([&](const Route&) { seen++; });
    EXPECT_EQ(seen, all.size());
}
