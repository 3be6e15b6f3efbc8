// virtio-net beside a device that keeps the rules, and beside one that writes what it likes.
#include "core/ktest/threads.h"
#include "net_device.h"
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/in.h>

namespace {
using host::FakeNet;
using net::ChecksumState;
using virtio::NetHeader;

constexpr u64 all_features = virtio::net_checksum | virtio::net_guest_checksum | virtio::net_mtu | virtio::net_mac |
                             virtio::net_guest_tso4 | virtio::net_guest_tso6 | virtio::net_host_tso4 |
                             virtio::net_host_tso6 | virtio::net_host_ecn | virtio::net_merging | virtio::net_status |
                             virtio::feature_indirect | virtio::feature_event_index;

/// An interface: keeps what it is given, counts what it is told.
struct User final : net::DeviceUser {
    void received(net::PacketQueue& packets) override {
        unsigned batch = 0;
        while (auto p = packets.pop()) {
            batch++;
            if (keep) kept.push(std::move(p));
            seen.fetch_add(1);
        }
        EXPECT_LE(batch, Work::budget);
        changed.notify_all();
    }
    void has_room() override {
        rooms.fetch_add(1);
        changed.notify_all();
    }
    void carrier_changed() override {
        carriers.fetch_add(1);
        changed.notify_all();
    }
    template <class C>
    void wait(C condition) {
        (void)wait_until(changed, condition, never, false);
    }
    net::PacketQueue kept;
    bool keep = true;
    std::atomic<unsigned> seen = 0, rooms = 0, carriers = 0;
    WaitQueue changed;
};

/// A device with its driver and its user, started.
struct Link {
    explicit Link(u64 features = all_features, u16 queue_size = 64) : fake{features, queue_size}, net{fake} {
        static bool workers = work::start().has_value(); // a second set does no harm
        EXPECT_TRUE(workers);
        EXPECT_TRUE(net.prepare());
        net.start(user);
        filled();
    }
    ~Link() { // it goes as one that was broken does
        net.stop_works();
        fake.set_status(fake.status() | 64);
        net.run(0);
        net.receiver(0).run(0);
        net.transmitter(0).run(0);
    }
    void filled() {
        while (fake.requests(0) < fake.queues[0].size) sched::yield();
    }
    /// Hands a packet over and waits until the interface has it.
    net::PacketBox receive(NetHeader h, std::string_view bytes) {
        unsigned before = user.seen;
        while (!fake.deliver(0, h, bytes)) sched::yield();
        fake.interrupt(0);
        user.wait([&] { return user.seen.load() != before; });
        return user.kept.pop();
    }
    /// Hands one over that is to be dropped, and one that is not behind it: it is the next one.
    void expect_dropped(NetHeader h, std::string_view bytes, const char* what) {
        while (!fake.deliver(0, h, bytes)) sched::yield();
        auto next = receive({}, std::string(60, 'x'));
        EXPECT_EQ(next->size(), 60u) << what;
    }
    FakeNet fake;
    User user;
    virtio::NetDevice net;
};

std::string text_of(const net::Packet& p) {
    std::string s(p.size(), 0);
    EXPECT_TRUE(p.copy(0, std::as_writable_bytes(std::span{s})));
    return s;
}
/// An Ethernet frame with TCP in it, as far as anybody looks.
std::string frame(usize size, bool v6 = false) {
    std::string s(size, 0);
    for (usize i = 0; i < size; i++) s[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    s[12] = static_cast<char>(v6 ? 0x86 : 8);
    s[13] = static_cast<char>(v6 ? 0xdd : 0);
    if (size < 60) return s;
    s[14 + (v6 ? 6 : 9)] = IPPROTO_TCP;
    s[14 + 20 + 12] = 0x50; // a header of 20 bytes
    s[14 + 20 + 13] = 0x10; // ACK
    return s;
}
/// A packet of `linear` bytes and the rest in frames.
net::PacketBox packet(std::string_view bytes, usize linear) {
    auto p = *net::Packet::create(linear);
    std::memcpy(p->append_linear(linear).data(), bytes.data(), linear);
    for (usize at = linear; at < bytes.size();) {
        auto f = *mm::allocate_frame(FrameUse::kernel);
        usize n = std::min(bytes.size() - at, page_size);
        std::memcpy(f->data(), bytes.data() + at, n);
        EXPECT_TRUE(p->append(net::Piece{f, 0, static_cast<u32>(n)}));
        at += n;
    }
    return p;
}
} // namespace

/// The device is another thread here, which sees memory by the barriers of arch/api/dma.h alone: TSan knows none.
class VirtioNet : public testing::Test {
protected:
    void SetUp() override {
#if __has_feature(thread_sanitizer)
        GTEST_SKIP() << "TSan does not see the barriers between a device and its driver";
#endif
    }
};

TEST_F(VirtioNet, TellsWhatTheDeviceIs) {
    Link l;
    EXPECT_EQ(l.net.address(), (net::LinkAddress{{0x52, 0x54, 0, 1, 2, 3}}));
    EXPECT_EQ(l.net.most_mtu(), 1500u);
    EXPECT_TRUE(l.net.has_carrier());
    EXPECT_TRUE(l.net.offloads().checksum);
    EXPECT_EQ(l.net.offloads().segment_v4, 65535u);
    Link bare{0};
    EXPECT_TRUE(bare.net.address().valid_unicast());
    EXPECT_FALSE(bare.net.offloads().checksum);
    EXPECT_EQ(bare.net.offloads().segment_v6, 0u);
    // What a feature needs is missing: it is not used.
    Link odd{virtio::net_guest_tso4 | virtio::net_host_tso4 | virtio::net_mac};
    EXPECT_EQ(odd.net.offloads().segment_v4, 0u);
    EXPECT_EQ(odd.fake.agreed & (virtio::net_guest_tso4 | virtio::net_host_tso4), 0u);
}

TEST_F(VirtioNet, ReceivesPacketsOfAllSizes) {
    for (u64 features : {all_features, virtio::net_merging | 0, u64{0}}) {
        Link l{features};
        for (unsigned round = 0; round < 40; round++)
            for (usize size : {14, 60, 1514, 1537, 4084, 4085, 9000, 65549}) {
                if (!(features & virtio::net_merging) && size > 4084) continue;
                auto p = l.receive({}, frame(size));
                ASSERT_TRUE(p);
                EXPECT_EQ(text_of(*p), frame(size));
                EXPECT_EQ(p->checksum, ChecksumState::unknown);
                EXPECT_EQ(p->segment_size, 0);
            }
        l.filled(); // nothing has got lost
    }
}

TEST_F(VirtioNet, WhatIsShortTakesLittleMemory) {
    Link l;
    EXPECT_LE(l.receive({}, frame(60))->true_size(), 512u);
    EXPECT_LE(l.receive({}, frame(1514))->true_size(), 2048u);
    EXPECT_LE(l.receive({}, frame(65549))->true_size(), 17 * page_size + 2048);
}

TEST_F(VirtioNet, TellsWhatTheDeviceKnowsOfAPacket) {
    Link l;
    auto p = l.receive({.flags = NetHeader::data_valid}, frame(1000));
    EXPECT_EQ(p->checksum, ChecksumState::verified);
    p = l.receive({.flags = NetHeader::needs_checksum, .checksum_start = 34, .checksum_offset = 6}, frame(1000));
    EXPECT_EQ(p->checksum, ChecksumState::partial);
    EXPECT_EQ(p->checksum_start, 34);
    EXPECT_EQ(p->checksum_offset, 6);
    for (bool v6 : {false, true}) {
        NetHeader h{NetHeader::needs_checksum, v6 ? NetHeader::tcp_v6 : NetHeader::tcp_v4, 0, 1448, 34, 16};
        p = l.receive(h, frame(60000, v6));
        EXPECT_EQ(p->segment_size, 1448);
        EXPECT_EQ(text_of(*p), frame(60000, v6));
    }
}

TEST_F(VirtioNet, DropsWhatMakesNoSense) {
    Link l;
    using H = NetHeader;
    const struct {
        const char* what;
        NetHeader header;
        std::string bytes;
    } lies[] = {
        {"no Ethernet header", {}, std::string(13, 'x')},
        {"checksum in the link's header", {H::needs_checksum, 0, 0, 0, 4, 2}, frame(100)},
        {"checksum behind the end", {H::needs_checksum, 0, 0, 0, 34, 65}, frame(100)},
        {"checksum far behind the end", {H::needs_checksum, 0, 0, 0, 0xffff, 0xffff}, frame(100)},
        {"checksum in a frame", {H::needs_checksum, 0, 0, 0, 300, 16}, frame(3000)},
        {"segments of UDP", {H::needs_checksum, 3, 0, 1448, 34, 6}, frame(3000)},
        {"segments of nothing", {H::needs_checksum, H::tcp_v4, 0, 0, 34, 16}, frame(3000)},
        {"segments of the other version", {H::needs_checksum, H::tcp_v6, 0, 1448, 34, 16}, frame(3000)},
        {"checksum elsewhere than TCP's", {H::needs_checksum, H::tcp_v4, 0, 1448, 34, 6}, frame(3000)},
        {"too many pieces", {}, std::string(20 * page_size, 'x')},
    };
    for (auto& lie : lies) l.expect_dropped(lie.header, lie.bytes, lie.what);
    auto r = l.fake.next(0); // shorter than a header
    l.fake.put_used(0, r.head, 11);
    l.fake.show(0);
    EXPECT_EQ(l.receive({}, frame(60))->size(), 60u);
    EXPECT_EQ(l.fake.resets, 1u); // the first one
}

TEST_F(VirtioNet, WhoBreaksTheRulesIsResetAndLosesItsCarrier) {
    const struct {
        const char* what;
        void (*lie)(FakeNet&);
    } lies[] = {
        {"no buffers",
         [](FakeNet& f) {
             auto r = f.next(0);
             std::memset(r.writes[0].data(), 0, 12);
             f.put_used(0, r.head, 100);
         }},
        {"more buffers than there are", [](FakeNet& f) { f.deliver(0, {.buffers = 300}, frame(100)); }},
        {"buffers that do not come", [](FakeNet& f) { f.deliver(0, {.buffers = 3}, frame(100)); }},
        {"longer than the buffer", [](FakeNet& f) { f.put_used(0, f.next(0).head, 4097); }},
        {"not a buffer", [](FakeNet& f) { f.put_used(0, 64, 100); }},
        {"a packet twice",
         [](FakeNet& f) {
             u16 head = f.next(1).head;
             f.put_used(1, head, 0);
             f.put_used(1, head, 0);
         }},
        {"in the second queue", [](FakeNet& f) { f.put_used(1, 5, 0); }},
    };
    for (auto& lie : lies) {
        Link l;
        auto p = packet(frame(100), 100);
        EXPECT_TRUE(l.net.transmit(p, false));
        lie.lie(l.fake);
        for (unsigned q : {0, 1}) {
            l.fake.show(q);
            l.fake.interrupt(q);
        }
        l.user.wait([&] { return l.user.carriers.load() == 1; });
        EXPECT_FALSE(l.net.has_carrier()) << lie.what;
        EXPECT_EQ(l.fake.resets, 2u) << lie.what;
        EXPECT_EQ(l.user.seen, 0u) << lie.what;
        p = packet(frame(100), 100);
        EXPECT_TRUE(l.net.transmit(p, false)); // and is dropped
        EXPECT_FALSE(p);
    }
}

TEST_F(VirtioNet, SendsFromWhereTheBytesAre) {
    for (u64 features : {all_features, virtio::net_checksum | virtio::net_host_tso4}) {
        Link l{features};
        for (usize size : {14, 60, 1514, 9000, 65000})
            for (usize linear : {usize{0}, usize{14}, usize{54}, std::min<usize>(size, 1500)}) {
                if (linear > size) continue;
                auto p = packet(frame(size), linear);
                ASSERT_TRUE(l.net.transmit(p, false));
                EXPECT_FALSE(p);
                ASSERT_TRUE(l.fake.has_request(1));
                auto sent = l.fake.take_sent(1);
                EXPECT_EQ(sent.bytes, frame(size));
                EXPECT_EQ(sent.header.flags, 0);
                EXPECT_EQ(sent.pieces, 1 + (size - linear + page_size - 1) / page_size); // the header is in front
            }
    }
}

TEST_F(VirtioNet, TellsTheDeviceWhatToDoWithAPacket) {
    Link l;
    auto p = packet(frame(100), 100);
    p->checksum = ChecksumState::partial;
    p->checksum_start = 34;
    p->checksum_offset = 16;
    ASSERT_TRUE(l.net.transmit(p, false));
    auto sent = l.fake.take_sent(1);
    EXPECT_EQ(sent.header.flags, NetHeader::needs_checksum);
    EXPECT_EQ(sent.header.checksum_start, 34);
    EXPECT_EQ(sent.header.checksum_offset, 16);
    EXPECT_EQ(sent.header.segmentation, NetHeader::none);
    for (bool reduced : {false, true}) {
        std::string bytes = frame(30000);
        if (reduced) bytes[14 + 20 + 13] |= static_cast<char>(0x80);
        p = packet(bytes, 54);
        p->checksum = ChecksumState::partial;
        p->checksum_start = 34;
        p->checksum_offset = 16;
        p->segment_size = 1448;
        ASSERT_TRUE(l.net.transmit(p, false));
        sent = l.fake.take_sent(1);
        EXPECT_EQ(sent.header.segmentation, NetHeader::tcp_v4 | (reduced ? NetHeader::ecn : 0));
        EXPECT_EQ(sent.header.segment_size, 1448);
        EXPECT_EQ(sent.header.header_length, 54);
    }
    p = packet(frame(3000), 54); // segments without a checksum to complete: nobody can do that
    p->segment_size = 1448;
    EXPECT_TRUE(l.net.transmit(p, false));
    EXPECT_FALSE(l.fake.has_request(1));
}

TEST_F(VirtioNet, WithoutRoomInFrontThePacketIsCopied) {
    Link l;
    auto p = packet(frame(100), 100);
    std::string before = frame(net::Packet::headroom);
    ASSERT_TRUE(p->push(std::as_bytes(std::span{before})));
    ASSERT_TRUE(l.net.transmit(p, false));
    EXPECT_EQ(l.fake.take_sent(1).bytes, before + frame(100));
}

TEST_F(VirtioNet, AFullQueueSaysSoAndLaterThatItIsNot) {
    for (u64 features : {all_features, all_features & ~virtio::feature_event_index,
                         all_features & ~(virtio::feature_event_index | virtio::feature_indirect)}) {
        Link l{features};
        for (unsigned round = 1; round <= 20; round++) {
            unsigned sent = 0;
            net::PacketBox p;
            for (;; sent++) {
                p = packet(frame(5000), 54);
                if (auto done = l.net.transmit(p, false); !done) {
                    EXPECT_EQ(done, err::again);
                    break;
                }
            }
            EXPECT_EQ(sent, features & virtio::feature_indirect ? 64u : 21u);
            ASSERT_TRUE(p); // is still ours, as it was
            EXPECT_EQ(text_of(*p), frame(5000));
            EXPECT_EQ(l.user.rooms, round - 1);
            for (; sent; sent--) {
                EXPECT_EQ(l.fake.take_sent(1).bytes, frame(5000));
                l.fake.interrupt(1);
            }
            l.user.wait([&] { return l.user.rooms.load() == round; });
            ASSERT_TRUE(l.net.transmit(p, false));
            EXPECT_EQ(l.fake.take_sent(1).bytes, frame(5000));
        }
    }
}

TEST_F(VirtioNet, AQueueHoldsAMegabyte) {
    Link l{all_features};
    constexpr unsigned size = 60'000, most = (1 << 20) / size;
    for (unsigned round = 1; round <= 3; round++) {
        unsigned sent = 0;
        net::PacketBox p;
        for (;; sent++) {
            p = packet(frame(size), 54);
            if (auto done = l.net.transmit(p, false); !done) break;
        }
        EXPECT_EQ(sent, most); // far fewer than there are entries
        EXPECT_EQ(l.user.rooms, round - 1);
        for (; sent; sent--) {
            EXPECT_EQ(l.fake.take_sent(1).bytes.size(), size);
            l.fake.interrupt(1);
        }
        l.user.wait([&] { return l.user.rooms.load() == round; });
        p = nullptr;
    }
}

TEST_F(VirtioNet, ARunOfPacketsRingsOnce) {
    Link l{all_features & ~virtio::feature_event_index};
    l.fake.bells[1] = 99;
    for (unsigned i = 0; i < 5; i++) {
        auto p = packet(frame(100), 100);
        ASSERT_TRUE(l.net.transmit(p, i < 4));
        EXPECT_EQ(l.fake.bells[1], i < 4 ? 99 : 1);
        EXPECT_EQ(l.fake.requests(1), i < 4 ? 0u : 5u);
    }
}

TEST_F(VirtioNet, WhatWasSentIsLetGoWithoutAnInterrupt) {
    auto account = MemoryAccount::create(1 * MiB);
    ASSERT_TRUE(account);
    Link l;
    auto p = packet(frame(3000), 54);
    ASSERT_TRUE(p->charge_to(**account));
    EXPECT_GT((*account)->used(), 0u);
    ASSERT_TRUE(l.net.transmit(p, false));
    (void)l.fake.take_sent(1);
    while ((*account)->used()) sched::yield();
    (*account)->close();
}

TEST_F(VirtioNet, TheCarrierFollowsTheDevice) {
    Link l;
    for (unsigned round = 1; round < 6; round++) {
        __atomic_store_n(&l.fake.config[6], u8(round % 2 ? 0 : 1), __ATOMIC_SEQ_CST);
        l.fake.change_config();
        l.user.wait([&] { return l.user.carriers.load() == round; });
        EXPECT_EQ(l.net.has_carrier(), round % 2 == 0);
    }
}

TEST_F(VirtioNet, ADeviceThatCannotGoOnIsReset) {
    Link l;
    l.fake.set_status(l.fake.status() | 64);
    l.fake.change_config();
    l.user.wait([&] { return l.user.carriers.load() == 1; });
    EXPECT_FALSE(l.net.has_carrier());
    EXPECT_EQ(l.fake.resets, 2u);
}

namespace {
/// Each flow has a queue, and all queues have flows.
void expect_flows_apart(FakeNet& fake, virtio::NetDevice& net) {
    for (bool v6 : {false, true}) {
        unsigned flows[3] = {};
        for (unsigned flow = 0; flow < 60; flow++) {
            std::string bytes = frame(100, v6);
            bytes[14 + (v6 ? 40 : 20)] = static_cast<char>(flow);         // the first port
            if (!v6) bytes[14] = 0x45, bytes[14 + 6] = bytes[14 + 7] = 0; // no fragment
            unsigned by = 99;
            for (unsigned round = 0; round < 3; round++) {
                bytes[90] = static_cast<char>(round);
                auto p = packet(bytes, round == 1 ? 20 : 100);
                ASSERT_TRUE(net.transmit(p, false));
                for (unsigned i : {0, 1, 2}) {
                    if (!fake.has_request(2 * i + 1)) continue;
                    (void)fake.take_sent(2 * i + 1);
                    EXPECT_TRUE(by == i || round == 0);
                    by = i;
                }
            }
            ASSERT_LT(by, 3u);
            flows[by]++;
        }
        for (unsigned n : flows) EXPECT_GE(n, 5u);
    }
    for (unsigned i : {0, 1, 2}) net.transmitter(i).run(0); // lets go of what was sent
}
} // namespace

/// One pair for each CPU, of as many as the device has; the device is told how many by its control queue.
TEST_F(VirtioNet, PairsOfQueues) {
    for (u8 answer : {0, 1}) {
        FakeNet fake{all_features | virtio::net_control | virtio::net_pairs};
        fake.config[8] = 3;
        virtio::NetDevice net{fake};
        Result<> prepared = err::inval;
        EXPECT_TRUE(ktest::run_threads(2, [&](unsigned thread) {
            if (!thread) {
                prepared = net.prepare();
                return;
            }
            while (!(fake.status() & 4) || !fake.has_request(6)) sched::yield();
            auto r = fake.next(6);
            EXPECT_EQ(r.reads[0].size(), 4u);
            EXPECT_EQ(std::memcmp(r.reads[0].data(), "\4\0\3\0", 4), 0);
            r.writes[0][0] = std::byte{answer};
            fake.put_used(6, r.head, 1);
            fake.show(6);
        }));
        EXPECT_EQ(prepared.has_value(), answer == 0);
        EXPECT_EQ(net.pairs(), 3u);
        for (unsigned i = 0; i < 6 && !answer; i++) EXPECT_EQ(fake.cpus[i], i / 2);
        if (!answer) expect_flows_apart(fake, net);
        (void)fake.reset();
        net.stop_works();
    }
}

/// The device lets nobody have its memory back: it is not given away.
TEST_F(VirtioNet, WhatALostDeviceHasStaysItsOwn) {
    MemoryAccount& account = MemoryAccount::kernel();
    u64 before = account.used();
    static auto& lost = *new std::vector<Link*>; // for ever
    Link* l = lost.emplace_back(new Link);
    auto p = packet(frame(3000), 54);
    ASSERT_TRUE(p->charge_to(account));
    ASSERT_TRUE(l->net.transmit(p, false));
    l->fake.stuck = true;
    l->fake.put_used(0, 999, 0);
    l->fake.show(0);
    l->fake.interrupt(0);
    l->user.wait([&] { return l->user.carriers.load() == 1; });
    EXPECT_FALSE(l->net.has_carrier());
    p = packet(frame(3000), 54);
    EXPECT_TRUE(l->net.transmit(p, false));
    l->net.stop_works();
    EXPECT_GT(account.used(), before);
}
