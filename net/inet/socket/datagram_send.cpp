// How a datagram is sent: where it goes, by which way, and how large it may be.
#include "core/rng/rng.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/datagram.h"
#include "net/inet/stack/output.h"
#include <linux/in.h>

namespace net::inet {
using namespace sockets;

namespace {
constexpr u32 msg_probe = 0x10, msg_confirm = 0x800;
constexpr usize most_segments = 64; // UDP_MAX_SEGMENTS

/// What IP_MTU_DISCOVER means for a packet of IPv4 and IPv6: Linux's ip_dont_fragment and ip_sk_ignore_df.
bool may_cut(u8 discover) { return discover < IP_PMTUDISC_DO || discover == IP_PMTUDISC_OMIT; }
bool forbids_cutting(u8 discover, bool fits) {
    return discover == IP_PMTUDISC_DO || discover == IP_PMTUDISC_PROBE || (discover == IP_PMTUDISC_WANT && fits);
}
} // namespace

/// Linux takes AF_UNSPEC for a socket's own family here.
Result<> DatagramSocket::prepare(SendMessage& m, Sending& s) {
    auto& e = end();
    bool has_name = m.to && !(domain() == af_inet6 && m.to->family() == af_unspec);
    if (has_name) {
        sockets::Address to = *m.to;
        if (domain() == af_inet && to.size >= sizeof(sockaddr_in) && to.family() == af_unspec) {
            u16 family = af_inet;
            std::memcpy(to.bytes, &family, sizeof family);
        }
        auto found = datagram_destination(to);
        if (!found && found.error() == Errno::afnosupport && domain() == af_inet6) return err::inval;
        s.to = TRY(found);
    } else {
        Holding held{e.lock};
        if (!e.connected) return err::destaddrreq;
        s.to = e.remote;
    }
    s.confirm = m.flags & msg_confirm;
    s.probe = m.flags & msg_probe;
    if (!m.control.empty()) TRY(s.control.read(m.control, e, s.to.address.is_v4()));
    return {};
}

Result<> DatagramSocket::may_send() {
    TRY(check_error(options()));
    if (end().shut.load(std::memory_order_relaxed) & 2) return err::pipe;
    usize most = options().send_buffer.load(std::memory_order_relaxed);
    return end().unsent_below(most, most / 2) ? Result<>{} : err::again;
}

/// Where the way depends on more than the destination. Under the lock.
Result<Path> DatagramSocket::special_way(const Sending& s) const {
    auto& e = end();
    const SendControl& c = s.control;
    const FamilyOptions& own = e.ip.of(s.to.address);
    u32 by = c.interface ? c.interface : e.bound_interface() ? e.bound_interface() : s.to.interface;
    bool v4 = s.to.address.is_v4(), multicast = s.to.address.multicast();
    if (!by) by = multicast ? own.multicast_interface.load() : own.unicast_interface.load();
    Address from = c.source.unspecified() ? e.local.address : c.source;
    if (from.multicast() || from.broadcast()) from = {};
    if (!c.source.unspecified() && v4 && !e.stack().is_local(c.source)) return err::inval;
    if (u32 source = e.ip.multicast_source.load(); v4 && multicast && from.unspecified() && source)
        from = net::Address::v4(source);
    return e.stack().route(s.to.address, from, by);
}

/// A group hears of it on this machine as well, unless the sender does not want that; with hop limit 0 nobody else
/// does.
Result<> DatagramSocket::send_ip(const Path& path, PacketBox p, const IpSend& ip, Outbox& box) {
    if (!ip.destination.multicast() || path.out->loopback()) return output(path, std::move(p), ip, box);
    if (end().ip.of(ip.destination).multicast_loop) TRY(output_here(path, *p, ip, box));
    return ip.hop_limit ? output(path, std::move(p), ip, box) : Result<>{};
}

Result<> DatagramSocket::transmit(PacketBox p, const Sending& s) {
    auto& e = end();
    const Address& to = s.to.address;
    const FamilyOptions& own = e.ip.of(to);
    bool v4 = to.is_v4();
    usize size = p->size(), headers = ip_header_size(to) + header_size();
    Path other; // outlives the outbox: what a group's members here get comes in by its interface
    Outbox box;
    u32 mtu;
    {
        Holding held{e.lock};
        // A socket that is bound to an address of one family sends nothing of the other.
        if (!e.local.address.unspecified() && e.local.address.is_v4() != v4) return err::netunreach;
        bool special = s.control.differs_in_way() || to.multicast() || own.unicast_interface.load();
        if (special) other = TRY(special_way(s));
        const Path& path = special ? other : *TRY(e.path_to(s.to));
        if (path.kind == RouteKind::broadcast && !options().on(Flag::broadcast)) return err::acces;
        if (s.confirm) path.out->confirm(path.next_hop, box.now);
        if (s.probe) return {};
        u16 segment = s.control.segment_size;
        if (segment && (headers + segment > path.mtu || size > segment * most_segments)) return err::inval;
        bool segments = segment && size > segment, fits = segments || headers + size <= path.mtu;
        u8 discover = own.discover_mtu.load(std::memory_order_relaxed);
        bool whole = own.dont_fragment && s.control.dont_fragment != 0;
        mtu = path.mtu;
        if (fits || (may_cut(discover) && !whole && s.control.dont_fragment != 1)) [[likely]] {
            IpSend ip{.source = path.source,
                      .destination = to,
                      .protocol = e.protocol(),
                      .hop_limit = to.multicast() ? own.multicast_hops.load() : e.hop_limit(to),
                      .traffic_class = own.traffic_class.load(std::memory_order_relaxed),
                      .dont_fragment = forbids_cutting(discover, fits)};
            if (s.control.hop_limit >= 0) ip.hop_limit = static_cast<u8>(s.control.hop_limit);
            if (s.control.traffic_class >= 0) ip.traffic_class = static_cast<u8>(s.control.traffic_class);
            if (v4 && !ip.dont_fragment) ip.id = static_cast<u32>(rng::number());
            p->segment_size = segments ? segment : u16{0};
            if (!path.out->loopback()) {
                Unsent* unsent = e.unsent();
                if (!unsent) return err::nobufs;
                p->count_for(Ref<Unsent>::share(unsent), p->true_size());
            }
            return send_one(path, std::move(p), s, ip, box);
        }
    }
    e.too_large(s.to, mtu);
    return err::msgsize;
}
} // namespace net::inet
