// Which packet sockets look on in a network.
#pragma once
#include "core/sync/lock.h"
#include "kernel/views/user_namespace.h"
#include "lib/format.h"
#include "lib/intrusive.h"
#include "net/inet/stack/stack.h"

namespace packet_sockets {
class PacketSocket;

/// A frame as packet sockets see it: with a header of Ethernet's kind in front, also on loopback.
struct Frame {
    const net::Packet& packet;
    u16 type;     // ETH_P_*
    u8 kind;      // PACKET_*
    u16 hardware; // ARPHRD_*
    const void* sender;
    u64 time; // ns, wall clock
};

/// Made by the network's first packet socket; for as long as the network is there.
class Watchers final : public net::inet::LinkTap {
public:
    static constexpr u32 most = 256; // sockets of one network, each of which looks at all that passes
    /// err::nomem.
    static Result<Watchers*> in(net::inet::Stack&);
    void passes(const net::inet::PassingFrame&) override;
    /// err::nobufs: there are too many.
    Result<> enter(PacketSocket&);
    void leave(PacketSocket&);
    /// Guards the list, and what sockets have of it: so they are there while a frame is shown to them.
    Spinlock<Rank::network_queue> lock;
    /// For /proc/net/packet: prints some from the `at`th on. False: there are no more.
    static bool print(Writer&, net::inet::Stack&, const UserNamespace&, u64& at);

private:
    List<PacketSocket> sockets_;
};
} // namespace packet_sockets
