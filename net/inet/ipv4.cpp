#include "net/inet/ip_wire.h"
#include <linux/ip.h>

namespace net::inet {
namespace {
constexpr Problem dropped{};

/// Options are bytes, or have a length in their second byte (RFC 791, 3.1).
bool options_are_fine(Reader options) {
    while (auto kind = options.take<u8>()) {
        if (*kind == IPOPT_END) return true;
        if (*kind == IPOPT_NOOP) continue;
        if (*kind == IPOPT_LSRR || *kind == IPOPT_SSRR) return false;
        auto length = options.take<u8>();
        if (!length || *length < 2 || !options.skip(*length - 2u)) return false;
    }
    return true;
}
} // namespace

Parsed parse_ipv4(Packet& p) {
    auto h = Reader{p}.take<Ipv4Header>();
    if (!h || h->version_and_words >> 4 != 4) return std::unexpected(dropped);
    usize header = (h->version_and_words & 15u) * 4u, total = h->total_length;
    if (header < ipv4_header_size || total < header || total > p.size()) return std::unexpected(dropped);
    Checksum sum;
    p.add_to(sum, 0, header);
    if (sum.value() != 0) return std::unexpected(dropped);
    if (header > ipv4_header_size && !options_are_fine(Reader{p, ipv4_header_size, header}))
        return std::unexpected(dropped);
    p.truncate(total);

    Ip ip;
    ip.source = Address::v4(h->source);
    ip.destination = Address::v4(h->destination);
    if (!ip.source.valid_source()) return std::unexpected(dropped);
    ip.protocol = h->protocol;
    ip.hop_limit = h->ttl;
    ip.traffic_class = h->tos;
    ip.header = ip.unfragmentable = static_cast<u16>(header);
    ip.dont_fragment = h->fragment & ipv4_dont_fragment;
    ip.more_fragments = h->fragment & ipv4_more_fragments;
    ip.fragment_offset = static_cast<u16>((h->fragment & ipv4_offset_mask) * 8);
    ip.is_fragment = ip.more_fragments || ip.fragment_offset;
    ip.fragment_id = h->id;
    usize data = total - header;
    if (ip.is_fragment && (data == 0 || (ip.more_fragments && data % 8) || ip.fragment_offset + data > 65535 - header))
        return std::unexpected(dropped);
    return ip;
}

namespace ip_detail {
Result<> push_ipv4(Packet& p, const IpSend& ip, u16 fragment) {
    usize total = p.size() + ipv4_header_size;
    if (total > 65535) return err::msgsize;
    Ipv4Header h;
    h.tos = ip.traffic_class;
    h.total_length = static_cast<u16>(total);
    h.id = static_cast<u16>(ip.id);
    h.fragment = fragment;
    h.ttl = ip.hop_limit;
    h.protocol = ip.protocol;
    h.source = ip.source.v4_value();
    h.destination = ip.destination.v4_value();
    Checksum sum;
    sum.add(std::as_bytes(std::span{&h, 1}));
    h.checksum = sum.value();
    return p.push_header(h);
}
} // namespace ip_detail
} // namespace net::inet
