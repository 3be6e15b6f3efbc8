// UDP's header (RFC 768, RFC 8200 8.1).
#pragma once
#include "net/inet/ip.h"

namespace net::inet {
struct UdpHeader {
    Big16 source, destination, length, checksum;
};
static_assert(sizeof(UdpHeader) == 8);

/// Checks a datagram that begins with its IP header. What stands behind its end is cut off. err::inval: a length that
/// cannot be; err::badmsg: a wrong checksum.
Result<UdpHeader> parse_udp(Packet&, const Ip&);

enum class UdpChecksum : u8 {
    full,    // in software, now
    partial, // a device completes it, or nobody needs it
    none,    // IPv4, or it never leaves the machine
};
/// Puts the header in front of the data. err::msgsize: more than 65,535 bytes.
Result<> push_udp(Packet&, const Endpoint& source, const Endpoint& destination, UdpChecksum);
} // namespace net::inet
