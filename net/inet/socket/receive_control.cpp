// What comes with a datagram besides its bytes, and the queue of errors: control messages of ip(7), ipv6(7).
#include "core/time/clock.h"
#include "kernel/socket/numbers.h"
#include "net/inet/socket/datagram.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <asm/socket.h>
#include <linux/errqueue.h>
#include <linux/eventpoll.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/net_tstamp.h>

namespace net::inet {
using namespace sockets;

namespace {
/// With an interface's number for addresses of a link.
sockaddr_in6 shown_v6(const Address& a, u16 port, u32 interface) {
    sockaddr_in6 to{};
    to.sin6_family = af_inet6;
    to.sin6_port = std::byteswap(port);
    std::memcpy(&to.sin6_addr, a.bytes.data(), 16);
    to.sin6_scope_id = a.link_local() && !a.is_v4() ? interface : 0;
    return to;
}
sockaddr_in shown_v4(const Address& a, u16 port) {
    sockaddr_in to{};
    to.sin_family = af_inet;
    to.sin_port = std::byteswap(port);
    to.sin_addr.s_addr = std::byteswap(a.v4_value());
    return to;
}

void put_v4(ReceiveMessage& m, u32 wanted, const InetEndpoint& e, const Packet& p, const Ip& ip, u16 to_port) {
    if (wanted & receive_info) {
        // Where an answer would come from: what was asked, unless that is many.
        Address own = ip.destination;
        if (own.multicast() || e.stack().kind_of(own, e.stack().loopback()) != RouteKind::local)
            if (auto back = e.stack().route(ip.source, {}, 0)) own = back->source;
        in_pktinfo info{
            static_cast<int>(p.interface), {std::byteswap(own.v4_value())}, {std::byteswap(ip.destination.v4_value())}};
        put_control(m, sol_ip, IP_PKTINFO, info);
    }
    if (wanted & receive_hops) put_control(m, sol_ip, IP_TTL, int{ip.hop_limit});
    if (wanted & receive_class) put_control(m, sol_ip, IP_TOS, ip.traffic_class);
    if (wanted & receive_original) put_control(m, sol_ip, IP_ORIGDSTADDR, shown_v4(ip.destination, to_port));
}

void put_info_v6(ReceiveMessage& m, u32 wanted, const Packet& p, const Ip& ip) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, ip.destination.bytes.data(), 16);
    info.ipi6_ifindex = static_cast<int>(p.interface);
    if (wanted & receive_info) put_control(m, sol_ipv6, IPV6_PKTINFO, info);
    if (wanted & receive_info_2292) put_control(m, sol_ipv6, IPV6_2292PKTINFO, info);
}
void put_v6(ReceiveMessage& m, u32 wanted, const Packet& p, const Ip& ip, u16 to_port) {
    if (wanted & receive_hops) put_control(m, sol_ipv6, IPV6_HOPLIMIT, int{ip.hop_limit});
    if (wanted & receive_class) put_control(m, sol_ipv6, IPV6_TCLASS, int{ip.traffic_class});
    u32 flow = u32{ip.traffic_class} << 20 | ip.flow_label;
    if (wanted & receive_flow && flow) put_control(m, sol_ipv6, IPV6_FLOWINFO, std::byteswap(flow));
    if (wanted & receive_hops_2292) put_control(m, sol_ipv6, IPV6_2292HOPLIMIT, int{ip.hop_limit});
    if (wanted & receive_original)
        put_control(m, sol_ipv6, IPV6_ORIGDSTADDR, shown_v6(ip.destination, to_port, p.interface));
}

/// SO_TIMESTAMPING: when it had come, by the system's clock; then two of a device's.
void put_timestamping(ReceiveMessage& m, u64 time) {
    std::array<u64, 6> told{time / clocks::ns_per_second, time % clocks::ns_per_second};
    put_control(m, sol_socket, SO_TIMESTAMPING_OLD, told);
}
} // namespace

void put_ip_control(ReceiveMessage& m, const InetEndpoint& e, const Packet& p, const Ip& ip, u16 port) {
    u32 v4 = e.ip.v4.receive.load(std::memory_order_relaxed), v6 = e.ip.v6.receive.load(std::memory_order_relaxed);
    if (e.v6 && v6) put_info_v6(m, v6, p, ip);
    if (ip.source.is_v4()) {
        if (v4) put_v4(m, v4, e, p, ip, port);
    } else if (v6) {
        put_v6(m, v6, p, ip, port);
    }
}

void DatagramSocket::put_control(ReceiveMessage& m, const Packet& p, const Ip& ip, const Parts& parts) {
    const Options& o = options();
    put_time(m, o, p.time);
    constexpr u32 asks = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
    if (u32 flags = end().timestamping.load(std::memory_order_relaxed); (flags & asks) == asks && p.time)
        put_timestamping(m, p.time);
    if (o.on(Flag::overflow) && p.sequence) inet::put_control(m, sol_socket, SO_RXQ_OVFL, p.sequence);
    if (o.on(Flag::receive_mark)) inet::put_control(m, sol_socket, SO_MARK, u32{0});
    put_more_control(m, p);
    put_ip_control(m, *end_, p, ip, destination_port(p, parts));
}

Result<usize> DatagramSocket::receive_error(ReceiveMessage& m) {
    auto& e = end();
    auto [quoted, record, next_error] = [&] {
        Holding held{e.lock};
        return e.errors.pop();
    }();
    if (!quoted) return m.no_error_queued();
    if (next_error >= 0) options().error = next_error;
    if (!e.errors.empty()) e.changed.notify_all(EPOLLERR);
    usize n = std::min(quoted->size(), m.data.remaining());
    if (n < quoted->size()) m.result |= msg_trunc;
    if (TRY(copy_to(m.data, *quoted, 0, n)) < n) return err::fault;
    if (m.from)
        *m.from = make_address(
            {record.destination, record.port, record.destination.link_local() ? record.interface : 0}, domain());
    sock_extended_err told{};
    told.ee_errno = record.error;
    told.ee_origin = record.origin;
    told.ee_type = record.type;
    told.ee_code = record.code;
    told.ee_info = record.info;
    told.ee_data = record.data;
    bool by_peer = record.from_peer();
    if (domain() == af_inet) {
        struct {
            sock_extended_err error;
            sockaddr_in offender;
        } shown{told, by_peer ? shown_v4(record.offender, 0) : sockaddr_in{}};
        inet::put_control(m, sol_ip, IP_RECVERR, shown);
    } else {
        struct {
            sock_extended_err error;
            sockaddr_in6 offender;
        } shown{told, by_peer ? shown_v6(record.offender, 0, record.interface) : sockaddr_in6{}};
        inet::put_control(m, sol_ipv6, IPV6_RECVERR, shown);
    }
    m.result |= msg_errqueue;
    return n;
}
} // namespace net::inet
