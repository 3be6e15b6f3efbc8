// Network devices: what a driver shows of one, and whom it tells what came in.
#pragma once
#include "net/stack/address.h"
#include "net/stack/packet.h"

namespace net {
/// The owner of a device's packets: an interface, or a bridge's port.
class DeviceUser {
public:
    /// Packets from the link, each with its Ethernet header in front; `checksum`, `checksum_start` and `segment_size`
    /// say what the device knows. On a worker thread of the kernel, without locks. Takes all of them.
    virtual void received(PacketQueue&) = 0;
    /// transmit() has answered err::again, and there is room now. On a worker thread, without locks.
    virtual void has_room() = 0;
    /// The link has come up or gone down. On a worker thread, without locks.
    virtual void carrier_changed() = 0;

protected:
    ~DeviceUser() = default;
};

/// A device of Ethernet's kind. The driver's object; it lives for ever, or as long as its user keeps it.
class Device {
public:
    /// What it does by itself with packets to be sent.
    struct Offloads {
        bool checksum = false; // completes a checksum that is partial
        u32 segment_v4 = 0;    // bytes of a TCP packet (with IP header) that it cuts by `segment_size`; 0: it does not
        u32 segment_v6 = 0;
    };
    virtual std::string_view driver() const = 0; // for who asks: "virtio_net"
    const LinkAddress& address() const { return address_; }
    u32 most_mtu() const { return most_mtu_; } // of the IP packet
    const Offloads& offloads() const { return offloads_; }
    virtual bool has_carrier() const { return true; }

    /// From now on it hands over what comes in. Once.
    virtual void start(DeviceUser&) = 0;
    /// Sends a packet that begins with its Ethernet header, and takes it; what cannot be sent is dropped. The packet
    /// has only what offloads() promises. err::again: no room; it stays the caller's, and has_room() follows once. From
    /// any thread, under spinlocks up to Rank::network_queue. `more`: another one follows at once, so that the device
    /// need not be told yet; the last one of a run has it false.
    virtual Result<> transmit(PacketBox&, bool more) = 0;

protected:
    ~Device() = default;
    LinkAddress address_;
    u32 most_mtu_ = 1500;
    Offloads offloads_;

private:
    friend void add_device(Device&);
    friend Device* next_device(Device*);
    Device* next_ = nullptr;
};

/// Lists a device that a driver has found: the host world gets an interface for each when the network starts. At boot.
void add_device(Device&);
/// The first one (of null), or the one after; null: no more.
Device* next_device(Device*);
} // namespace net
