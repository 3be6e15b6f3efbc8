// What is told of flows to who lists sockets: /proc/net/tcp and its like, sock_diag(7).
#pragma once
#include "kernel/socket/options.h"
#include "net/inet/socket/flow.h"
#include <linux/tcp.h>
#include <string_view>

namespace net::inet {
struct FlowShown {
    Endpoint local, remote;
    u8 state = 7; // TCP_*: of datagrams 1 (connected) or 7
    u64 inode = 0;
    Kuid owner{0};
    u32 send_queue = 0, receive_queue = 0; // bytes; of a listener how many connections it takes, and how many wait
    u8 timer = 0;                          // as /proc/net/tcp numbers them; 0: none
    u64 timer_left_ns = 0;
    u8 retransmissions = 0, probes = 0;
    bool v6_only = false;
    u32 mark = 0, interface = 0;
    u32 send_buffer = 0, receive_buffer = 0; // what they may have
    std::string_view congestion;             // of a connection
    tcp_info info{};
    void take(const sockets::Options&);
};
} // namespace net::inet
