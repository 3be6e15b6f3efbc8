// What IPv4 and IPv6 have in common: what a header says, and how one is written.
#pragma once
#include "net/stack/address.h"
#include "net/stack/packet.h"
#include <expected>

namespace net::inet {
/// What is known of a packet once its headers up to the transport's have been checked.
struct Ip {
    Address source, destination;
    u8 protocol = 0;      // IPPROTO_* of the transport
    u8 hop_limit = 0;     // TTL
    u8 traffic_class = 0; // TOS: ECN in the two lowest bits
    u32 flow_label = 0;   // IPv6
    u16 header = 0;       // where the transport's header stands
    bool is_fragment = false, more_fragments = false;
    bool dont_fragment = false; // IPv6: but for what has been put together
    u16 fragment_offset = 0;    // bytes
    u32 fragment_id = 0;
    u16 unfragmentable = 0; // bytes of headers that each fragment has; IPv4: all of them
    u16 next_header_at = 0; // IPv6: the byte that names the fragment header
    u8 ecn() const { return traffic_class & 3; }
    bool was_fragmented() const { return !source.is_v4() && !dont_fragment; } // of IPv6, once it is whole
};

/// Why a packet is dropped, and whether its sender is told: ICMPv6 only.
struct Problem {
    bool report = false;
    u8 code = 0; // of a parameter problem
    u32 pointer = 0;
    bool even_to_multicast = false;
};
using Parsed = std::expected<Ip, Problem>;

/// Checks a packet that begins with an IPv4 header (RFC 791, 1122) and cuts what stands behind its end (the link's
/// padding). Options are skipped; those that route by the source's will are refused.
Parsed parse_ipv4(Packet&);
/// The same for IPv6 (RFC 8200): extension headers up to the transport's or to that of a fragment.
Parsed parse_ipv6(Packet&);
/// By the version in the first byte.
Parsed parse_ip(Packet&);

/// What the header says of a packet that has been found fine before, as far as who reads datagrams is shown it:
/// `header` is where its transport's header stands.
Ip checked_ip(const Packet&, u16 header);

/// What a sender asks for.
struct IpSend {
    Address source, destination;
    u8 protocol = 0, hop_limit = 64, traffic_class = 0;
    u32 flow_label = 0;
    bool dont_fragment = false;
    u32 id = 0; // for fragments: unpredictable, not used again soon
};
inline constexpr usize ipv4_header_size = 20, ipv6_header_size = 40;
constexpr usize ip_header_size(const Address& a) { return a.is_v4() ? ipv4_header_size : ipv6_header_size; }
inline constexpr u16 least_mtu_v4 = 68, least_mtu_v6 = 1280;

/// Puts the header in front of the transport's. err::msgsize: more than 65,535 bytes; err::nobufs.
Result<> push_ip(Packet&, const IpSend&);
/// Cuts a packet that push_ip() has not been called for into fragments with headers, each at most `mtu` bytes, and
/// calls send(PacketBox) for each. Its checksum is complete. err::msgsize: it must not be cut, or the MTU is too small.
template <class F>
Result<> send_fragments(const Packet& whole, const IpSend& ip, usize mtu, F send);

namespace fragment_detail {
/// Bytes of data that a fragment has; 0: none would fit.
usize room(const IpSend&, usize mtu);
Result<PacketBox> make(const Packet& whole, const IpSend&, usize offset, usize length);
} // namespace fragment_detail

template <class F>
Result<> send_fragments(const Packet& whole, const IpSend& ip, usize mtu, F send) {
    usize most = fragment_detail::room(ip, mtu);
    if (most == 0 || ip.dont_fragment) return err::msgsize;
    for (usize at = 0; at < whole.size(); at += most) send(TRY(fragment_detail::make(whole, ip, at, most)));
    return {};
}
} // namespace net::inet
