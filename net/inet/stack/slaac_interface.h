// IPv6 of an interface that configures itself: what Slaac asks for is sent and set.
#pragma once
#include "core/work/work.h"
#include "net/inet/slaac.h"
#include "net/inet/stack/ethernet.h"

namespace net::inet {
/// From when the interface is up and its link is there until it is not. All of it is done by its work, so the machine
/// needs no lock. For ever, as the interface.
class SlaacInterface final : public EthernetInterface::Configurer, public Work, private Timer, private Slaac::Output {
public:
    explicit SlaacInterface(EthernetInterface&);
    void start();

private:
    static constexpr usize most_heard = 8;
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
    void hear(const Heard::One&);
    void changed() override { queue(); }
    bool run(unsigned budget) override;
    void listen(u64 now);
    void set(const Slaac::OwnAddress&) override;
    void remove(const Slaac::OwnAddress&) override;
    void probe(const Address& target) override;
    void solicit(const Address& source) override;
    void set_router(const Address&, u32 mtu) override;
    void remove_router(const Address&) override;
    void set_on_link(const Prefix&, u32 mtu) override;
    void remove_on_link(const Prefix&) override;
    void set_name_servers(std::span<const Address>) override;
    void set_route(Route, u32 mtu);
    Route route_by(const Address& router) const;
    Route route_to(const Prefix&) const;

    EthernetInterface& interface_;
    Slaac slaac_;
    bool runs_ = false;
    Outbox* box_ = nullptr; // of the work
    Guarded<Heard, Spinlock<Rank::network_queue>> heard_;
};
} // namespace net::inet
