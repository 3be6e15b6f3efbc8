// IPv6 addresses without a server (RFC 4862), and what else a host takes from routers (RFC 4861, 6.3; RFC 8106). No
// clock, no socket, no interface: the caller gives the time and what comes, and carries out what is asked of Output.
#pragma once
#include "lib/hash.h"
#include "lib/vector.h"
#include "net/inet/ndp.h"

namespace net::inet {
class Slaac {
public:
    static constexpr u64 second = 1'000'000'000, never = ~u64{0};
    static constexpr usize most_addresses = 16, most_routers = 8, most_prefixes = 16;
    static constexpr unsigned prefix_length = 64; // of Ethernet's addresses

    /// sysctls: net.ipv6.conf.*.
    struct Settings {
        unsigned probes = 1;                  // dad_transmits
        bool listens = true, autoconf = true; // accept_ra, autoconf
    };
    enum class State : u8 { tentative, good, duplicate };
    struct OwnAddress {
        Address address;
        State state = State::tentative;
        u64 preferred_until = never, valid_until = never; // ns
    };
    /// The machine does not change while these are called, and they do not call it.
    class Output {
    public:
        /// A new address, or another state or other times of one.
        virtual void set(const OwnAddress&) = 0;
        virtual void remove(const OwnAddress&) = 0;
        /// Asks who has an address that nobody may have (RFC 4862, 5.4.2).
        virtual void probe(const Address& target) = 0;
        /// Asks routers to advertise.
        virtual void solicit(const Address& source) = 0;
        /// `mtu` 0: the link's.
        virtual void set_router(const Address&, u32 mtu) = 0;
        virtual void remove_router(const Address&) = 0;
        virtual void set_on_link(const Prefix&, u32 mtu) = 0;
        virtual void remove_on_link(const Prefix&) = 0;
        virtual void set_name_servers(std::span<const Address>) = 0;
        /// A router leaves to a server of DHCPv6 what it does not say itself.
        virtual void ask_server() = 0;

    protected:
        ~Output() = default;
    };

    Slaac(const LinkAddress& link, SipHash random) : link_{link}, random_{random} {}
    Slaac(const Slaac&) = delete;

    /// The link is there: begins with the link-local address.
    void start(const Settings&, u64 now, Output&);
    /// The link has gone, or IPv6 is not wanted: all that it has set goes.
    void stop(Output&);
    void advertised(const RouterAdvertisement&, const Address& router, u64 now, Output&);
    /// Somebody else has, or wants, an address that is tentative here.
    void contested(const Address&, Output&);
    /// When timer() wants to be called; ~0: never.
    u64 deadline() const;
    void timer(u64 now, Output&);
    /// fe80::/64 of an Ethernet address (RFC 2464, 4 and 5).
    static Address address_in(const Address& prefix, const LinkAddress&);
    /// Its link-local one.
    static Address link_local(const LinkAddress& link) { return address_in(Address::v6({0xfe80}), link); }

private:
    struct Own : OwnAddress {
        u64 next = never; // while tentative
        unsigned probes = 0;
    };
    template <class T>
    struct Lasting {
        T what{};
        u64 until = 0;
    };
    u64 random(u64 below);
    void begin(const Address&, u64 preferred_until, u64 valid_until, u64 delay, u64 now, Output&);
    void go_on(Own&, u64 now, Output&);
    void became_good(Own&, u64 now, Output&);
    void take_prefix(const RouterAdvertisement::PrefixInformation&, u64 now, Output&);
    void take_lifetimes(const Address&, u32 preferred, u32 valid, u64 now, Output&);
    void take_router(const Address&, u16 lifetime, u64 now, Output&);
    void take_servers(const RouterAdvertisement&, u64 now, Output&);
    void expire(u64 now, Output&);

    const LinkAddress link_;
    const SipHash random_;
    u64 randoms_ = 0;
    bool runs_ = false;
    Settings settings_;
    Own own_[most_addresses];
    usize own_count_ = 0; // the first one is link-local
    Lasting<Address> routers_[most_routers];
    usize router_count_ = 0;
    Lasting<Prefix> prefixes_[most_prefixes];
    usize prefix_count_ = 0;
    u32 mtu_ = 0;
    u64 servers_until_ = never;
    u64 solicit_at_ = never, solicit_wait_ = 0;
};
} // namespace net::inet
