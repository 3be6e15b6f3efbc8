// ICMP errors both ways, echo, UDP, ARP and Neighbor Discovery: what is written is read, what is wrong is refused.
#include "net/inet/arp.h"
#include "net/inet/ndp.h"
#include "net/inet/udp.h"
#include "packets.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>

using namespace net;
using namespace net::inet;
using namespace net::inet::test;

namespace {
PacketBox datagram(bool v4, std::string_view data = "question") {
    Endpoint from{v4 ? a4 : a6, 1000}, to{v4 ? b4 : b6, 53};
    auto p = packet_of(data);
    EXPECT_TRUE(push_udp(*p, from, to, UdpChecksum::full));
    EXPECT_TRUE(push_ip(*p, {.source = from.address, .destination = to.address, .protocol = IPPROTO_UDP}));
    return p;
}
/// As the sender of an ICMP message gets it.
PacketBox sent_back(PacketBox icmp, const Ip& about) {
    u8 protocol = about.source.is_v4() ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    EXPECT_TRUE(push_ip(
        *icmp, {.source = about.destination, .destination = about.source, .protocol = protocol, .hop_limit = 255}));
    return icmp;
}
} // namespace

TEST(Icmp, AnErrorFindsItsSender) {
    for (bool v4 : {true, false}) {
        auto p = datagram(v4);
        auto ip = parse_ip(*p);
        auto back = sent_back(*icmp_error(*p, *ip, ip->destination, Refusal::port_unreachable), *ip);
        auto ip_back = parse_ip(*back);
        ASSERT_TRUE(ip_back);
        EXPECT_TRUE(icmp_checksum_is_right(*back, *ip_back));
        auto e = parse_icmp_error(*back, *ip_back);
        ASSERT_TRUE(e);
        EXPECT_EQ(e->error, Errno::connrefused);
        EXPECT_TRUE(e->fatal);
        EXPECT_EQ(e->sent.source, ip->source);
        EXPECT_EQ(e->sent.destination, ip->destination);
        EXPECT_EQ(e->sent.protocol, IPPROTO_UDP);
        EXPECT_EQ(*(Reader{*back, e->transport_at}.take<Big16>()), 1000);

        auto big = sent_back(*icmp_error(*p, *ip, ip->destination, Refusal::too_big, 1400), *ip);
        auto too_big = parse_icmp_error(*big, *parse_ip(*big));
        EXPECT_EQ(too_big->error, Errno::msgsize);
        EXPECT_EQ(too_big->mtu, 1400u);
        // No error about an error, about a later fragment, or to a group.
        EXPECT_EQ(*icmp_error(*back, *ip_back, ip_back->destination, Refusal::no_route), nullptr);
        Ip fragment = *ip, group = *ip, nobody = *ip;
        fragment.fragment_offset = 8;
        group.destination = v4 ? Address::v4(224, 0, 0, 1) : all_nodes;
        nobody.source = v4 ? any_v4 : any_v6;
        EXPECT_EQ(*icmp_error(*p, fragment, fragment.destination, Refusal::no_route), nullptr);
        EXPECT_EQ(*icmp_error(*p, group, group.destination, Refusal::no_route), nullptr);
        EXPECT_EQ(*icmp_error(*p, nobody, nobody.destination, Refusal::no_route), nullptr);
        EXPECT_EQ(*icmp_error(*p, group, group.destination, Refusal::too_big) == nullptr, v4);
        // Quotes that are cut short are not understood.
        for (usize n = ip_back->header; n < ip_back->header + 8u + ip->header + 8; n++)
            EXPECT_FALSE(parse_icmp_error(**back->slice(0, n), *ip_back));
    }
}

TEST(Icmp, ErrorsQuoteNoMoreThanTheyMay) {
    for (bool v4 : {true, false}) {
        auto p = datagram(v4, pattern(5000));
        auto ip = parse_ip(*p);
        auto back = sent_back(*icmp_error(*p, *ip, ip->destination, Refusal::port_unreachable), *ip);
        EXPECT_EQ(back->size(), v4 ? 576u : 1280u);
    }
}

TEST(Icmp, EchoIsAnswered) {
    for (bool v4 : {true, false}) {
        auto p = packet_of("ping data");
        const Address &from = v4 ? a4 : a6, &to = v4 ? b4 : b6;
        u8 type = v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
        ASSERT_TRUE(push_icmp(*p, {.type = type, .code = 0, .checksum = {}, .rest = 0x12340001}, from, to));
        u8 protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
        ASSERT_TRUE(push_ip(*p, {.source = from, .destination = to, .protocol = protocol}));
        auto ip = parse_ip(*p);
        ASSERT_TRUE(icmp_checksum_is_right(*p, *ip));
        ASSERT_TRUE(make_echo_reply(*p, *ip));
        auto back = sent_back(std::move(p), *ip);
        auto ip_back = parse_ip(*back);
        EXPECT_TRUE(icmp_checksum_is_right(*back, *ip_back));
        auto h = Reader{*back, ip_back->header}.take<IcmpHeader>();
        EXPECT_EQ(h->type, v4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY);
        EXPECT_EQ(h->rest, 0x12340001u);
        EXPECT_EQ(text_of(*back, ip_back->header + 8u), "ping data");
        EXPECT_EQ(make_echo_reply(*back, *ip_back), err::inval);
        EXPECT_EQ(parse_icmp_error(*back, *ip_back).error(), Errno::nomsg);
    }
}

TEST(Icmp, ErrorsAreLimited) {
    IcmpLimit limit{SipHash{5, 6}};
    u64 now = 1'000'000'000'000;
    unsigned to_one = 0, to_all = 0;
    for (unsigned i = 0; i < 100; i++) to_one += limit.allow(a4, now);
    EXPECT_EQ(to_one, IcmpLimit::burst_to_one);
    EXPECT_TRUE(limit.allow(a4, now + IcmpLimit::second));
    EXPECT_FALSE(limit.allow(a4, now + IcmpLimit::second));
    now += 10 * IcmpLimit::second;
    for (u32 i = 0; i < 1000; i++) to_all += limit.allow(Address::v4(0x0a000000 + i), now);
    EXPECT_LE(to_all, IcmpLimit::burst);
    EXPECT_GE(to_all, IcmpLimit::burst / 2); // some destinations share a bucket
}

TEST(Udp, ChecksumsAndLengths) {
    for (bool v4 : {true, false}) {
        auto good = datagram(v4);
        auto ip = *parse_ip(*good);
        ASSERT_EQ(parse_udp(*good, ip)->destination, 53);
        EXPECT_EQ(parse_udp(*with(*good, ip.header + 9u, "Q"), ip).error(), Errno::badmsg);
        EXPECT_EQ(parse_udp(*with(*good, ip.header + 4u, std::string_view{"\0\7", 2}), ip).error(), Errno::inval);
        EXPECT_EQ(parse_udp(*with(*good, ip.header + 4u, std::string_view{"\0\x7f", 2}), ip).error(), Errno::inval);
        auto none = with(*good, ip.header + 6u, std::string_view{"\0\0", 2});
        EXPECT_EQ(parse_udp(*none, ip).has_value(), v4);
        for (usize n = ip.header; n < good->size(); n++) EXPECT_FALSE(parse_udp(**good->slice(0, n), ip));
    }
    auto p = packet_of("data");
    Endpoint from{a4, 1}, to{b4, 2};
    ASSERT_TRUE(push_udp(*p, from, to, UdpChecksum::partial));
    ASSERT_TRUE(push_ip(*p, {.source = a4, .destination = b4, .protocol = IPPROTO_UDP}));
    p->complete_checksum();
    auto ip = parse_ip(*p);
    EXPECT_TRUE(parse_udp(*p, *ip));
}

TEST(Arp, WhatIsWrittenIsRead) {
    Arp request{false, {{2, 0, 0, 0, 0, 1}}, {}, a4, b4};
    auto p = *make_arp(request);
    auto read = parse_arp(*p);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sender, a4);
    EXPECT_EQ(read->target, b4);
    EXPECT_FALSE(read->reply);
    EXPECT_FALSE(parse_arp(**p->slice(0, 27)));
    EXPECT_FALSE(parse_arp(*with(*p, 5, "\x10")));
    EXPECT_FALSE(parse_arp(*with(*p, 8, "\xff\xff\xff\xff\xff\xff")));
    EXPECT_FALSE(parse_arp(*with(*p, 14, "\x7f")));
}

namespace {
struct Heard {
    PacketBox packet;
    Ip ip;
};
Heard heard(PacketBox icmp, const Address& from, const Address& to, u8 hops = 255) {
    EXPECT_TRUE(push_ip(*icmp, {.source = from, .destination = to, .protocol = IPPROTO_ICMPV6, .hop_limit = hops}));
    auto ip = parse_ip(*icmp);
    EXPECT_TRUE(ip && icmp_checksum_is_right(*icmp, *ip));
    return {std::move(icmp), *ip};
}
const LinkAddress hardware{{2, 0, 0, 0, 0, 7}};
} // namespace

TEST(Ndp, SolicitationsAndAdvertisements) {
    const Address group = b6.solicited_node();
    auto ask = heard(*make_solicitation({.target = b6, .link = hardware}, a6, group), a6, group);
    auto m = parse_solicitation(*ask.packet, ask.ip);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->target, b6);
    EXPECT_EQ(*m->link, hardware);
    auto far = heard(*make_solicitation({.target = b6, .link = hardware}, a6, group), a6, group, 254);
    EXPECT_FALSE(parse_solicitation(*far.packet, far.ip));
    // Address detection: from nobody, to the group, without a link address.
    auto probe = heard(*make_solicitation({.target = b6}, any_v6, group), any_v6, group);
    EXPECT_TRUE(parse_solicitation(*probe.packet, probe.ip));
    auto wrong = heard(*make_solicitation({.target = b6, .link = hardware}, any_v6, group), any_v6, group);
    EXPECT_FALSE(parse_solicitation(*wrong.packet, wrong.ip));

    NeighbourMessage answer{.target = b6, .link = hardware, .says = {true, true, false}};
    auto got = heard(*make_advertisement(answer, b6, a6), b6, a6);
    auto read = parse_advertisement(*got.packet, got.ip);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->says.solicited && read->says.override_old && !read->says.router);
    auto to_all = heard(*make_advertisement(answer, b6, all_nodes), b6, all_nodes);
    EXPECT_FALSE(parse_advertisement(*to_all.packet, to_all.ip));
}

TEST(Ndp, OptionsWithoutLengthAreRefused) {
    std::string body{std::string_view{"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                                      "\1\0\0\0\0\0\0\0",
                                      24}};
    auto p = packet_of(body);
    ASSERT_TRUE(push_icmp(*p, {.type = 135}, a6, b6));
    auto got = heard(std::move(p), a6, b6);
    EXPECT_FALSE(parse_solicitation(*got.packet, got.ip));
}

TEST(Ndp, RoutersAdvertise) {
    const Address router = Address::v6({0xfe80, 0, 0, 0, 0, 0, 0, 1});
    std::string body;
    body += std::string_view{"\0\0\x75\x30\0\0\3\xe8", 8}; // reachable 30 s, retransmit 1 s
    body += std::string_view{"\1\1\2\0\0\0\0\7", 8};       // its link address
    body += std::string_view{"\5\1\0\0\0\0\5\xdc", 8};     // MTU 1500
    for (int i = 0; i < 9; i++) {
        body += std::string_view{"\3\4\x40\xc0\0\0\x0e\x10\0\0\7\x08\0\0\0\0", 16}; // a /64, on link, autonomous
        body += std::string_view{"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0", 16};
    }
    body += std::string_view{"\x19\3\0\0\0\0\x0e\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x35", 24}; // a name server
    auto p = packet_of(body);
    ASSERT_TRUE(push_icmp(*p, {.type = 134, .code = 0, .checksum = {}, .rest = 64u << 24 | 1u << 22 | 1800}, router,
                          all_nodes));
    auto got = heard(std::move(p), router, all_nodes);
    auto ra = parse_router_advertisement(*got.packet, got.ip);
    ASSERT_TRUE(ra);
    EXPECT_EQ(ra->hop_limit, 64);
    EXPECT_TRUE(ra->other && !ra->managed);
    EXPECT_EQ(ra->lifetime, 1800);
    EXPECT_EQ(ra->mtu, 1500u);
    EXPECT_EQ(*ra->link, hardware);
    EXPECT_EQ(ra->prefix_count, ra->most_prefixes);
    EXPECT_EQ(ra->prefixes[0].valid, 3600u);
    EXPECT_TRUE(ra->prefixes[0].autonomous);
    EXPECT_EQ(ra->name_server_count, 1u);
    got.ip.source = a6; // not its link-local address
    EXPECT_FALSE(parse_router_advertisement(*got.packet, got.ip));
}
