// What comes in: from a packet with an IP header to the protocol that it is for.
#pragma once
#include "net/inet/icmp.h"
#include "net/inet/stack/interface.h"
#include "net/inet/stack/outbox.h"
#include "net/inet/stack/stack.h"

namespace net::inet {
/// A packet that begins with its IP header has come by an interface. Without locks.
void input(Interface& in, PacketBox, Outbox&);

/// A packet for this machine, whole: `ip.header` is where the transport's header stands. What protocols get.
struct Arrival {
    Interface& in;
    PacketBox packet;
    Ip ip;
    RouteKind kind; // local, broadcast or multicast: what its destination is
    Outbox& box;
    bool entered = false; // translated, but for the addresses in the packet's IP header
    Stack& stack() const { return in.stack(); }
};
/// A transport.
struct Protocol {
    u8 number; // IPPROTO_*
    void (*arrived)(Arrival&);
    /// Somebody tells of a packet of ours of this protocol, which the ICMP packet quotes.
    void (*failed)(Arrival&, const IcmpError&) = nullptr;
};
/// All there are: net/inet/socket/family.cpp.
extern const std::span<const Protocol* const> protocols;
extern const Protocol icmp_protocol, icmpv6_protocol;
/// Told of every packet for this machine before its protocol is: raw sockets. Whether one took it. Null: nobody.
extern std::atomic<bool (*)(const Arrival&)> raw_tap;
/// The same for errors that ICMP tells of, before the protocol hears of them.
extern std::atomic<void (*)(const Arrival&, const IcmpError&)> raw_error_tap;

/// Tells the sender why a packet was not accepted, as often as is allowed.
void refuse(Arrival&, Refusal, u32 value = 0, u8 code = 0);
} // namespace net::inet
