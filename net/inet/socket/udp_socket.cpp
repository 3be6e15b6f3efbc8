#include "net/inet/socket/udp_socket.h"
#include "kernel/socket/numbers.h"
#include "net/inet/udp.h"
#include <linux/in.h>
#include <linux/udp.h>

namespace net::inet {
using namespace sockets;

namespace {
/// One datagram for one socket, or several that came as one: UDP_SEGMENT.
void give(DatagramEndpoint& to, PacketBox p, Parts parts, const Ip& ip, const UdpHeader& h) {
    u16 each = p->segment_size;
    if (!each || to.joins_segments.load(std::memory_order_relaxed)) return to.deliver(std::move(p), parts);
    for (usize at = parts.data; at < p->size(); at += each) {
        auto part = p->slice(at, each);
        if (!part) return;
        PacketBox& one = *part;
        one->segment_size = 0;
        if (!push_udp(*one, {ip.source, h.source}, {ip.destination, h.destination}, UdpChecksum::none)) return;
        u16 header = static_cast<u16>(ip_header_size(ip.destination));
        IpSend as{.source = ip.source,
                  .destination = ip.destination,
                  .protocol = IPPROTO_UDP,
                  .hop_limit = ip.hop_limit,
                  .traffic_class = ip.traffic_class,
                  .flow_label = ip.flow_label};
        if (!push_ip(*one, as)) return;
        one->interface = p->interface;
        to.deliver(std::move(one), {header, static_cast<u16>(header + sizeof(UdpHeader))});
    }
}

/// Multicast and broadcast: a copy for everybody who hears it.
void give_all(Arrival& a, const Endpoint& to, const Endpoint& from, Parts parts, const UdpHeader& h) {
    Ref<Flow> last;
    auto next = [&](const Flow* after) {
        return Flows::next_receiver(a.stack(), IPPROTO_UDP, to, from, a.in.index(), after);
    };
    for (Ref<Flow> one = next(nullptr); one; one = next(one.get())) {
        const auto& e = static_cast<const DatagramEndpoint&>(*one);
        if (a.kind == RouteKind::multicast &&
            !e.memberships.hear(to.address, from.address, a.in.index(), e.ip.of(to.address).multicast_all))
            continue;
        if (last)
            if (auto copy = a.packet->clone())
                give(static_cast<DatagramEndpoint&>(*last), std::move(*copy), parts, a.ip, h);
        last = one;
    }
    if (last) give(static_cast<DatagramEndpoint&>(*last), std::move(a.packet), parts, a.ip, h);
}

void arrived(Arrival& a) {
    auto h = parse_udp(*a.packet, a.ip);
    auto& statistics = a.stack().statistics;
    if (!h) {
        statistics.add(Count::udp_in_errors);
        if (h.error() == Errno::badmsg) statistics.add(Count::udp_checksum_errors);
        return;
    }
    Endpoint to{a.ip.destination, h->destination}, from{a.ip.source, h->source};
    Parts parts{a.ip.header, static_cast<u16>(a.ip.header + sizeof(UdpHeader))};
    if (a.kind != RouteKind::local) return give_all(a, to, from, parts, *h);
    auto flow = Flows::find_datagrams(a.stack(), IPPROTO_UDP, to, from, a.in.index());
    if (!flow) {
        statistics.add(Count::udp_no_ports);
        return refuse(a, Refusal::port_unreachable);
    }
    give(static_cast<DatagramEndpoint&>(*flow), std::move(a.packet), parts, a.ip, *h);
}

void failed(Arrival& a, const IcmpError& e) {
    auto h = Reader{*a.packet, e.transport_at}.take<UdpHeader>();
    if (!h) return;
    auto flow = Flows::find_datagrams(a.stack(), IPPROTO_UDP, {e.sent.source, h->source},
                                      {e.sent.destination, h->destination}, a.in.index());
    if (!flow) return;
    static_cast<DatagramEndpoint&>(*flow).failed(a, e, e.transport_at + sizeof *h, h->destination);
}
} // namespace

constinit const Protocol udp_protocol{IPPROTO_UDP, arrived, failed};

Result<Ref<Socket>> UdpSocket::create(bool v6) {
    auto e = TRY(make_ref<DatagramEndpoint>(u8{IPPROTO_UDP}, v6, TRY(Maker::caller())));
    return TRY(make_ref<UdpSocket>(e, TRY(make_inode())));
}

u16 UdpSocket::source_port(const Packet& p, const Parts& parts) const {
    auto h = Reader{p, parts.header}.take<UdpHeader>();
    return h ? u16{h->source} : u16{0};
}
u16 UdpSocket::destination_port(const Packet& p, const Parts& parts) const {
    auto h = Reader{p, parts.header}.take<UdpHeader>();
    return h ? u16{h->destination} : u16{0};
}
void UdpSocket::put_more_control(ReceiveMessage& m, const Packet& p) {
    if (end().joins_segments.load(std::memory_order_relaxed) && p.segment_size)
        inet::put_control(m, sol_udp, UDP_GRO, int{p.segment_size});
}

Result<> UdpSocket::set_udp_option(int option, int value) {
    switch (option) {
    case UDP_CORK: {
        corks_ = value;
        if (value) return {};
        Holding one{end().writing};
        (void)flush_cork();
        return {};
    }
    case UDP_ENCAP: return value ? Result<>{err::noprotoopt} : Result<>{}; // no protocol here is carried in UDP
    case UDP_NO_CHECK6_TX: return no_sum_v6_ = value, Result<>{};
    case UDP_NO_CHECK6_RX: return takes_no_sum_v6_ = value, Result<>{};
    case UDP_SEGMENT:
        if (value < 0 || value > 0xffff) return err::inval;
        segment_size_ = static_cast<u16>(value);
        return {};
    case UDP_GRO: return end().joins_segments = value, Result<>{};
    default: return err::noprotoopt;
    }
}
Result<> UdpSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level != sol_udp) return DatagramSocket::set_option(level, option, value);
    return set_udp_option(option, TRY(option_value<int>(value)));
}
Result<usize> UdpSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level != sol_udp) return DatagramSocket::get_option(level, option, value);
    switch (option) {
    case UDP_CORK: return put_option(value, int{corks_});
    case UDP_ENCAP: return put_option(value, 0);
    case UDP_NO_CHECK6_TX: return put_option(value, int{no_sum_v6_});
    case UDP_NO_CHECK6_RX: return put_option(value, int{takes_no_sum_v6_});
    case UDP_SEGMENT: return put_option(value, int{segment_size_});
    case UDP_GRO: return put_option(value, int{end().joins_segments});
    default: return err::noprotoopt;
    }
}
} // namespace net::inet
