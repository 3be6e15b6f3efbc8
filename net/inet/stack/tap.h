// Who looks on at what passes by the interfaces of a network: packet(7).
#pragma once
#include "net/stack/packet.h"

namespace net::inet {
class Interface;

/// A frame on its way.
struct PassingFrame {
    Interface& by;
    const Packet& packet; // its link's header in front, where its link has one
    u16 type;             // ETH_P_*
    bool outgoing;
    const void* sender = nullptr; // the packet socket whose it is
};

/// Of one network. Its stack keeps it.
class LinkTap {
public:
    virtual ~LinkTap() = default;
    /// What comes by a device, before the stack has it; what leaves, before the device has it. Under spinlocks down to
    /// Rank::network.
    virtual void passes(const PassingFrame&) = 0;
    /// How many look on.
    std::atomic<u32> users = 0;
};
} // namespace net::inet
