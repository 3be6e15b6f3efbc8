#include "net/inet/stack/loopback.h"
#include "net/inet/stack/ethernet.h"
#include <linux/if_arp.h>
#include <linux/if_ether.h>

namespace net::inet {
Loopback::Loopback(Stack& stack) : Interface{stack, "lo", ARPHRD_LOOPBACK, IFF_LOOPBACK, 65536} {
    offloads = {.checksum = true, .segment_v4 = 65535, .segment_v6 = 65535};
}

namespace {
/// Packets have no header of a link here, but for those who look on.
u16 type_of(const Packet& p) {
    if (p.protocol) return p.protocol;
    auto first = Reader{p}.take<u8>().value_or(0);
    return first >> 4 == 6 ? u16{ETH_P_IPV6} : u16{ETH_P_IP};
}
} // namespace

void Loopback::send(PacketBox p, const Address& next_hop, Outbox& box) {
    if (!up()) return;
    p->protocol = next_hop.is_v4() ? ETH_P_IP : ETH_P_IPV6;
    stack().show({*this, *p, p->protocol, true});
    give(std::move(p), box);
}

void Loopback::send_frame(PacketBox p, Outbox& box, const void* sender) {
    auto header = Reader{*p}.take<EthernetHeader>();
    if (!header || !up()) return;
    p->trim_front(sizeof *header);
    p->protocol = header->type;
    stack().show({*this, *p, p->protocol, true, sender});
    give(std::move(p), box);
}

void Loopback::give(PacketBox p, Outbox& box) {
    counters.left(p->size());
    // It never leaves the machine's memory: nobody needs the sum.
    p->checksum = ChecksumState::verified;
    p->destination = Destination::host;
    box.give(std::move(p), *this);
}

void Loopback::arrive(PacketBox p, Outbox& box) {
    u16 type = type_of(*p);
    stack().show({*this, *p, type, false});
    if (type == ETH_P_IP || type == ETH_P_IPV6) return input(*this, std::move(p), box);
    counters.dropped_in.fetch_add(1, std::memory_order_relaxed);
}
} // namespace net::inet
