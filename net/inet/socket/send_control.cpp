#include "net/inet/socket/send_control.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

namespace net::inet {
using namespace sockets;

namespace {
struct Header {
    usize size; // struct cmsghdr: with the data
    int level, type;
};
template <class T>
Result<T> value_of(std::span<const std::byte> data) {
    T value;
    if (data.size() != sizeof value) return err::inval;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
}
bool may_change(const InetEndpoint& e, unsigned capability) {
    Caller* who = Caller::current();
    return !who || who->credentials().can_in(e.network->owner.get(), capability);
}
/// Of level SOL_SOCKET: nothing that a packet here would carry.
Result<> check_socket_level(int type, std::span<const std::byte> data, const InetEndpoint& e) {
    switch (type) {
    case SO_MARK:
        if (!may_change(e, CAP_NET_RAW) && !may_change(e, CAP_NET_ADMIN)) return err::perm;
        return data.size() == sizeof(u32) ? Result<>{} : Result<>{err::inval};
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW: return data.size() == sizeof(u32) ? Result<>{} : Result<>{err::inval};
    case scm_rights:
    case scm_credentials: return {}; // looked at by who has descriptors; other families' business
    default: return err::inval;
    }
}
} // namespace

Result<> SendControl::read_v4(int type, std::span<const std::byte> data) {
    switch (type) {
    case IP_PKTINFO: {
        auto info = TRY(value_of<in_pktinfo>(data));
        if (info.ipi_ifindex) interface = static_cast<u32>(info.ipi_ifindex);
        if (info.ipi_spec_dst.s_addr) source = Address::v4(std::byteswap(info.ipi_spec_dst.s_addr));
        return {};
    }
    case IP_TTL:
        hop_limit = TRY(value_of<int>(data));
        return hop_limit >= 1 && hop_limit <= 255 ? Result<>{} : Result<>{err::inval};
    case IP_TOS:
        traffic_class = data.size() == 1 ? static_cast<int>(data[0]) : TRY(value_of<int>(data));
        return traffic_class >= 0 && traffic_class <= 255 ? Result<>{} : Result<>{err::inval};
    case ip_protocol: {
        int protocol = TRY(value_of<int>(data));
        return protocol >= 1 && protocol <= 255 ? Result<>{} : Result<>{err::inval};
    }
    case IP_RETOPTS: return data.empty() ? Result<>{} : Result<>{err::inval}; // options are not sent
    default: return err::inval;
    }
}

Result<> SendControl::read_v6(int type, std::span<const std::byte> data, const InetEndpoint& e) {
    switch (type) {
    case IPV6_PKTINFO:
    case IPV6_2292PKTINFO: {
        if (data.size() < sizeof(in6_pktinfo)) return err::inval;
        auto info = TRY(value_of<in6_pktinfo>(data.first(sizeof(in6_pktinfo))));
        if (info.ipi6_ifindex) {
            u32 bound = e.interface;
            if (bound && bound != static_cast<u32>(info.ipi6_ifindex)) return err::inval;
            interface = static_cast<u32>(info.ipi6_ifindex);
        }
        std::memcpy(source.bytes.data(), &info.ipi6_addr, 16);
        if (source.unspecified()) return {};
        bool anywhere = e.ip.free_bind || e.ip.transparent;
        return anywhere || e.stack().is_local(source) ? Result<>{} : Result<>{err::inval};
    }
    case IPV6_HOPLIMIT:
    case IPV6_2292HOPLIMIT:
        hop_limit = TRY(value_of<int>(data));
        return hop_limit >= -1 && hop_limit <= 255 ? Result<>{} : Result<>{err::inval};
    case IPV6_TCLASS:
        traffic_class = TRY(value_of<int>(data));
        return traffic_class >= -1 && traffic_class <= 255 ? Result<>{} : Result<>{err::inval};
    case IPV6_DONTFRAG:
        dont_fragment = TRY(value_of<int>(data));
        return dont_fragment == 0 || dont_fragment == 1 ? Result<>{} : Result<>{err::inval};
    case IPV6_FLOWINFO: return data.size() < 4 ? Result<>{err::inval} : Result<>{};
    default: return err::inval; // extension headers are not sent
    }
}

Result<> SendControl::read(std::span<const std::byte> all, const InetEndpoint& e, bool v4) {
    for (usize at = 0; at < all.size() && all.size() - at >= sizeof(Header);) {
        Header header;
        std::memcpy(&header, all.data() + at, sizeof header);
        if (header.size < sizeof header || header.size > all.size() - at) return err::inval;
        auto data = all.subspan(at + sizeof header, header.size - sizeof header);
        at += (header.size + sizeof(usize) - 1) & ~(sizeof(usize) - 1);
        if (header.level == sol_udp && e.protocol() == IPPROTO_UDP) {
            if (header.type != UDP_SEGMENT) return err::inval;
            segment_size = TRY(value_of<u16>(data));
        } else if (header.level == sol_socket) {
            TRY(check_socket_level(header.type, data, e));
        } else if (v4 && header.level == sol_ip) {
            TRY(read_v4(header.type, data));
        } else if (header.level == sol_ipv6 && v4 && e.v6 && header.type == IPV6_PKTINFO) {
            auto info = TRY(value_of<in6_pktinfo>(data)); // of a mapped address
            Address own;
            std::memcpy(own.bytes.data(), &info.ipi6_addr, 16);
            if (!own.is_v4()) return err::inval;
            if (info.ipi6_ifindex) interface = static_cast<u32>(info.ipi6_ifindex);
            if (own != any_v4) source = own;
        } else if (!v4 && header.level == sol_ipv6) {
            TRY(read_v6(header.type, data, e));
        }
    }
    return {};
}
} // namespace net::inet
