// ARP on Ethernet (RFC 826, 5227).
#pragma once
#include "net/stack/address.h"
#include "net/stack/packet.h"

namespace net::inet {
struct Arp {
    bool reply = false;
    LinkAddress sender_link, target_link;
    Address sender, target; // IPv4; a probe's sender is 0.0.0.0
};
/// err::inval: not ARP for IPv4 on Ethernet, or a sender that nobody can be.
Result<Arp> parse_arp(const Packet&);
Result<PacketBox> make_arp(const Arp&);
} // namespace net::inet
