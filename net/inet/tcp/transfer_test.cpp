// Whole transfers over links that lose, delay, repeat, reorder and spoil: every byte arrives, in a time that theory
// allows.
#include "tcp_simulation.h"
#include <cmath>

using namespace net;
using namespace net::tcp;
using namespace net::tcp::test;

namespace {
struct Result_ {
    Time took;
    u32 retransmissions;
};
/// Sends `size` bytes to the server and checks them there.
Result_ transfer(Pair& w, usize size, Time most) {
    TextWriter writer{random_text(size)};
    TextReader reader;
    w.client.on_change = [&](Connection& c) { writer.pump(c, w.world.now); };
    w.server.on_change = [&](Connection& c) {
        reader.pump(c, w.world.now);
        if (reader.ended) c.shutdown_write(w.world.now);
    };
    Time began = w.world.now;
    Connection& c = w.client.connect(w.server.address, 80);
    EXPECT_TRUE(w.world.run_while_not([&] { return reader.ended; }, most)) << reader.data.size() << " of " << size;
    EXPECT_EQ(reader.data.size(), size);
    EXPECT_TRUE(reader.data == writer.data);
    Time took = w.world.now - began;
    u32 retransmissions = c.retransmissions();
    w.world.run(200 * second);
    EXPECT_TRUE(w.server.peers.empty() || w.server.peers.begin()->second.connection->state() == State::closed);
    return {took, retransmissions};
}
} // namespace

TEST(TcpTransfer, WithoutLoss) {
    for (bool v4 : {true, false}) {
        Pair w{1, v4};
        auto r = transfer(w, 1 << 20, 60 * second);
        EXPECT_EQ(r.retransmissions, 0u);
        EXPECT_LT(r.took, 400 * ms); // slow start from ten segments, 20 ms
    }
}

TEST(TcpTransfer, FillsTheLink) {
    Pair w;
    w.both({.delay = 20 * ms, .rate = 100'000'000, .queue = 250'000});
    auto r = transfer(w, 20 << 20, 60 * second);
    double rate = (20 << 20) * 8.0 / (static_cast<double>(r.took) / second);
    EXPECT_GT(rate, 75e6);
}

TEST(TcpTransfer, EverythingGoesWrong) {
    for (unsigned seed = 1; seed <= 40; seed++) {
        SCOPED_TRACE(seed);
        Pair w{seed, seed % 2 == 0};
        LinkSettings s{.delay = (1 + seed % 7) * 5 * ms};
        s.loss = (seed % 5) * 0.02;
        s.duplicate = (seed % 3) * 0.02;
        s.reorder = (seed % 4) * 0.05;
        s.corrupt = seed % 6 == 0 ? 0.02 : 0;
        w.both(s);
        w.client.tuning.sack = seed % 8 != 1;
        w.client.tuning.timestamps = seed % 8 != 2;
        w.client.tuning.scaling = seed % 8 != 3;
        if (seed % 8 == 4) w.client.tuning.congestion = &reno;
        transfer(w, 300'000, 600 * second);
    }
}

/// The mean window against the model: RFC 9438, 5.1 with its Reno-friendly region, sqrt(3/2p). The model's losses come
/// at equal distances and CUBIC is no faster than Reno in it; random ones, and alpha of 1 beyond the last window (4.3),
/// give more.
static void goodput(const CongestionControl& algorithm, double most) {
    struct Case {
        double loss;
        Time delay; // each way
        usize size;
    };
    for (Case k : {Case{0.001, 10 * ms, 24 << 20},
                   {0.01, 10 * ms, 8 << 20},
                   {0.03, 10 * ms, 4 << 20},
                   {0.01, 50 * ms, 8 << 20}}) {
        Pair w{3};
        w.client.tuning.congestion = &algorithm;
        w.up.settings = {.delay = k.delay, .loss = k.loss};
        w.down.settings = {.delay = k.delay};
        auto r = transfer(w, k.size, 3000 * second);
        double rtt = 2.0 * static_cast<double>(k.delay) / second, segments = static_cast<double>(k.size) / 1448;
        double window = segments / (static_cast<double>(r.took) / second) * rtt;
        double theory = std::sqrt(1.5 / k.loss);
        if (&algorithm == &cubic) theory = std::max(theory, 1.054 * std::pow(rtt / k.loss, 0.75));
        EXPECT_GT(window / theory, 0.85) << k.loss << " " << rtt;
        EXPECT_LT(window / theory, most) << k.loss << " " << rtt;
    }
}
TEST(TcpTransfer, GoodputOfCubic) { goodput(cubic, 1.6); }
TEST(TcpTransfer, GoodputOfReno) { goodput(reno, 1.3); }

TEST(TcpTransfer, TwoFlowsShare) {
    Pair w{5};
    w.both({.delay = 10 * ms, .rate = 20'000'000, .queue = 60'000});
    std::map<u16, u64> got;
    std::string page(page_size, 'x');
    w.client.on_change = [&](Connection& c) {
        while (c.state() == State::established && c.send_room()) {
            auto f = *mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
            if (!c.send(Piece{f, 0, page_size}, false, false)) break;
        }
    };
    w.server.on_change = [&](Connection& c) {
        while (auto p = c.receive()) {
            got[c.identity().remote.port] += p->size();
            c.consumed(static_cast<u32>(p->size()), w.world.now);
        }
    };
    w.client.connect(w.server.address, 80, 1);
    w.client.connect(w.server.address, 80, 2);
    w.world.run(60 * second);
    double a = static_cast<double>(got[1]), b = static_cast<double>(got[2]);
    EXPECT_GT((a + b) * 8 / 60, 0.85 * 20e6);
    EXPECT_GT((a + b) * (a + b) / (2 * (a * a + b * b)), 0.95) << a << " " << b;
}
