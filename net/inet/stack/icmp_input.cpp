// What ICMP packets ask for and tell: echo, and errors for the protocols they are about.
#include "net/inet/stack/ethernet.h"
#include "net/inet/stack/groups.h"
#include "net/inet/stack/input.h"
#include "net/inet/stack/output.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>

namespace net::inet {
namespace {
/// RFC 1122, 3.2.2.6; RFC 4443, 4.2: from the address that was asked, or one of the interface's.
void answer_echo(Arrival& a) {
    auto& settings = a.stack().settings;
    if (settings.ignore_echo || (a.kind == RouteKind::broadcast && settings.ignore_broadcast_echo)) return;
    if (a.kind == RouteKind::multicast && a.ip.destination.is_v4() && settings.ignore_broadcast_echo) return;
    Address from = a.kind == RouteKind::local ? a.ip.destination : Address{};
    auto path = a.stack().route(a.ip.source, from, a.ip.source.link_local() ? a.in.index() : 0);
    if (!path) return;
    u8 protocol = a.ip.protocol, traffic_class = a.ip.traffic_class;
    Address to = a.ip.source;
    a.ip.destination = path->source; // what was asked may have been a group
    if (!make_echo_reply(*a.packet, a.ip)) return;
    IpSend ip{.source = path->source,
              .destination = to,
              .protocol = protocol,
              .hop_limit = static_cast<u8>(settings.ttl.load()),
              .traffic_class = traffic_class};
    a.stack().statistics.add(Count::icmp_out);
    a.stack().statistics.add(Count::icmp_out_echo_replies);
    (void)output(*path, std::move(a.packet), ip, a.box);
}

void tell_protocol(Arrival& a) {
    auto error = parse_icmp_error(*a.packet, a.ip);
    if (!error || !a.stack().is_local(error->sent.source)) return;
    if (auto tap = raw_error_tap.load(std::memory_order_acquire)) [[unlikely]]
        tap(a, *error);
    for (const Protocol* p : protocols)
        if (p->number == error->sent.protocol && p->failed) return p->failed(a, *error);
}

u8 type_of(const Arrival& a) {
    Reader r{*a.packet, a.ip.header};
    auto header = r.take<IcmpHeader>();
    return header ? header->type : u8{0xff};
}

/// Of IPv4's.
void count(Statistics& s, u8 type) {
    switch (type) {
    case ICMP_ECHO: return s.add(Count::icmp_in_echos);
    case ICMP_ECHOREPLY: return s.add(Count::icmp_in_echo_replies);
    case ICMP_DEST_UNREACH: return s.add(Count::icmp_in_unreachable);
    case ICMP_TIME_EXCEEDED: return s.add(Count::icmp_in_time_exceeded);
    case ICMP_PARAMETERPROB: return s.add(Count::icmp_in_parameter_problems);
    default: return;
    }
}

void icmp_arrived(Arrival& a) {
    Statistics& s = a.stack().statistics;
    s.add(Count::icmp_in);
    if (!icmp_checksum_is_right(*a.packet, a.ip)) return s.add(Count::icmp_in_errors);
    count(s, type_of(a));
    switch (type_of(a)) {
    case ICMP_ECHO: return answer_echo(a);
    case ICMP_ECHOREPLY: return; // ping sockets have it from raw_tap
    default: return tell_protocol(a);
    }
}

void icmpv6_arrived(Arrival& a) {
    if (!icmp_checksum_is_right(*a.packet, a.ip)) return;
    u8 type = type_of(a);
    switch (type) {
    case ICMPV6_ECHO_REQUEST: return answer_echo(a);
    case 130: return answer_group_query(a); // ICMPV6_MGM_QUERY
    case ndp::router_solicitation:
    case ndp::router_advertisement:
    case ndp::neighbour_solicitation:
    case ndp::neighbour_advertisement:
    case ndp::redirect: return EthernetInterface::neighbour_discovery(a, type);
    default:
        if (type < 128) tell_protocol(a);
    }
}
} // namespace

constinit const Protocol icmp_protocol{IPPROTO_ICMP, icmp_arrived};
constinit const Protocol icmpv6_protocol{IPPROTO_ICMPV6, icmpv6_arrived};
} // namespace net::inet
