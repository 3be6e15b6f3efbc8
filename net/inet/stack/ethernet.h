// Interfaces of Ethernet: headers, neighbours, and what waits for the device (RFC 894, 2464).
#pragma once
#include "core/work/work.h"
#include "net/inet/ndp.h"
#include "net/inet/stack/input.h"
#include "net/stack/neighbour.h"

namespace net::inet {
struct EthernetHeader {
    LinkAddress destination, source;
    Big16 type; // ETH_P_*
};
static_assert(sizeof(EthernetHeader) == 14);

class EthernetInterface final : public Interface, public DeviceUser, private Work {
public:
    /// `device` stays as long as this.
    EthernetInterface(Stack&, std::string_view name, Device& device);
    ~EthernetInterface() override;
    /// Lets the device begin, once the stack has this.
    void start() { device_.start(*this); }

    LinkAddress link_address() const override { return device_.address(); }
    void send(PacketBox, const Address& next_hop, Outbox&) override;
    void changed() override;
    void confirm(const Address& a, u64 now) override { neighbours_.lock()->confirm(a, now); }
    /// Sends a packet whose Ethernet header is not there yet.
    void send_to(PacketBox, const LinkAddress& to, u16 type);

    // Of the device.
    void received(PacketQueue&) override;
    void has_room() override;
    void carrier_changed() override;

    /// A message of Neighbor Discovery, by its type of ICMPv6.
    static void neighbour_discovery(Arrival&, u8 type);
    using Neighbours = Guarded<NeighbourTable, Spinlock<Rank::neighbours>>;
    Neighbours& neighbours() { return neighbours_; }

private:
    class Link;
    static constexpr usize most_waiting = 1 * MiB; // true memory of packets that wait for the device

    void transmit(PacketBox);
    void take(PacketBox, Outbox&);
    void take_arp(const Packet&, Outbox&);
    void solicited(Arrival&, const NeighbourMessage&);
    void advertised(Arrival&, const NeighbourMessage&);
    bool run(unsigned budget) override; // the neighbours' timer
    void expect(u64 deadline);

    Device& device_;
    Neighbours neighbours_;
    /// Packets for which the device had no room, each with its Ethernet header.
    Guarded<PacketQueue, Spinlock<Rank::network_queue>> waiting_;
    std::atomic<bool> stopped_ = false; // the device has no room
    struct NeighbourTimer final : Timer {
        explicit NeighbourTimer(EthernetInterface& interface)
            : Timer{[](Timer& t) { static_cast<NeighbourTimer&>(t).of.queue(); }}, of{interface} {}
        EthernetInterface& of;
    } timer_{*this};
    std::atomic<u64> armed_for_ = ~u64{0};
};
} // namespace net::inet
