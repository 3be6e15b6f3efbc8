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
    static constexpr Address own_address = Address::v4(10, 88, 0, 1);
    static constexpr unsigned prefix = 16;
    static constexpr std::string_view name = "rundlet0";

    /// Gives a network an interface on this bridge, eth0, with an address of its own and the default route; it is what
    /// this returns. The host world's side is made with the first one. err::addrnotavail: all addresses are taken;
    /// err::exist: it has such an interface; err::nomem.
    Result<Address> join(NetworkNamespace&);

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
    Result<Ref<BridgePort>> make_port(NetworkNamespace&, std::string_view called, const Address&);
    Result<> start();
    Result<Address> choose_address();
    void forward(PacketBox, BridgePort& from, Outbox&);
    static bool speaks_for_itself(const Packet&, const EthernetHeader&, const BridgePort& from);
    void remove(BridgePort&);

    Mutex<Rank::bridge> joining_;
    bool started_ = false; // and next_: under `joining_`
    u32 next_ = 0;
    Spinlock<Rank::network_queue> lock_;
    Ports ports_;
};

/// An interface of some network on the bridge.
class BridgePort final : public EthernetInterface, public TreeLink<Bridge> {
public:
    BridgePort(Stack& stack, NetworkNamespace& in, std::string_view called, const Address&, const LinkAddress&,
               Bridge&);
    const Address& address() const { return address_; }
    void detach() override;

private:
    friend class Bridge;
    void transmit(PacketBox, Outbox&) override;
    NetworkNamespace& network_;
    Bridge& bridge_;
    const Address address_;
};
} // namespace net::inet
