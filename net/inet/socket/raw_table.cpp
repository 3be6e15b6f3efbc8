// What raw sockets and those of ping hear of.
#include "net/inet/socket/raw_table.h"
#include "net/inet/stack/input.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>

namespace net::inet {
namespace {
constexpr usize buckets = 64;
struct Bucket {
    Spinlock<Rank::socket_ports> lock;
    RawEndpoint* first = nullptr;
};
constinit Bucket table[buckets];

Bucket& bucket_of(const Stack& stack, u8 protocol) {
    return table[(reinterpret_cast<uptr>(&stack) / sizeof(Stack) + protocol) % buckets];
}

Ref<RawEndpoint> share(RawEndpoint* e) { return Ref<RawEndpoint>::share(e); }

/// The checksum that a raw socket of IPv6 asks for is checked before it hears.
bool sum_is_right(const RawEndpoint& e, const Packet& p, const Ip& ip) {
    if (e.checksum_at.load(std::memory_order_relaxed) < 0 || p.checksum != ChecksumState::unknown) return true;
    Checksum sum = pseudo_header(ip.source, ip.destination, ip.protocol, p.size() - ip.header);
    p.add_to(sum, ip.header, p.size() - ip.header);
    return sum.value() == 0;
}

/// The answer to an echo request goes to the socket that has its identifier.
bool give_to_ping(const Arrival& a) {
    bool v4 = a.ip.source.is_v4();
    auto h = Reader{*a.packet, a.ip.header}.take<IcmpHeader>();
    if (!h || h->type != (v4 ? u8{ICMP_ECHOREPLY} : u8{ICMPV6_ECHO_REPLY}) || !icmp_checksum_is_right(*a.packet, a.ip))
        return false;
    Endpoint to{a.ip.destination, static_cast<u16>(h->rest >> 16)}, from{a.ip.source, 0};
    auto flow = Flows::find_datagrams(a.stack(), a.ip.protocol, to, from, a.in.index());
    if (!flow) return false;
    auto copy = a.packet->clone();
    if (!copy) return true;
    static_cast<DatagramEndpoint&>(*flow).deliver(std::move(*copy), {a.ip.header, a.ip.header});
    return true;
}

bool tap(const Arrival& a) {
    bool taken = a.ip.protocol == IPPROTO_ICMP || a.ip.protocol == IPPROTO_ICMPV6 ? give_to_ping(a) : false;
    Bucket& b = bucket_of(a.stack(), a.ip.protocol);
    Ref<RawEndpoint> after;
    for (bool first = true; first || after; first = false) {
        Ref<RawEndpoint> next;
        {
            Holding held{b.lock};
            // One that has been closed meanwhile ends the walk: it is in no list any more.
            if (after && !after->listed) break;
            RawEndpoint* at = after ? after->next : b.first;
            while (at && !at->hears(a)) at = at->next;
            next = share(at);
        }
        after = std::move(next);
        if (!after || !after->in_group(a)) continue;
        if (!a.ip.source.is_v4() && !sum_is_right(*after, *a.packet, a.ip)) continue;
        taken = true;
        if (auto copy = a.packet->clone())
            after->deliver(std::move(*copy), {a.ip.header, a.ip.source.is_v4() ? u16{0} : a.ip.header});
    }
    return taken;
}

/// Errors go to who has sent what is quoted: by identifier, or all raw sockets of the protocol.
void error_tap(const Arrival& a, const IcmpError& e) {
    u8 protocol = e.sent.protocol;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
        auto h = Reader{*a.packet, e.transport_at}.take<IcmpHeader>();
        Endpoint from{e.sent.source, static_cast<u16>(h ? h->rest >> 16 : 0)}, to{e.sent.destination, 0};
        bool ours = h && h->type == (a.ip.source.is_v4() ? u8{ICMP_ECHO} : u8{ICMPV6_ECHO_REQUEST});
        if (auto flow = ours ? Flows::find_datagrams(a.stack(), protocol, from, to, a.in.index()) : Ref<Flow>{})
            static_cast<DatagramEndpoint&>(*flow).failed(a, e, e.transport_at, 0);
    }
    Bucket& b = bucket_of(a.stack(), protocol);
    Ref<RawEndpoint> found[8]; // more are not told
    usize count = 0;
    {
        Holding held{b.lock};
        for (RawEndpoint* r = b.first; r; r = r->next)
            if (r->protocol() == protocol && &r->stack() == &a.stack() && r->v6 != e.sent.source.is_v4() &&
                (r->local.address.unspecified() || r->local.address == e.sent.source) &&
                (!r->connected || r->remote.address == e.sent.destination) && count < std::size(found))
                found[count++] = share(r);
    }
    for (usize i = 0; i < count; i++) found[i]->failed(a, e, e.transport_at, 0);
}
} // namespace

void RawTable::enter(RawEndpoint& e) {
    watch();
    Bucket& b = bucket_of(e.stack(), e.protocol());
    Holding held{b.lock};
    e.next = std::exchange(b.first, &e);
    e.listed = true;
}
void RawTable::leave(RawEndpoint& e) {
    Bucket& b = bucket_of(e.stack(), e.protocol());
    Holding held{b.lock};
    if (!std::exchange(e.listed, false)) return;
    RawEndpoint** at = &b.first;
    while (*at != &e) at = &(*at)->next;
    *at = e.next;
}
void RawTable::change(RawEndpoint& e, const Address& local, const Endpoint& remote) {
    Bucket& b = bucket_of(e.stack(), e.protocol());
    Holding held{b.lock};
    e.local.address = local;
    e.remote = remote;
}
void RawTable::watch() {
    raw_tap.store(tap, std::memory_order_release);
    raw_error_tap.store(error_tap, std::memory_order_release);
}

bool RawEndpoint::filters(u8 type) const {
    if (protocol() == IPPROTO_ICMP && !v6) return type < 32 && filter_v4.load(std::memory_order_relaxed) >> type & 1;
    if (protocol() == IPPROTO_ICMPV6 && v6)
        return filter_v6[type / 32].load(std::memory_order_relaxed) >> type % 32 & 1;
    return false;
}

bool RawEndpoint::in_group(const Arrival& a) const {
    const Address& group = a.ip.destination;
    return a.kind != RouteKind::multicast ||
           memberships.hear(group, a.ip.source, a.in.index(), ip.of(group).multicast_all);
}

bool RawEndpoint::hears(const Arrival& a) const {
    if (&stack() != &a.stack() || protocol() != a.ip.protocol || v6 == a.ip.source.is_v4()) return false;
    u32 only = interface.load(std::memory_order_relaxed);
    if (only && only != a.in.index()) return false;
    if (!local.address.unspecified() && local.address != a.ip.destination) return false;
    if (!remote.address.unspecified() && remote.address != a.ip.source) return false;
    auto type = Reader{*a.packet, a.ip.header}.take<u8>();
    return !type || !filters(*type);
}
} // namespace net::inet
