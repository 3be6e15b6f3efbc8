#include "net/inet/stack/input.h"
#include "net/inet/stack/output.h"
#include "net/inet/stack/translation_errors.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
constinit std::atomic<bool (*)(const Arrival&)> raw_tap = nullptr;
constinit std::atomic<void (*)(const Arrival&, const IcmpError&)> raw_error_tap = nullptr;

namespace {
/// Addresses that no packet from a link may have (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
bool is_martian(const Interface& in, const Ip& ip) {
    if (!ip.source.valid_source() && !ip.source.unspecified()) return true;
    if (ip.destination.unspecified()) return true;
    return !in.loopback() && (ip.source.loopback() || ip.destination.loopback());
}

void drop(Interface& in) { in.counters.dropped_in.fetch_add(1, std::memory_order_relaxed); }

void deliver(Arrival& a) {
    bool taken = false;
    if (auto tap = raw_tap.load(std::memory_order_acquire)) [[unlikely]]
        taken = tap(a);
    for (const Protocol* p : protocols)
        if (p->number == a.ip.protocol) return p->arrived(a);
    if (taken) return;
    a.stack().statistics.add(Count::ip_unknown_protocols);
    refuse(a, Refusal::protocol_unreachable, a.ip.next_header_at);
}

/// What no router passes on (RFC 4291, 2.5.6).
bool stays_on_link(const Ip& ip) {
    return !ip.destination.is_v4() && (ip.destination.link_local() || ip.source.link_local());
}

bool forwards(const Arrival& a) {
    if (stays_on_link(a.ip) || a.kind != RouteKind::unicast || a.packet->destination != Destination::host) return false;
    const auto& settings = a.stack().settings;
    return a.ip.destination.is_v4() ? settings.forward_v4 : settings.forward_v6;
}

/// A router's part (RFC 1812): it goes on to somebody else.
void forward(Arrival& a) {
    auto path = a.stack().route(a.ip.destination, {}, 0, Stack::MtuOf::link);
    if (!path) return refuse(a, path.error() == Errno::acces ? Refusal::prohibited : Refusal::no_route);
    if (path->kind != RouteKind::unicast) return drop(a.in);
    if (a.ip.hop_limit <= 1) return refuse(a, Refusal::hop_limit);
    if (a.packet->size() > path->mtu && !a.packet->segment_size && a.ip.dont_fragment)
        return refuse(a, Refusal::too_big, path->mtu);
    if (a.in.translated && !path->out->translated) {
        if (stays_on_link({.source = path->source, .destination = a.ip.destination}))
            return refuse(a, Refusal::no_route); // it has no address that answers would reach
        auto* translation = a.stack().translation.load(std::memory_order_acquire);
        if (!translation || !translation->leave(*a.packet, a.ip, path->source, a.box.now)) return drop(a.in);
    }
    a.stack().statistics.add(Count::ip_forwarded);
    a.packet->trim_front(a.ip.header);
    IpSend ip{.source = a.ip.source,
              .destination = a.ip.destination,
              .protocol = a.ip.protocol,
              .hop_limit = static_cast<u8>(a.ip.hop_limit - 1),
              .traffic_class = a.ip.traffic_class,
              .flow_label = a.ip.flow_label,
              .dont_fragment = a.ip.dont_fragment};
    (void)output(*path, std::move(a.packet), ip, a.box);
}

/// Of what names an address of this machine: whether it goes on to somebody else, a container or who asked one.
bool goes_on(Arrival& a, Translation& t) {
    if (a.in.translated && t.answer(*a.packet, a.ip, a.box.now)) {
        a.kind = a.stack().kind_of(a.ip.destination, a.in);
        return a.kind != RouteKind::local;
    }
    bool within = a.in.loopback() || a.in.translated;
    if (within && !t.publishes()) return false;
    Address hairpin = !within ? Address{} : a.ip.destination.is_v4() ? t.hairpin_v4 : t.hairpin_v6;
    a.entered = t.enter(*a.packet, a.ip, a.box.now, hairpin);
    return a.entered;
}
} // namespace

void input(Interface& in, PacketBox p, Outbox& box) {
    p->interface = in.index();
    auto parsed = parse_ip(*p);
    if (!parsed) {
        in.counters.errors_in.fetch_add(1, std::memory_order_relaxed);
        in.stack().statistics.add(Count::ip_header_errors);
        return;
    }
    if (is_martian(in, *parsed)) return drop(in);
    Arrival a{in, std::move(p), *parsed, in.stack().kind_of(parsed->destination, in), box};
    bool for_us = a.kind == RouteKind::local || a.kind == RouteKind::broadcast || a.kind == RouteKind::multicast;
    if (!for_us && !forwards(a)) {
        in.stack().statistics.add(Count::ip_address_errors);
        return drop(in);
    }
    auto* translation = in.stack().translation.load(std::memory_order_acquire);
    if (a.ip.is_fragment && (for_us || translation)) {
        auto whole = a.stack().reassemble(std::move(a.packet), a.ip, box.now);
        if (!whole) return;
        a.packet = std::move(whole->packet);
        a.ip = whole->ip;
    }
    if (!for_us) return forward(a);
    if (translation && a.kind == RouteKind::local && !stays_on_link(a.ip) && goes_on(a, *translation))
        return forward(a);
    deliver(a);
}

namespace {
/// Where `message` goes, of which `ip` is to be the header. What it is about came in by translation: whoever sent that
/// knows other ends.
Result<Path> way_out(Arrival& a, Packet& message, Ip& ip) {
    auto* translation = a.stack().translation.load(std::memory_order_acquire);
    TRY(translation->leave(message, ip, ip.source, a.box.now));
    return a.stack().route(ip.destination, ip.source, 0);
}
} // namespace

void refuse(Arrival& a, Refusal why, u32 value, u8 code) {
    bool alone = a.kind != RouteKind::broadcast && a.kind != RouteKind::multicast;
    if (!alone || a.packet->destination != Destination::host) return;
    // What stays in the machine floods nobody.
    if (!a.in.loopback() && !a.stack().icmp_limit.lock()->allow(a.ip.source, a.box.now)) return;
    Address from = a.kind == RouteKind::local && !a.entered ? a.ip.destination : Address{};
    auto path = a.stack().route(a.ip.source, from, a.ip.source.link_local() ? a.in.index() : 0);
    if (!path) return;
    if (a.entered) write_addresses(*a.packet, 0, a.ip.source, a.ip.destination); // its ports are changed already
    auto message = icmp_error(*a.packet, a.ip, path->source, why, value, code);
    if (!message || !*message) return;
    Ip header{.source = path->source, .destination = a.ip.source, .protocol = icmp_of(a.ip.source)};
    if (a.entered) path = way_out(a, **message, header);
    if (!path) return;
    a.stack().statistics.add(Count::icmp_out);
    bool late = why == Refusal::hop_limit || why == Refusal::reassembly_time;
    if (why != Refusal::parameter)
        a.stack().statistics.add(late ? Count::icmp_out_time_exceeded : Count::icmp_out_unreachable);
    IpSend ip{.source = header.source,
              .destination = header.destination,
              .protocol = header.protocol,
              .traffic_class = static_cast<u8>(a.ip.source.is_v4() ? 0xc0 : 0)}; // internetwork control, as Linux
    (void)output(*path, std::move(*message), ip, a.box);
}
} // namespace net::inet
