// /proc/pid/net.
#include "fs/proc/net/net.h"
#include "net/inet/stack/name_servers.h"
#include "net/netlink/socket.h"
#include "net/packet/watchers.h"
#include <linux/in.h>

namespace proc {
namespace {
/// A record is some sockets, the first one with the heading.
Result<bool> print_packet_sockets(Writer& out, const Context& c, u64& at) {
    if (at == 0) out.write("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
    return packet_sockets::Watchers::print(out, *TRY(stack_of(c)), *reader_view(c).users, at);
}
/// A record is the heading, then a bucket's sockets.
Result<bool> print_netlink_sockets(Writer& out, const Context& c, u64& at) {
    if (at == 0)
        out.write("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
    return netlink::NetlinkSocket::print_bucket(out, *c.process->view().network, at++);
}

/// The machine's servers of names, for who reaches what it reaches: a network with more than its loopback.
Result<> print_name_servers(Writer& out, const Context& c) {
    auto& stack = *TRY(stack_of(c));
    bool own = c.process->view().network == View::root().network;
    if (own || stack.next(stack.loopback().index())) net::inet::NameServers::of_machine().print(out, own);
    return {};
}

constexpr u32 text = S_IFREG | 0444;
constexpr Item list[] = {
    {.name = "dev", .mode = text, .print_record = print_devices},
    {.name = "tcp", .mode = text, .print_record = print_flows<IPPROTO_TCP, false>},
    {.name = "tcp6", .mode = text, .print_record = print_flows<IPPROTO_TCP, true>},
    {.name = "udp", .mode = text, .print_record = print_flows<IPPROTO_UDP, false>},
    {.name = "udp6", .mode = text, .print_record = print_flows<IPPROTO_UDP, true>},
    {.name = "raw", .mode = text, .print_record = print_flows<IPPROTO_RAW, false>},
    {.name = "raw6", .mode = text, .print_record = print_flows<IPPROTO_RAW, true>},
    {.name = "unix", .mode = text, .print_record = print_unix_sockets},
    {.name = "route", .mode = text, .print_record = print_v4_routes},
    {.name = "ipv6_route", .mode = text, .print_record = print_v6_routes},
    {.name = "if_inet6", .mode = text, .print_record = print_v6_addresses},
    {.name = "arp", .mode = text, .print_record = print_neighbours},
    {.name = "igmp", .mode = text, .print_record = print_groups},
    {.name = "igmp6", .mode = text, .print_record = print_v6_groups},
    {.name = "dev_mcast", .mode = text, .print_record = print_link_groups},
    {.name = "sockstat", .mode = text, .try_print = print_socket_use},
    {.name = "sockstat6", .mode = text, .try_print = print_v6_socket_use},
    {.name = "snmp", .mode = text, .try_print = print_statistics},
    {.name = "snmp6", .mode = text, .try_print = print_v6_statistics},
    {.name = "netstat", .mode = text, .try_print = print_more_statistics},
    {.name = "protocols", .mode = text, .print = print_protocols},
    {.name = "netlink", .mode = text, .print_record = print_netlink_sockets},
    {.name = "pnp", .mode = text, .try_print = print_name_servers},
    {.name = "packet", .mode = text, .print_record = print_packet_sockets},
};
} // namespace

constinit const Items net_items{list};
} // namespace proc
