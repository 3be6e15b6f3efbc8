// A bridge inside the kernel: a link that the host world and containers share.
#pragma once
#include "net/inet/stack/ethernet.h"

namespace net::inet {
class BridgePort;

/// Knows each port by its link address, so that nobody sees what is for another. Lives for ever.
class Bridge {
public:
    /// The host world's, whose network the containers' packets pass on their way out.
    static Bridge& get();
    static constexpr u8 prefix_v4 = 16, prefix_v6 = 64;
    static constexpr std::string_view name = "rundlet0";

    /// Of one who is on it. IPv6's is of a unique local prefix (RFC 4193), which each boot chooses anew, and ends as
    /// IPv4's does.
    struct Addresses {
        Address v4, v6;
    };

    /// Gives a network an interface on this bridge, eth0, with addresses of its own, which are what this returns, and
    /// default routes; without IPv6 where that is disabled (then `v6` is not set up). The host world's side is made
    /// with the first one. err::addrnotavail: all addresses are taken; err::exist: it has such an interface;
    /// err::nomem.
    Result<Addresses> join(NetworkNamespace&);

    /// A port of the host world leads to one of a network that has joined. err::addrinuse, err::nospc, err::nomem.
    Result<> publish(const Publication&);

    Bridge() = default;

private:
    friend class BridgePort;
    struct ByLinkAddress {
        using type = u64;
        u64 operator()(const BridgePort&) const;
    };
    using Ports = bi::set<BridgePort, bi::base_hook<TreeLink<Bridge>>, bi::key_of_value<ByLinkAddress>,
                          bi::constant_time_size<false>>;
    Result<> make_port(NetworkNamespace&, std::string_view called, const Addresses&);
    Result<> start();
    Addresses addresses_of(u32 host) const;
    Result<Addresses> choose_addresses();
    void forward(PacketBox, BridgePort& from, Outbox&);
    void remove(BridgePort&);

    Mutex<Rank::bridge> joining_;
    bool started_ = false; // and next_: under `joining_`
    u32 next_ = 0;
    Address network_v6_;
    Addresses own_;
    Spinlock<Rank::network_queue> lock_;
    Ports ports_;
};

/// An interface of some network on the bridge.
class BridgePort final : public EthernetInterface, public TreeLink<Bridge> {
public:
    BridgePort(Stack& stack, NetworkNamespace& in, std::string_view called, const Bridge::Addresses&, Bridge&);
    const Bridge::Addresses& addresses() const { return addresses_; }
    void detach() override;

private:
    friend class Bridge;
    void transmit(PacketBox, Outbox&) override;
    /// A container's packet: whether it names nobody else as who sends it, or as whose address it tells of.
    bool speaks_for_itself(const Packet&, const EthernetHeader&) const;
    bool speaks_for_itself_v4(const Packet&) const;
    bool speaks_for_itself_v6(const Packet&) const;
    bool speaks_for_itself_arp(const Packet&) const;
    NetworkNamespace& network_;
    Bridge& bridge_;
    const Bridge::Addresses addresses_;
    const Address link_local_;
};
} // namespace net::inet
