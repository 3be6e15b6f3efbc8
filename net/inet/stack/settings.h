// What can be set of a network: net.ipv4.*, net.ipv6.* below /proc/sys.
#pragma once
#include "lib/types.h"
#include <atomic>

namespace net::inet {
/// With Linux's defaults. Read at any time.
struct Settings {
    std::atomic<u32> ttl = 64;                                  // ip_default_ttl, and IPv6's hop_limit
    std::atomic<u32> first_port = 32768, last_port = 60999;     // ip_local_port_range
    std::atomic<u32> next_port = 0;                             // where the search for a free one goes on
    std::atomic<u32> first_unprivileged_port = 1024;            // ip_unprivileged_port_start
    std::atomic<u32> first_ping_group = 1, last_ping_group = 0; // ping_group_range: nobody
    std::atomic<bool> nonlocal_bind = false, forward_v4 = false, forward_v6 = false;
    std::atomic<bool> ignore_echo = false, ignore_broadcast_echo = true;
    std::atomic<bool> v6_only = false; // net.ipv6.bindv6only
    // net.ipv6.conf.*, for all interfaces that configure themselves.
    std::atomic<bool> disable_v6 = false, autoconf = true;
    std::atomic<u32> accept_advertisements = 1, dad_probes = 1; // accept_ra, dad_transmits

    struct Tcp {
        std::atomic<u32> syn_retries = 6, syn_ack_retries = 5, retries = 15, orphan_retries = 8;
        std::atomic<u32> keep_idle_s = 7200, keep_interval_s = 75, keep_count = 9, fin_timeout_s = 60;
        std::atomic<u32> most_half_open = 512, most_time_wait = 16384, most_orphans = 16384;
        std::atomic<bool> sack = true, timestamps = true, scaling = true, reset_on_overflow = false;
        std::atomic<u32> send_least = 4096, send_default = 87040, send_most = 4 << 20;           // tcp_wmem
        std::atomic<u32> receive_least = 4096, receive_default = 131072, receive_most = 6 << 20; // tcp_rmem
        std::atomic<u32> ecn = 2; // tcp_ecn: 1: asked for; 2: agreed to
        std::atomic<u32> frto = 2, mtu_probing = 0, base_mss = 1024;
        std::atomic<u8> congestion = 0; // index into congestion_controls()
    } tcp;
};
} // namespace net::inet
