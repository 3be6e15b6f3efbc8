// What goes out: a transport's packet gets its IP header, and a way.
#pragma once
#include "net/inet/ip.h"
#include "net/inet/stack/outbox.h"
#include "net/inet/stack/stack.h"

namespace net::inet {
/// Sends a packet that begins with the transport's header; `ip` names the addresses. Cut into fragments where it is
/// larger than `path.mtu` and may be. Under spinlocks down to Rank::network. err::msgsize, err::nobufs, err::nomem.
Result<> output(const Path& path, PacketBox, const IpSend& ip, Outbox&);
/// Who hears of a group on this machine gets a copy of what is about to be sent to it: IP_MULTICAST_LOOP.
Result<> output_here(const Path& path, const Packet&, const IpSend& ip, Outbox&);
} // namespace net::inet
