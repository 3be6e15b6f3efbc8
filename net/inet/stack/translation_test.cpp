#include "net/inet/icmp.h"
#include "net/inet/stack/translation.h"
#include "net/inet/tcp/segment.h"
#include "net/inet/udp.h"
#include <gtest/gtest.h>
#include <linux/icmp.h>
#include <linux/in.h>
#include <map>

namespace net::inet {
namespace {
const Address inside = Address::v4(10, 88, 0, 2), outside = Address::v4(192, 0, 2, 1),
              far = Address::v4(198, 51, 100, 7);
constexpr u64 second = Translation::second, start = 1000 * second;

/// A packet with its IP header, as it arrives: parsed.
struct Sent {
    PacketBox packet;
    Ip ip;
};
Sent with_ip(PacketBox p, const Address& from, const Address& to, u8 protocol) {
    EXPECT_TRUE(push_ip(*p, {.source = from, .destination = to, .protocol = protocol}));
    auto ip = parse_ip(*p);
    EXPECT_TRUE(ip);
    return {std::move(p), *ip};
}
PacketBox data(std::string_view text) {
    auto p = std::move(*Packet::create(text.size()));
    std::memcpy(p->append_linear(text.size()).data(), text.data(), text.size());
    return p;
}
Sent tcp_from(const Address& from, u16 port, const Address& to, u16 to_port, u8 flags, bool offload = false) {
    auto p = data("some bytes");
    tcp::Header h{.source_port = port, .destination_port = to_port, .seq = {77}, .flags = flags, .window = 9};
    EXPECT_TRUE(tcp::push(*p, h, from, to, offload));
    return with_ip(std::move(p), from, to, IPPROTO_TCP);
}
Sent udp_from(const Endpoint& from, const Endpoint& to, UdpChecksum checksum) {
    auto p = data("odd");
    EXPECT_TRUE(push_udp(*p, from, to, checksum));
    return with_ip(std::move(p), from.address, to.address, IPPROTO_UDP);
}
/// Read again with the addresses that it has now: the checksum is looked at.
Result<tcp::Segment> read(Sent s) {
    s.packet->complete_checksum();
    s.packet->checksum = ChecksumState::unknown;
    return tcp::parse(std::move(s.packet), s.ip);
}
Result<UdpHeader> read_udp(Sent& s) {
    s.packet->complete_checksum();
    s.packet->checksum = ChecksumState::unknown;
    return parse_udp(*s.packet, s.ip);
}

TEST(Translation, GoesOutAndComesBack) {
    Translation nat{SipHash{1, 2}};
    for (bool offload : {false, true}) {
        auto s = tcp_from(inside, 40000, far, 80, tcp::syn, offload);
        ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
        EXPECT_EQ(s.ip.source, outside);
        auto seen = read(std::move(s));
        ASSERT_TRUE(seen) << "the checksum is wrong";
        EXPECT_NE(seen->source_port, 40000);
        EXPECT_EQ(seen->destination_port, 80);
        auto back = tcp_from(far, 80, outside, seen->source_port, tcp::syn | tcp::ack, offload);
        ASSERT_TRUE(nat.enter(*back.packet, back.ip, start));
        EXPECT_EQ(back.ip.destination, inside);
        auto got = read(std::move(back));
        ASSERT_TRUE(got);
        EXPECT_EQ(got->destination_port, 40000);
        // The same exchange keeps its port; somebody else does not come in by it.
        auto more = tcp_from(inside, 40000, far, 80, tcp::ack);
        ASSERT_TRUE(nat.leave(*more.packet, more.ip, outside, start + second));
        EXPECT_EQ(read(std::move(more))->source_port, seen->source_port);
        auto stranger = tcp_from(Address::v4(203, 0, 113, 5), 80, outside, seen->source_port, tcp::ack);
        EXPECT_FALSE(nat.enter(*stranger.packet, stranger.ip, start));
    }
}

TEST(Translation, DatagramsAndEchoes) {
    Translation nat{SipHash{1, 2}};
    for (auto checksum : {UdpChecksum::full, UdpChecksum::partial, UdpChecksum::none}) {
        auto s = udp_from({inside, 5000}, {far, 53}, checksum);
        ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
        auto h = read_udp(s);
        ASSERT_TRUE(h);
        auto back = udp_from({far, 53}, {outside, h->source}, checksum);
        ASSERT_TRUE(nat.enter(*back.packet, back.ip, start));
        auto got = read_udp(back);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->destination, 5000);
    }
    auto echo = data("ping");
    ASSERT_TRUE(push_icmp(*echo, {.type = ICMP_ECHO, .rest = 0x1234'0001}, inside, far));
    auto s = with_ip(std::move(echo), inside, far, IPPROTO_ICMP);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    EXPECT_TRUE(icmp_checksum_is_right(*s.packet, s.ip));
    ASSERT_TRUE(make_echo_reply(*s.packet, s.ip));
    auto back = with_ip(std::move(s.packet), far, outside, IPPROTO_ICMP);
    ASSERT_TRUE(nat.enter(*back.packet, back.ip, start));
    EXPECT_TRUE(icmp_checksum_is_right(*back.packet, back.ip));
    EXPECT_EQ(Reader(*back.packet, back.ip.header).take<IcmpHeader>()->rest, 0x1234'0001u);
}

TEST(Translation, PublishedPorts) {
    Translation nat{SipHash{1, 2}};
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, {}, 8080, {inside, 80}}));
    EXPECT_EQ(nat.publish({IPPROTO_TCP, outside, 8080, {Address::v4(10, 88, 0, 3), 80}}), err::addrinuse);
    EXPECT_TRUE(nat.publish({IPPROTO_UDP, {}, 8080, {inside, 80}}));
    auto s = tcp_from(far, 50000, outside, 8080, tcp::syn);
    ASSERT_TRUE(nat.enter(*s.packet, s.ip, start));
    EXPECT_EQ(s.ip.destination, inside);
    EXPECT_EQ(read(std::move(s))->destination_port, 80);
    auto answer = tcp_from(inside, 80, far, 50000, tcp::syn | tcp::ack);
    ASSERT_TRUE(nat.leave(*answer.packet, answer.ip, outside, start));
    EXPECT_EQ(answer.ip.source, outside);
    EXPECT_EQ(read(std::move(answer))->source_port, 8080);
    auto other = tcp_from(far, 50000, outside, 8081, tcp::syn);
    EXPECT_FALSE(nat.enter(*other.packet, other.ip, start));
    nat.forget(inside);
    auto late = tcp_from(far, 50000, outside, 8080, tcp::ack);
    EXPECT_FALSE(nat.enter(*late.packet, late.ip, start));
    EXPECT_TRUE(nat.publish({IPPROTO_TCP, outside, 8080, {Address::v4(10, 88, 0, 3), 80}}));
}

/// What one container makes it remember pushes out its own, never another's.
TEST(Translation, IsBoundedForEach) {
    Translation nat{SipHash{1, 2}};
    const Address neighbour = Address::v4(10, 88, 0, 9);
    auto one = tcp_from(neighbour, 1000, far, 80, tcp::syn);
    ASSERT_TRUE(nat.leave(*one.packet, one.ip, outside, start));
    u16 neighbours_port = read(std::move(one))->source_port, first = 0;
    for (unsigned i = 0; i <= Translation::most_per_container; i++) {
        auto s = tcp_from(inside, static_cast<u16>(2000 + i), far, 80, tcp::syn);
        ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
        if (i == 0) first = read(std::move(s))->source_port;
    }
    auto pushed_out = tcp_from(far, 80, outside, first, tcp::ack);
    bool others =
        nat.enter(*pushed_out.packet, pushed_out.ip, start) && read(std::move(pushed_out))->destination_port == 2000;
    EXPECT_FALSE(others);
    auto kept = tcp_from(far, 80, outside, neighbours_port, tcp::ack);
    EXPECT_TRUE(nat.enter(*kept.packet, kept.ip, start));
    EXPECT_EQ(kept.ip.destination, neighbour);
}

TEST(Translation, ForgetsWhatIsOver) {
    Translation nat{SipHash{1, 2}};
    auto s = udp_from({inside, 5000}, {far, 53}, UdpChecksum::full);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    auto port = read_udp(s)->source;
    auto comes = [&](u64 at) {
        auto back = udp_from({far, 53}, {outside, port}, UdpChecksum::full);
        return nat.enter(*back.packet, back.ip, at);
    };
    EXPECT_TRUE(comes(start + 119 * second)); // and lasts for longer then
    EXPECT_TRUE(comes(start + 298 * second));
    EXPECT_FALSE(comes(start + 479 * second));
}

TEST(Translation, TakesNothingThatIsCut) {
    Translation nat{SipHash{1, 2}};
    for (usize n : {0u, 3u, 13u}) {
        auto s = tcp_from(inside, 40000, far, 80, tcp::syn);
        s.packet->truncate(s.ip.header + n);
        EXPECT_FALSE(nat.leave(*s.packet, s.ip, outside, start));
        auto back = tcp_from(far, 80, outside, 40000, tcp::syn);
        back.packet->truncate(back.ip.header + n);
        EXPECT_FALSE(nat.enter(*back.packet, back.ip, start));
    }
}
} // namespace
} // namespace net::inet
