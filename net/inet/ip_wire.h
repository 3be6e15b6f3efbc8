// How the headers of IPv4 and IPv6 stand on the wire. Only for the files that read and write them.
#pragma once
#include "net/inet/ip.h"

namespace net::inet {
struct Ipv4Header {
    u8 version_and_words = 0x45, tos = 0;
    Big16 total_length, id, fragment;
    u8 ttl = 0, protocol = 0;
    Big16 checksum;
    Big32 source, destination;
};
static_assert(sizeof(Ipv4Header) == ipv4_header_size);
inline constexpr u16 ipv4_dont_fragment = 0x4000, ipv4_more_fragments = 0x2000, ipv4_offset_mask = 0x1fff;

struct Ipv6Header {
    Big32 version_class_flow;
    Big16 payload_length;
    u8 next_header = 0, hop_limit = 0;
    std::array<u8, 16> source{}, destination{};
};
static_assert(sizeof(Ipv6Header) == ipv6_header_size);
struct Ipv6Fragment {
    u8 next_header = 0, reserved = 0;
    Big16 offset_and_more; // offset in units of eight bytes, which are the upper bits
    Big32 id;
};
static_assert(sizeof(Ipv6Fragment) == 8);

namespace ip_detail {
Result<> push_ipv4(Packet&, const IpSend&, u16 fragment);
Result<> push_ipv6(Packet&, const IpSend&);
} // namespace ip_detail
} // namespace net::inet
