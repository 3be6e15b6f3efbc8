// setsockopt(2) and getsockopt(2) of level SOL_IPV6: ipv6(7), RFC 3493, 3542.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/socket.h"
#include <linux/capability.h>
#include <linux/in6.h>
#include <linux/ipv6.h>

namespace net::inet {
using namespace sockets;

namespace {
/// Bits of `receive`; those without one of their own share `receive_options` and its like: their headers never come.
enum MoreReceive : u32 {
    receive_hop_options = receive_options,
    receive_old_hop_options = receive_more_options,
    receive_old_routing = 1 << 16,
    receive_old_destination = 1 << 17,
    receive_path_mtu = 1 << 18,
};
constexpr OptionBit receive_switches[] = {
    {IPV6_RECVPKTINFO, receive_info},           {IPV6_2292PKTINFO, receive_info_2292},
    {IPV6_RECVHOPLIMIT, receive_hops},          {IPV6_2292HOPLIMIT, receive_hops_2292},
    {IPV6_RECVTCLASS, receive_class},           {IPV6_FLOWINFO, receive_flow},
    {IPV6_RECVHOPOPTS, receive_hop_options},    {IPV6_2292HOPOPTS, receive_old_hop_options},
    {IPV6_RECVDSTOPTS, receive_destination},    {IPV6_2292DSTOPTS, receive_old_destination},
    {IPV6_RECVRTHDR, receive_routing},          {IPV6_2292RTHDR, receive_old_routing},
    {IPV6_RECVPATHMTU, receive_path_mtu},       {IPV6_RECVORIGDSTADDR, receive_original},
    {IPV6_RECVFRAGSIZE, receive_fragment_size},
};
/// On or off, and no more than that.
enum Tuning : u32 { tuning_errors_4884 = 1, tuning_auto_flow_label = 2, tuning_send_flow_info = 4, tuning_isolate = 8 };
constexpr OptionBit switches[] = {
    {IPV6_AUTOFLOWLABEL, tuning_auto_flow_label},
    {IPV6_FLOWINFO_SEND, tuning_send_flow_info},
    {IPV6_ROUTER_ALERT_ISOLATE, tuning_isolate},
    {IPV6_RECVERR_RFC4884, tuning_errors_4884},
};
bool is_hop_limit(int value) { return value >= -1 && value <= 255; }
} // namespace

Result<> InetSocket::set_ipv6_multicast_interface(int value) {
    if (type() == sock_stream) return err::noprotoopt;
    u32 index = static_cast<u32>(value), bound = options().interface.load();
    if (index && !end_->stack().find(index)) return err::nodev;
    if (index && bound && bound != index) return err::inval;
    end_->ip.v6.multicast_interface = index;
    return {};
}

Result<> InetSocket::set_ipv6_number(int option, int value) {
    IpOptions& ip = end_->ip;
    FamilyOptions& own = ip.v6;
    if (u32 bit = bit_of(receive_switches, option)) return set_bit(own.receive, bit, value), Result<>{};
    if (u32 bit = bit_of(switches, option)) {
        if (option == IPV6_RECVERR_RFC4884 && value != 0 && value != 1) return err::inval;
        return set_bit(own.tuning, bit, value), Result<>{};
    }
    switch (option) {
    case IPV6_UNICAST_HOPS:
        if (!is_hop_limit(value)) return err::inval;
        own.hop_limit = value;
        return {};
    case IPV6_MULTICAST_HOPS:
        if (type() == sock_stream) return err::noprotoopt;
        if (!is_hop_limit(value)) return err::inval;
        own.multicast_hops = static_cast<u8>(value == -1 ? 1 : value);
        return {};
    case IPV6_MULTICAST_LOOP:
        if (value != 0 && value != 1) return err::inval;
        own.multicast_loop = value;
        return {};
    case IPV6_MULTICAST_ALL: return own.multicast_all = value, Result<>{};
    case IPV6_MULTICAST_IF: return set_ipv6_multicast_interface(value);
    case IPV6_MINHOPCOUNT:
        if (value < 0 || value > 255) return err::inval;
        own.least_hops = static_cast<u8>(value);
        return {};
    case IPV6_TCLASS:
        if (value < -1 || value > 255) return err::inval;
        if (value == -1) value = 0;
        own.traffic_class = static_cast<u8>(type() == sock_stream ? (value & 0xfc) | (own.traffic_class & 3) : value);
        return {};
    case IPV6_MTU_DISCOVER:
        if (value < IPV6_PMTUDISC_DONT || value > IPV6_PMTUDISC_OMIT) return err::inval;
        own.discover_mtu = static_cast<u8>(value);
        return {};
    case IPV6_MTU: return value && value < 1280 ? Result<>{err::inval} : Result<>{};
    case IPV6_DONTFRAG: return own.dont_fragment = value, Result<>{};
    case IPV6_RECVERR:
        own.receive_errors = value;
        if (!value) errors_unwanted();
        return {};
    case IPV6_V6ONLY:
        if (end_->bound()) return err::inval;
        ip.v6_only = value;
        return {};
    case IPV6_FREEBIND: return ip.free_bind = value, Result<>{};
    case IPV6_TRANSPARENT:
        if (value && !has_capability(CAP_NET_RAW) && !has_capability(CAP_NET_ADMIN)) return err::perm;
        ip.transparent = value;
        return {};
    case IPV6_ADDR_PREFERENCES: ip.prefer_source = static_cast<u16>(value); return {};
    case IPV6_IPSEC_POLICY:
    case IPV6_XFRM_POLICY: return has_capability(CAP_NET_ADMIN) ? err::noprotoopt : err::perm;
    default: return err::noprotoopt;
    }
}

Result<> InetSocket::set_ipv6_option(int option, UserSpan<const std::byte> value) {
    switch (option) {
    case IPV6_UNICAST_IF: return set_unicast_interface(end_->ip.v6, value);
    case IPV6_HOPOPTS: // none are sent
    case IPV6_DSTOPTS:
    case IPV6_RTHDR:
    case IPV6_RTHDRDSTOPTS:
        if (option != IPV6_RTHDR && !has_capability(CAP_NET_RAW)) return err::perm;
        return value.size && value.data ? Result<>{err::noprotoopt} : Result<>{};
    case IPV6_2292PKTOPTIONS:
    case IPV6_PKTINFO: return value.size ? Result<>{err::noprotoopt} : Result<>{};
    default: return set_ipv6_number(option, TRY(option_value<int>(value)));
    }
}

Result<int> InetSocket::get_ipv6_number(int option) {
    const IpOptions& ip = end_->ip;
    const FamilyOptions& own = ip.v6;
    if (u32 bit = bit_of(receive_switches, option)) return int{(own.receive & bit) != 0};
    if (u32 bit = bit_of(switches, option)) return int{(own.tuning & bit) != 0};
    switch (option) {
    case IPV6_UNICAST_HOPS: return int{end_->hop_limit(any_v6)};
    case IPV6_MULTICAST_HOPS: return int{own.multicast_hops};
    case IPV6_MULTICAST_LOOP: return int{own.multicast_loop};
    case IPV6_MULTICAST_ALL: return int{own.multicast_all};
    case IPV6_MULTICAST_IF: return static_cast<int>(own.multicast_interface.load());
    case IPV6_MINHOPCOUNT: return int{own.least_hops};
    case IPV6_TCLASS: return int{own.traffic_class};
    case IPV6_MTU_DISCOVER: return int{own.discover_mtu};
    case IPV6_MTU: return TRY(mtu_to_peer());
    case IPV6_DONTFRAG: return int{own.dont_fragment};
    case IPV6_RECVERR: return int{own.receive_errors};
    case IPV6_V6ONLY: return int{ip.v6_only};
    case IPV6_FREEBIND: return int{ip.free_bind};
    case IPV6_TRANSPARENT: return int{ip.transparent};
    case IPV6_UNICAST_IF: return static_cast<int>(std::byteswap(own.unicast_interface.load()));
    case IPV6_ADDR_PREFERENCES: return int{ip.prefer_source};
    default: return err::noprotoopt;
    }
}

Result<usize> InetSocket::get_ipv6_option(int option, UserSpan<std::byte> value) {
    switch (option) {
    case IPV6_HOPOPTS:
    case IPV6_DSTOPTS:
    case IPV6_RTHDR:
    case IPV6_RTHDRDSTOPTS: return usize{0};
    case IPV6_PATHMTU: {
        if (value.size < sizeof(ip6_mtuinfo)) return err::inval;
        ip6_mtuinfo told{};
        told.ip6m_mtu = static_cast<u32>(TRY(mtu_to_peer()));
        return put_option(value, told);
    }
    default: return put_option(value, TRY(get_ipv6_number(option)));
    }
}
} // namespace net::inet
