// Joining and leaving groups by options: IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP, MCAST_JOIN_GROUP and their relatives.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/datagram.h"
#include <algorithm>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
using namespace sockets;

namespace {
net::Address v4(in_addr a) { return net::Address::v4(std::byteswap(a.s_addr)); }
net::Address v6(const in6_addr& a) {
    net::Address to;
    std::memcpy(to.bytes.data(), &a, 16);
    return to;
}
/// struct group_req and group_source_req, whose C declarations want a C library's sockaddr_storage.
struct GroupRequest {
    u32 interface, padding;
    std::array<std::byte, 128> group, source;
};
constexpr usize group_only = offsetof(GroupRequest, source);

Result<net::Address> address_in(const std::array<std::byte, 128>& storage, int level) {
    u16 family;
    std::memcpy(&family, storage.data(), sizeof family);
    if (family != (level == sol_ip ? af_inet : af_inet6)) return err::addrnotavail;
    if (level == sol_ipv6) {
        in6_addr a;
        std::memcpy(&a, storage.data() + 8, sizeof a);
        return v6(a);
    }
    in_addr a;
    std::memcpy(&a, storage.data() + 4, sizeof a);
    return v4(a);
}

/// struct ip_mreqn, or the shorter ip_mreq.
Result<Memberships::Request> request_v4(UserSpan<const std::byte> value) {
    if (value.size < sizeof(ip_mreq)) return err::inval;
    ip_mreqn asked{};
    usize n = value.size >= sizeof asked ? sizeof asked : sizeof(ip_mreq);
    TRY(arch::copy_in(&asked, value.data.address(), n));
    return Memberships::Request{v4(asked.imr_multiaddr), static_cast<u32>(asked.imr_ifindex), v4(asked.imr_address)};
}

struct SourceChange {
    bool include, add;
};
SourceChange change_of(int option) {
    switch (option) {
    case IP_BLOCK_SOURCE:
    case MCAST_BLOCK_SOURCE: return {false, true};
    case IP_UNBLOCK_SOURCE:
    case MCAST_UNBLOCK_SOURCE: return {false, false};
    case IP_ADD_SOURCE_MEMBERSHIP:
    case MCAST_JOIN_SOURCE_GROUP: return {true, true};
    default: return {true, false};
    }
}
} // namespace

/// A source that is to be heard makes a member of who is none.
Result<> DatagramSocket::change_group_source(const Memberships::Request& r, const net::Address& source, int option) {
    auto& e = end();
    auto [include, add] = change_of(option);
    if (include && add)
        if (auto joined = e.memberships.join(e.stack(), r, true); !joined && joined.error() != Errno::addrinuse)
            return joined;
    return e.memberships.change_source(e.stack(), r, source, include, add);
}

Result<> DatagramSocket::set_group_option(int level, int option, UserSpan<const std::byte> value) {
    auto& e = end();
    Holding one{e.writing};
    switch (option) {
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP: {
        if (value.size < group_only) return err::inval;
        GroupRequest asked{};
        TRY(arch::copy_in(&asked, value.data.address(), group_only));
        auto group = address_in(asked.group, level);
        if (!group) return level == sol_ip ? err::inval : err::addrnotavail;
        Memberships::Request r{*group, asked.interface, {}};
        return option == MCAST_JOIN_GROUP ? e.memberships.join(e.stack(), r) : e.memberships.leave(e.stack(), r);
    }
    case MCAST_BLOCK_SOURCE:
    case MCAST_UNBLOCK_SOURCE:
    case MCAST_JOIN_SOURCE_GROUP:
    case MCAST_LEAVE_SOURCE_GROUP: {
        if (value.size < sizeof(GroupRequest)) return err::inval;
        auto asked = TRY(copy_in(value.data.as<const GroupRequest>()));
        net::Address group = TRY(address_in(asked.group, level)), source = TRY(address_in(asked.source, level));
        return change_group_source({group, asked.interface, {}}, source, option);
    }
    default: return err::noprotoopt;
    }
}

/// err::noprotoopt: it is no option about groups.
Result<> DatagramSocket::set_group_option_v4(int option, UserSpan<const std::byte> value) {
    auto& e = end();
    switch (option) {
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP: {
        auto r = TRY(request_v4(value));
        Holding one{e.writing};
        return option == IP_ADD_MEMBERSHIP ? e.memberships.join(e.stack(), r) : e.memberships.leave(e.stack(), r);
    }
    case IP_BLOCK_SOURCE:
    case IP_UNBLOCK_SOURCE:
    case IP_ADD_SOURCE_MEMBERSHIP:
    case IP_DROP_SOURCE_MEMBERSHIP: {
        if (value.size != sizeof(ip_mreq_source)) return err::inval;
        auto asked = TRY(copy_in(value.data.as<const ip_mreq_source>()));
        in_addr group{asked.imr_multiaddr}, by{asked.imr_interface}, source{asked.imr_sourceaddr};
        Holding one{e.writing};
        return change_group_source({v4(group), 0, v4(by)}, v4(source), option);
    }
    default: return set_group_option(sol_ip, option, value);
    }
}

Result<> DatagramSocket::set_group_option_v6(int option, UserSpan<const std::byte> value) {
    auto& e = end();
    if (option != IPV6_ADD_MEMBERSHIP && option != IPV6_DROP_MEMBERSHIP)
        return set_group_option(sol_ipv6, option, value);
    if (value.size < sizeof(ipv6_mreq)) return err::inval;
    auto asked = TRY(copy_in(value.data.as<const ipv6_mreq>()));
    Memberships::Request r{v6(asked.ipv6mr_multiaddr), static_cast<u32>(asked.ipv6mr_ifindex), {}};
    if (r.group.is_v4()) return err::inval;
    Holding one{e.writing};
    return option == IPV6_ADD_MEMBERSHIP ? e.memberships.join(e.stack(), r) : e.memberships.leave(e.stack(), r);
}

Result<> DatagramSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    Result<> done = err::noprotoopt;
    if (level == sol_ip && !(domain() == af_inet6 && type() == sock_raw)) done = set_group_option_v4(option, value);
    if (level == sol_ipv6 && domain() == af_inet6) done = set_group_option_v6(option, value);
    if (done || done.error() != Errno::noprotoopt) return done;
    return InetSocket::set_option(level, option, value);
}
} // namespace net::inet
