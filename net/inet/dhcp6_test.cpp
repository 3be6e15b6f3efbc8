// Stateless DHCPv6: what is asked and when, what is believed of the answers.
#include "net/inet/dhcp6.h"
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace net::inet {
namespace {
constexpr u64 second = Dhcp6Client::second;
constexpr LinkAddress link{{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
const Address server = Address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53});

using Bytes = std::string;
Bytes big(u64 n, unsigned size) {
    Bytes b;
    while (size--) b += static_cast<char>(n >> 8 * size);
    return b;
}
Bytes option(u16 code, const Bytes& content) { return big(code, 2) + big(content.size(), 2) + content; }
Bytes bytes_of(const Address& a) { return {reinterpret_cast<const char*>(a.bytes.data()), 16}; }
const Bytes client_id = option(1, big(0x00030001'5254ull, 6) + big(0x00123456, 4)), server_id = option(2, "anybody");
Bytes reply(u32 transaction, const Bytes& options, const Bytes& ids = client_id + server_id) {
    return big(7, 1) + big(transaction, 3) + ids + options;
}
PacketBox packet(const Bytes& b) {
    auto p = std::move(*Packet::create(b.size()));
    if (!b.empty()) std::memcpy(p->append_linear(b.size()).data(), b.data(), b.size());
    return p;
}
Result<Dhcp6Reply> parse(const Bytes& b) { return parse_dhcp6(*packet(b), link); }
const Bytes names = big(7, 1) + "example" + big(3, 1) + "com" + big(0, 1) + big(1, 1) + "b" + big(0, 1);

struct Host : Dhcp6Client::Output {
    void send_dhcp6(PacketBox p) override {
        sent.push_back(now);
        Bytes b(p->size(), 0);
        p->copy(0, std::as_writable_bytes(std::span{b}));
        asked = b;
    }
    void told_by_dhcp6(const Dhcp6Reply& r) override { told.push_back(r); }
    void wait(u64 ns) {
        u64 end = now + ns;
        while (client.deadline() <= end) {
            now = std::max(now, client.deadline());
            client.timer(now, *this);
        }
        now = end;
    }
    u32 transaction() const {
        u32 n = 0;
        for (int i = 1; i < 4; i++) n = n << 8 | static_cast<u8>(asked[static_cast<usize>(i)]);
        return n;
    }
    void hear(const Bytes& b) { client.received(*packet(b), now, *this); }
    u64 now = 1000 * second;
    std::vector<u64> sent;
    Bytes asked;
    std::vector<Dhcp6Reply> told;
    Dhcp6Client client{link, SipHash{1, 2}};
};
} // namespace

TEST(Dhcp6, AsksAndIsTold) {
    Host h;
    h.wait(100 * second);
    EXPECT_TRUE(h.sent.empty()); // no router has spoken
    h.client.start(h.now);
    h.wait(second);
    ASSERT_EQ(h.sent.size(), 1u);
    EXPECT_EQ(h.asked, big(11, 1) + big(h.transaction(), 3) + client_id + option(8, big(0, 2)) +
                           option(6, big(23, 2) + big(24, 2) + big(32, 2) + big(83, 2)));
    h.client.start(h.now);
    h.hear(reply(h.transaction(), option(23, bytes_of(server)) + option(24, names)));
    ASSERT_EQ(h.told.size(), 1u);
    EXPECT_EQ(h.told[0].dns_count, 1u);
    EXPECT_EQ(h.told[0].dns[0], server);
    EXPECT_EQ(h.told[0].search.view(), "example.com b");
    h.hear(reply(h.transaction(), {})); // said twice
    EXPECT_EQ(h.told.size(), 1u);
    h.wait(86399 * second);
    EXPECT_EQ(h.sent.size(), 1u);
    h.wait(3 * second);
    EXPECT_GE(h.sent.size(), 2u);
    h.client.stop(h);
    ASSERT_EQ(h.told.size(), 2u);
    EXPECT_EQ(h.told[1].dns_count, 0u);
    size_t sent = h.sent.size();
    h.wait(100'000 * second);
    EXPECT_EQ(h.sent.size(), sent);
}

TEST(Dhcp6, AsksLessAndLessOften) {
    Host h;
    h.client.start(h.now);
    h.wait(24 * 3600 * second);
    ASSERT_GE(h.sent.size(), 30u);
    EXPECT_LE(h.sent.size(), 45u);
    for (usize i = 1; i < h.sent.size(); i++) {
        u64 wait = h.sent[i] - h.sent[i - 1], wanted = std::min<u64>(second << (i - 1), 3600 * second);
        EXPECT_GE(wait, wanted * 9 / 10);
        EXPECT_LE(wait, wanted * 11 / 10 + 1);
    }
    EXPECT_NE(h.asked.find(option(8, big(0xffff, 2))), Bytes::npos);
    h.hear(reply(h.transaction(), option(32, big(30, 4)) + option(83, big(120, 4))));
    ASSERT_EQ(h.told.size(), 1u);
    size_t sent = h.sent.size();
    h.wait(599 * second); // what it says is too often
    EXPECT_EQ(h.sent.size(), sent);
    h.wait(3600 * second);
    EXPECT_GE(h.sent.size(), sent + 25);
    h.hear(reply(h.transaction(), option(32, big(~u32{0}, 4))));
    sent = h.sent.size();
    h.wait(10'000'000 * second);
    EXPECT_EQ(h.sent.size(), sent);
}

TEST(Dhcp6, BelievesServersOnly) {
    Host h;
    h.client.start(h.now);
    h.wait(second);
    u32 t = h.transaction();
    const Bytes dns = option(23, bytes_of(server));
    h.hear(reply(t + 1, dns));
    h.hear(reply(t, dns, client_id));
    h.hear(reply(t, dns, server_id));
    h.hear(reply(t, dns, option(1, big(0x00030001'5254ull, 6) + big(0x00123457, 4)) + server_id));
    h.hear(reply(t, dns, option(1, "") + server_id));
    h.hear(reply(t, dns, client_id + option(2, "")));
    h.hear(big(11, 1) + reply(t, dns).substr(1));
    h.hear(reply(t, dns + option(13, big(1, 2))));
    EXPECT_TRUE(h.told.empty());
    h.hear(reply(t, dns + option(13, big(0, 2)) + option(999, "what")));
    EXPECT_EQ(h.told.size(), 1u);
}

TEST(Dhcp6, WhatIsCutOrNonsense) {
    const Bytes whole =
        reply(5, option(23, bytes_of(server) + bytes_of(server)) + option(24, names) + option(32, big(700, 4)));
    const usize fixed = 4 + client_id.size() + server_id.size();
    std::vector<usize> good{fixed, fixed + 36, fixed + 36 + 4 + names.size(), whole.size()};
    for (usize n = 0; n <= whole.size(); n++)
        EXPECT_EQ(parse(whole.substr(0, n)).has_value(), std::ranges::count(good, n) == 1) << n;
    // Servers that nobody can ask, and more than there is room for.
    Bytes servers;
    for (const Address& a :
         {Address::v6({0xff02, 1}), any_v6, loopback_v6, Address::v4(192, 0, 2, 1), server, server, server, server})
        servers += bytes_of(a);
    EXPECT_EQ(parse(reply(5, option(23, servers + "x")))->dns_count, 3u);
    // Names: cut, compressed, of letters that no name has, too long.
    auto search = [](const Bytes& b) { return std::string{parse(reply(5, option(24, b)))->search.view()}; };
    EXPECT_EQ(search(big(7, 1) + "example"), "");
    EXPECT_EQ(search(big(7, 1) + "exa"), "");
    EXPECT_EQ(search(big(0xc000, 2) + names), "");
    EXPECT_EQ(search(big(5, 1) + "a b\nc" + big(0, 1) + names), "example.com b");
    EXPECT_EQ(search(big(0, 1) + names), "example.com b");
    Bytes label = big(63, 1) + Bytes(63, 'a');
    EXPECT_EQ(search(label + label + label + label + big(0, 1) + names), "example.com b");
    EXPECT_EQ(search(label + label + label + big(0, 1) + names).size(), 191u + 2);
}
} // namespace net::inet
