// What socket(2) makes of AF_INET and AF_INET6.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/raw_socket.h"
#include "net/inet/socket/tcp_socket.h"
#include "net/inet/socket/udp_socket.h"
#include "net/inet/stack/groups.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
using namespace sockets;

namespace {
template <bool v6>
Result<Ref<Socket>> create(int type, int protocol) {
    if (protocol < 0 || protocol >= IPPROTO_MAX) return err::inval;
    switch (type) {
    case sock_stream:
        if (protocol == 0 || protocol == IPPROTO_TCP) return TcpSocket::create(v6);
        return err::protonosupport;
    case sock_dgram:
        if (protocol == 0 || protocol == IPPROTO_UDP) return UdpSocket::create(v6);
        if (protocol == (v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP})) return PingSocket::create(v6);
        return err::protonosupport;
    case sock_raw: return RawSocket::create(v6, protocol);
    default: return err::socktnosupport;
    }
}
constexpr const Protocol* all[] = {&tcp_protocol, &udp_protocol, &icmp_protocol, &icmpv6_protocol, &igmp_protocol};
} // namespace

constinit const std::span<const Protocol* const> protocols{all};
constinit const Family family_v4{
    .domain = af_inet, .name = "INET", .create = create<false>, .network_ioctl = network_ioctl};
constinit const Family family_v6{.domain = af_inet6, .name = "INET6", .create = create<true>};
} // namespace net::inet
