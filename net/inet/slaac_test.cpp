#include "net/inet/slaac.h"
#include <gtest/gtest.h>
#include <map>
#include <vector>

namespace net::inet {
namespace {
constexpr u64 second = Slaac::second, start = 1000 * second;
constexpr LinkAddress link{{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
const Address own_link = Address::v6({0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456}),
              router = Address::v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), network = Address::v6({0x2001, 0xdb8, 0, 7}),
              global = Address::v6({0x2001, 0xdb8, 0, 7, 0x5054, 0xff, 0xfe12, 0x3456}),
              server = Address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 53});

/// A host and the time; what the machine has set.
struct Host : Slaac::Output {
    void set(const Slaac::OwnAddress& a) override { addresses[a.address] = a; }
    void remove(const Slaac::OwnAddress& a) override { EXPECT_EQ(addresses.erase(a.address), 1u); }
    void probe(const Address& a) override { probes.push_back(a); }
    void solicit(const Address& from) override {
        EXPECT_EQ(from, own_link);
        solicitations.push_back(now);
    }
    void set_router(const Address& a, u32 m) override { routers[a] = m; }
    void remove_router(const Address& a) override { EXPECT_EQ(routers.erase(a), 1u); }
    void set_on_link(const Prefix& p, u32 m) override { prefixes[p.address] = m; }
    void remove_on_link(const Prefix& p) override { EXPECT_EQ(prefixes.erase(p.address), 1u); }
    void set_name_servers(std::span<const Address> s) override { servers.assign(s.begin(), s.end()); }

    void ask_server() override { asked_servers++; }
    unsigned asked_servers = 0;

    explicit Host(Slaac::Settings settings = {}) { slaac.start(settings, now, *this); }
    void wait(u64 ns) {
        u64 end = now + ns;
        while (slaac.deadline() <= end) {
            now = std::max(now, slaac.deadline());
            slaac.timer(now, *this);
        }
        now = end;
    }
    Slaac::State state(const Address& a) { return addresses.at(a).state; }
    std::map<Address, Slaac::OwnAddress> addresses;
    std::map<Address, u32> routers, prefixes;
    std::vector<Address> probes, servers;
    std::vector<u64> solicitations;
    u64 now = start;
    Slaac slaac{link, SipHash{1, 2}};
};
RouterAdvertisement advertisement(u32 valid = 86400, u32 preferred = 14400) {
    RouterAdvertisement ra;
    ra.lifetime = 1800;
    ra.mtu = 1400;
    ra.prefixes[ra.prefix_count++] = {network, 64, true, true, valid, preferred};
    ra.name_servers[ra.name_server_count++] = server;
    ra.name_servers_for = 600;
    return ra;
}
} // namespace

TEST(Slaac, LinkLocalFirstThenRouters) {
    Host h;
    EXPECT_EQ(h.state(own_link), Slaac::State::tentative);
    h.wait(3 * second);
    EXPECT_EQ(h.state(own_link), Slaac::State::good);
    EXPECT_EQ(h.probes, std::vector{own_link});
    ASSERT_EQ(h.solicitations.size(), 1u);
    h.wait(20 * second); // after 4 seconds and 8 more, a tenth more or less
    ASSERT_EQ(h.solicitations.size(), 3u);
    u64 first = h.solicitations[1] - h.solicitations[0], next = h.solicitations[2] - h.solicitations[1];
    EXPECT_TRUE(first >= 3 * second && first <= 5 * second && next >= 7 * second && next <= 9 * second);
    h.wait(24 * 3600 * second);
    EXPECT_LE(h.solicitations.size(), 45u);
    size_t asked = h.solicitations.size();
    h.slaac.advertised(advertisement(), router, h.now, h);
    h.wait(1000 * second);
    EXPECT_EQ(h.solicitations.size(), asked);
}

TEST(Slaac, ServersAreAskedWhereRoutersSaySo) {
    Host h;
    auto ra = advertisement();
    ra.other = true;
    h.slaac.advertised(ra, router, h.now, h); // too early
    h.wait(3 * second);
    h.slaac.advertised(advertisement(), router, h.now, h);
    EXPECT_EQ(h.asked_servers, 0u);
    h.slaac.advertised(ra, router, h.now, h);
    EXPECT_EQ(h.asked_servers, 1u);
    ra.other = false;
    ra.managed = true; // a server of addresses says the rest as well
    h.slaac.advertised(ra, router, h.now, h);
    EXPECT_EQ(h.asked_servers, 2u);
}

TEST(Slaac, WhatRoutersSay) {
    Host h;
    h.slaac.advertised(advertisement(), router, h.now, h); // too early: nobody can be answered
    EXPECT_TRUE(h.routers.empty());
    h.wait(3 * second);
    h.slaac.advertised(advertisement(), router, h.now, h);
    EXPECT_EQ(h.state(global), Slaac::State::tentative);
    EXPECT_EQ(h.routers.at(router), 1400u);
    EXPECT_EQ(h.prefixes.at(network), 1400u);
    EXPECT_EQ(h.servers, std::vector{server});
    h.wait(2 * second);
    EXPECT_EQ(h.state(global), Slaac::State::good);
    EXPECT_EQ(h.probes.back(), global);
    EXPECT_EQ(h.addresses.at(global).preferred_until, h.now - 2 * second + 14400 * second);
    h.wait(600 * second);
    EXPECT_TRUE(h.servers.empty());
    EXPECT_FALSE(h.routers.empty());
    h.wait(1200 * second);
    EXPECT_TRUE(h.routers.empty());
    h.wait(86400 * second);
    EXPECT_TRUE(h.prefixes.empty());
    EXPECT_EQ(h.addresses.size(), 1u);
    // A router goes, its prefix too.
    h.slaac.advertised(advertisement(), router, h.now, h);
    auto gone = advertisement(0, 0);
    gone.lifetime = 0;
    gone.name_servers_for = 0;
    h.slaac.advertised(gone, router, h.now, h);
    EXPECT_TRUE(h.routers.empty() && h.prefixes.empty() && h.servers.empty());
    h.slaac.stop(h);
    EXPECT_TRUE(h.addresses.empty());
    EXPECT_EQ(h.slaac.deadline(), Slaac::never);
}

/// RFC 4862, 5.5.3: nobody takes an address away at once.
TEST(Slaac, TwoHours) {
    Host h;
    h.wait(3 * second);
    auto valid_for = [&] { return (h.addresses.at(global).valid_until - h.now) / second; };
    h.slaac.advertised(advertisement(100'000, 100), router, h.now, h);
    h.slaac.advertised(advertisement(10, 10), router, h.now, h);
    EXPECT_EQ(valid_for(), 7200u);
    h.slaac.advertised(advertisement(10, 10), router, h.now, h);
    EXPECT_EQ(valid_for(), 7200u);
    h.wait(7000 * second);
    h.slaac.advertised(advertisement(100, 10), router, h.now, h);
    EXPECT_EQ(valid_for(), 200u);
    h.slaac.advertised(advertisement(300, 10), router, h.now, h);
    EXPECT_EQ(valid_for(), 300u);
    h.slaac.advertised(advertisement(9000, 10), router, h.now, h);
    EXPECT_EQ(valid_for(), 9000u);
    h.slaac.advertised(advertisement(~0u, ~0u), router, h.now, h);
    EXPECT_EQ(h.addresses.at(global).valid_until, Slaac::never);
}

TEST(Slaac, Duplicates) {
    Host h{{.probes = 3}};
    h.wait(2500'000'000);
    EXPECT_GE(h.probes.size(), 2u);
    h.slaac.contested(own_link, h);
    EXPECT_EQ(h.state(own_link), Slaac::State::duplicate);
    h.wait(1000 * second);
    EXPECT_TRUE(h.solicitations.empty());
    h.slaac.advertised(advertisement(), router, h.now, h);
    EXPECT_EQ(h.addresses.size(), 1u);
    // When it is good, it is nobody else's.
    Host good{{.probes = 0}};
    EXPECT_EQ(good.state(own_link), Slaac::State::good);
    good.slaac.contested(own_link, good);
    EXPECT_EQ(good.state(own_link), Slaac::State::good);
    EXPECT_TRUE(good.probes.empty());
}

TEST(Slaac, SettingsAndBounds) {
    Host deaf{{.listens = false}};
    deaf.wait(100 * second);
    EXPECT_TRUE(deaf.solicitations.empty());
    deaf.slaac.advertised(advertisement(), router, deaf.now, deaf);
    EXPECT_TRUE(deaf.routers.empty());
    Host by_hand{{.autoconf = false}};
    by_hand.wait(3 * second);
    by_hand.slaac.advertised(advertisement(), router, by_hand.now, by_hand);
    EXPECT_EQ(by_hand.addresses.size(), 1u);
    EXPECT_EQ(by_hand.routers.size(), 1u);
    Host h;
    h.wait(3 * second);
    for (u16 n = 0; n < 100; n++) {
        auto ra = advertisement();
        ra.prefixes[0].prefix = Address::v6({0x2001, 0xdb8, 1, n});
        h.slaac.advertised(ra, Address::v6({0xfe80, 0, 0, 0, 0, 0, 1, n}), h.now, h);
    }
    EXPECT_EQ(h.addresses.size(), Slaac::most_addresses);
    EXPECT_EQ(h.routers.size(), Slaac::most_routers);
    EXPECT_EQ(h.prefixes.size(), Slaac::most_prefixes);
    auto odd = advertisement(); // no addresses in networks of another size, preferred for no longer than valid
    Host other;
    other.wait(3 * second);
    odd.prefixes[0].length = 56;
    other.slaac.advertised(odd, router, other.now, other);
    EXPECT_EQ(other.addresses.size(), 1u);
    EXPECT_EQ(other.prefixes.size(), 1u);
}
} // namespace net::inet
