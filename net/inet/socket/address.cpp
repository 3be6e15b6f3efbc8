#include "net/inet/socket/address.h"
#include "kernel/socket/numbers.h"
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
using namespace sockets;

namespace {
constexpr usize least_v6 = 24; // without sin6_scope_id: RFC 2133

Result<Endpoint> parse_v4(const sockets::Address& a) {
    sockaddr_in from{};
    if (a.size < sizeof from) return err::inval;
    std::memcpy(&from, a.bytes, sizeof from);
    return Endpoint{net::Address::v4(std::byteswap(from.sin_addr.s_addr)), std::byteswap(from.sin_port)};
}
Result<Endpoint> parse_v6(const sockets::Address& a) {
    sockaddr_in6 from{};
    if (a.size < least_v6) return err::inval;
    std::memcpy(&from, a.bytes, std::min<usize>(a.size, sizeof from));
    Endpoint e{{}, std::byteswap(from.sin6_port)};
    std::memcpy(e.address.bytes.data(), &from.sin6_addr, 16);
    // A scope is an interface's number, and only addresses of a link have one.
    bool of_link = e.address.link_local() || (e.address.bytes[0] == 0xff && (e.address.bytes[1] & 15) <= 2);
    if (of_link && !e.address.is_v4()) e.interface = from.sin6_scope_id;
    return e;
}
} // namespace

Result<Endpoint> parse_address(const sockets::Address& a, int domain) {
    if (domain == af_inet) {
        if (a.size < sizeof(sockaddr_in)) return err::inval;
        return a.family() == af_inet ? parse_v4(a) : err::afnosupport;
    }
    if (a.size < least_v6) return err::inval;
    return a.family() == af_inet6 ? parse_v6(a) : err::afnosupport;
}

sockets::Address make_address(const Endpoint& e, int domain, u32 flow_label) {
    if (domain == af_inet) {
        sockaddr_in to{};
        to.sin_family = af_inet;
        to.sin_port = std::byteswap(e.port);
        to.sin_addr.s_addr = std::byteswap(e.address.is_v4() ? e.address.v4_value() : 0);
        return sockets::Address{std::as_bytes(std::span{&to, 1})};
    }
    sockaddr_in6 to{};
    to.sin6_family = af_inet6;
    to.sin6_port = std::byteswap(e.port);
    to.sin6_flowinfo = std::byteswap(flow_label);
    std::memcpy(&to.sin6_addr, e.address.bytes.data(), 16);
    to.sin6_scope_id = e.interface;
    return sockets::Address{std::as_bytes(std::span{&to, 1})};
}
} // namespace net::inet
