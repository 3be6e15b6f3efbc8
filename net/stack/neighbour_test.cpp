// Neighbours in virtual time: asking, waiting, giving up, and noticing who has gone.
#include "net/stack/neighbour.h"
#include <gtest/gtest.h>
#include <vector>

using namespace net;

namespace {
constexpr u64 second = NeighbourTable::second;
const Address peer = Address::v4(10, 0, 0, 2);
const LinkAddress first{{2, 0, 0, 0, 0, 1}}, other{{2, 0, 0, 0, 0, 2}};

struct Link final : NeighbourTable::Output {
    void solicit(const Address& a, const std::optional<LinkAddress>& to) override {
        asked.push_back(a);
        unicast = to;
    }
    void transmit(PacketBox, const LinkAddress& to) override { sent.push_back(to); }
    void unreachable(PacketBox) override { failed++; }
    std::vector<Address> asked;
    std::optional<LinkAddress> unicast;
    std::vector<LinkAddress> sent;
    unsigned failed = 0;
};
struct Neighbours : testing::Test {
    NeighbourTable table{SipHash{1, 2}};
    Link link;
    u64 now = 100 * second;
    void send(const Address& to = peer) { table.send(*Packet::create(), to, now, link); }
    void pass(u64 time) {
        for (u64 end = now + time; now < end;) {
            now = std::min(end, std::max(now, table.deadline()));
            if (table.deadline() <= now) table.timer(now, link);
        }
    }
    Reachability state() { return table.find(peer)->state; }
};
} // namespace

TEST_F(Neighbours, PacketsWaitForTheAnswer) {
    send(), send();
    EXPECT_EQ(link.asked.size(), 1u);
    EXPECT_TRUE(link.sent.empty());
    pass(second);
    EXPECT_EQ(link.asked.size(), 2u);
    table.advertised(peer, first, {.solicited = true}, now, link);
    EXPECT_EQ(link.sent.size(), 2u);
    EXPECT_EQ(state(), Reachability::reachable);
    send();
    EXPECT_EQ(link.sent.size(), 3u);
    EXPECT_EQ(link.asked.size(), 2u);
}

TEST_F(Neighbours, NobodyAnswers) {
    send(), send();
    pass(3 * second);
    EXPECT_EQ(link.asked.size(), 3u);
    EXPECT_EQ(link.failed, 2u);
    send();
    EXPECT_EQ(link.failed, 3u); // at once, for a while
    pass(4 * second);
    EXPECT_FALSE(table.find(peer));
    send();
    EXPECT_EQ(link.asked.size(), 4u);
}

TEST_F(Neighbours, OneThatHasGoneIsNoticed) {
    send();
    table.advertised(peer, first, {.solicited = true}, now, link);
    pass(31 * second);
    EXPECT_EQ(link.asked.size(), 1u); // nobody speaks to it
    send();
    EXPECT_EQ(state(), Reachability::delay);
    pass(4 * second);
    table.confirm(peer, now); // TCP got an answer
    EXPECT_EQ(state(), Reachability::reachable);
    pass(31 * second);
    send();
    pass(6 * second);
    EXPECT_EQ(state(), Reachability::probe);
    EXPECT_EQ(*link.unicast, first);
    pass(3 * second);
    EXPECT_EQ(state(), Reachability::failed);
}

TEST_F(Neighbours, WhoMayChangeAnAddress) {
    table.advertised(peer, first, {.solicited = true}, now, link);
    EXPECT_FALSE(table.find(peer)); // nobody has asked
    table.heard(peer, first, now, link);
    EXPECT_EQ(state(), Reachability::stale);
    table.advertised(peer, first, {.solicited = true}, now, link);
    table.advertised(peer, other, {}, now, link); // no override: only doubt
    EXPECT_EQ(table.find(peer)->link, first);
    EXPECT_EQ(state(), Reachability::stale);
    table.advertised(peer, other, {.override_old = true}, now, link);
    EXPECT_EQ(table.find(peer)->link, other);
    ASSERT_TRUE(table.set(peer, first, Reachability::permanent, now, link));
    table.heard(peer, other, now, link);
    EXPECT_EQ(table.find(peer)->link, first);
    table.heard(Address::v4(10, 0, 0, 9), link_broadcast, now, link);
    EXPECT_EQ(table.size(), 1u);
}

TEST_F(Neighbours, AWalkThroughAddressesTakesOnlyHalf) {
    for (u32 i = 0; i < 5000; i++) send(Address::v4(0x0b000000 + i));
    EXPECT_EQ(table.size(), NeighbourTable::most / 2);
    EXPECT_EQ(link.failed, 5000 - NeighbourTable::most / 2);
    pass(10 * second);
    EXPECT_EQ(table.size(), 0u);
    for (u32 i = 0; i < 5000; i++) table.heard(Address::v4(0x0b000000 + i), first, now, link);
    EXPECT_EQ(table.size(), NeighbourTable::most);
}

TEST_F(Neighbours, WhatWaitsIsBounded) {
    for (unsigned i = 0; i < 1000; i++) send();
    EXPECT_GT(link.failed, 0u);
    unsigned dropped = link.failed;
    table.advertised(peer, first, {.solicited = true}, now, link);
    EXPECT_EQ(link.sent.size(), 1000 - dropped);
}
