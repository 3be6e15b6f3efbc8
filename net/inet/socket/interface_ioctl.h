// ioctl(2) about interfaces and routes: netdevice(7).
#pragma once
#include "net/inet/stack/stack.h"

namespace net::inet {
/// A request on a socket of `domain` in a network; `administers`: the caller has CAP_NET_ADMIN over it. err::notty: it
/// is none of these; err::nodev, err::perm, err::addrnotavail, err::inval, err::fault, ...
Result<i64> interface_ioctl(Stack&, int domain, bool administers, unsigned request, uptr argument);
} // namespace net::inet
