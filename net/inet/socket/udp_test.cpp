// Two networks joined by a cable: what sockets of UDP send is resolved, cut, put together and refused as between
// machines.
#include "cable.h"
#include "kernel/socket/numbers.h"
#include "net/inet/icmp.h"
#include "net/inet/socket/raw_table.h"
#include "net/inet/udp.h"
#include <linux/eventpoll.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace {
using namespace net;
using namespace net::inet;
using namespace sockets;

class UdpTest : public inet::test::Cable {
protected:
    Result<usize> put(DatagramSocket& from, const Endpoint* to, std::string_view text, int domain = af_inet) {
        Source source{std::as_bytes(std::span{text})};
        sockets::Address at;
        if (to) at = name(*to, domain);
        SendMessage m{.data = source, .flags = msg_dontwait, .to = to ? &at : nullptr};
        auto sent = from.send(m);
        run();
        return sent;
    }
    static std::string get(DatagramSocket& from, sockets::Address* sender = nullptr) {
        std::string bytes(70'000, 0);
        Sink to{std::as_writable_bytes(std::span{bytes})};
        ReceiveMessage m{.data = to, .flags = msg_dontwait, .from = sender};
        auto n = from.receive(m);
        return n ? bytes.substr(0, *n) : n.error() == Errno::again ? "nothing" : "an error";
    }
};
} // namespace

TEST_F(UdpTest, DatagramsCrossTheCable) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(one->bind(name(at_a)) && two->bind(name(at_b)));
    EXPECT_EQ(*put(*one, &at_b, "question"), 8u); // the neighbour is asked for first
    sockets::Address from;
    EXPECT_EQ(get(*two, &from), "question");
    EXPECT_EQ(parse_address(from, af_inet)->address, at_a.address);
    EXPECT_EQ(parse_address(from, af_inet)->port, 1000);
    EXPECT_TRUE(put(*two, &at_a, "answer"));
    EXPECT_EQ(get(*one), "answer");
    EXPECT_EQ(get(*one), "nothing");
}

TEST_F(UdpTest, LargeOnesAreCutAndPutTogether) {
    for (bool v6 : {false, true}) {
        auto one = a.socket(v6), two = b.socket(v6);
        int domain = v6 ? af_inet6 : af_inet;
        Endpoint to = v6 ? Endpoint{net::Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2}), 3000} : at_b;
        ASSERT_TRUE(two->bind(name(to, domain)));
        EXPECT_TRUE(put(*one, &to, "first", domain)); // so that the neighbour is known
        EXPECT_EQ(get(*two), "first");
        for (usize size : {1472u, 1473u, 9000u, 65'507u}) {
            std::string text = test::pattern(size);
            EXPECT_TRUE(put(*one, &to, text, domain));
            EXPECT_TRUE(get(*two) == text) << size;
        }
    }
}

TEST_F(UdpTest, NobodyThereIsTold) {
    auto one = a.socket();
    ASSERT_TRUE(one->connect(name(at_b), at_once));
    EXPECT_TRUE(put(*one, nullptr, "anybody?"));
    EXPECT_EQ(one->options().take_error(), static_cast<int>(Errno::connrefused));
    // Not connected: nobody is told.
    auto two = a.socket();
    EXPECT_TRUE(put(*two, &at_b, "anybody?"));
    EXPECT_EQ(two->options().take_error(), 0);
    // Where there is no way.
    Endpoint far{net::Address::v4(192, 0, 2, 1), 7};
    EXPECT_EQ(put(*two, &far, "x").error(), Errno::netunreach);
}

TEST_F(UdpTest, ARouterSaysHowLargePacketsMayBe) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(two->bind(name(at_b)) && one->connect(name(at_b), at_once));
    EXPECT_TRUE(put(*one, nullptr, "first"));
    EXPECT_EQ(get(*two), "first");
    // A packet of its own comes back from somebody on the way.
    Endpoint own{at_a.address, one->endpoint().local.port};
    auto sent = test::packet_of(test::pattern(1300));
    ASSERT_TRUE(push_udp(*sent, own, at_b, UdpChecksum::full));
    ASSERT_TRUE(push_ip(*sent, {.source = own.address, .destination = at_b.address, .protocol = IPPROTO_UDP}));
    auto error = icmp_error(*sent, *parse_ip(*sent), parse_ip(*sent)->destination, Refusal::too_big, 1000);
    ASSERT_TRUE(error);
    net::Address router = net::Address::v4(10, 0, 0, 9);
    ASSERT_TRUE(push_ip(**error, {.source = router, .destination = own.address, .protocol = IPPROTO_ICMP}));
    {
        Outbox box;
        input(*a.eth, std::move(*error), box);
    }
    EXPECT_EQ(one->options().take_error(), static_cast<int>(Errno::msgsize));
    EXPECT_EQ(a.stack->route(at_b.address, {}, 0)->mtu, 1000u);
    unsigned before = b.device.frames;
    EXPECT_TRUE(put(*one, nullptr, test::pattern(1300))); // in two fragments now
    EXPECT_EQ(get(*two), test::pattern(1300));
    EXPECT_GT(b.device.frames, before);
    one->endpoint().ip.v4.discover_mtu = IP_PMTUDISC_DO;
    EXPECT_EQ(put(*one, nullptr, test::pattern(1300)).error(), Errno::msgsize);
}

TEST_F(UdpTest, GroupsAreHeardByMembersOnly) {
    auto one = a.socket(), two = b.socket();
    Endpoint any{any_v4, 2000}, group{net::Address::v4(239, 1, 1, 1), 2000};
    ASSERT_TRUE(two->bind(name(any)));
    one->endpoint().ip.v4.multicast_interface = a.eth->index();
    EXPECT_TRUE(put(*one, &group, "early"));
    EXPECT_EQ(get(*two), "nothing");
    unsigned before = a.device.frames;
    Memberships& members = two->endpoint().memberships;
    ASSERT_TRUE(members.join(*b.stack, {group.address, b.eth->index(), {}}));
    run();
    EXPECT_GT(a.device.frames, before); // a report was sent
    EXPECT_TRUE(put(*one, &group, "hello"));
    EXPECT_EQ(get(*two), "hello");
    ASSERT_TRUE(members.leave(*b.stack, {group.address, b.eth->index(), {}}));
    EXPECT_TRUE(put(*one, &group, "late"));
    EXPECT_EQ(get(*two), "nothing");
}

TEST_F(UdpTest, PingIsAnswered) {
    RawTable::watch();
    auto e = *make_ref<DatagramEndpoint>(u8{IPPROTO_ICMP}, false, Maker{a.network, *a.stack, View::root().cgroup});
    auto ping = *make_ref<PingSocket>(e, *make_inode());
    auto raw_end = *make_ref<RawEndpoint>(u8{IPPROTO_ICMP}, false, Maker{a.network, *a.stack, View::root().cgroup});
    auto raw = *make_ref<RawSocket>(raw_end, *make_inode());
    RawTable::enter(*raw_end);
    std::string request{"\10\0\0\0\0\0\0\7data", 12}; // an echo request, number 7; the identifier is the socket's
    Endpoint to{at_b.address, 0};
    EXPECT_EQ(*put(*ping, &to, request), 12u);
    std::string answer = get(*ping);
    ASSERT_EQ(answer.size(), 12u);
    EXPECT_EQ(answer[0], 0); // an echo reply
    EXPECT_EQ(answer.substr(6), request.substr(6));
    EXPECT_EQ(static_cast<u8>(answer[4]) << 8 | static_cast<u8>(answer[5]), e->local.port);
    EXPECT_EQ(get(*raw).size(), 32u); // the same with its IP header
    EXPECT_EQ(put(*ping, &to, request.substr(0, 7)).error(), Errno::inval);
    EXPECT_EQ(put(*ping, &to, "\1" + request.substr(1)).error(), Errno::inval); // nothing but requests
    EXPECT_EQ(get(*ping), "nothing");
}

TEST_F(UdpTest, SegmentsAreCutForADevice) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(two->bind(name(at_b)));
    u16 size = 500;
    std::string text = test::pattern(1200);
    struct {
        usize length = 16 + sizeof(u16);
        int level = sol_udp, type = 103; // UDP_SEGMENT
        u16 size;
        u16 padding[3]{};
    } control{.size = size};
    EXPECT_TRUE(put(*one, &at_b, "first"));
    EXPECT_EQ(get(*two), "first");
    Source source{std::as_bytes(std::span{text})};
    sockets::Address to = name(at_b);
    SendMessage m{.data = source, .flags = msg_dontwait, .to = &to, .control = std::as_bytes(std::span{&control, 1})};
    EXPECT_EQ(*one->send(m), 1200u);
    run();
    EXPECT_EQ(get(*two), text.substr(0, 500));
    EXPECT_EQ(get(*two), text.substr(500, 500));
    EXPECT_EQ(get(*two), text.substr(1000));
    EXPECT_EQ(get(*two), "nothing");
}

TEST_F(UdpTest, TheBufferHoldsWhatItMay) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(two->bind(name(at_b)));
    two->options().receive_buffer = 20'000;
    for (int i = 0; i < 200; i++) EXPECT_TRUE(put(*one, &at_b, std::string(1000, 'x')));
    unsigned kept = 0;
    while (get(*two) != "nothing") kept++;
    EXPECT_GE(kept, 3u);
    EXPECT_LT(kept, 30u);
    EXPECT_EQ(two->endpoint().dropped, 200 - kept);
}

TEST_F(UdpTest, WhatTheDeviceDoesNotTakeFillsTheSendBuffer) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(two->bind(name(at_b)));
    EXPECT_TRUE(put(*one, &at_b, "first"));
    EXPECT_EQ(get(*two), "first");
    EXPECT_EQ(one->endpoint().unsent_bytes(), 0u);
    one->options().send_buffer = 100'000;
    a.device.full = true;
    unsigned taken = 0;
    Result<usize> last = usize{0};
    while (taken < 1000 && (last = put(*one, &at_b, std::string(1000, 'x')))) taken++;
    EXPECT_EQ(last.error(), Errno::again);
    EXPECT_GT(taken, 50u);
    EXPECT_LT(taken, 100u); // it is memory that counts
    EXPECT_GE(one->endpoint().unsent_bytes(), 100'000u);
    EXPECT_FALSE(one->poll() & EPOLLOUT);
    // Another one has a buffer of its own.
    auto other = a.socket();
    EXPECT_TRUE(put(*other, &at_b, "other"));
    // Who waits hears of it when the device has sent half.
    struct Listening final : Waiter {
        bool notified(u32 events) override { return heard |= events & EPOLLOUT, true; }
        bool heard = false;
    } listening;
    one->changed().add(listening);
    a.device.full = false;
    a.device.user->has_room();
    EXPECT_FALSE(listening.heard); // they are on the cable
    run();
    EXPECT_TRUE(listening.heard);
    one->changed().remove(listening);
    EXPECT_EQ(one->endpoint().unsent_bytes(), 0u);
    EXPECT_TRUE(one->poll() & EPOLLOUT);
    EXPECT_TRUE(put(*one, &at_b, "again"));
}

TEST_F(UdpTest, PartsOfADatagramCountAsTheWhole) {
    auto one = a.socket(), two = b.socket();
    ASSERT_TRUE(two->bind(name(at_b)));
    EXPECT_TRUE(put(*one, &at_b, "first"));
    a.device.full = true;
    EXPECT_TRUE(put(*one, &at_b, test::pattern(60'000))); // fragments
    EXPECT_GE(one->endpoint().unsent_bytes(), 60'000u);
    EXPECT_LT(one->endpoint().unsent_bytes(), 90'000u);
    // A socket that is closed leaves them be.
    one = {};
    a.device.full = false;
    a.device.user->has_room();
    run();
    EXPECT_EQ(get(*two), "first");
    EXPECT_TRUE(get(*two) == test::pattern(60'000));
}
