// IPv4 and IPv6: headers that must be refused, extension headers, fragments in any order, overlapping and endless.
#include "net/inet/reassembly.h"
#include "packets.h"
#include <algorithm>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <random>

using namespace net;
using namespace net::inet;
using namespace net::inet::test;

namespace {
PacketBox ipv4(std::string_view data, IpSend ip = {.source = a4, .destination = b4, .protocol = IPPROTO_UDP}) {
    auto p = packet_of(data);
    EXPECT_TRUE(push_ip(*p, ip));
    return p;
}
PacketBox ipv6(std::string_view data, u8 next, Address to = b6) {
    auto p = packet_of(data);
    EXPECT_TRUE(push_ip(*p, {.source = a6, .destination = to, .protocol = next}));
    return p;
}
std::string_view view(const char* s, usize n) { return {s, n}; }
} // namespace

TEST(Ipv4, WhatIsWrittenIsRead) {
    auto p = ipv4("hello", {.source = a4,
                            .destination = b4,
                            .protocol = 17,
                            .hop_limit = 3,
                            .traffic_class = 0x2e,
                            .dont_fragment = true,
                            .id = 77});
    auto padding = packet_of(text_of(*p) + "padding");
    auto ip = parse_ip(*padding);
    ASSERT_TRUE(ip);
    EXPECT_EQ(text_of(*padding, ip->header), "hello");
    EXPECT_EQ(ip->source, a4);
    EXPECT_EQ(ip->destination, b4);
    EXPECT_EQ(ip->protocol, 17);
    EXPECT_EQ(ip->hop_limit, 3);
    EXPECT_EQ(ip->ecn(), 2);
    EXPECT_TRUE(ip->dont_fragment);
    EXPECT_FALSE(ip->is_fragment);
}

TEST(Ipv4, HeadersThatAreRefused) {
    auto good = ipv4("hello");
    EXPECT_FALSE(parse_ip(*with(*good, 8, "\x01"))); // the checksum
    for (usize n = 0; n < good->size(); n++) {
        auto cut = *good->slice(0, n);
        EXPECT_FALSE(parse_ipv4(*cut)) << n;
    }
    auto refused = [](std::string bytes) { // with a right checksum
        Checksum sum;
        usize header = static_cast<usize>(bytes[0] & 15) * 4;
        bytes[10] = bytes[11] = 0;
        sum.add(std::as_bytes(std::span{bytes}).first(std::min(header, bytes.size())));
        bytes[10] = static_cast<char>(sum.value() >> 8), bytes[11] = static_cast<char>(sum.value());
        return !parse_ipv4(*packet_of(bytes));
    };
    std::string s = text_of(*good);
    EXPECT_FALSE(refused(s));
    auto changed = [&](usize at, std::string_view to) { return std::string{s}.replace(at, to.size(), to); };
    EXPECT_TRUE(refused(changed(0, "\x44")));
    EXPECT_TRUE(refused(changed(0, "\x55")));
    EXPECT_TRUE(refused(changed(2, view("\0\x13", 2)))); // shorter than its header
    EXPECT_TRUE(refused(changed(12, "\xe0")));           // from a group
    EXPECT_TRUE(refused(changed(12, "\xff\xff\xff\xff")));
    std::string options = changed(0, "\x46");
    auto option = [&](std::string_view o) {
        std::string t = options;
        t.insert(20, o);
        t[3] = static_cast<char>(t[3] + 4);
        return refused(t);
    };
    EXPECT_FALSE(option(view("\x01\x01\x01\x00", 4)));
    EXPECT_FALSE(option(view("\x94\x04\x00\x00", 4))); // router alert
    EXPECT_TRUE(option(view("\x83\x04\x00\x00", 4)));  // loose source route
    EXPECT_TRUE(option(view("\x94\x05\x00\x00", 4)));  // longer than there is
    EXPECT_TRUE(option(view("\x94\x01\x00\x00", 4)));
    EXPECT_TRUE(option(view("\x01\x01\x01\x94", 4)));
}

TEST(Ipv6, ExtensionHeadersAreWalked) {
    auto plain = ipv6("hello", IPPROTO_UDP);
    auto ip = parse_ip(*plain);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->header, 40);
    // Hop-by-hop with padding, then destination options, then UDP.
    std::string chain{view("\x3c\0\x01\x04\0\0\0\0"
                           "\x11\0\x01\x04\0\0\0\0",
                           16)};
    auto p = ipv6(chain + "data", 0);
    ip = parse_ip(*p);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->protocol, IPPROTO_UDP);
    EXPECT_EQ(text_of(*p, ip->header), "data");
    for (usize n = 0; n < p->size(); n++) EXPECT_FALSE(parse_ipv6(**p->slice(0, n))) << n;
}

TEST(Ipv6, ProblemsAreReportedAsTheOptionAsks) {
    auto option = [](u8 type, Address to = b6) {
        std::string h{view("\x11\0\0\x04\0\0\0\0", 8)};
        h[2] = static_cast<char>(type);
        return parse_ipv6(*ipv6(h + "data", IPPROTO_DSTOPTS, to));
    };
    const Address group = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 9});
    EXPECT_TRUE(option(0x1e));
    EXPECT_FALSE(option(0x5e).error().report);
    EXPECT_TRUE(option(0x9e, group).error().report);
    EXPECT_TRUE(option(0xde).error().report);
    EXPECT_EQ(option(0xde).error().pointer, 42u);
    EXPECT_EQ(option(0xde).error().code, ICMPV6_UNK_OPTION);
    EXPECT_FALSE(option(0xde, group).error().report);
    // A routing header with segments left; hop-by-hop behind another; too many headers.
    auto routed = parse_ipv6(*ipv6(view("\x11\0\0\x01\0\0\0\0", 8), IPPROTO_ROUTING));
    EXPECT_EQ(routed.error().pointer, 42u);
    EXPECT_TRUE(parse_ipv6(*ipv6(view("\x11\0\0\0\0\0\0\0", 8), IPPROTO_ROUTING)));
    auto late = parse_ipv6(*ipv6(view("\0\0\x01\x04\0\0\0\0"
                                      "\x11\0\x01\x04\0\0\0\0",
                                      16),
                                 IPPROTO_DSTOPTS));
    EXPECT_EQ(late.error().code, ICMPV6_UNK_NEXTHDR);
    std::string bomb;
    for (int i = 0; i < 20; i++) bomb += view("\x3c\0\x01\x04\0\0\0\0", 8);
    EXPECT_FALSE(parse_ipv6(*ipv6(bomb, IPPROTO_DSTOPTS)));
    EXPECT_FALSE(parse_ipv6(*with(*ipv6("", 59), 8, view("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16)))); // mapped
}

namespace {
struct Fragments : testing::Test {
    Reassembly all{SipHash{3, 4}};
    u64 now = 1'000'000'000;
    std::vector<PacketBox> cut(const std::string& data, bool v4, usize mtu, u32 id = 5) {
        IpSend ip{.source = v4 ? a4 : a6, .destination = v4 ? b4 : b6, .protocol = IPPROTO_UDP, .id = id};
        std::vector<PacketBox> parts;
        EXPECT_TRUE(send_fragments(*packet_of(data), ip, mtu, [&](PacketBox p) { parts.push_back(std::move(p)); }));
        for (auto& p : parts) EXPECT_LE(p->size(), mtu);
        return parts;
    }
    Result<Reassembly::Whole> add(const Packet& p) {
        auto own = *p.clone();
        auto ip = parse_ip(*own);
        EXPECT_TRUE(ip && ip->is_fragment);
        return all.add(std::move(own), *ip, now);
    }
};
} // namespace

TEST_F(Fragments, InAnyOrder) {
    std::mt19937 random{1};
    for (bool v4 : {true, false})
        for (usize size : {1500u, 9000u, 60000u}) {
            std::string data = pattern(size);
            auto parts = cut(data, v4, 1280);
            std::shuffle(parts.begin(), parts.end(), random);
            for (usize i = 0; i < parts.size(); i++) {
                auto whole = add(*parts[i]);
                if (i + 1 < parts.size()) {
                    ASSERT_EQ(whole.error(), Errno::again);
                    ASSERT_EQ(add(*parts[i]).error(), Errno::again); // twice
                    continue;
                }
                ASSERT_TRUE(whole);
                EXPECT_EQ(text_of(*whole->packet, whole->ip.header), data);
                auto again = parse_ip(*whole->packet);
                ASSERT_TRUE(again);
                EXPECT_EQ(again->protocol, IPPROTO_UDP);
                EXPECT_EQ(again->header, whole->ip.header);
            }
            EXPECT_EQ(all.memory(), 0u);
        }
}

TEST_F(Fragments, OverlapsDropTheDatagram) {
    std::string data = pattern(4000);
    for (bool v4 : {true, false}) {
        auto parts = cut(data, v4, 1280), others = cut(data, v4, 1288);
        EXPECT_EQ(add(*parts[0]).error(), Errno::again);
        EXPECT_EQ(add(*parts[2]).error(), Errno::again);
        EXPECT_EQ(add(*others[1]).error(), Errno::inval); // a little longer than the gap
        EXPECT_EQ(all.memory(), 0u);
    }
}

TEST_F(Fragments, TwoEndsDropTheDatagram) {
    auto parts = cut(pattern(4000), true, 1280), shorter = cut(pattern(3900), true, 1280);
    EXPECT_EQ(add(*parts.back()).error(), Errno::again);
    EXPECT_EQ(add(*shorter.back()).error(), Errno::inval);
}

TEST_F(Fragments, TheyWaitForATime) {
    auto parts = cut(pattern(4000), true, 1280), v6 = cut(pattern(4000), false, 1280);
    (void)add(*v6[1]);
    (void)add(*parts[0]);
    EXPECT_EQ(all.deadline(), now + Reassembly::time_v4);
    unsigned reported = 0;
    auto report = [&](const Packet&, const Ip& ip) { reported += ip.source == a4; };
    all.timer(now + Reassembly::time_v4, report);
    EXPECT_EQ(reported, 1u);
    EXPECT_EQ(all.deadline(), now + Reassembly::time_v6);
    all.timer(now + Reassembly::time_v6, report);
    EXPECT_EQ(reported, 1u); // its first fragment had not come
    EXPECT_EQ(all.memory(), 0u);
}

TEST_F(Fragments, EndlessOnesTakeBoundedMemory) {
    for (u32 id = 0; id < 3000; id++) {
        auto parts = cut(pattern(60000), true, 1480, id);
        for (usize i = 0; i + 1 < parts.size() && i < 20; i++) (void)add(*parts[i]);
        ASSERT_LE(all.memory(), Reassembly::most_memory);
        if (id % 8 == 0) id += 97;
    }
    auto parts = cut(pattern(3000), true, 1480, 70000 % 65536);
    for (auto& p : parts)
        if (auto whole = add(*p)) return;
    FAIL() << "the newest datagram has found no room";
}

TEST_F(Fragments, CongestionThatOnePassedIsKept) {
    auto parts = cut(pattern(2000), false, 1280);
    (void)add(*with(*parts[0], 1, view("\x30", 1))); // CE
    auto whole = add(*with(*parts[1], 1, view("\x20", 1)));
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->ip.ecn(), 3);
    (void)add(*with(*parts[0], 1, view("\x30", 1)));
    EXPECT_EQ(add(*parts[1]).error(), Errno::inval); // not ECN-capable: that cannot be
}
