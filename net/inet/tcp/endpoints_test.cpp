// Handshakes between two machines, listeners under a flood, and what TIME-WAIT guards.
#include "tcp_simulation.h"
#include <set>

using namespace net;
using namespace net::tcp;
using namespace net::tcp::test;

TEST(TcpHandshake, BothAtOnce) {
    Pair w;
    w.server.listens = false;
    Connection& a = w.client.connect(w.server.address, 4001, 4000);
    Connection& b = w.server.connect(w.client.address, 4000, 4001);
    w.world.run(5 * second);
    EXPECT_EQ(a.state(), State::established);
    EXPECT_EQ(b.state(), State::established);
    EXPECT_LT(w.client.sent + w.server.sent, 12u); // and then they are quiet
}

TEST(TcpHandshake, LostSegments) {
    for (unsigned lost = 0; lost < 3; lost++) {
        Pair w;
        unsigned count = 0;
        auto drop = [&](const Packet&) { return count++ == lost; };
        w.up.drop = w.down.drop = drop;
        Connection& c = w.open();
        w.world.run(10 * second);
        EXPECT_EQ(c.state(), State::established) << lost;
        // The third is lost: the server has its connection with the first data, or answers with its SYN-ACK again.
        EXPECT_EQ(w.server.accepted.size(), 1u) << lost;
    }
}

TEST(TcpHandshake, NobodyListens) {
    Pair w;
    w.server.listens = false;
    Connection& c = w.client.connect(w.server.address, 80);
    w.world.run(second);
    EXPECT_EQ(c.error(), Errno::connrefused);
}

TEST(TcpHandshake, AFullAcceptQueueIsAskedAgain) {
    Pair w;
    w.server.accept_full = true;
    Connection& c = w.client.connect(w.server.address, 80);
    w.world.run(5 * second);
    EXPECT_EQ(c.state(), State::syn_sent);
    w.server.accept_full = false;
    w.world.run(5 * second);
    EXPECT_EQ(c.state(), State::established);
}

TEST(TcpHandshake, DeferredUntilThereIsData) {
    Pair w;
    w.server.listener.defer_accept = 3;
    Connection& c = w.client.connect(w.server.address, 80);
    w.world.run(500 * ms);
    EXPECT_EQ(c.state(), State::established);
    EXPECT_TRUE(w.server.accepted.empty());
    auto f = *mm::allocate_frame(FrameUse::kernel);
    ASSERT_TRUE(c.send(Piece{f, 0, 5}, false, false));
    w.client.flush(c);
    w.world.run(500 * ms);
    ASSERT_EQ(w.server.accepted.size(), 1u);
    EXPECT_EQ(w.server.accepted[0]->readable_bytes(), 5u);
}

namespace {
Segment bare(u16 from, u8 flags, Seq seq, Seq acked = {}) {
    Segment s;
    s.source_port = from, s.destination_port = 80;
    s.flags = flags, s.seq = seq, s.ack = acked, s.window = 1000;
    s.options.mss = flags & syn ? 1460 : 0;
    s.data = *Packet::create();
    return s;
}
struct Flooded : testing::Test {
    World world;
    SequenceKeys keys{1, 2};
    Listener listener{keys, SipHash{3, 4}};
    Time now = 5000 * second;
    Endpoint local{Address::v4(10, 0, 0, 2), 80};
    Listener::Answer give(const Segment& s, u32 host = 1) {
        return listener.segment(s, local, {Address::v4(0x0a010000 + host), s.source_port}, 1500, false, now);
    }
};
} // namespace

TEST_F(Flooded, OthersGetInByCookies) {
    listener.backlog = 64;
    std::set<u32> numbers;
    for (u32 host = 0; host < 5000; host++) {
        auto a = give(bare(1000, syn, Seq{host}), host);
        ASSERT_EQ(a.what, Listener::Answer::send);
        numbers.insert(a.header.seq.value);
    }
    EXPECT_EQ(listener.half_open(), 64u);
    EXPECT_GT(numbers.size(), 4990u);
    Segment real = bare(2000, syn, Seq{42});
    real.options.has_timestamps = real.options.sack_permitted = real.options.has_scale = true;
    real.options.scale = 9;
    real.options.ts_value = 777;
    auto a = give(real, 9999);
    EXPECT_EQ(listener.half_open(), 64u);
    now += 50 * second; // a slow one
    Segment done = bare(2000, ack, Seq{43}, a.header.seq + 1);
    done.options.has_timestamps = true;
    done.options.ts_echo = a.header.options.ts_value;
    EXPECT_EQ(give(bare(2000, ack, Seq{43}, a.header.seq + 100), 9999).header.flags, rst);
    EXPECT_EQ(give(bare(2000, ack, Seq{500}, a.header.seq + 1), 9999).header.flags, rst);
    EXPECT_EQ(give(bare(2001, ack, Seq{43}, a.header.seq + 1), 9999).header.flags, rst);
    auto made = give(done, 9999);
    ASSERT_EQ(made.what, Listener::Answer::establish);
    EXPECT_EQ(made.accepted.options.mss, 1460);
    EXPECT_EQ(made.accepted.options.scale, 9);
    EXPECT_TRUE(made.accepted.options.sack_permitted);
    now += 100 * second;
    EXPECT_EQ(give(done, 9999).header.flags, rst); // too old
}

TEST_F(Flooded, UnfinishedHandshakesEnd) {
    for (u32 host = 0; host < 100; host++) give(bare(1000, syn, Seq{host}), host);
    EXPECT_EQ(listener.half_open(), 100u);
    unsigned again = 0;
    Time end = now + 100 * second;
    while (listener.deadline() != tcp::never && now < end) {
        now = std::max(now, listener.deadline());
        listener.timer(now, [&](const Header& h, const Endpoint&, const Endpoint&) {
            again++;
            EXPECT_EQ(h.flags, syn | ack);
        });
    }
    EXPECT_EQ(again, 500u);
    EXPECT_EQ(listener.half_open(), 0u);
    EXPECT_LE(now, 5000 * second + 63 * second);
}

TEST_F(Flooded, AcknowledgementsMustFit) {
    auto a = give(bare(1000, syn, Seq{7}));
    EXPECT_EQ(give(bare(1000, ack, Seq{8}, a.header.seq + 5)).header.flags, rst);
    EXPECT_EQ(give(bare(1000, ack, Seq{8000'000}, a.header.seq + 1)).header.flags, ack);
    EXPECT_EQ(give(bare(1000, rst, Seq{9})).what, Listener::Answer::nothing);
    EXPECT_EQ(listener.half_open(), 1u);
    EXPECT_EQ(give(bare(1000, syn | ack, Seq{7}, Seq{9})).header.flags, rst);
    auto again = give(bare(1000, syn, Seq{7}));
    EXPECT_EQ(again.header.seq, a.header.seq);
    EXPECT_EQ(give(bare(1000, ack, Seq{8}, a.header.seq + 1)).what, Listener::Answer::establish);
    EXPECT_EQ(listener.half_open(), 0u);
    give(bare(1000, syn, Seq{7}));
    give(bare(1000, rst, Seq{8}));
    EXPECT_EQ(listener.half_open(), 0u);
}

namespace {
/// A connection that the client has closed first: it is in TIME-WAIT there.
struct Ended : testing::Test {
    Pair w;
    Seq client_next, server_next;
    void SetUp() override {
        w.server.on_change = [&](Connection& c) {
            if (c.peer_has_closed()) c.shutdown_write(w.world.now);
        };
        Connection& c = w.open();
        w.world.run(second);
        c.shutdown_write(w.world.now);
        w.client.flush(c);
        w.world.run(second);
        ASSERT_TRUE(wait());
        client_next = c.send_next(), server_next = c.receive_next();
        w.server.peers.clear();
    }
    TimeWait* wait() { return w.client.peers[{4000, 80}].ended.get(); }
    void give(Segment s) {
        s.source_port = 80, s.destination_port = 4000;
        w.client.segment(std::move(s), {w.client.address, 4000}, {w.server.address, 80}, w.world.now);
    }
};
} // namespace

TEST_F(Ended, OldDuplicatesChangeNothing) {
    u64 sent = w.client.sent;
    give(bare(80, rst, server_next)); // RFC 1337
    EXPECT_TRUE(wait());
    EXPECT_EQ(w.client.sent, sent);
    Segment old = bare(80, ack, server_next - 100, client_next);
    give(std::move(old));
    EXPECT_TRUE(wait());
    EXPECT_LE(w.client.sent, sent + 1);
    give(bare(80, syn, server_next - 1000)); // an old SYN
    EXPECT_TRUE(wait());
    w.world.run(61 * second);
    EXPECT_TRUE(w.client.peers.empty());
}

TEST_F(Ended, AFinThatComesAgainIsAcknowledged) {
    w.world.run(30 * second);
    u64 sent = w.client.sent;
    give(bare(80, fin | ack, server_next - 1, client_next));
    EXPECT_EQ(w.client.sent, sent + 1);
    w.world.run(40 * second);
    EXPECT_TRUE(wait()); // and the time begins anew
}

TEST_F(Ended, ANewConnectionMayTakeThePlace) {
    w.client.listens = true;
    give(bare(80, syn, server_next + 5000));
    EXPECT_EQ(w.client.listener.half_open(), 1u);
    EXPECT_FALSE(w.client.peers.count({4000, 80}) && wait());
}

TEST(TcpNumbers, AreKeyedAndGrow) {
    SequenceKeys keys{1, 2}, others{1, 3};
    Endpoint a{Address::v4(10, 0, 0, 1), 1}, b{Address::v4(10, 0, 0, 2), 80}, c{Address::v4(10, 0, 0, 2), 81};
    Time now = 77 * second;
    EXPECT_EQ(keys.initial(a, b, now), keys.initial(a, b, now));
    EXPECT_NE(keys.initial(a, b, now), keys.initial(a, c, now));
    EXPECT_NE(keys.initial(a, b, now), others.initial(a, b, now));
    EXPECT_GT(keys.initial(a, b, now + second), keys.initial(a, b, now));
}
