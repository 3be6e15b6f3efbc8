// IPv6 of an interface that configures itself: what Slaac and Dhcp6Client ask for is sent and set.
#pragma once
#include "core/work/work.h"
#include "net/inet/dhcp6.h"
#include "net/inet/slaac.h"
#include "net/inet/stack/ethernet.h"

namespace net::inet {
/// From when the interface is up and its link is there until it is not. All of it is done by its work, so the machine
/// needs no lock. For ever, as the interface.
class SlaacInterface final : public EthernetInterface::Configurer,
                             public Work,
                             private Timer,
                             private Slaac::Output,
                             private Dhcp6Client::Output {
public:
    explicit SlaacInterface(EthernetInterface&);
    void start();

private:
    static constexpr usize most_heard = 8;
    static constexpr usize most_waiting = 64 * KiB; // true memory of servers' answers
    /// What has come and was not looked at: an advertisement, or an address that somebody contests.
    struct Heard {
        struct One {
            RouterAdvertisement advertisement;
            Address from;
            bool contests = false; // `from` is the address
        } all[most_heard];
        usize count = 0;
    };
    void advertised(const RouterAdvertisement&, const Address& router) override;
    void contested(const Address&) override;
    bool took(PacketBox&) override;
    void hear(const Heard::One&);
    void changed() override { queue(); }
    bool run(unsigned budget) override;
    void start_or_stop(u64 now);
    void listen(u64 now);
    void listen_to_servers(u64 now);
    Address own_address() const;
    void set(const Slaac::OwnAddress&) override;
    void remove(const Slaac::OwnAddress&) override;
    void probe(const Address& target) override;
    void solicit(const Address& source) override;
    void set_router(const Address&, u32 mtu) override;
    void remove_router(const Address&) override;
    void set_on_link(const Prefix&, u32 mtu) override;
    void remove_on_link(const Prefix&) override;
    void set_name_servers(std::span<const Address>) override;
    void ask_server() override;
    void send_dhcp6(PacketBox) override;
    void told_by_dhcp6(const Dhcp6Reply&) override;
    void set_route(Route, u32 mtu);
    Route route_by(const Address& router) const;
    Route route_to(const Prefix&) const;

    EthernetInterface& interface_;
    Slaac slaac_;
    Dhcp6Client dhcp_;
    bool runs_ = false;
    Outbox* box_ = nullptr; // of the work
    u64 now_ = 0;
    std::atomic<bool> awaits_server_ = false;
    Guarded<PacketQueue, Spinlock<Rank::network_queue>> answers_;
    Guarded<Heard, Spinlock<Rank::network_queue>> heard_;
};
} // namespace net::inet
