#include "net/inet/ip_wire.h"
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
namespace {
constexpr unsigned most_extensions = 8, most_options = 8; // RFC 8504, 5.3: hosts may set limits

std::unexpected<Problem> drop() { return std::unexpected(Problem{}); }
std::unexpected<Problem> problem(u8 code, usize pointer, bool even_to_multicast = false) {
    return std::unexpected(Problem{true, code, static_cast<u32>(pointer), even_to_multicast});
}

/// The options of a Hop-by-Hop or Destination header (RFC 8200, 4.2). None is known here but padding and router alert.
std::expected<void, Problem> check_options(Reader options, const Ip& ip) {
    unsigned count = 0;
    while (options.remaining()) {
        usize at = options.offset();
        u8 type = *options.take<u8>();
        if (type == IPV6_TLV_PAD1) continue;
        auto length = options.take<u8>();
        if (!length || !options.skip(*length)) return drop();
        if (type == IPV6_TLV_PADN || type == IPV6_TLV_ROUTERALERT) continue;
        if (++count > most_options) return drop();
        switch (type >> 6) { // what to do with an unknown one
        case 0: continue;
        case 1: return drop();
        case 2: return problem(ICMPV6_UNK_OPTION, at, true);
        default: return ip.destination.multicast() ? drop() : problem(ICMPV6_UNK_OPTION, at);
        }
    }
    return {};
}

/// Walks the chain of headers. `next_at`: the byte that names the header at ip.header.
std::expected<void, Problem> walk(const Packet& p, Ip& ip, usize next_at) {
    for (unsigned count = 0;; count++) {
        usize at = ip.header;
        if (ip.protocol == IPPROTO_HOPOPTS || ip.protocol == IPPROTO_DSTOPTS || ip.protocol == IPPROTO_ROUTING) {
            if (count == most_extensions) return drop();
            if (ip.protocol == IPPROTO_HOPOPTS && count) return problem(ICMPV6_UNK_NEXTHDR, next_at);
            auto h = Reader{p, at}.take<std::array<u8, 4>>(); // next header, length, then by kind
            usize size = h ? ((*h)[1] + 1u) * 8u : 0;
            if (!h || size > p.size() - at) return drop();
            if (ip.protocol != IPPROTO_ROUTING) {
                if (auto fine = check_options(Reader{p, at + 2, at + size}, ip); !fine)
                    return std::unexpected(fine.error());
            } else if ((*h)[3]) { // segments left: no kind of routing is known here (RFC 5095)
                return problem(ICMPV6_HDR_FIELD, at + 2);
            }
            next_at = at;
            ip.protocol = (*h)[0];
            ip.header = static_cast<u16>(at + size);
        } else if (ip.protocol == IPPROTO_FRAGMENT && !ip.is_fragment) {
            auto f = Reader{p, at}.take<Ipv6Fragment>();
            if (!f) return drop();
            usize data = p.size() - at - sizeof *f;
            ip.fragment_offset = f->offset_and_more & 0xfff8;
            ip.more_fragments = f->offset_and_more & 1;
            ip.fragment_id = f->id;
            if (ip.more_fragments && data % 8) return problem(ICMPV6_HDR_FIELD, 4);
            if (ip.fragment_offset + data + at > 65535 + ipv6_header_size) return problem(ICMPV6_HDR_FIELD, at + 2);
            ip.unfragmentable = static_cast<u16>(at);
            ip.next_header_at = static_cast<u16>(next_at);
            next_at = at;
            ip.protocol = f->next_header;
            ip.header = static_cast<u16>(at + sizeof *f);
            ip.is_fragment = ip.more_fragments || ip.fragment_offset;
            if (ip.is_fragment) return {}; // what follows is looked at when it is whole
        } else {
            return {};
        }
    }
}
} // namespace

Parsed parse_ipv6(Packet& p) {
    auto h = Reader{p}.take<Ipv6Header>();
    if (!h || h->version_class_flow >> 28 != 6) return drop();
    usize total = ipv6_header_size + h->payload_length;
    if (total > p.size()) return drop();
    p.truncate(total);
    Ip ip;
    ip.source.bytes = h->source;
    ip.destination.bytes = h->destination;
    if (!ip.source.valid_source() || ip.source.is_v4() || ip.destination.is_v4()) return drop();
    ip.protocol = h->next_header;
    ip.hop_limit = h->hop_limit;
    ip.traffic_class = static_cast<u8>(h->version_class_flow >> 20);
    ip.flow_label = h->version_class_flow & 0xfffff;
    ip.header = ipv6_header_size;
    ip.dont_fragment = true;
    if (auto fine = walk(p, ip, offsetof(Ipv6Header, next_header)); !fine) return std::unexpected(fine.error());
    return ip;
}

Parsed parse_ip(Packet& p) {
    auto first = Reader{p}.take<u8>();
    return first && *first >> 4 == 6 ? parse_ipv6(p) : parse_ipv4(p);
}

Ip checked_ip(const Packet& p, u16 header) {
    Ip ip;
    ip.header = header;
    if (auto h = Reader{p}.take<Ipv4Header>(); h && h->version_and_words >> 4 == 4) {
        ip.source = Address::v4(h->source);
        ip.destination = Address::v4(h->destination);
        ip.protocol = h->protocol;
        ip.hop_limit = h->ttl;
        ip.traffic_class = h->tos;
    } else if (auto h6 = Reader{p}.take<Ipv6Header>()) {
        ip.source.bytes = h6->source;
        ip.destination.bytes = h6->destination;
        ip.protocol = h6->next_header;
        ip.hop_limit = h6->hop_limit;
        ip.traffic_class = static_cast<u8>(h6->version_class_flow >> 20);
        ip.flow_label = h6->version_class_flow & 0xfffff;
    }
    return ip;
}

namespace ip_detail {
Result<> push_ipv6(Packet& p, const IpSend& ip) {
    if (p.size() > 65535) return err::msgsize;
    Ipv6Header h;
    h.version_class_flow = 6u << 28 | u32{ip.traffic_class} << 20 | (ip.flow_label & 0xfffff);
    h.payload_length = static_cast<u16>(p.size());
    h.next_header = ip.protocol;
    h.hop_limit = ip.hop_limit;
    h.source = ip.source.bytes;
    h.destination = ip.destination.bytes;
    return p.push_header(h);
}
} // namespace ip_detail

Result<> push_ip(Packet& p, const IpSend& ip) {
    if (!ip.destination.is_v4()) return ip_detail::push_ipv6(p, ip);
    return ip_detail::push_ipv4(p, ip, ip.dont_fragment ? ipv4_dont_fragment : 0);
}

usize fragment_detail::room(const IpSend& ip, usize mtu) {
    usize headers = ip.destination.is_v4() ? ipv4_header_size : ipv6_header_size + sizeof(Ipv6Fragment);
    return mtu > headers ? align_down(mtu - headers, 8) : 0;
}

Result<PacketBox> fragment_detail::make(const Packet& whole, const IpSend& ip, usize offset, usize length) {
    auto p = TRY(whole.slice(offset, length));
    bool more = offset + p->size() < whole.size();
    if (ip.destination.is_v4()) {
        TRY(ip_detail::push_ipv4(*p, ip, static_cast<u16>(offset / 8 | (more ? ipv4_more_fragments : 0))));
        return p;
    }
    TRY(p->push_header(Ipv6Fragment{ip.protocol, 0, static_cast<u16>(offset | (more ? 1 : 0)), ip.id}));
    IpSend outer = ip;
    outer.protocol = IPPROTO_FRAGMENT;
    TRY(ip_detail::push_ipv6(*p, outer));
    return p;
}
} // namespace net::inet
