// /proc/net/sockstat, snmp, netstat and protocols.
#include "fs/proc/net/net.h"
#include "net/unix/endpoint.h"
#include <algorithm>
#include <linux/in.h>

namespace proc {
using namespace net;
using namespace net::inet;

namespace {
usize count_unix_sockets(const NetworkNamespace& network) {
    Ref<unix_sockets::Endpoint> some[16];
    usize count = 0;
    for (u64 at = 0;;) {
        usize n = unix_sockets::Endpoint::some(network, at, some);
        for (usize i = 0; i < n; i++) count += some[i]->inode.load() != 0;
        if (n < std::size(some)) return count;
    }
}
/// What all interfaces have counted.
struct Sums {
    u64 packets_in = 0, bytes_in = 0, dropped_in = 0, packets_out = 0, bytes_out = 0, dropped_out = 0;
};
Sums sums_of(Stack& stack) {
    Sums s;
    stack.for_each_interface([&](Interface& i) {
        auto& n = i.counters;
        s.packets_in += n.packets_in.load(), s.bytes_in += n.bytes_in.load(), s.dropped_in += n.dropped_in.load();
        s.packets_out += n.packets_out.load(), s.bytes_out += n.bytes_out.load(), s.dropped_out += n.dropped_out.load();
    });
    return s;
}
/// A heading and zeros for what nobody counts.
void print_zeros(Writer& out, std::string_view title, std::string_view names) {
    print(out, "{} {}\n{}", title, names, title);
    out.write(" 0");
    for (char c : names)
        if (c == ' ') out.write(" 0");
    out.write("\n");
}
} // namespace

Result<> print_socket_use(Writer& out, const Context& c) {
    Stack& stack = *TRY(stack_of(c));
    FlowCount tcp = count_flows(stack, IPPROTO_TCP), udp = count_flows(stack, IPPROTO_UDP),
              raw = count_flows(stack, IPPROTO_RAW);
    usize used = tcp.v4 + tcp.v6 + udp.v4 + udp.v6 + raw.v4 + raw.v6 + count_unix_sockets(*c.process->view().network);
    print(out, "sockets: used {}\nTCP: inuse {} orphan {} tw {} alloc {} mem 0\nUDP: inuse {} mem 0\n", used, tcp.v4,
          tcp.closed, tcp.time_wait, tcp.v4 + tcp.v6 + tcp.closed, udp.v4);
    print(out, "UDPLITE: inuse 0\nRAW: inuse {}\nFRAG: inuse 0 memory 0\n", raw.v4);
    return {};
}

Result<> print_v6_socket_use(Writer& out, const Context& c) {
    Stack& stack = *TRY(stack_of(c));
    print(out, "TCP6: inuse {}\nUDP6: inuse {}\nUDPLITE6: inuse 0\nRAW6: inuse {}\nFRAG6: inuse 0 memory 0\n",
          count_flows(stack, IPPROTO_TCP).v6, count_flows(stack, IPPROTO_UDP).v6, count_flows(stack, IPPROTO_RAW).v6);
    return {};
}

Result<> print_statistics(Writer& out, const Context& c) {
    Stack& stack = *TRY(stack_of(c));
    Sums s = sums_of(stack);
    auto n = [&](Count c) { return stack.statistics.sum(c); };
    u64 unknown = n(Count::ip_unknown_protocols), errors = n(Count::ip_header_errors) + n(Count::ip_address_errors);
    u64 dropped = std::max(s.dropped_in, errors), arrived = s.packets_in - std::min(s.packets_in, dropped + unknown);
    print(
        out,
        "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards "
        "InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails "
        "FragCreates OutTransmits\n"
        "Ip: {} {} {} {} {} {} {} {} {} {} {} 0 0 0 0 0 0 0 0 {}\n",
        stack.settings.forward_v4 ? 1 : 2, stack.settings.ttl.load(), s.packets_in, n(Count::ip_header_errors),
        n(Count::ip_address_errors), n(Count::ip_forwarded), unknown, dropped - errors, arrived, s.packets_out,
        s.dropped_out, s.packets_out);
    print(out,
          "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos "
          "InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal "
          "OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps "
          "OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n"
          "Icmp: {} {} {} {} {} {} 0 0 {} {} 0 0 0 0 {} 0 0 0 {} {} 0 0 0 0 {} 0 0 0 0\n",
          n(Count::icmp_in), n(Count::icmp_in_errors), n(Count::icmp_in_errors), n(Count::icmp_in_unreachable),
          n(Count::icmp_in_time_exceeded), n(Count::icmp_in_parameter_problems), n(Count::icmp_in_echos),
          n(Count::icmp_in_echo_replies), n(Count::icmp_out), n(Count::icmp_out_unreachable),
          n(Count::icmp_out_time_exceeded), n(Count::icmp_out_echo_replies));
    print(out,
          "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs "
          "OutSegs RetransSegs InErrs OutRsts InCsumErrors\nTcp: 1 200 120000 -1 {} {} {} {} {} {} {} {} {} {} {}\n",
          n(Count::tcp_active_opens), n(Count::tcp_passive_opens), n(Count::tcp_attempts_failed),
          n(Count::tcp_established_reset), count_flows(stack, IPPROTO_TCP).established, n(Count::tcp_in),
          n(Count::tcp_out), n(Count::tcp_retransmitted), n(Count::tcp_in_errors), n(Count::tcp_resets_sent),
          n(Count::tcp_checksum_errors));
    constexpr std::string_view udp =
        "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors";
    print(out, "Udp: {}\nUdp: {} {} {} {} {} 0 {} 0 0\n", udp, n(Count::udp_in), n(Count::udp_no_ports),
          n(Count::udp_in_errors) + n(Count::udp_buffer_full), n(Count::udp_out), n(Count::udp_buffer_full),
          n(Count::udp_checksum_errors));
    print_zeros(out, "UdpLite:", udp);
    return {};
}

Result<> print_more_statistics(Writer& out, const Context& c) {
    Stack& stack = *TRY(stack_of(c));
    Sums s = sums_of(stack);
    u64 overflows = stack.statistics.sum(Count::tcp_listen_overflows);
    print(out,
          "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts TW ListenOverflows ListenDrops\n"
          "TcpExt: 0 0 0 0 {} {} {}\n",
          stack.statistics.sum(Count::tcp_time_waits), overflows, overflows);
    print(out,
          "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets "
          "InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts "
          "InCEPkts ReasmOverlaps\nIpExt: 0 0 0 0 0 0 {} {} 0 0 0 0 0 0 0 0 0 0\n",
          s.bytes_in, s.bytes_out);
    return {};
}

Result<> print_v6_statistics(Writer& out, const Context& c) {
    (void)TRY(stack_of(c));
    for (std::string_view name :
         {"Ip6InReceives", "Ip6InHdrErrors", "Ip6InDiscards", "Ip6InDelivers", "Ip6OutRequests", "Ip6OutDiscards",
          "Icmp6InMsgs", "Icmp6OutMsgs", "Udp6InDatagrams", "Udp6OutDatagrams"})
        print(out, "{:<32}\t0\n", name);
    return {};
}

void print_protocols(Writer& out, const Context&) {
    out.write(
        "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha "
        "uh gp em\n");
    for (std::string_view name : {"NETLINK", "UNIX", "UNIX-STREAM", "TCPv6", "TCP"})
        print(out,
              "{:<9} {:4} {:6}  {:6}   {:<3} {:6}   {:<3}  {:<10}  y  y  y  y  y  n  n  y  y  y  y  y  y  n  n  n  n  "
              "n\n",
              name, 1024, 0, -1, "NI", 0, "yes", "kernel");
}
} // namespace proc
