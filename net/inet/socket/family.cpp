// What socket(2) makes of AF_INET and AF_INET6.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/tcp_socket.h"
#include "net/inet/stack/input.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
using namespace sockets;

namespace {
template <bool v6>
Result<Ref<Socket>> create(int type, int protocol) {
    if (protocol < 0 || protocol >= 256) return err::inval;
    switch (type) {
    case sock_stream:
        if (protocol && protocol != IPPROTO_TCP) return err::protonosupport;
        return TcpSocket::create(v6);
    default: return err::socktnosupport;
    }
}
constexpr const Protocol* all[] = {&tcp_protocol, &icmp_protocol, &icmpv6_protocol};
} // namespace

constinit const std::span<const Protocol* const> protocols{all};
constinit const Family family_v4{.domain = af_inet, .name = "INET", .create = create<false>};
constinit const Family family_v6{.domain = af_inet6, .name = "INET6", .create = create<true>};
} // namespace net::inet
