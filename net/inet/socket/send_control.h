// Control data of a message that is sent: ip(7), ipv6(7), udp(7).
#pragma once
#include "net/inet/socket/endpoint.h"
#include <span>

namespace net::inet {
/// How one message is sent, where that differs from what its socket's options say.
struct SendControl {
    int hop_limit = -1, traffic_class = -1; // -1: as the socket's options say
    Address source;                         // unspecified: as the socket is bound, or chosen
    u32 interface = 0;
    u16 segment_size = 0; // UDP_SEGMENT; 0: none
    int dont_fragment = -1;
    /// `data` is well-formed control data. `v4`: the packet is IPv4's, of a socket of AF_INET or AF_INET6. err::inval.
    Result<> read(std::span<const std::byte> data, const InetEndpoint&, bool v4);
    bool differs_in_way() const { return interface || !source.unspecified(); }

private:
    Result<> read_v4(int type, std::span<const std::byte>);
    Result<> read_v6(int type, std::span<const std::byte>, const InetEndpoint&);
};
} // namespace net::inet
