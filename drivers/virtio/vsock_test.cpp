// virtio-vsock beside a device that keeps the rules, and beside one that writes what it likes.
#include "core/sched/thread.h"
#include "drivers/virtio/vsock.h"
#include "net/vsock/endpoint.h"
#include "tests/unit/host/files.h"
#include "tests/unit/host/net_device.h"
#include <gtest/gtest.h>

using host::FakeNet;
using vsock::Endpoint;
using vsock::Header;

namespace {
constexpr u64 feature_stream = 1, feature_messages = 2;
constexpr u64 all_features = feature_stream | feature_messages | virtio::feature_indirect | virtio::feature_event_index;
constexpr u32 own = 42;

struct Fake {
    explicit Fake(u64 cid = own, u64 features = all_features, u16 queue_size = 256)
        : fake{features, queue_size, virtio::type_vsock}, device{fake} {
        (void)host::view_ready();
        std::memcpy(fake.config, &cid, sizeof cid);
    }
    ~Fake() { // it goes as one that was broken does
        if (!prepared) return;
        if (!stopped) device.stop();
        fake.set_status(fake.status() | 64);
        device.run(64);
    }
    Result<> prepare() {
        TRY(device.prepare());
        prepared = true;
        while (device.run(64)) {}
        return {};
    }
    /// A packet from the hypervisor, of which the used ring says `written`.
    void deliver(Header h, std::string_view data, u32 written) {
        auto r = fake.next(0);
        std::memcpy(r.writes[0].data(), &h, sizeof h);
        std::copy(data.begin(), data.end(), reinterpret_cast<char*>(r.writes[0].data()) + sizeof h);
        fake.put_used(0, r.head, written);
        fake.show(0);
        while (device.run(64)) {}
    }
    void deliver(Header h, std::string_view data = {}) {
        h.length = static_cast<u32>(data.size());
        deliver(h, data, static_cast<u32>(sizeof h + data.size()));
    }
    /// What was sent, its header in front. The driver sees that it was when it looks next.
    Header sent(std::string* data = nullptr) {
        Header h{};
        if (!fake.has_request(1)) return ADD_FAILURE() << "nothing was sent", h;
        auto r = fake.next(1);
        std::string all;
        for (auto part : r.reads) all.append(reinterpret_cast<const char*>(part.data()), part.size());
        EXPECT_GE(all.size(), sizeof h);
        std::memcpy(&h, all.data(), sizeof h);
        EXPECT_EQ(h.length, all.size() - sizeof h);
        if (data) *data = all.substr(sizeof h);
        fake.put_used(1, r.head, 0);
        fake.show(1);
        return h;
    }
    void lose_connections(u32 written = 4) {
        auto r = fake.next(2);
        std::memset(r.writes[0].data(), 0, 4);
        fake.put_used(2, r.head, written);
        fake.show(2);
        while (device.run(64)) {}
    }
    FakeNet fake;
    virtio::VsockDevice device;
    bool prepared = false, stopped = false;
};

Header packet(vsock::Operation op, u32 from_port = 1000, u32 to_port = 2000) {
    Header h;
    h.source_cid = vsock::cid_host, h.destination_cid = own;
    h.source_port = from_port, h.destination_port = to_port;
    h.type = vsock::wire_stream, h.operation = op, h.buffer = 1 << 16;
    return h;
}
net::PacketBox bytes(std::string_view s) {
    auto p = *net::Packet::create(s.size());
    std::memcpy(p->append_linear(s.size()).data(), s.data(), s.size());
    return p;
}
std::string taken(Endpoint& e) {
    Holding held{e.lock};
    std::string s;
    e.bytes.for_each(0, e.bytes.size(), [&](std::span<const std::byte> b) {
        s.append(reinterpret_cast<const char*>(b.data()), b.size());
        return true;
    });
    u32 n = static_cast<u32>(s.size());
    e.bytes.consume(n);
    e.consumed(n);
    return s;
}
} // namespace

class VirtioVsock : public testing::Test {
protected:
    /// The one that sockets use: for ever, and working.
    static Fake& transport() {
        static Fake* only = [] {
            auto* f = new Fake;
            EXPECT_TRUE(f->prepare());
            EXPECT_TRUE(vsock::set_transport(f->device));
            return f;
        }();
        EXPECT_FALSE(only->device.broken());
        EXPECT_FALSE(only->fake.has_request(1));
        return *only;
    }
    struct Open {
        explicit Open(vsock::WireType type = vsock::wire_stream) : e{*make_ref<Endpoint>(type, View::root())} {}
        ~Open() { e->close(); }
        Endpoint* operator->() { return e.get(); }
        Ref<Endpoint> e;
    };
};

TEST_F(VirtioVsock, Prepares) {
    Fake f;
    ASSERT_TRUE(f.prepare());
    EXPECT_EQ(f.device.cid(), own);
    EXPECT_TRUE(f.device.carries_messages());
    EXPECT_EQ(f.fake.requests(0), 64u);
    EXPECT_EQ(f.fake.requests(2), 4u);
    Fake streams{own, feature_stream};
    ASSERT_TRUE(streams.prepare());
    EXPECT_FALSE(streams.device.carries_messages());
    for (u64 reserved : {u64{0}, u64{1}, u64{2}, u64{0xffff'ffff}, u64{1} << 32}) {
        Fake bad{reserved};
        EXPECT_EQ(bad.prepare(), err::proto);
    }
    Fake narrow{own, feature_stream, 8};
    EXPECT_EQ(narrow.prepare(), err::opnotsupp);
}

TEST_F(VirtioVsock, WhatNobodyTakesIsRefused) {
    Fake& f = transport();
    f.deliver(packet(vsock::op_request));
    Header h = f.sent();
    EXPECT_EQ(h.operation, vsock::op_reset);
    EXPECT_EQ(h.destination_cid, vsock::cid_host);
    EXPECT_EQ(h.source_cid, own);
    EXPECT_EQ(h.source_port, 2000u);
    EXPECT_EQ(h.destination_port, 1000u);
    f.deliver(packet(vsock::op_data), "to nobody");
    EXPECT_EQ(f.sent().operation, vsock::op_reset);
    EXPECT_EQ(f.fake.requests(0), 64u); // their places are filled again
    // A reset is not answered. What is for another machine is nobody's, and what says that it comes from this one.
    f.deliver(packet(vsock::op_reset));
    auto stray = packet(vsock::op_request);
    stray.destination_cid = 43;
    f.deliver(stray);
    for (u64 from : {u64{own}, u64{vsock::cid_local}, u64{vsock::cid_any}, u64{own} << 32}) {
        auto forged = packet(vsock::op_request);
        forged.source_cid = from;
        f.deliver(forged);
    }
    EXPECT_FALSE(f.fake.has_request(1));
}

TEST_F(VirtioVsock, ConnectsAndCarriesBytes) {
    Fake& f = transport();
    Open e;
    {
        Holding held{e->lock};
        ASSERT_TRUE(e->bind({vsock::cid_any, 3000}, true));
        ASSERT_TRUE(e->connect({vsock::cid_host, 1024}));
    }
    Header h = f.sent();
    EXPECT_EQ(h.operation, vsock::op_request);
    EXPECT_EQ(h.source_cid, own);
    EXPECT_EQ(h.source_port, 3000u);
    EXPECT_EQ(h.destination_port, 1024u);
    EXPECT_EQ(h.buffer, Endpoint::default_buffer);
    f.deliver(packet(vsock::op_response, 1024, 3000));
    {
        Holding held{e->lock};
        ASSERT_EQ(e->phase, Endpoint::Phase::connected);
        e->transmit(e->connection->data_header(5, 0), bytes("hello"));
    }
    std::string data;
    EXPECT_EQ(f.sent(&data).operation, vsock::op_data);
    EXPECT_EQ(data, "hello");
    std::string large(page_size - sizeof(Header), 'x'); // all that fits into a frame
    for (int n = 0; n < 200; n++) {
        auto d = packet(vsock::op_data, 1024, 3000);
        d.forwarded = 5;
        f.deliver(d, large);
        ASSERT_EQ(taken(*e.e), large);
        while (f.fake.has_request(1)) EXPECT_EQ(f.sent().operation, vsock::op_credit_update);
    }
    // The machine was moved: the connection has gone, and nobody is told.
    f.lose_connections();
    EXPECT_EQ(e->phase, Endpoint::Phase::over);
    EXPECT_FALSE(f.fake.has_request(1));
    EXPECT_EQ(f.fake.requests(2), 4u);
    e->close();
    while (f.fake.has_request(1)) (void)f.sent();
}

TEST_F(VirtioVsock, ListensAndCountsCredit) {
    Fake& f = transport();
    Open listener;
    {
        Holding held{listener->lock};
        ASSERT_TRUE(listener->bind({vsock::cid_any, 4000}, true));
        ASSERT_TRUE(listener->listen(1));
    }
    f.deliver(packet(vsock::op_request, 7, 4000));
    EXPECT_EQ(f.sent().operation, vsock::op_response);
    f.deliver(packet(vsock::op_request, 8, 4000)); // the backlog is full
    EXPECT_EQ(f.sent().operation, vsock::op_reset);
    Ref<Endpoint> e;
    {
        Holding held{listener->lock};
        e = listener->accept();
    }
    ASSERT_TRUE(e);
    // It sends more than there is room for: that ends the connection, and no other.
    std::string some(4000, 'x');
    for (usize n = 0; n < Endpoint::default_buffer / some.size(); n++) f.deliver(packet(vsock::op_data, 7, 4000), some);
    EXPECT_FALSE(f.fake.has_request(1));
    f.deliver(packet(vsock::op_data, 7, 4000), some);
    EXPECT_EQ(f.sent().operation, vsock::op_reset);
    EXPECT_EQ(e->phase, Endpoint::Phase::over);
    EXPECT_FALSE(f.device.broken());
    e->close();
}

/// A message's empty parts have no credit to keep them in bounds.
TEST_F(VirtioVsock, EmptyPartsTakeNoMemory) {
    Fake& f = transport();
    Open e{vsock::wire_seqpacket};
    {
        Holding held{e->lock};
        ASSERT_TRUE(e->bind({vsock::cid_any, 5000}, true));
        ASSERT_TRUE(e->connect({vsock::cid_host, 1024}));
    }
    (void)f.sent();
    auto part = [&](vsock::Operation op, std::string_view data, u32 flags = 0) {
        auto h = packet(op, 1024, 5000);
        h.type = vsock::wire_seqpacket, h.flags = flags;
        f.deliver(h, data);
    };
    part(vsock::op_response, {});
    part(vsock::op_data, {}, vsock::end_of_message); // no message
    EXPECT_FALSE(e->readable());
    part(vsock::op_data, "x");
    usize before = e->bytes.size();
    for (int n = 0; n < 1000; n++) part(vsock::op_data, {});
    EXPECT_EQ(e->bytes.size(), before);
    EXPECT_FALSE(e->readable());
    part(vsock::op_data, {}, vsock::end_of_message);
    EXPECT_TRUE(e->readable());
    e->close();
    while (f.fake.has_request(1)) (void)f.sent();
}

TEST_F(VirtioVsock, LiesStopTheDevice) {
    auto lies = [](auto lie) {
        Fake f;
        ASSERT_TRUE(f.prepare());
        unsigned resets = f.fake.resets;
        lie(f);
        EXPECT_TRUE(f.device.broken());
        EXPECT_GT(f.fake.resets, resets);
        f.device.send(*net::Packet::create()); // is dropped
        EXPECT_FALSE(f.device.run(64));
    };
    lies([](Fake& f) { f.deliver(packet(vsock::op_request), {}, sizeof(Header) - 1); });
    lies([](Fake& f) {
        auto h = packet(vsock::op_data);
        h.length = 100;
        f.deliver(h, "short", sizeof(Header) + 5);
    });
    lies([](Fake& f) {
        auto h = packet(vsock::op_data);
        h.length = ~0u;
        f.deliver(h, {}, sizeof(Header));
    });
    lies([](Fake& f) { f.deliver(packet(vsock::op_request), {}, 5000); }); // more than it was given
    lies([](Fake& f) { f.lose_connections(5); });
    for (unsigned queue : {0u, 1u, 2u})
        lies([&](Fake& f) {
            f.fake.put_used(queue, 9999, 0);
            f.fake.show(queue);
            f.device.run(64);
        });
    lies([](Fake& f) { // one packet twice
        auto head = f.fake.next(0).head;
        for (int n = 0; n < 2; n++) f.fake.put_used(0, head, 0);
        f.fake.show(0);
        f.device.run(64);
    });
#if !__has_feature(thread_sanitizer) // which does not see the barriers between a device and its driver
    lies([](Fake& f) {               // seen by who sends: the worker gives up
        static bool workers = work::start().has_value(); // a second set does no harm
        ASSERT_TRUE(workers);
        f.fake.put_used(1, 0, 0);
        f.fake.show(1);
        f.device.send(*net::Packet::create());
        EXPECT_TRUE(f.device.broken());
        while (f.fake.resets < 2) sched::yield();
        f.device.stop();
        f.stopped = true;
    });
#endif
    lies([](Fake& f) { // a number that cannot be
        u64 none = 0;
        std::memcpy(f.fake.config, &none, sizeof none);
        f.lose_connections();
    });
    lies([](Fake& f) { // it does not let itself be reset: what it may write to stays its own
        f.fake.stuck = true;
        f.fake.set_status(64);
        f.device.run(64);
    });
}

TEST_F(VirtioVsock, SendsInOrderAndWaitsForRoom) {
    for (u64 features : {all_features, u64{0}}) {
        Fake f{own, features, 32};
        ASSERT_TRUE(f.prepare());
        constexpr unsigned many = 1000; // more than the queue has entries
        for (unsigned n = 0; n < many; n++) {
            auto p = bytes({reinterpret_cast<const char*>(&n), sizeof n});
            auto h = packet(vsock::op_data);
            h.length = sizeof n;
            ASSERT_TRUE(p->push_header(h));
            f.device.send(std::move(p));
        }
        for (unsigned n = 0; n < many; n++) {
            if (!f.fake.has_request(1)) f.device.run(64);
            std::string data;
            (void)f.sent(&data);
            ASSERT_EQ(data.size(), sizeof n);
            unsigned got;
            std::memcpy(&got, data.data(), sizeof got);
            ASSERT_EQ(got, n);
        }
        f.device.run(64);
        EXPECT_FALSE(f.fake.has_request(1));
    }
}

/// Who asks and does not listen is not heard any more, until it listens.
TEST_F(VirtioVsock, AnswersDoNotPileUp) {
    Fake& f = transport();
    unsigned asked = 0, answered = 0;
    while (f.fake.has_request(0)) {
        f.deliver(packet(vsock::op_request, asked++));
        ASSERT_LT(asked, 1000u);
    }
    EXPECT_GE(asked, 256u);
    for (;; answered++) {
        if (!f.fake.has_request(1))
            while (f.device.run(64)) {}
        if (!f.fake.has_request(1)) break;
        Header h = f.sent();
        ASSERT_EQ(h.operation, vsock::op_reset);
        ASSERT_EQ(h.destination_port, answered);
    }
    EXPECT_EQ(answered, asked);
    EXPECT_EQ(f.fake.requests(0), 64u);
}
