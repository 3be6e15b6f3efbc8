// What carries packets of vsock: between sockets of this machine, and to its hypervisor.
#pragma once
#include "kernel/views/namespaces.h"
#include "net/stack/packet.h"
#include "net/vsock/wire.h"

namespace vsock {
/// The way to the hypervisor: a driver's. It lives for ever.
class Transport {
public:
    /// This machine's number.
    virtual u32 cid() const = 0;
    /// Whether it knows SOCK_SEQPACKET.
    virtual bool carries_messages() const = 0;
    /// A packet with its header in front. What cannot be sent is dropped. Under spinlocks down to Rank::network.
    virtual void send(net::PacketBox) = 0;

protected:
    ~Transport() = default;
};
/// There is one. err::busy.
Result<> set_transport(Transport&);
/// Null: none.
Transport* transport();

/// A packet has come from the hypervisor, its header in front. On a worker thread, without locks.
void received(net::PacketBox);
/// The hypervisor has lost its connections (the machine was moved): ours end.
void transport_was_reset();

/// A packet from a socket of a network to one of the same. As Transport::send().
void send_here(net::PacketBox, NetworkNamespace&);
} // namespace vsock
