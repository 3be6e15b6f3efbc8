#include "net/inet/stack/output.h"
#include "core/rng/rng.h"
#include "net/inet/stack/ethernet.h"
#include "net/inet/tcp/segment.h"
#include <linux/if_ether.h>

namespace net::inet {
namespace {
/// Whether it may be sent as it is: its interface cuts it by segments, or it fits.
bool fits(const Path& path, const Packet& p, const IpSend& ip) {
    usize size = ip_header_size(ip.destination) + p.size();
    if (!p.segment_size) return size <= path.mtu;
    const auto& offloads = path.out->offloads;
    return size <= (ip.destination.is_v4() ? offloads.segment_v4 : offloads.segment_v6);
}
/// What a device does that can: for those that cannot.
Result<> cut_and_send(const Path& path, const Packet& whole, const IpSend& ip, Outbox& box) {
    for (usize at = 0;; at += whole.segment_size) {
        auto part = tcp::cut(whole, at, ip.source, ip.destination);
        if (!part) return part.error() == Errno::inval && at ? Result<>{} : std::unexpected(part.error());
        TRY(output(path, std::move(*part), ip, box));
    }
}
} // namespace

Result<> output_here(const Path& path, const Packet& p, const IpSend& ip, Outbox& box) {
    if (path.out->stack().kind_of(ip.destination, *path.out) != RouteKind::multicast) return {};
    auto copy = TRY(p.clone());
    TRY(push_ip(*copy, ip));
    copy->checksum = ChecksumState::verified;
    if (!path.out->loopback()) // as its link would bring it
        TRY(copy->push_header(EthernetHeader{link_multicast(ip.destination), path.out->link_address(),
                                             ip.destination.is_v4() ? u16{ETH_P_IP} : u16{ETH_P_IPV6}}));
    box.give(std::move(copy), *path.out);
    return {};
}

Result<> output(const Path& path, PacketBox p, const IpSend& ip, Outbox& box) {
    if (fits(path, *p, ip)) [[likely]] {
        TRY(push_ip(*p, ip));
        if (p->checksum == ChecksumState::partial && !path.out->offloads.checksum) p->complete_checksum();
        path.out->send(std::move(p), path.next_hop, box);
        return {};
    }
    constexpr usize most = 65535; // IPv4's with its header, IPv6's without
    if (!p->segment_size && p->size() + (ip.destination.is_v4() ? ipv4_header_size : 0) > most) return err::msgsize;
    if (p->segment_size) return cut_and_send(path, *p, ip, box);
    p->complete_checksum();
    IpSend each = ip;
    each.id = static_cast<u32>(rng::number());
    return send_fragments(*p, each, path.mtu,
                          [&](PacketBox fragment) { path.out->send(std::move(fragment), path.next_hop, box); });
}
} // namespace net::inet
