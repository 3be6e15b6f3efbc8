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

class EthernetInterface : public Interface, private Work {
public:
    ~EthernetInterface() override;
    /// Somebody who looks at what comes in before the stack does.
    class Watcher {
    public:
        /// Takes a packet for this machine, or for all on the link, that begins with its IPv4 header; or leaves it and
        /// answers false. On a worker thread.
        virtual bool took(PacketBox&) = 0;
        /// As Interface::changed().
        virtual void changed() = 0;

    protected:
        ~Watcher() = default;
    };
    /// There is one at most; it stays as long as this.
    void watch(Watcher& w) { watcher_.store(&w, std::memory_order_release); }
    /// Who gives it addresses of IPv6.
    class Configurer {
    public:
        /// A router's advertisement; somebody else's message about an address that is tentative here. On a worker
        /// thread.
        virtual void advertised(const RouterAdvertisement&, const Address& router) = 0;
        virtual void contested(const Address&) = 0;
        /// As Watcher::took(), of a packet that begins with its IPv6 header.
        virtual bool took(PacketBox&) = 0;
        /// As Interface::changed().
        virtual void changed() = 0;

    protected:
        ~Configurer() = default;
    };
    /// The same.
    void configure_by(Configurer& c) { configurer_.store(&c, std::memory_order_release); }

    LinkAddress link_address() const final { return link_address_; }
    void send(PacketBox, const Address& next_hop, Outbox&) final;
    void send_frame(PacketBox, Outbox&, const void* sender) final;
    /// A packet with its Ethernet header.
    void arrive(PacketBox, Outbox&) final;
    void changed() override;
    void group_changed(const Address& group, bool joined) final;
    void confirm(const Address& a, u64 now) final { neighbours_.lock()->confirm(a, now); }
    /// Sends a packet whose Ethernet header is not there yet.
    void send_to(PacketBox, const LinkAddress& to, u16 type, Outbox&);

    /// A message of Neighbor Discovery, by its type of ICMPv6.
    static void neighbour_discovery(Arrival&, u8 type);
    Result<Vector<NeighbourTable::Entry>> neighbours() override;
    Result<> set_neighbour(const Address&, const LinkAddress&, Reachability) override;
    Result<> remove_neighbour(const Address&) override;

protected:
    EthernetInterface(Stack&, std::string_view name, const LinkAddress&, u32 mtu);
    /// A packet with its Ethernet header goes to the link, or is dropped. Under spinlocks down to Rank::neighbours.
    virtual void transmit(PacketBox, Outbox&) = 0;

private:
    using Neighbours = Guarded<NeighbourTable, Spinlock<Rank::neighbours>>;
    class Link;
    void take_arp(const Packet&, Outbox&);
    void solicited(Arrival&, const NeighbourMessage&);
    void advertised(Arrival&, const NeighbourMessage&);
    void advertised(Arrival&, const RouterAdvertisement&);
    bool is_contest(const NeighbourMessage&, bool claims);
    bool run(unsigned budget) override; // the neighbours' timer
    void expect(u64 deadline);

    const LinkAddress link_address_;
    Neighbours neighbours_;
    std::atomic<Watcher*> watcher_ = nullptr;
    std::atomic<Configurer*> configurer_ = nullptr;
    struct NeighbourTimer final : Timer {
        explicit NeighbourTimer(EthernetInterface& interface)
            : Timer{[](Timer& t) { static_cast<NeighbourTimer&>(t).of.queue(); }}, of{interface} {}
        EthernetInterface& of;
    } timer_{*this};
    std::atomic<u64> armed_for_ = ~u64{0};
};

/// One whose packets a driver's device sends and receives.
class DeviceInterface final : public EthernetInterface, public DeviceUser {
public:
    /// `device` stays as long as this.
    DeviceInterface(Stack&, std::string_view name, Device& device);
    /// Lets the device begin, once the stack has this.
    void start() { device_.start(*this); }
    void changed() override;
    void received(PacketQueue&) override;
    void has_room() override;
    void carrier_changed() override;

private:
    static constexpr usize most_waiting = 1 * MiB; // bytes of packets that wait for the device
    void transmit(PacketBox, Outbox&) override;
    void send_waiting(PacketQueue&);

    Device& device_;
    /// Packets for which the device had no room, each with its Ethernet header.
    Guarded<PacketQueue, Spinlock<Rank::network_queue>> waiting_;
    std::atomic<bool> stopped_ = false; // the device has no room
};
} // namespace net::inet
