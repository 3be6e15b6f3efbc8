// The errors of a socket that asks for them: IP_RECVERR, IPV6_RECVERR, read by MSG_ERRQUEUE.
#pragma once
#include "net/stack/address.h"
#include "net/stack/packet.h"
#include <atomic>

namespace net::inet {
/// What is told of an error: struct sock_extended_err, and the addresses that go with it.
struct ErrorRecord {
    u32 error = 0;                                  // errno
    u8 origin = 0, type = 0, code = 0, padding = 0; // SO_EE_ORIGIN_*
    u32 info = 0, data = 0;
    Address destination, offender; // unspecified: nobody
    u32 interface = 0;
    u16 port = 0, more_padding = 0;                               // of the destination
    bool from_peer() const { return origin == 2 || origin == 3; } // SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
};

/// Guarded by its socket's lock, but for empty().
class ErrorQueue {
public:
    /// `quoted`: the data of the packet that is told of. It is charged to the account; what would be more than `limit`
    /// in all is dropped. False: it was.
    bool push(PacketBox quoted, const ErrorRecord&, MemoryAccount&, usize limit);
    struct Taken {
        PacketBox quoted; // null: the queue is empty
        ErrorRecord record;
        int next_error; // of the one after it, if a peer told it; -1: SO_ERROR stays as it is
    };
    Taken pop();
    void clear();
    bool empty() const { return !some_.load(std::memory_order_acquire); }

private:
    PacketQueue queue_;
    std::atomic<bool> some_ = false;
};
} // namespace net::inet
