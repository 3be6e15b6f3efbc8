#include "net/inet/icmp.h"
#include "net/inet/ip_wire.h"
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
namespace {
// RFC 792, 1812. (Linux's header for them wants a C library's.)
enum : u8 {
    ICMP_ECHOREPLY = 0,
    ICMP_DEST_UNREACH = 3,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETERPROB = 12,
    ICMP_TIMESTAMP = 13,
    ICMP_TIMESTAMPREPLY = 14
};
enum : u8 { ICMP_NET_UNREACH, ICMP_HOST_UNREACH, ICMP_PROT_UNREACH, ICMP_PORT_UNREACH, ICMP_FRAG_NEEDED };
enum : u8 { ICMP_EXC_TTL, ICMP_EXC_FRAGTIME, ICMP_PKT_FILTERED = 13 };

struct TypeAndCode {
    u8 type, code;
};

TypeAndCode type_v4(Refusal r) {
    switch (r) {
    case Refusal::no_route: return {ICMP_DEST_UNREACH, ICMP_NET_UNREACH};
    case Refusal::prohibited: return {ICMP_DEST_UNREACH, ICMP_PKT_FILTERED};
    case Refusal::host_unreachable: return {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH};
    case Refusal::port_unreachable: return {ICMP_DEST_UNREACH, ICMP_PORT_UNREACH};
    case Refusal::protocol_unreachable: return {ICMP_DEST_UNREACH, ICMP_PROT_UNREACH};
    case Refusal::too_big: return {ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED};
    case Refusal::hop_limit: return {ICMP_TIME_EXCEEDED, ICMP_EXC_TTL};
    case Refusal::reassembly_time: return {ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME};
    case Refusal::parameter: return {ICMP_PARAMETERPROB, 0};
    }
    __builtin_unreachable();
}
TypeAndCode type_v6(Refusal r, u8 code) {
    switch (r) {
    case Refusal::no_route: return {ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE};
    case Refusal::prohibited: return {ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED};
    case Refusal::host_unreachable: return {ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH};
    case Refusal::port_unreachable: return {ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH};
    case Refusal::protocol_unreachable: return {ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR};
    case Refusal::too_big: return {ICMPV6_PKT_TOOBIG, 0};
    case Refusal::hop_limit: return {ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT};
    case Refusal::reassembly_time: return {ICMPV6_TIME_EXCEED, ICMPV6_EXC_FRAGTIME};
    case Refusal::parameter: return {ICMPV6_PARAMPROB, code};
    }
    __builtin_unreachable();
}

/// Anything but a query counts as an error: no errors about those.
bool is_icmp_error(const Packet& p, const Ip& ip) {
    bool v4 = ip.source.is_v4();
    if (ip.protocol != icmp_of(ip.source)) return false;
    auto type = Reader{p, ip.header}.take<u8>();
    if (!type || !v4) return !type || !(*type & ICMPV6_INFOMSG_MASK);
    switch (*type) {
    case ICMP_ECHOREPLY:
    case ICMP_ECHO:
    case ICMP_TIMESTAMP:
    case ICMP_TIMESTAMPREPLY: return false;
    default: return true;
    }
}

bool may_report(const Packet& p, const Ip& ip, Refusal r, u8 code) {
    bool to_many = ip.destination.multicast() || ip.destination.broadcast() ||
                   p.destination == Destination::broadcast || p.destination == Destination::multicast;
    bool excepted =
        !ip.source.is_v4() && (r == Refusal::too_big || (r == Refusal::parameter && code == ICMPV6_UNK_OPTION));
    if (to_many && !excepted) return false;
    if (ip.source.unspecified() || !ip.source.valid_source() || ip.fragment_offset) return false;
    if (ip.source.is_v4() && ip.source.loopback() && !ip.destination.loopback()) return false;
    return !is_icmp_error(p, ip);
}
} // namespace

Result<> push_icmp(Packet& p, IcmpHeader h, const Address& source, const Address& destination) {
    Checksum sum;
    if (!destination.is_v4()) sum = pseudo_header(source, destination, IPPROTO_ICMPV6, p.size() + sizeof h);
    h.checksum = 0;
    sum.add(std::as_bytes(std::span{&h, 1}));
    p.add_to(sum, 0, p.size());
    h.checksum = sum.value();
    return p.push_header(h);
}

Result<PacketBox> icmp_error(const Packet& original, const Ip& ip, const Address& from, Refusal refusal, u32 value,
                             u8 code) {
    if (!may_report(original, ip, refusal, code)) return PacketBox{};
    bool v4 = ip.source.is_v4();
    // As much of it as fits: 576 bytes in all (RFC 1812, 4.3.2.3), or the least MTU.
    usize headers = ip_header_size(ip.source) + sizeof(IcmpHeader);
    auto p = TRY(original.slice(0, (v4 ? 576 : least_mtu_v6) - headers));
    p->checksum = ChecksumState::unknown;
    auto [type, chosen] = v4 ? type_v4(refusal) : type_v6(refusal, code);
    if (v4 && refusal == Refusal::parameter) value <<= 24;
    if (!v4 && refusal == Refusal::protocol_unreachable) value = ip.next_header_at ? ip.next_header_at : 6;
    TRY(push_icmp(*p, {.type = type, .code = chosen, .checksum = {}, .rest = value}, from, ip.source));
    return p;
}

bool IcmpLimit::allow(const Address& to, u64 now) {
    Bucket& one = by_destination_[hash_({reinterpret_cast<const char*>(to.bytes.data()), 16}) % by_destination_.size()];
    if (!all_.has_token(second / per_second, burst, now) || !one.has_token(second, burst_to_one, now)) return false;
    all_.take(second / per_second, now);
    one.take(second, now);
    return true;
}

Result<> make_echo_reply(Packet& p, const Ip& ip) {
    bool v4 = ip.source.is_v4();
    auto h = Reader{p, ip.header}.take<IcmpHeader>();
    if (!h || h->type != (v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST) || h->code) return err::inval;
    p.trim_front(ip.header + sizeof *h);
    h->type = v4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
    p.checksum = ChecksumState::unknown;
    return push_icmp(p, *h, ip.destination, ip.source);
}

bool icmp_checksum_is_right(const Packet& p, const Ip& ip) {
    if (p.checksum == ChecksumState::verified) return true;
    Checksum sum;
    if (!ip.source.is_v4()) sum = pseudo_header(ip.source, ip.destination, IPPROTO_ICMPV6, p.size() - ip.header);
    p.add_to(sum, ip.header, p.size());
    return sum.value() == 0;
}

namespace {
/// ICMP_DEST_UNREACH by code, as ip(7) and Linux report them.
struct Meaning {
    Errno error;
    bool fatal;
};
constexpr Meaning unreachable_v4[] = {
    {Errno::netunreach, false},  // net
    {Errno::hostunreach, false}, // host
    {Errno::noprotoopt, true},   // protocol
    {Errno::connrefused, true},  // port
    {Errno::msgsize, false},     // fragmentation needed
    {Errno::opnotsupp, false},   // source route failed
    {Errno::netunreach, true},   // net unknown
    {Errno::hostdown, true},     // host unknown
    {Errno::nonet, true},        // host isolated
    {Errno::netunreach, true},   // net prohibited
    {Errno::hostunreach, true},  // host prohibited
    {Errno::netunreach, false},  // net, for this type of service
    {Errno::hostunreach, false}, // host, for this type of service
    {Errno::hostunreach, true},  // filtered
    {Errno::hostunreach, true},  // precedence violation
    {Errno::hostunreach, true},  // precedence cut off
};
constexpr Meaning unreachable_v6[] = {
    {Errno::netunreach, false},                               // no route
    {Errno::acces, true},                                     // administratively prohibited
    {Errno::hostunreach, false}, {Errno::hostunreach, false}, // address
    {Errno::connrefused, true},                               // port
    {Errno::acces, true},                                     // policy
    {Errno::acces, true},                                     // reject route
};

Result<> understand_v4(IcmpError& e, u32 rest) {
    switch (e.type) {
    case ICMP_DEST_UNREACH: {
        if (e.code >= std::size(unreachable_v4)) return err::inval;
        auto [error, fatal] = unreachable_v4[e.code];
        e.error = error, e.fatal = fatal;
        if (e.code == ICMP_FRAG_NEEDED) e.mtu = rest & 0xffff;
        return {};
    }
    case ICMP_TIME_EXCEEDED: return e.error = Errno::hostunreach, Result<>{};
    case ICMP_PARAMETERPROB: return e.error = Errno::proto, e.fatal = true, Result<>{};
    default: return err::nomsg; // source quench (RFC 6633) and redirects as well
    }
}

Result<> understand_v6(IcmpError& e, u32 rest) {
    switch (e.type) {
    case ICMPV6_DEST_UNREACH: {
        if (e.code >= std::size(unreachable_v6)) return err::inval;
        auto [error, fatal] = unreachable_v6[e.code];
        e.error = error, e.fatal = fatal;
        return {};
    }
    case ICMPV6_PKT_TOOBIG: return e.error = Errno::msgsize, e.mtu = rest, Result<>{};
    case ICMPV6_TIME_EXCEED: return e.error = Errno::hostunreach, Result<>{};
    case ICMPV6_PARAMPROB: return e.error = Errno::proto, e.fatal = true, Result<>{};
    default: return err::nomsg;
    }
}
} // namespace

Result<IcmpError> parse_icmp_error(const Packet& p, const Ip& ip) {
    bool v4 = ip.source.is_v4();
    auto h = Reader{p, ip.header}.take<IcmpHeader>();
    if (!h) return err::inval;
    IcmpError e{.type = h->type, .code = h->code};
    TRY(v4 ? understand_v4(e, h->rest) : understand_v6(e, h->rest));
    usize at = ip.header + sizeof *h;
    Reader quote{p, at};
    if (v4) { // its length and checksum may have been changed on the way; the rest of it is cut off
        auto sent = quote.take<Ipv4Header>();
        if (!sent || sent->version_and_words >> 4 != 4) return err::inval;
        usize size = (sent->version_and_words & 15u) * 4u;
        if (size < ipv4_header_size || (sent->fragment & ipv4_offset_mask)) return err::inval;
        e.sent = {.source = Address::v4(sent->source),
                  .destination = Address::v4(sent->destination),
                  .protocol = sent->protocol};
        e.transport_at = at + size;
    } else {
        auto sent = quote.take<Ipv6Header>();
        if (!sent || sent->version_class_flow >> 28 != 6) return err::inval;
        e.sent = {.source = {sent->source}, .destination = {sent->destination}, .protocol = sent->next_header};
        e.transport_at = quote.offset();
        if (sent->next_header == IPPROTO_FRAGMENT) {
            auto f = quote.take<Ipv6Fragment>();
            if (!f || (f->offset_and_more & 0xfff8)) return err::inval;
            e.sent.protocol = f->next_header;
            e.transport_at = quote.offset();
        }
        if (e.sent.source.is_v4()) return err::inval;
    }
    if (e.transport_at + 8 > p.size()) return err::inval;
    return e;
}
} // namespace net::inet
