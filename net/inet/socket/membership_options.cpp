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

/// What begins struct ip_msfilter, and struct group_filter; their lists of sources follow.
struct OldFilter {
    in_addr group, interface;
    u32 mode, count;
};
struct NewFilter {
    u32 interface, padding;
    std::array<std::byte, 128> group;
    u32 mode, count;
};
using Storage = std::array<std::byte, 128>;

/// The part of a filter that is read and written alike, whichever structure it came in.
struct SourceFilter {
    Memberships::Request of;
    u32 mode, count;
    usize header, each; // bytes before the list, and of one of it
    static Result<SourceFilter> read(int level, bool old, UserPtr<const std::byte> at, usize size) {
        if (old) {
            if (size < sizeof(OldFilter)) return err::inval;
            auto f = TRY(copy_in(at.as<const OldFilter>()));
            return SourceFilter{{v4(f.group), 0, v4(f.interface)}, f.mode, f.count, sizeof f, sizeof(in_addr)};
        }
        if (size < sizeof(NewFilter)) return err::inval;
        auto f = TRY(copy_in(at.as<const NewFilter>()));
        return SourceFilter{
            {TRY(address_in(f.group, level)), f.interface, {}}, f.mode, f.count, sizeof f, sizeof(Storage)};
    }
};

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

/// IP_MSFILTER, MCAST_MSFILTER.
Result<> DatagramSocket::set_source_filter(int level, bool old, UserSpan<const std::byte> value) {
    auto f = TRY(SourceFilter::read(level, old, value.data, value.size));
    if (f.count > Memberships::most_sources) return err::nobufs;
    if (value.size < f.header + f.count * f.each) return err::inval;
    if (f.mode != MCAST_INCLUDE && f.mode != MCAST_EXCLUDE) return err::inval;
    Vector<net::Address> sources;
    for (usize i = 0; i < f.count; i++) {
        auto at = value.data.as<const std::byte>(f.header + i * f.each);
        net::Address one = old ? v4(TRY(copy_in(at.as<const in_addr>())))
                               : TRY(address_in(TRY(copy_in(at.as<const Storage>())), level));
        TRY(sources.push(one));
    }
    return end().memberships.set_sources(end().stack(), f.of, f.mode == MCAST_INCLUDE, std::move(sources));
}

/// As many sources as there is room for; `count` says how many there are.
Result<usize> DatagramSocket::get_source_filter(int level, bool old, UserSpan<std::byte> value) {
    auto& e = end();
    auto f = TRY(SourceFilter::read(level, old, value.data, value.size));
    Holding one{e.writing};
    auto told = TRY(e.memberships.sources(e.stack(), f.of));
    usize n = std::min<usize>(told.sources.size(), f.count);
    n = std::min(n, (value.size - f.header) / f.each);
    for (usize i = 0; i < n; i++) {
        sockets::Address shown = make_address({told.sources[i], 0}, level == sol_ip ? af_inet : af_inet6);
        Storage storage{};
        std::memcpy(storage.data(), shown.bytes, shown.size);
        const std::byte* from = storage.data() + (old ? offsetof(sockaddr_in, sin_addr) : 0);
        TRY(arch::copy_out(value.data.address() + f.header + i * f.each, from, f.each));
    }
    u32 counts[] = {told.include ? u32{MCAST_INCLUDE} : u32{MCAST_EXCLUDE}, static_cast<u32>(told.sources.size())};
    TRY(arch::copy_out(value.data.address() + f.header - sizeof counts, counts, sizeof counts));
    return f.header + n * f.each;
}

Result<usize> DatagramSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    bool old = level == sol_ip && option == IP_MSFILTER;
    bool v6 = level == sol_ipv6 && domain() == af_inet6;
    if (old || (option == MCAST_MSFILTER && (level == sol_ip || v6))) return get_source_filter(level, old, value);
    return InetSocket::get_option(level, option, value);
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
    case MCAST_MSFILTER: return set_source_filter(level, false, value);
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
    case IP_MSFILTER: {
        Holding one{e.writing};
        return set_source_filter(sol_ip, true, value);
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
