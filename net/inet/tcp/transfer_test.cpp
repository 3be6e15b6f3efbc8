// Whole transfers over links that lose, delay, repeat, reorder and spoil: every byte arrives, in a time that theory
// allows.
#include "tcp_simulation.h"

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
