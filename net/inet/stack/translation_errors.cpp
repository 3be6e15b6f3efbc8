// ICMP errors about what is translated (RFC 5508, 4): what they quote gets the ends that its sender knows.
#include "net/inet/stack/translation_errors.h"
#include "net/inet/icmp.h"
#include "net/inet/ip_wire.h"
#include "net/inet/stack/translation.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
namespace {
template <class T>
bool put(Packet& p, usize at, const T& value) {
    return p.write(at, std::as_bytes(std::span{&value, 1}));
}

/// A checksum somewhere, and what changes of the bytes that it is over.
class Sum {
public:
    Sum(Packet& p, usize at) : p_{p}, at_{at} { there_ = p.copy(at, std::as_writable_bytes(std::span{&sum_, 1})); }
    void change(u16 before, u16 after) { sum_ = updated_checksum(sum_, before, after); }
    void change(const Address& before, const Address& after) {
        auto word = [](const Address& a, unsigned i) { return static_cast<u16>(a.bytes[i] << 8 | a.bytes[i + 1]); };
        for (unsigned i = before.is_v4() ? 12 : 0; i < 16; i += 2) change(word(before, i), word(after, i));
    }
    bool there() const { return there_; } // quotes may end before
    u16 value() const { return sum_; }
    bool write() { return put(p_, at_, sum_); }

private:
    Packet& p_;
    const usize at_;
    Big16 sum_;
    bool there_;
};
} // namespace

bool write_addresses(Packet& p, usize at, const Address& source, const Address& destination) {
    if (!source.is_v4()) // no checksum is over them
        return put(p, at + offsetof(Ipv6Header, source), source.bytes) &&
               put(p, at + offsetof(Ipv6Header, destination), destination.bytes);
    Ipv4Header h;
    if (!p.copy(at, std::as_writable_bytes(std::span{&h, 1}))) return false;
    Sum sum{p, at + offsetof(Ipv4Header, checksum)};
    sum.change(Address::v4(h.source), source);
    sum.change(Address::v4(h.destination), destination);
    h.source = source.v4_value();
    h.destination = destination.v4_value();
    h.checksum = sum.value();
    return put(p, at, h);
}

std::optional<Quote> Quote::of(const Packet& p, const Ip& ip) {
    bool v4 = ip.source.is_v4();
    if (ip.protocol != icmp_of(ip.source) || ip.is_fragment) return std::nullopt;
    auto error = parse_icmp_error(p, ip);
    if (!error || !icmp_checksum_is_right(p, ip)) return std::nullopt;
    struct {
        Big16 first, second, third;
    } words;
    if (!p.copy(error->transport_at, std::as_writable_bytes(std::span{&words, 1}))) return std::nullopt;
    Quote q{.header = ip.header + sizeof(IcmpHeader),
            .transport = error->transport_at,
            .protocol = error->sent.protocol,
            .source = {error->sent.source, words.first},
            .destination = {error->sent.destination, words.second}};
    if (q.protocol == IPPROTO_TCP || q.protocol == IPPROTO_UDP) return q;
    if (q.protocol != ip.protocol || words.first >> 8 != (v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST)) return std::nullopt;
    q.source.port = q.destination.port = words.third;
    return q;
}

bool Quote::write(Packet& p, const Ip& ip, const Endpoint& from, const Endpoint& to) const {
    bool echo = is_echo(), addressed = protocol != IPPROTO_ICMP; // by a pseudo-header
    Sum sum{p, transport + (echo ? 2u : protocol == IPPROTO_UDP ? 6u : 16u)};
    bool none = !sum.there() || (protocol == IPPROTO_UDP && sum.value() == 0);
    sum.change(source.port, from.port);
    if (!echo) sum.change(destination.port, to.port);
    if (addressed) {
        sum.change(source.address, from.address);
        sum.change(destination.address, to.address);
    }
    Big16 first = from.port, second = to.port;
    bool written = write_addresses(p, header, from.address, to.address);
    if (echo)
        written = written && put(p, transport + 4, first);
    else
        written = written && put(p, transport, first) && put(p, transport + 2, second);
    if (!written || (!none && !sum.write())) return false;
    const Big16 zero = u16{0};
    usize at = ip.header + offsetof(IcmpHeader, checksum);
    if (!put(p, at, zero)) return false;
    Checksum whole;
    if (!ip.source.is_v4()) whole = pseudo_header(ip.source, ip.destination, IPPROTO_ICMPV6, p.size() - ip.header);
    p.add_to(whole, ip.header, p.size());
    return put(p, at, Big16{whole.value()});
}

/// In: about what has left, for who has sent it. Out: about what has come in, for who has sent that.
bool Translation::lead_error(Packet& p, Ip& ip, Way way, u64 now) {
    auto quote = Quote::of(p, ip);
    if (!quote || (way == Way::out && quote->is_echo())) return false;
    Endpoint near = way == Way::in ? quote->source : quote->destination,
             far = way == Way::in ? quote->destination : quote->source;
    Key known{near.address, far.address, near.port, far.port, quote->protocol}, other;
    {
        Holding held{lock_};
        Exchange* e = way == Way::in ? find(by_outside_, known, now) : find(by_inside_, known, now);
        if (!e) return false;
        other = way == Way::in ? e->inside : e->outside;
    }
    near = {other.near, other.near_port};
    far = {other.far, other.far_port};
    (way == Way::in ? ip.destination : ip.source) = near.address;
    if (way == Way::in) return quote->write(p, ip, near, far);
    ip.destination = far.address;
    return quote->write(p, ip, far, near);
}
} // namespace net::inet
