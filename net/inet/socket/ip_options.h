// Options of levels SOL_IP and SOL_IPV6 that sockets of all transports have: ip(7), ipv6(7).
#pragma once
#include "core/mm/user.h"
#include "net/stack/address.h"
#include <atomic>

namespace net::inet {
/// Read at any time without locks.
struct IpOptions {
    std::atomic<int> ttl = -1;                // IP_TTL, IPV6_UNICAST_HOPS; -1: the stack's
    std::atomic<u8> traffic_class = 0;        // IP_TOS, IPV6_TCLASS
    std::atomic<u8> discover_mtu = 1;         // IP_MTU_DISCOVER: IP_PMTUDISC_WANT
    std::atomic<u8> multicast_ttl = 1;        // IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS
    std::atomic<bool> multicast_loop = true;  // IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP
    std::atomic<u32> multicast_interface = 0; // IP_MULTICAST_IF, IPV6_MULTICAST_IF
    std::atomic<u32> unicast_interface = 0;   // IP_UNICAST_IF, IPV6_UNICAST_IF
    std::atomic<bool> free_bind = false, transparent = false, bind_no_port = false;
    std::atomic<bool> v6_only = false;        // IPV6_V6ONLY
    std::atomic<bool> receive_errors = false; // IP_RECVERR, IPV6_RECVERR
    /// What comes with a datagram: IP_PKTINFO, IP_RECVTTL, ...: a bit each.
    enum Receive : u32 {
        info = 1,
        ttl_too = 2,
        tos_too = 4,
        original_destination = 8,
        flow_info = 16,
        raw_options = 32
    };
    std::atomic<u32> receive = 0;
    std::atomic<u32> receive_v6 = 0;
    /// What a connection takes from the socket that listens.
    void inherit(const IpOptions& from) {
        ttl = from.ttl.load();
        traffic_class = from.traffic_class.load();
        discover_mtu = from.discover_mtu.load();
        v6_only = from.v6_only.load();
        receive_errors = from.receive_errors.load();
        receive = from.receive.load();
        receive_v6 = from.receive_v6.load();
    }
};
} // namespace net::inet
