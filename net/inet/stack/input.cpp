#include "net/inet/stack/input.h"
#include "net/inet/stack/output.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
constinit std::atomic<bool (*)(const Arrival&)> raw_tap = nullptr;

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
    if (!taken) refuse(a, Refusal::protocol_unreachable, a.ip.next_header_at);
}

} // namespace

void input(Interface& in, PacketBox p, Outbox& box) {
    p->interface = in.index();
    auto parsed = parse_ip(*p);
    if (!parsed) {
        in.counters.errors_in.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (is_martian(in, *parsed)) return drop(in);
    Arrival a{in, std::move(p), *parsed, in.stack().kind_of(parsed->destination, in), box};
    switch (a.kind) {
    case RouteKind::local:
    case RouteKind::broadcast:
    case RouteKind::multicast: break;
    default: return drop(in);
    }
    if (a.ip.is_fragment) {
        auto whole = a.stack().reassemble(std::move(a.packet), a.ip, box.now);
        if (!whole) return;
        a.packet = std::move(whole->packet);
        a.ip = whole->ip;
    }
    deliver(a);
}

void refuse(Arrival& a, Refusal why, u32 value, u8 code) {
    if (a.kind != RouteKind::local || a.packet->destination != Destination::host) return;
    if (!a.stack().icmp_limit.lock()->allow(a.ip.source, a.box.now)) return;
    auto message = icmp_error(*a.packet, a.ip, why, value, code);
    if (!message || !*message) return;
    auto path = a.stack().route(a.ip.source, a.ip.destination, a.ip.source.link_local() ? a.in.index() : 0);
    if (!path) return;
    u8 protocol = a.ip.source.is_v4() ? u8{IPPROTO_ICMP} : u8{IPPROTO_ICMPV6};
    IpSend ip{.source = a.ip.destination,
              .destination = a.ip.source,
              .protocol = protocol,
              .traffic_class = static_cast<u8>(a.ip.source.is_v4() ? 0xc0 : 0)}; // internetwork control, as Linux
    (void)output(*path, std::move(*message), ip, a.box);
}
} // namespace net::inet
