#include "net/inet/icmp.h"
#include "net/inet/stack/translation.h"
#include "net/inet/tcp/segment.h"
#include "net/inet/udp.h"
#include <gtest/gtest.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <map>

namespace net::inet {
namespace {
/// Who takes part, of one family.
struct Ends {
    Address inside, outside, far, neighbour, stranger, router, gateway, loopback;
    u8 icmp, echo;
    const char* name;
};
const Ends v4{Address::v4(10, 88, 0, 2),
              Address::v4(192, 0, 2, 1),
              Address::v4(198, 51, 100, 7),
              Address::v4(10, 88, 0, 3),
              Address::v4(203, 0, 113, 5),
              Address::v4(203, 0, 113, 9),
              Address::v4(10, 88, 0, 1),
              loopback_v4,
              IPPROTO_ICMP,
              ICMP_ECHO,
              "v4"};
const Ends v6{Address::v6({0xfd12, 1, 2, 0, 0, 0, 0, 2}),
              Address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}),
              Address::v6({0x2001, 0xdb8, 1, 0, 0, 0, 0, 7}),
              Address::v6({0xfd12, 1, 2, 0, 0, 0, 0, 3}),
              Address::v6({0x2001, 0xdb8, 2, 0, 0, 0, 0, 5}),
              Address::v6({0x2001, 0xdb8, 2, 0, 0, 0, 0, 9}),
              Address::v6({0xfd12, 1, 2, 0, 0, 0, 0, 1}),
              loopback_v6,
              IPPROTO_ICMPV6,
              ICMPV6_ECHO_REQUEST,
              "v6"};
class Translating : public testing::TestWithParam<const Ends*>, public Ends {
protected:
    Translating() : Ends{*GetParam()} {}
};
INSTANTIATE_TEST_SUITE_P(Families, Translating, testing::Values(&v4, &v6),
                         [](const auto& of) { return of.param->name; });
const Address &inside = v4.inside, &outside = v4.outside, &far = v4.far;
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

TEST_P(Translating, GoesOutAndComesBack) {
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
        auto other = tcp_from(stranger, 80, outside, seen->source_port, tcp::ack);
        EXPECT_FALSE(nat.enter(*other.packet, other.ip, start));
    }
}

TEST_P(Translating, DatagramsAndEchoes) {
    Translation nat{SipHash{1, 2}};
    for (auto checksum : {UdpChecksum::full, UdpChecksum::partial, UdpChecksum::none}) {
        if (checksum == UdpChecksum::none && !far.is_v4()) continue; // IPv6 has always one
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
    auto ping = data("ping");
    ASSERT_TRUE(push_icmp(*ping, {.type = echo, .rest = 0x1234'0001}, inside, far));
    auto s = with_ip(std::move(ping), inside, far, icmp);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    EXPECT_TRUE(icmp_checksum_is_right(*s.packet, s.ip));
    ASSERT_TRUE(make_echo_reply(*s.packet, s.ip));
    auto back = with_ip(std::move(s.packet), far, outside, icmp);
    ASSERT_TRUE(nat.enter(*back.packet, back.ip, start));
    EXPECT_TRUE(icmp_checksum_is_right(*back.packet, back.ip));
    EXPECT_EQ(Reader(*back.packet, back.ip.header).take<IcmpHeader>()->rest, 0x1234'0001u);
}

TEST_P(Translating, PublishedPorts) {
    Translation nat{SipHash{1, 2}};
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, {}, 8080, {inside, 80}}));
    EXPECT_EQ(nat.publish({IPPROTO_TCP, outside, 8080, {neighbour, 80}}), err::addrinuse);
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
    EXPECT_TRUE(nat.publish({IPPROTO_TCP, outside, 8080, {neighbour, 80}}));
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

/// An error about `sent`, as a router or the peer tells it to who has sent that.
Sent error_about(Sent& sent, Refusal why, const Address& from, u32 value = 0) {
    sent.packet->checksum = ChecksumState::unknown;
    sent.packet->trim_front(sent.ip.header);
    EXPECT_TRUE(push_ip(*sent.packet,
                        {.source = sent.ip.source, .destination = sent.ip.destination, .protocol = sent.ip.protocol}));
    auto message = icmp_error(*sent.packet, sent.ip, from, why, value);
    EXPECT_TRUE(message && *message);
    return with_ip(std::move(*message), from, sent.ip.source, from.is_v4() ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}
void expect_quotes(Sent& error, const Endpoint& source, const Endpoint& destination) {
    EXPECT_TRUE(icmp_checksum_is_right(*error.packet, error.ip));
    auto e = parse_icmp_error(*error.packet, error.ip);
    ASSERT_TRUE(e);
    EXPECT_EQ(e->sent.source, source.address);
    EXPECT_EQ(e->sent.destination, destination.address);
    Checksum header;
    error.packet->add_to(header, error.ip.header + 8u, ipv4_header_size);
    if (source.address.is_v4()) EXPECT_EQ(header.value(), 0) << "of the quoted header";
    struct {
        Big16 source, destination;
    } ports;
    ASSERT_TRUE(error.packet->copy(e->transport_at, std::as_writable_bytes(std::span{&ports, 1})));
    EXPECT_EQ(ports.source, source.port);
    EXPECT_EQ(ports.destination, destination.port);
}

/// Errors reach who has sent what they quote, with the addresses and ports that it knows.
TEST_P(Translating, ErrorsComeIn) {
    Translation nat{SipHash{1, 2}};
    auto s = tcp_from(inside, 40000, far, 80, tcp::syn);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    auto e = error_about(s, Refusal::too_big, router, 1400);
    ASSERT_TRUE(nat.enter(*e.packet, e.ip, start));
    EXPECT_EQ(e.ip.destination, inside);
    EXPECT_EQ(e.ip.source, router);
    expect_quotes(e, {inside, 40000}, {far, 80});
    EXPECT_EQ(parse_icmp_error(*e.packet, e.ip)->mtu, 1400u);
    auto u = udp_from({inside, 5000}, {far, 53}, UdpChecksum::full);
    ASSERT_TRUE(nat.leave(*u.packet, u.ip, outside, start));
    e = error_about(u, Refusal::port_unreachable, far);
    ASSERT_TRUE(nat.enter(*e.packet, e.ip, start));
    expect_quotes(e, {inside, 5000}, {far, 53});
    // The quoted datagram's own checksum is right too.
    e.packet->trim_front(e.ip.header + 8u);
    auto quoted = parse_ip(*e.packet);
    ASSERT_TRUE(quoted && parse_udp(*e.packet, *quoted));
    auto ping = data("ping");
    ASSERT_TRUE(push_icmp(*ping, {.type = echo, .rest = 0x1234'0001}, inside, far));
    s = with_ip(std::move(ping), inside, far, icmp);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    e = error_about(s, Refusal::hop_limit, router);
    ASSERT_TRUE(nat.enter(*e.packet, e.ip, start));
    EXPECT_EQ(Reader(*e.packet, e.ip.header + 8u + ip_header_size(router)).take<IcmpHeader>()->rest, 0x1234'0001u);
    // About what nobody has sent, or with a wrong checksum.
    s = tcp_from(outside, 40001, far, 80, tcp::syn);
    e = error_about(s, Refusal::no_route, router);
    EXPECT_FALSE(nat.enter(*e.packet, e.ip, start));
    s = tcp_from(inside, 40000, far, 80, tcp::ack);
    ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
    e = error_about(s, Refusal::no_route, router);
    const u8 wrong = 9;
    e.packet->write(e.ip.header + 1u, std::as_bytes(std::span{&wrong, 1}));
    EXPECT_FALSE(nat.enter(*e.packet, e.ip, start));
    for (usize n = 0; n < 8 + ip_header_size(router) + 8; n++) {
        s = tcp_from(inside, 40000, far, 80, tcp::ack);
        ASSERT_TRUE(nat.leave(*s.packet, s.ip, outside, start));
        e = error_about(s, Refusal::no_route, router);
        e.packet->truncate(e.ip.header + n);
        EXPECT_FALSE(nat.enter(*e.packet, e.ip, start));
    }
}

TEST_P(Translating, ErrorsGoOut) {
    Translation nat{SipHash{1, 2}};
    ASSERT_TRUE(nat.publish({IPPROTO_UDP, {}, 5353, {inside, 53}}));
    auto s = udp_from({far, 6000}, {outside, 5353}, UdpChecksum::full);
    ASSERT_TRUE(nat.enter(*s.packet, s.ip, start));
    auto e = error_about(s, Refusal::port_unreachable, inside);
    ASSERT_TRUE(nat.leave(*e.packet, e.ip, outside, start));
    EXPECT_EQ(e.ip.source, outside);
    EXPECT_EQ(e.ip.destination, far);
    expect_quotes(e, {far, 6000}, {outside, 5353});
}

/// From this machine, or from a container, to its own address.
TEST_P(Translating, PublishedPortsFromWithin) {
    Translation nat{SipHash{1, 2}};
    EXPECT_FALSE(nat.publishes());
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, {}, 8080, {inside, 80}}));
    EXPECT_TRUE(nat.publishes());
    for (const Address& asks : {neighbour, outside, loopback, gateway, inside}) {
        Address asked = asks.loopback() ? asks : outside;
        auto s = tcp_from(asks, 50000, asked, 8080, tcp::syn);
        ASSERT_TRUE(nat.enter(*s.packet, s.ip, start, gateway));
        EXPECT_EQ(s.ip.destination, inside);
        EXPECT_EQ(s.ip.source, gateway);
        auto seen = read(std::move(s));
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->destination_port, 80);
        auto answer = tcp_from(inside, 80, gateway, seen->source_port, tcp::syn | tcp::ack);
        ASSERT_TRUE(nat.answer(*answer.packet, answer.ip, start));
        EXPECT_EQ(answer.ip.source, asked);
        EXPECT_EQ(answer.ip.destination, asks);
        auto whole = parse_ip(*answer.packet);
        ASSERT_TRUE(whole) << "the header's checksum is wrong";
        EXPECT_EQ(whole->source, asked);
        EXPECT_EQ(whole->destination, asks);
        auto got = read(std::move(answer));
        ASSERT_TRUE(got);
        EXPECT_EQ(got->source_port, 8080);
        EXPECT_EQ(got->destination_port, 50000);
        // The same exchange again.
        auto more = tcp_from(asks, 50000, asked, 8080, tcp::ack);
        ASSERT_TRUE(nat.enter(*more.packet, more.ip, start, gateway));
        EXPECT_EQ(read(std::move(more))->source_port, seen->source_port);
    }
    auto other = tcp_from(inside, 80, gateway, 33333, tcp::ack);
    EXPECT_FALSE(nat.answer(*other.packet, other.ip, start));
    other = tcp_from(outside, 50000, outside, 8081, tcp::syn);
    EXPECT_FALSE(nat.enter(*other.packet, other.ip, start, gateway));
    nat.forget(inside);
    EXPECT_FALSE(nat.publishes());
}

/// One port, and two families: each leads to its own.
TEST(Translation, FamiliesAreApart) {
    Translation nat{SipHash{1, 2}};
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, {}, 80, {v4.inside, 4}}));
    auto s = tcp_from(v6.far, 1000, v6.outside, 80, tcp::syn);
    EXPECT_FALSE(nat.enter(*s.packet, s.ip, start));
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, {}, 80, {v6.inside, 6}}));
    for (const Ends* of : {&v4, &v6}) {
        s = tcp_from(of->far, 1000, of->outside, 80, tcp::syn);
        ASSERT_TRUE(nat.enter(*s.packet, s.ip, start));
        EXPECT_EQ(s.ip.destination, of->inside);
    }
    nat.forget(v6.inside);
    s = tcp_from(v6.far, 1000, v6.outside, 80, tcp::syn);
    EXPECT_FALSE(nat.enter(*s.packet, s.ip, start));
}

TEST(Translation, ManyPublishedPorts) {
    Translation nat{SipHash{1, 2}};
    for (u16 n = 0; n < 2000; n++)
        ASSERT_TRUE(nat.publish({IPPROTO_TCP,
                                 {},
                                 static_cast<u16>(3000 + n),
                                 {Address::v4(10, 88, static_cast<u8>(n >> 8), static_cast<u8>(n)), 80}}));
    // One port on two addresses leads to two.
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, outside, 80, {inside, 1}}));
    ASSERT_TRUE(nat.publish({IPPROTO_TCP, far, 80, {inside, 2}}));
    EXPECT_EQ(nat.publish({IPPROTO_TCP, {}, 80, {inside, 3}}), err::addrinuse);
    auto s = tcp_from(Address::v4(203, 0, 113, 5), 1000, far, 80, tcp::syn);
    ASSERT_TRUE(nat.enter(*s.packet, s.ip, start));
    EXPECT_EQ(read(std::move(s))->destination_port, 2);
    s = tcp_from(Address::v4(203, 0, 113, 5), 1000, outside, 3700, tcp::syn);
    ASSERT_TRUE(nat.enter(*s.packet, s.ip, start));
    EXPECT_EQ(s.ip.destination, Address::v4(10, 88, 2, 188));
}
} // namespace
} // namespace net::inet
