// Options of levels SOL_IP and SOL_IPV6 that sockets of all transports have: ip(7), ipv6(7).
#pragma once
#include "core/mm/user.h"
#include "net/stack/address.h"
#include <atomic>
#include <span>

namespace net::inet {
// IP_* newer than the headers that the kernel is built with.
inline constexpr int ip_local_port_range = 51, ip_protocol = 52;

/// A row of a table of options that are on or off.
struct OptionBit {
    int option;
    u32 bit;
};
/// 0: the table does not have it.
constexpr u32 bit_of(std::span<const OptionBit> table, int option) {
    for (const auto& row : table)
        if (row.option == option) return row.bit;
    return 0;
}
inline void set_bit(std::atomic<u32>& in, u32 bit, bool on) { on ? in.fetch_or(bit) : in.fetch_and(~bit); }

/// What SOL_IP and SOL_IPV6 each have for their packets. A socket of AF_INET6 has both.
struct FamilyOptions {
    std::atomic<int> hop_limit = -1;          // IP_TTL, IPV6_UNICAST_HOPS; -1: the stack's
    std::atomic<u8> traffic_class = 0;        // IP_TOS, IPV6_TCLASS
    std::atomic<u8> discover_mtu = 1;         // IP_MTU_DISCOVER: IP_PMTUDISC_WANT
    std::atomic<u8> multicast_hops = 1;       // IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS
    std::atomic<u8> least_hops = 0;           // IP_MINTTL, IPV6_MINHOPCOUNT
    std::atomic<u32> multicast_interface = 0; // IP_MULTICAST_IF, IPV6_MULTICAST_IF
    std::atomic<u32> unicast_interface = 0;   // IP_UNICAST_IF, IPV6_UNICAST_IF
    std::atomic<u32> receive = 0;             // what comes with a datagram: Receive
    std::atomic<bool> multicast_loop = true;  // IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP
    std::atomic<bool> multicast_all = true;   // IP_MULTICAST_ALL, IPV6_MULTICAST_ALL
    std::atomic<bool> receive_errors = false; // IP_RECVERR, IPV6_RECVERR
    std::atomic<bool> dont_fragment = false;  // IPV6_DONTFRAG
    std::atomic<u32> tuning = 0;              // options that only read back: a bit each
    /// What a connection takes from the socket that listens.
    void inherit(const FamilyOptions& from) {
        hop_limit = from.hop_limit.load();
        traffic_class = from.traffic_class.load();
        discover_mtu = from.discover_mtu.load();
        least_hops = from.least_hops.load();
        receive = from.receive.load();
        receive_errors = from.receive_errors.load();
        dont_fragment = from.dont_fragment.load();
        tuning = from.tuning.load();
    }
};
/// Whether a value of IP_MTU_DISCOVER heeds what routers say: not IP_PMTUDISC_INTERFACE and IP_PMTUDISC_OMIT.
constexpr bool listens_to_routers(u8 discover_mtu) { return discover_mtu < 4; }
/// What comes with a datagram: IP_PKTINFO, IP_RECVTTL, ...
enum Receive : u32 {
    receive_info = 1,
    receive_hops = 2,
    receive_class = 4,
    receive_original = 8, // IP_ORIGDSTADDR
    receive_flow = 16,
    receive_fragment_size = 32,
    receive_checksum = 64,
    // Extension headers and IPv4's options: never there, as no packet with them is kept.
    receive_options = 128,
    receive_more_options = 256,
    receive_routing = 512,
    receive_destination = 1024,
    // IPV6_2292*.
    receive_info_2292 = 2048,
    receive_hops_2292 = 4096,
    receive_security = 8192,
};

/// Read at any time without locks.
struct IpOptions {
    FamilyOptions v4, v6;
    const FamilyOptions& of(const Address& a) const { return a.is_v4() ? v4 : v6; }
    std::atomic<u32> multicast_source = 0; // IP_MULTICAST_IF's address, in host order
    std::atomic<u32> flow_label = 0;       // IPV6_FLOWINFO of what it is connected to
    std::atomic<u32> port_range = 0;       // IP_LOCAL_PORT_RANGE
    std::atomic<u16> prefer_source = 0;    // IPV6_ADDR_PREFERENCES
    std::atomic<bool> free_bind = false, transparent = false, bind_no_port = false;
    std::atomic<bool> v6_only = false; // IPV6_V6ONLY
    void inherit(const IpOptions& from) {
        v4.inherit(from.v4);
        v6.inherit(from.v6);
        free_bind = from.free_bind.load();
        transparent = from.transparent.load();
        v6_only = from.v6_only.load();
    }
};
} // namespace net::inet
