// Reports of groups, and the queries that ask for them.
#include "net/inet/group_report.h"
#include "net/inet/icmp.h"
#include "packets.h"
#include <linux/in.h>
#include <linux/in6.h>

using namespace net;
using namespace net::inet;
using namespace net::inet::test;

namespace {
const Address group4 = Address::v4(239, 1, 2, 3), group6 = Address::v6({0xff15, 0, 0, 0, 0, 0, 1, 2});
const Address link6 = Address::v6({0xfe80, 0, 0, 0, 0, 0, 0, 7});

std::string bytes_of(const Packet& p, usize from = 0) {
    std::string s(p.size() - from, 0);
    EXPECT_TRUE(p.copy(from, std::as_writable_bytes(std::span{s})));
    return s;
}
u16 sum_of(const Packet& p, usize from) {
    Checksum sum;
    p.add_to(sum, from, p.size() - from);
    return sum.value();
}
PacketBox query_v4(std::string_view rest, u8 delay, u32 group) {
    auto p = packet_of(rest);
    struct {
        u8 type = 0x11, delay;
        Big16 checksum;
        Big32 group;
    } h{.delay = delay, .checksum = {}, .group = group};
    Checksum sum;
    sum.add(std::as_bytes(std::span{&h, 1}));
    p->add_to(sum, 0, p->size());
    h.checksum = sum.value();
    EXPECT_TRUE(p->push_header(h));
    EXPECT_TRUE(push_ip(*p, {.source = a4, .destination = Address::v4(224, 0, 0, 1), .protocol = IPPROTO_IGMP}));
    return p;
}
PacketBox query_v6(std::string_view rest, u16 delay, const Address& group, u8 hop_limit = 1,
                   const Address& from = link6) {
    auto p = packet_of(std::string{reinterpret_cast<const char*>(group.bytes.data()), 16} + std::string{rest});
    Address all = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
    EXPECT_TRUE(push_icmp(*p, {.type = 130, .code = 0, .checksum = {}, .rest = u32{delay} << 16}, from, all));
    EXPECT_TRUE(push_ip(*p, {.source = from, .destination = all, .protocol = IPPROTO_ICMPV6, .hop_limit = hop_limit}));
    return p;
}
Result<GroupQuery> parse(PacketBox p) {
    auto ip = parse_ip(*p);
    EXPECT_TRUE(ip);
    return parse_group_query(*p, *ip);
}
} // namespace

TEST(GroupReport, VersionThreeOfIgmp) {
    auto p = make_group_report(std::array{group4}, GroupRecord::to_exclude, a4);
    ASSERT_TRUE(p);
    EXPECT_EQ(sum_of(**p, 0), 0);
    auto b = bytes_of(**p);
    EXPECT_EQ(b.size(), 16u);
    EXPECT_EQ(b[0], 0x22);
    EXPECT_EQ(b.substr(4, 4), std::string("\0\0\0\1", 4));
    EXPECT_EQ(b.substr(8), std::string("\4\0\0\0\xef\1\2\3", 8));
    ASSERT_TRUE(push_ip_router_alert(**p, a4, group_routers_v4));
    auto ip = parse_ip(**p);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->header, 24);
    EXPECT_EQ(ip->hop_limit, 1);
    EXPECT_EQ(ip->protocol, IPPROTO_IGMP);
}

TEST(GroupReport, VersionTwoOfMld) {
    auto p = make_group_report(std::array{group6, group6}, GroupRecord::is_exclude, link6);
    ASSERT_TRUE(p);
    EXPECT_EQ((*p)->size(), 8u + 2 * 20);
    ASSERT_TRUE(push_ip_router_alert(**p, link6, group_routers_v6));
    auto ip = parse_ip(**p);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->protocol, IPPROTO_ICMPV6);
    EXPECT_EQ(ip->header, 48);
    EXPECT_TRUE(icmp_checksum_is_right(**p, *ip));
    EXPECT_EQ(bytes_of(**p, 48)[0], static_cast<char>(143));
}

TEST(GroupReport, OldOnes) {
    auto report = make_old_group_report(group4, false, a4), leave = make_old_group_report(group4, true, a4);
    ASSERT_TRUE(report && leave);
    EXPECT_EQ(bytes_of(**report)[0], 0x16);
    EXPECT_EQ(bytes_of(**leave)[0], 0x17);
    EXPECT_EQ(bytes_of(**leave).substr(4), std::string("\xef\1\2\3", 4));
    EXPECT_EQ(sum_of(**leave, 0), 0);
    EXPECT_EQ(old_report_destination(group4, false), group4);
    EXPECT_EQ(old_report_destination(group4, true), Address::v4(224, 0, 0, 2));
    auto done = make_old_group_report(group6, true, link6);
    ASSERT_TRUE(done);
    EXPECT_EQ((*done)->size(), 24u);
    EXPECT_EQ(bytes_of(**done)[0], static_cast<char>(132));
}

TEST(GroupReport, TooManyForOnePacketAreRefused) {
    std::vector<Address> many(61, group6);
    EXPECT_FALSE(make_group_report(many, GroupRecord::is_exclude, link6));
    many.pop_back();
    EXPECT_TRUE(make_group_report(many, GroupRecord::is_exclude, link6));
}

TEST(GroupQuery, EveryVersionOfIgmp) {
    auto one = parse(query_v4("", 0, 0)), two = parse(query_v4("", 100, 0xef010203));
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->version, 1);
    EXPECT_EQ(one->most_delay, 10'000'000'000u);
    EXPECT_TRUE(one->group.unspecified());
    EXPECT_EQ(two->version, 2);
    EXPECT_EQ(two->group, group4);
    auto three = parse(query_v4(std::string_view{"\0\0\0\0", 4}, 0x8f, 0));
    ASSERT_TRUE(three);
    EXPECT_EQ(three->version, 3);
    EXPECT_EQ(three->most_delay, ((0xfull | 0x10) << 3) * 100'000'000);
    EXPECT_FALSE(parse(query_v4("ab", 100, 0)));        // neither one nor the other
    EXPECT_FALSE(parse(query_v4("", 100, 0x0a000001))); // no group
    auto wrong = query_v4("", 100, 0);
    const std::byte other[] = {std::byte{0x12}};
    ASSERT_TRUE(wrong->write(20, other));
    EXPECT_FALSE(parse(std::move(wrong)));
}

TEST(GroupQuery, EveryVersionOfMld) {
    auto one = parse(query_v6("", 500, group6)), two = parse(query_v6(std::string_view{"\0\0\0\0", 4}, 0x8001, any_v6));
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->version, 2);
    EXPECT_EQ(one->most_delay, 500'000'000u);
    EXPECT_EQ(one->group, group6);
    EXPECT_EQ(two->version, 3);
    EXPECT_EQ(two->most_delay, u64{0x1001u << 3} * 1'000'000);
    EXPECT_FALSE(parse(query_v6("", 500, group6, 64)));    // it has passed a router
    EXPECT_FALSE(parse(query_v6("", 500, group6, 1, a6))); // not of this link
    EXPECT_FALSE(parse(query_v6("", 500, a6)));
}
