// struct sockaddr_in and sockaddr_in6: ip(7), ipv6(7).
#pragma once
#include "kernel/socket/address.h"
#include "net/stack/address.h"

namespace net::inet {
/// What a program names, to a socket of `domain` (AF_INET or AF_INET6). An IPv6 socket may name IPv4's by mapped
/// addresses. err::inval: too short; err::afnosupport: another family.
Result<Endpoint> parse_address(const sockets::Address&, int domain);
/// What a program of that domain is shown.
sockets::Address make_address(const Endpoint&, int domain, u32 flow_label = 0);
} // namespace net::inet
