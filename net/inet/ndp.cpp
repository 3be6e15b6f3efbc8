#include "net/inet/ndp.h"
#include <algorithm>
#include <linux/icmpv6.h>
#include <linux/in.h>

namespace net::inet {
namespace {
using namespace ndp;
enum : u8 { option_source_link = 1, option_target_link = 2, option_prefix = 3, option_mtu = 5, option_servers = 25 };
constexpr u32 flag_router = 1u << 31, flag_solicited = 1u << 30, flag_override = 1u << 29;

struct Option {
    u8 type, length; // in units of eight bytes
};
struct PrefixOption {
    u8 length, flags;
    Big32 valid, preferred, reserved;
    std::array<u8, 16> prefix;
};
static_assert(sizeof(PrefixOption) == 30);
struct RouterFields {
    Big32 reachable, retransmit;
};

/// Calls option(type, Reader of its content) for each. An option without length makes the whole message invalid.
template <class F>
Result<> for_each_option(Reader r, const Packet& p, F option) {
    while (r.remaining()) {
        usize at = r.offset();
        auto o = r.take<Option>();
        if (!o || o->length == 0 || !r.skip(o->length * usize{8} - sizeof *o)) return err::inval;
        option(o->type, Reader{p, at + sizeof *o, r.offset()});
    }
    return {};
}
std::optional<LinkAddress> link_of(Reader content) {
    auto link = content.take<LinkAddress>();
    return link && link->valid_unicast() ? link : std::nullopt;
}

Result<IcmpHeader> header_of(Reader& r, const Ip& ip, u8 type) {
    auto h = r.take<IcmpHeader>();
    if (!h || h->type != type || h->code || ip.hop_limit != 255) return err::inval;
    return *h;
}
Result<NeighbourMessage> parse_neighbour(const Packet& p, const Ip& ip, u8 type, u8 link_option, IcmpHeader& h) {
    Reader r{p, ip.header};
    h = TRY(header_of(r, ip, type));
    auto target = r.take<std::array<u8, 16>>();
    if (!target) return err::inval;
    NeighbourMessage m{.target = {*target}};
    if (m.target.multicast() || m.target.is_v4()) return err::inval;
    TRY(for_each_option(r, p, [&](u8 t, Reader content) {
        if (t == link_option) m.link = link_of(content);
    }));
    return m;
}
} // namespace

Result<NeighbourMessage> parse_solicitation(const Packet& p, const Ip& ip) {
    IcmpHeader h;
    auto m = TRY(parse_neighbour(p, ip, neighbour_solicitation, option_source_link, h));
    if (!ip.source.unspecified()) return m;
    // Somebody looks whether an address is free (RFC 4862, 5.4).
    if (m.link || ip.destination != m.target.solicited_node()) return err::inval;
    return m;
}

Result<NeighbourMessage> parse_advertisement(const Packet& p, const Ip& ip) {
    IcmpHeader h;
    auto m = TRY(parse_neighbour(p, ip, neighbour_advertisement, option_target_link, h));
    m.says = {(h.rest & flag_solicited) != 0, (h.rest & flag_override) != 0, (h.rest & flag_router) != 0};
    if (ip.destination.multicast() && m.says.solicited) return err::inval;
    return m;
}

namespace {
void take_prefix(RouterAdvertisement& ra, Reader content) {
    auto o = content.take<PrefixOption>();
    if (!o || ra.prefix_count == ra.most_prefixes || o->length > 128 || o->preferred > o->valid) return;
    Address prefix{o->prefix};
    if (prefix.link_local() || prefix.multicast() || prefix.is_v4()) return;
    ra.prefixes[ra.prefix_count++] = {prefix,   o->length,   (o->flags & 0x80) != 0, (o->flags & 0x40) != 0,
                                      o->valid, o->preferred};
}
void take_servers(RouterAdvertisement& ra, Reader content) {
    if (!content.skip(2)) return; // reserved
    auto lifetime = content.take<Big32>();
    if (!lifetime) return;
    ra.name_servers_for = ra.name_server_count ? std::min<u32>(ra.name_servers_for, *lifetime) : u32{*lifetime};
    while (ra.name_server_count < ra.most_servers) {
        auto a = content.take<std::array<u8, 16>>();
        if (!a) return;
        ra.name_servers[ra.name_server_count++] = {*a};
    }
}
} // namespace

Result<RouterAdvertisement> parse_router_advertisement(const Packet& p, const Ip& ip) {
    Reader r{p, ip.header};
    IcmpHeader h = TRY(header_of(r, ip, router_advertisement));
    auto fields = r.take<RouterFields>();
    if (!fields || !ip.source.link_local()) return err::inval;
    RouterAdvertisement ra;
    ra.hop_limit = static_cast<u8>(h.rest >> 24);
    ra.managed = h.rest >> 23 & 1;
    ra.other = h.rest >> 22 & 1;
    ra.lifetime = static_cast<u16>(h.rest);
    ra.reachable_ms = fields->reachable;
    ra.retransmit_ms = fields->retransmit;
    TRY(for_each_option(r, p, [&](u8 type, Reader content) {
        if (type == option_source_link) ra.link = link_of(content);
        if (type == option_prefix) take_prefix(ra, content);
        if (type == option_servers) take_servers(ra, content);
        if (type == option_mtu && content.skip(2)) {
            u32 mtu = content.take<Big32>().value_or(0);
            if (mtu >= least_mtu_v6) ra.mtu = mtu;
        }
    }));
    return ra;
}

namespace {
Result<> push_link(Packet& p, u8 type, const std::optional<LinkAddress>& link) {
    if (!link) return {};
    TRY(p.push_header(*link));
    return p.push_header(Option{type, 1});
}
Result<PacketBox> make_neighbour(const NeighbourMessage& m, IcmpHeader h, u8 link_option, const Address& source,
                                 const Address& destination) {
    auto p = TRY(Packet::create());
    TRY(push_link(*p, link_option, m.link));
    TRY(p->push_header(m.target.bytes));
    TRY(push_icmp(*p, h, source, destination));
    return p;
}
} // namespace

Result<PacketBox> make_solicitation(const NeighbourMessage& m, const Address& source, const Address& destination) {
    return make_neighbour(m, {.type = neighbour_solicitation}, option_source_link, source, destination);
}

Result<PacketBox> make_advertisement(const NeighbourMessage& m, const Address& source, const Address& destination) {
    u32 flags = (m.says.router ? flag_router : 0) | (m.says.solicited ? flag_solicited : 0) |
                (m.says.override_old ? flag_override : 0);
    return make_neighbour(m, {.type = neighbour_advertisement, .code = 0, .checksum = {}, .rest = flags},
                          option_target_link, source, destination);
}

Result<PacketBox> make_router_solicitation(const std::optional<LinkAddress>& link, const Address& source) {
    auto p = TRY(Packet::create());
    if (!source.unspecified()) TRY(push_link(*p, option_source_link, link));
    TRY(push_icmp(*p, {.type = router_solicitation}, source, all_routers));
    return p;
}
} // namespace net::inet
