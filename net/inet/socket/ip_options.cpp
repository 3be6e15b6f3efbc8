// setsockopt(2) and getsockopt(2) of level SOL_IP: ip(7).
#include "kernel/socket/numbers.h"
#include "net/inet/socket/socket.h"
#include <algorithm>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/ip.h>

namespace net::inet {
using namespace sockets;

namespace {
/// What comes with a datagram.
constexpr OptionBit receive_switches[] = {
    {IP_PKTINFO, receive_info},
    {IP_RECVTTL, receive_hops},
    {IP_RECVTOS, receive_class},
    {IP_RECVOPTS, receive_options},
    {IP_RETOPTS, receive_more_options},
    {IP_PASSSEC, receive_security},
    {IP_RECVORIGDSTADDR, receive_original},
    {IP_CHECKSUM, receive_checksum},
    {IP_RECVFRAGSIZE, receive_fragment_size},
};
/// Those that tune what is not there.
enum Tuning : u32 { tuning_errors_4884 = 1 };

/// An int, or a byte where the user gives no more; 0 for nothing.
Result<int> small_value(UserSpan<const std::byte> value) {
    if (value.size >= sizeof(int)) return copy_in(value.data.as<const int>());
    if (value.size >= 1) return int{TRY(copy_in(value.data.as<const u8>()))};
    return 0;
}
/// As a byte where the user has room for no more and it fits.
Result<usize> put_small(UserSpan<std::byte> to, int value) {
    if (to.size > 0 && to.size < sizeof(int) && value >= 0 && value <= 255)
        return put_option(to, static_cast<u8>(value));
    return put_option(to, value);
}
bool is_byte(int value) { return value >= 0 && value <= 255; }
} // namespace

/// Options of which an int is the value.
Result<> InetSocket::set_ip_number(int option, int value, bool has_value) {
    IpOptions& ip = end_->ip;
    FamilyOptions& own = ip.v4;
    if (u32 bit = bit_of(receive_switches, option)) {
        if (option == IP_RECVFRAGSIZE && type() != sock_raw && type() != sock_dgram) return err::inval;
        return set_bit(own.receive, bit, value), Result<>{};
    }
    auto needs_value = [&](bool fine) { return has_value && fine ? Result<>{} : Result<>{err::inval}; };
    switch (option) {
    case IP_TOS: // a stream's ECN is its own
        own.traffic_class = static_cast<u8>(type() == sock_stream ? (value & 0xfc) | (own.traffic_class & 3) : value);
        return {};
    case IP_TTL:
        TRY(needs_value(value == -1 || (value >= 1 && value <= 255)));
        own.hop_limit = value;
        return {};
    case IP_MINTTL:
        TRY(needs_value(is_byte(value)));
        own.least_hops = static_cast<u8>(value);
        return {};
    case IP_MTU_DISCOVER:
        if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT) return err::inval;
        own.discover_mtu = static_cast<u8>(value);
        return {};
    case IP_RECVERR:
        own.receive_errors = value;
        if (!value) errors_unwanted();
        return {};
    case IP_RECVERR_RFC4884:
        if (value != 0 && value != 1) return err::inval;
        return set_bit(own.tuning, tuning_errors_4884, value), Result<>{};
    case IP_MULTICAST_TTL:
        if (type() == sock_stream) return err::inval;
        if (value == -1) value = 1;
        TRY(needs_value(is_byte(value)));
        own.multicast_hops = static_cast<u8>(value);
        return {};
    case IP_MULTICAST_LOOP: TRY(needs_value(true)); return own.multicast_loop = value, Result<>{};
    case IP_MULTICAST_ALL:
        TRY(needs_value(value == 0 || value == 1));
        own.multicast_all = value;
        return {};
    case IP_FREEBIND: TRY(needs_value(true)); return ip.free_bind = value, Result<>{};
    case IP_TRANSPARENT:
        if (value && !has_capability(CAP_NET_RAW) && !has_capability(CAP_NET_ADMIN)) return err::perm;
        TRY(needs_value(true));
        ip.transparent = value;
        return {};
    case IP_BIND_ADDRESS_NO_PORT: return ip.bind_no_port = value, Result<>{};
    case IP_IPSEC_POLICY:
    case IP_XFRM_POLICY: return has_capability(CAP_NET_ADMIN) ? err::noprotoopt : err::perm;
    default: return err::noprotoopt; // IP_HDRINCL, IP_NODEFRAG, IP_ROUTER_ALERT: raw sockets'
    }
}

/// By an address of it, or by its number: struct in_addr, ip_mreq or ip_mreqn.
Result<> InetSocket::set_multicast_interface(UserSpan<const std::byte> value) {
    if (type() == sock_stream) return err::inval;
    ip_mreqn asked{};
    if (value.size >= sizeof asked) {
        asked = TRY(copy_in(value.data.as<const ip_mreqn>()));
    } else if (value.size >= sizeof(ip_mreq)) {
        auto two = TRY(copy_in(value.data.as<const ip_mreq>()));
        asked.imr_address = two.imr_interface;
    } else if (value.size >= sizeof(in_addr)) {
        asked.imr_address = TRY(copy_in(value.data.as<const in_addr>()));
    } else {
        return err::inval;
    }
    u32 bound = options().interface.load();
    net::Address by = net::Address::v4(std::byteswap(asked.imr_address.s_addr));
    u32 index = static_cast<u32>(asked.imr_ifindex);
    if (!index) {
        if (by != any_v4) {
            index = end_->stack().interface_of(by);
            if (!index) return err::addrnotavail;
        }
    } else if (!end_->stack().find(index)) {
        return err::addrnotavail;
    }
    if (index && bound && bound != index) return err::inval;
    end_->ip.v4.multicast_interface = index;
    end_->ip.multicast_source = by.v4_value();
    return {};
}

Result<> InetSocket::set_unicast_interface(FamilyOptions& own, UserSpan<const std::byte> value) {
    if (value.size != sizeof(int)) return err::inval;
    u32 index = std::byteswap(TRY(copy_in(value.data.as<const u32>())));
    if (index && !end_->stack().find(index)) return err::addrnotavail;
    if (index && options().interface.load()) return err::inval;
    own.unicast_interface = index;
    return {};
}

Result<> InetSocket::set_ip_option(int option, UserSpan<const std::byte> value) {
    switch (option) {
    case IP_OPTIONS: // none are sent
        if (value.size > 40) return err::inval;
        return value.size ? Result<>{err::noprotoopt} : Result<>{};
    case IP_MULTICAST_IF: return set_multicast_interface(value);
    case IP_UNICAST_IF: return set_unicast_interface(end_->ip.v4, value);
    case ip_local_port_range: {
        if (value.size != sizeof(u32)) return err::inval;
        u32 range = TRY(copy_in(value.data.as<const u32>())), low = range & 0xffff, high = range >> 16;
        if (low && high && low > high) return err::inval;
        end_->ip.port_range = range;
        return {};
    }
    default: return set_ip_number(option, TRY(small_value(value)), value.size > 0);
    }
}

Result<int> InetSocket::get_ip_number(int option) {
    const IpOptions& ip = end_->ip;
    const FamilyOptions& own = ip.v4;
    if (u32 bit = bit_of(receive_switches, option)) return int{(own.receive & bit) != 0};
    switch (option) {
    case IP_TOS: return int{own.traffic_class};
    case IP_TTL: return int{end_->hop_limit(any_v4)};
    case IP_MINTTL: return int{own.least_hops};
    case IP_MTU_DISCOVER: return int{own.discover_mtu};
    case IP_MTU: return TRY(mtu_to_peer());
    case IP_RECVERR: return int{own.receive_errors};
    case IP_RECVERR_RFC4884: return int{(own.tuning & tuning_errors_4884) != 0};
    case IP_MULTICAST_TTL: return int{own.multicast_hops};
    case IP_MULTICAST_LOOP: return int{own.multicast_loop};
    case IP_MULTICAST_ALL: return int{own.multicast_all};
    case IP_FREEBIND: return int{ip.free_bind};
    case IP_TRANSPARENT: return int{ip.transparent};
    case IP_BIND_ADDRESS_NO_PORT: return int{ip.bind_no_port};
    case IP_UNICAST_IF: return static_cast<int>(std::byteswap(own.unicast_interface.load()));
    case ip_local_port_range: return static_cast<int>(ip.port_range.load());
    case ip_protocol: return protocol();
    case IP_HDRINCL:
    case IP_NODEFRAG: return 0;
    default: return err::noprotoopt;
    }
}

Result<usize> InetSocket::get_ip_option(int option, UserSpan<std::byte> value) {
    switch (option) {
    case IP_OPTIONS: return usize{0};
    case IP_MULTICAST_IF: return put_option(value, std::byteswap(end_->ip.multicast_source.load()));
    default: return put_small(value, TRY(get_ip_number(option)));
    }
}
} // namespace net::inet
