// What paths do besides losing segments: they mark them, swallow large ones, and stand still for a while.
#include "tcp_simulation.h"
#include <linux/tcp.h>

using namespace net;
using namespace net::tcp;
using namespace net::tcp::test;

namespace {
tcp_info info(const Connection& c, Time now) {
    tcp_info i;
    c.info(i, now);
    return i;
}
bool capable(const Connection& c) { return info(c, 0).tcpi_options & TCPI_OPT_ECN; }
/// Both ends of a connection.
struct Ends {
    Connection *client, *server;
    explicit Ends(Pair& w) : client{&w.open()}, server{w.server.accepted.at(0)} {}
};
/// Bytes to the server, which reads them.
struct Flow {
    Pair& w;
    Connection* c;
    TextWriter writer;
    TextReader reader;
    Flow(Pair& pair, usize size) : w{pair}, writer{random_text(size)} {
        w.client.on_change = [this](Connection& one) { writer.pump(one, w.world.now); };
        w.server.on_change = [this](Connection& one) {
            reader.pump(one, w.world.now);
            if (reader.ended) one.shutdown_write(w.world.now);
        };
        c = &w.client.connect(w.server.address, 80);
    }
    bool arrives(Time most) {
        bool all = w.world.run_while_not([&] { return reader.ended; }, most);
        return all && reader.data == writer.data;
    }
};
struct Seen {
    Seq seq;
    u8 flags, ecn;
    usize data;
};
std::optional<Seen> seen(const Packet& p) {
    auto copy = *p.clone();
    auto ip = inet::parse_ip(*copy);
    auto s = parse(std::move(copy), *ip);
    if (!s) return std::nullopt;
    return Seen{s->seq, s->flags, s->ecn, s->data->size()};
}
} // namespace

TEST(TcpEcn, IsAgreedOnInTheHandshake) {
    struct Case {
        u8 client, server;
        bool on;
    };
    for (Case k : {Case{2, 2, false}, {1, 2, true}, {1, 1, true}, {1, 0, false}, {2, 1, false}, {0, 1, false}}) {
        Pair w;
        w.client.tuning.ecn = k.client, w.server.listener.tuning.ecn = k.server;
        Ends e{w};
        EXPECT_EQ(capable(*e.client), k.on) << int{k.client} << int{k.server};
        EXPECT_EQ(capable(*e.server), k.on) << int{k.client} << int{k.server};
    }
}

TEST(TcpEcn, ASynThatIsLostIsFollowedByAPlainOne) {
    Pair w;
    w.client.tuning.ecn = 1;
    w.up.drop = [](const Packet& p) {
        auto s = seen(p);
        return s && s->flags & syn && s->flags & ece; // as old routers do
    };
    Ends e{w};
    EXPECT_FALSE(capable(*e.client) || capable(*e.server));
}

TEST(TcpEcn, ACookieKeepsIt) {
    Pair w;
    w.client.tuning.ecn = 1;
    w.server.listener.backlog = 0;
    Ends e{w};
    EXPECT_TRUE(capable(*e.client) && capable(*e.server));
}

TEST(TcpEcn, MarksMakeTheWindowSmallerWithoutLoss) {
    Pair w{3};
    w.client.tuning.ecn = 1;
    w.up.settings.mark = 0.01;
    unsigned told = 0, echoes = 0, acks = 0;
    w.up.tap = [&](const Packet& p) {
        auto s = seen(p);
        told += s && s->flags & cwr && !(s->flags & syn);
        if (s && s->data) EXPECT_TRUE(s->ecn == 2 || s->ecn == 3);
        if (s && !s->data) EXPECT_EQ(s->ecn, 0);
    };
    w.down.tap = [&](const Packet& p) {
        auto s = seen(p);
        acks++, echoes += s && s->flags & ece;
        if (s) EXPECT_EQ(s->ecn, 0); // it sends no data
    };
    Flow f{w, 4 << 20};
    ASSERT_TRUE(f.arrives(600 * second));
    EXPECT_EQ(f.c->retransmissions(), 0u);
    EXPECT_GT(w.up.marked, 10u);
    EXPECT_GE(told, 5u);
    EXPECT_LE(told, w.up.marked);
    EXPECT_GT(echoes, told);
    EXPECT_LT(echoes, acks / 2); // they end
    EXPECT_LT(f.c->window().cwnd, u64{200} * 1448);
    EXPECT_TRUE(info(*w.server.accepted[0], w.world.now).tcpi_options & TCPI_OPT_ECN_SEEN);
}

TEST(TcpEcn, WhatIsSentAgainIsNotToBeMarked) {
    Pair w{4};
    w.client.tuning.ecn = 1;
    w.up.settings.loss = 0.03;
    Seq highest;
    bool any = false;
    unsigned again = 0;
    w.up.tap = [&](const Packet& p) {
        auto s = seen(p);
        if (!s || !s->data) return;
        if (any && s->seq < highest) {
            again++;
            EXPECT_EQ(s->ecn, 0);
        } else {
            EXPECT_EQ(s->ecn, 2);
            highest = s->seq + 1, any = true;
        }
    };
    Flow f{w, 1 << 20};
    ASSERT_TRUE(f.arrives(600 * second));
    EXPECT_GT(again, 5u);
}

TEST(TcpEcn, HasAsMuchGoodputAsTheSameRateOfLosses) {
    Time took[2];
    for (bool marks : {false, true}) {
        Pair w{5};
        w.client.tuning.ecn = marks;
        (marks ? w.up.settings.mark : w.up.settings.loss) = 0.01;
        Flow f{w, 6 << 20};
        Time began = w.world.now;
        ASSERT_TRUE(f.arrives(600 * second));
        took[marks] = w.world.now - began;
    }
    EXPECT_LT(took[1], took[0] * 13 / 10);
    EXPECT_GT(took[1], took[0] / 2);
}

TEST(TcpBlackHole, IsFoundAndAvoided) {
    for (usize passes : {1300u, 900u, 600u}) {
        Pair w;
        w.up.passes = passes;
        w.client.tuning.mtu_probing = 1;
        Flow f{w, 300'000};
        EXPECT_TRUE(f.arrives(600 * second)) << passes;
        EXPECT_LE(f.c->mss() + 40, passes);
    }
    Pair w;
    w.up.passes = 1300; // as it is without
    Flow f{w, 300'000};
    EXPECT_FALSE(f.arrives(120 * second));
}

TEST(TcpBlackHole, IsSearchedFromBelow) {
    for (usize passes : {1500u, 1400u, 1100u}) {
        Pair w;
        w.up.passes = passes;
        w.client.tuning.mtu_probing = 2;
        Flow f{w, 4 << 20};
        EXPECT_TRUE(f.arrives(60 * second)) << passes;
        EXPECT_LE(f.c->mss() + 40, passes);
        EXPECT_GT(f.c->mss() + 40 + 16, passes);
        EXPECT_LT(f.c->retransmissions(), 20u);                  // the probes that were lost
        EXPECT_GT(f.c->window().cwnd, u64{40} * 1448) << passes; // and they were no sign of congestion
    }
}

/// The way stands still for longer than a timeout; nothing is lost.
static u32 retransmissions_after_a_stop(bool frto, Time& took) {
    Pair w;
    w.client.tuning.timestamps = false; // they would tell as well (RFC 3522)
    w.client.tuning.frto = frto;
    w.both({.delay = 20 * ms, .rate = 50'000'000, .queue = 400'000});
    Flow f{w, 8 << 20};
    Time began = w.world.now;
    w.world.run(500 * ms);
    w.up.free_at = w.world.now + 600 * ms;
    w.up.settings.queue = 8 << 20;
    EXPECT_TRUE(f.arrives(60 * second));
    took = w.world.now - began;
    return f.c->retransmissions();
}
TEST(TcpFrto, AStopIsNoLoss) {
    Time with, without;
    u32 few = retransmissions_after_a_stop(true, with), many = retransmissions_after_a_stop(false, without);
    EXPECT_LE(few, 4u);
    EXPECT_GT(many, 20u);
    EXPECT_LE(with, without);
}

TEST(TcpFrto, ALossIsALoss) {
    Pair w;
    w.client.tuning.timestamps = false;
    bool dead = false;
    w.up.drop = [&](const Packet&) { return dead; };
    Flow f{w, 2 << 20};
    w.world.run(150 * ms);
    dead = true;
    w.world.run(100 * ms); // a whole window
    dead = false;
    EXPECT_TRUE(f.arrives(60 * second));
    EXPECT_LT(f.c->window().ssthresh, Window::infinite);
}
