// NETLINK_SOCK_DIAG: sock_diag(7).
#pragma once
#include "net/netlink/socket.h"
#include <linux/sock_diag.h>

namespace netlink {
Result<> take_inet(Request&); // SOCK_DIAG_BY_FAMILY of AF_INET and AF_INET6
Result<> take_unix(Request&); // of AF_UNIX
} // namespace netlink
