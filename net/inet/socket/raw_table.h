// Who hears of packets by their protocol: raw sockets.
#pragma once
#include "net/inet/socket/raw_socket.h"

namespace net::inet {
class RawTable {
public:
    static void enter(RawEndpoint&);
    static void leave(RawEndpoint&);
    /// Of which addresses it hears; under its lock.
    static void change(RawEndpoint&, const Address& local, const Endpoint& remote);
    /// From now on what arrives is shown to raw sockets, and to those of ping.
    static void watch();
};
} // namespace net::inet
