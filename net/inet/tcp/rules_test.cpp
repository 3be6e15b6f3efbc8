// One connection against a peer that follows a script: what each RFC says a peer can see.
#include "tcp_simulation.h"
#include <linux/tcp.h>

using namespace net;
using namespace net::tcp;
using namespace net::tcp::test;

namespace {
constexpr u32 peer_iss = 5000;
const Address here = Address::v4(10, 0, 0, 1), there = Address::v4(10, 0, 0, 2);

struct Scripted : testing::Test {
    Time now = 1000 * second;
    Tuning tuning;
    std::unique_ptr<Connection> c;
    Seq iss{1'000'000};
    u32 mtu = 1500;
    std::vector<Segment> sent; // by the connection since it was looked at last
    bool peer_stamps = true;
    u32 ts_offset = 100; // of the peer's clock

    void make() { c = std::make_unique<Connection>(Identity{{here, 4000}, {there, 80}, iss, 7, mtu, nullptr}, tuning); }
    void collect() {
        while (auto p = c->next_segment(now, {})) {
            EXPECT_TRUE(inet::push_ip(**p, {.source = here, .destination = there, .protocol = IPPROTO_TCP}));
            EXPECT_LE((*p)->size(), mtu);
            auto ip = inet::parse_ip(**p);
            auto s = parse(std::move(*p), *ip);
            ASSERT_TRUE(s);
            sent.push_back(std::move(*s));
        }
    }
    u32 peer_ts() const { return static_cast<u32>(now / ms) + ts_offset; }
    void in(Header h, std::string_view data = {}) {
        Segment s;
        static_cast<Header&>(s) = h;
        s.source_port = 80, s.destination_port = 4000;
        if (peer_stamps && !s.options.has_timestamps && !h.has(rst)) {
            s.options.has_timestamps = true;
            s.options.ts_value = peer_ts();
            s.options.ts_echo = static_cast<u32>(now / ms) + 7;
        }
        s.data = *Packet::create();
        if (!data.empty()) {
            auto f = *mm::allocate_frame(FrameUse::kernel);
            std::memcpy(f->data(), data.data(), data.size());
            EXPECT_TRUE(s.data->append(Piece{f, 0, static_cast<u32>(data.size())}));
        }
        c->segment(std::move(s), now);
        collect();
    }
    /// Sequence numbers from the first byte of each side on.
    Seq ours(u32 n) const { return iss + 1 + n; }
    Seq theirs(u32 n) const { return Seq{peer_iss} + 1 + n; }
    void acknowledge(u32 n, u16 window = 60000, std::vector<Block> blocks = {}, u32 their = 0) {
        Header h{.seq = theirs(their), .ack = ours(n), .flags = ack, .window = window};
        for (Block b : blocks) h.options.blocks[h.options.block_count++] = b;
        in(h);
    }
    void data(u32 at, std::string_view text, u8 flags = ack, u32 acked = 0) {
        in({.seq = theirs(at), .ack = ours(acked), .flags = flags, .window = 60000}, text);
    }
    void open(u16 window = 60000, u16 mss = 1460, bool sack = true) {
        make();
        c->connect(now);
        collect();
        now += 10 * ms;
        Header h{.seq = {peer_iss}, .ack = iss + 1, .flags = syn | ack, .window = window};
        h.options.mss = mss;
        h.options.sack_permitted = sack;
        if (peer_stamps) {
            h.options.has_timestamps = true;
            h.options.ts_value = peer_ts();
            h.options.ts_echo = static_cast<u32>(now / ms) + 7 - 10;
        }
        in(h);
        ASSERT_EQ(c->state(), State::established);
        sent.clear();
    }
    void pass(Time time) {
        for (Time end = now + time; now < end;) {
            now = std::min(end, std::max(now, c->deadline()));
            if (c->deadline() <= now) c->timer(now);
            collect();
        }
    }
    bool send(usize n, bool more = false, bool urgent = false) {
        for (usize left = n; left;) {
            u32 part = static_cast<u32>(std::min(left, page_size));
            auto f = *mm::allocate_frame(FrameUse::kernel);
            left -= part;
            if (!c->send(Piece{f, 0, part}, more || left, urgent && !left)) return false;
        }
        c->push_pending();
        if (more) (void)c->send(Piece{}, true, false);
        collect();
        return true;
    }
    std::string read() {
        TextReader r;
        r.pump(*c, now);
        collect();
        return r.data;
    }
    usize sent_bytes() const {
        usize n = 0;
        for (const Segment& s : sent) n += s.data->size();
        return n;
    }
    std::vector<Segment> take() { return std::exchange(sent, {}); }
};
} // namespace

TEST_F(Scripted, HandshakeSaysWhatItCan) {
    make();
    c->connect(now);
    collect();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].flags, syn);
    EXPECT_EQ(sent[0].seq, iss);
    EXPECT_EQ(sent[0].options.mss, 1460);
    EXPECT_TRUE(sent[0].options.sack_permitted && sent[0].options.has_scale && sent[0].options.has_timestamps);
    EXPECT_EQ(sent[0].options.scale, 7);
}

TEST_F(Scripted, SynsGoAgainAndGiveUp) {
    make();
    c->connect(now);
    collect();
    Time began = now;
    std::vector<Time> times;
    while (!c->dead()) {
        now = c->deadline();
        c->timer(now);
        usize before = sent.size();
        collect();
        if (sent.size() > before) times.push_back((now - began) / second);
    }
    EXPECT_EQ(times, (std::vector<Time>{1, 3, 7, 15, 31, 63}));
    EXPECT_EQ(now - began, 127 * second);
    EXPECT_EQ(c->error(), Errno::timedout);
}

TEST_F(Scripted, RefusedAndHalfOpen) {
    make();
    c->connect(now);
    collect();
    take();
    in({.seq = {77}, .ack = iss + 9, .flags = rst | ack}); // not about our SYN
    EXPECT_EQ(c->state(), State::syn_sent);
    in({.seq = {77}, .ack = iss + 9, .flags = ack}); // a connection from before we started anew: it shall be reset
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].flags, rst);
    EXPECT_EQ(sent[0].seq, iss + 9);
    in({.seq = {0}, .ack = iss + 1, .flags = rst | ack});
    EXPECT_TRUE(c->dead());
    EXPECT_EQ(c->error(), Errno::connrefused);
}

TEST_F(Scripted, ResetsMustBeExact) {
    open();
    in({.seq = theirs(1), .flags = rst}); // in the window: RFC 5961, 3.2
    EXPECT_EQ(c->state(), State::established);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].flags, ack);
    EXPECT_EQ(sent[0].ack, theirs(0));
    take();
    in({.seq = theirs(2), .flags = rst}); // challenges are limited
    in({.seq = theirs(0) - 1, .flags = rst});
    in({.seq = theirs(10'000'000), .flags = rst});
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(c->state(), State::established);
    in({.seq = theirs(0), .flags = rst});
    EXPECT_EQ(c->error(), Errno::connreset);
    EXPECT_TRUE(c->dead());
    EXPECT_TRUE(c->poll() & EPOLLERR && c->poll() & EPOLLHUP);
}

TEST_F(Scripted, SynInAConnectionIsChallenged) {
    open();
    in({.seq = theirs(3), .ack = ours(0), .flags = syn, .window = 100});
    EXPECT_EQ(c->state(), State::established);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].flags, ack);
    now += second;
    in({.seq = theirs(0) - 1, .ack = ours(0), .flags = syn | ack, .window = 100}); // our ACK was lost
    EXPECT_EQ(sent.size(), 2u);
}

TEST_F(Scripted, AcknowledgementsOfWhatWasNeverSent) {
    open();
    send(1000);
    take();
    u64 cwnd = c->window().cwnd;
    acknowledge(5000); // optimistic
    EXPECT_EQ(c->unacknowledged_bytes(), 1000u);
    EXPECT_EQ(c->window().cwnd, cwnd);
    ASSERT_EQ(sent.size(), 1u); // told where we are
    take();
    now += second;
    in({.seq = theirs(0), .ack = ours(0) - 10'000'000, .flags = ack, .window = 100}, "blind"); // RFC 5961, 5
    EXPECT_EQ(c->readable_bytes(), 0u);
}

TEST_F(Scripted, DividedAcknowledgementsGainNothing) {
    open();
    u64 cwnd = c->window().cwnd;
    send(14480);
    for (u32 n = 100; n <= 14480; n += 100) acknowledge(n);
    acknowledge(14480);
    EXPECT_LE(c->window().cwnd, cwnd + 14480); // RFC 3465
}

TEST_F(Scripted, OldTimestampsAreOldDuplicates) {
    open();
    data(0, "hello");
    now += second;
    Header h{.seq = theirs(5), .ack = ours(0), .flags = ack, .window = 60000};
    h.options.has_timestamps = true;
    h.options.ts_value = peer_ts() - 5000;
    take();
    in(h, "old");
    EXPECT_EQ(c->readable_bytes(), 5u);
    EXPECT_EQ(sent.size(), 1u);
    now += Time{25} * 24 * 3600 * second; // but not after 24 days (RFC 7323, 5.5)
    h.options.ts_value = peer_ts() - 5000;
    ts_offset += 1u << 31;
    in(h, "new");
    EXPECT_EQ(c->readable_bytes(), 8u);
}

TEST_F(Scripted, EverySecondSegmentIsAcknowledgedAtOnce) {
    open();
    c->quick_ack(false);
    std::string full(1448, 'x');
    data(0, full);
    EXPECT_TRUE(sent.empty());
    data(1448, full);
    EXPECT_EQ(sent.size(), 1u);
    take();
    data(2896, "small");
    pass(39 * ms);
    EXPECT_TRUE(sent.empty());
    pass(1 * ms);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].ack, theirs(2901));
}

TEST_F(Scripted, GapsAreToldByBlocks) {
    open();
    data(100, "bb");
    data(300, "dd");
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[1].ack, theirs(0));
    ASSERT_EQ(sent[1].options.block_count, 2);
    EXPECT_EQ(sent[1].options.blocks[0].begin, theirs(300)); // the newest first (RFC 2018, 4)
    EXPECT_EQ(sent[1].options.blocks[1].end, theirs(102));
    take();
    data(102, std::string(198, 'c'));
    EXPECT_EQ(sent[0].options.block_count, 1);
    EXPECT_EQ(sent[0].options.blocks[0].begin, theirs(100));
    EXPECT_EQ(sent[0].options.blocks[0].end, theirs(302));
    take();
    data(100, "bb"); // a duplicate of what is ahead: D-SACK first (RFC 2883)
    ASSERT_EQ(sent[0].options.block_count, 2);
    EXPECT_EQ(sent[0].options.blocks[0].end, theirs(102));
    take();
    data(0, std::string(100, 'a'));
    ASSERT_EQ(sent.size(), 1u); // at once: a gap was filled
    EXPECT_EQ(sent[0].ack, theirs(302));
    EXPECT_EQ(sent[0].options.block_count, 0);
    take();
    data(10, "again");
    EXPECT_EQ(sent[0].options.blocks[0].begin, theirs(10));
    EXPECT_EQ(read(), std::string(100, 'a') + "bb" + std::string(198, 'c') + "dd");
}

TEST_F(Scripted, NagleAndItsOptions) {
    open();
    send(100);
    EXPECT_EQ(sent.size(), 1u);
    send(100), send(100);
    EXPECT_EQ(sent.size(), 1u); // a small one is on its way
    acknowledge(100);
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[1].data->size(), 200u);
    c->tuning.nodelay = true;
    send(10), send(10);
    EXPECT_EQ(sent.size(), 4u);
    acknowledge(320);
    take();
    c->tuning.cork = true;
    send(50);
    EXPECT_TRUE(sent.empty());
    pass(190 * ms);
    EXPECT_TRUE(sent.empty());
    pass(100 * ms);
    EXPECT_EQ(sent.size(), 1u); // tcp(7): 200 ms at most
    send(2000);
    EXPECT_EQ(sent.size(), 2u); // a full one goes
    c->tuning.cork = false;
    collect();
    EXPECT_EQ(sent.size(), 3u);
}

TEST_F(Scripted, MoreHoldsBack) {
    open();
    auto f = *mm::allocate_frame(FrameUse::kernel);
    ASSERT_TRUE(c->send(Piece{f, 0, 10}, true, false));
    collect();
    EXPECT_TRUE(sent.empty());
    ASSERT_TRUE(c->send(Piece{f, 10, 10}, false, false));
    collect();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].data->size(), 20u);
    EXPECT_TRUE(sent[0].has(psh));
}

TEST_F(Scripted, AZeroWindowIsProbedForEver) {
    open(3000);
    send(10000);
    EXPECT_EQ(sent_bytes(), 2896u); // the rest of the window is too small
    acknowledge(static_cast<u32>(sent_bytes()), 0);
    u32 acked = static_cast<u32>(sent_bytes());
    take();
    std::vector<Time> times;
    Time began = now;
    while (now - began < 3600 * second) {
        pass(100 * ms);
        for (const Segment& s : take()) {
            EXPECT_EQ(s.data->size(), 0u);
            EXPECT_EQ(s.seq, ours(acked) - 1);
            times.push_back(now - began);
            acknowledge(acked, 0);
        }
    }
    ASSERT_GT(times.size(), 30u);
    EXPECT_LE(times[0], 400 * ms);
    EXPECT_FALSE(c->dead());
    acknowledge(acked, 60000);
    EXPECT_EQ(sent_bytes(), 10000 - acked);
}

TEST_F(Scripted, UserTimeoutEndsAStall) {
    tuning.user_timeout = 30 * second;
    open(3000);
    send(10000);
    acknowledge(3000, 0);
    for (int i = 0; i < 400 && !c->dead(); i++) {
        pass(100 * ms);
        if (!take().empty() && !c->dead()) acknowledge(3000, 0);
    }
    EXPECT_EQ(c->error(), Errno::timedout);
}

TEST_F(Scripted, SmallWindowsAreNotFilledInSmallSteps) {
    open(10000);
    send(60000);
    acknowledge(static_cast<u32>(sent_bytes()), 0);
    u32 acked = static_cast<u32>(sent_bytes());
    take();
    acknowledge(acked, 100); // silly
    EXPECT_TRUE(sent.empty());
    pass(5 * second); // but in the end it goes
    ASSERT_FALSE(sent.empty());
    for (const Segment& s : sent) EXPECT_EQ(s.end(), ours(acked + 100));
}

TEST_F(Scripted, OurWindowOpensInLargeSteps) {
    tuning.receive_limit = tuning.receive_most = 40000;
    open();
    std::string full(2000, 'x');
    for (u32 at = 0; at < 20000; at += 2000) data(at, full);
    EXPECT_LT(sent.back().window, 1000); // nothing is read
    u32 edge = sent.back().ack.value + sent.back().window;
    take();
    // One byte after the other: no window update for each.
    auto p = c->receive();
    u32 left = static_cast<u32>(p->size());
    while (left > 1900) c->consumed(1, now), collect(), left--;
    EXPECT_LE(sent.size(), 1u);
    for (const Segment& s : take()) EXPECT_GE(s.ack.value + s.window, edge);
    read();
    ASSERT_FALSE(sent.empty());
    EXPECT_GE(sent.back().window, 5000);
}

TEST_F(Scripted, WhatIsAheadIsBounded) {
    tuning.receive_limit = tuning.receive_most = 50000;
    open();
    for (u32 at = 1; at < 20000; at += 2) data(at, "x");
    tcp_info info;
    c->info(info, now);
    EXPECT_LE(c->receive_next() - theirs(0), 1u);
    data(0, "a");
    EXPECT_LT(c->readable_bytes(), 50u); // each byte keeps a page: a dozen fit
}

TEST_F(Scripted, TimeoutsBackOffFrom200Milliseconds) {
    open();
    c->tuning.sack = false;
    send(100);
    take();
    Time began = now;
    std::vector<Time> times;
    while (!c->dead()) {
        now = c->deadline();
        c->timer(now);
        collect();
        if (!take().empty()) times.push_back((now - began) / (10 * ms));
    }
    // The tail probe comes first (RFC 8985), then the timeout, doubled each time.
    ASSERT_GT(times.size(), 5u);
    EXPECT_LE(times[0], 23u);
    for (usize i = 3; i + 1 < 9; i++)
        EXPECT_NEAR(static_cast<double>(times[i + 1] - times[i]), 2.0 * static_cast<double>(times[i] - times[i - 1]),
                    3);
    EXPECT_EQ(c->error(), Errno::timedout);
    EXPECT_NEAR(static_cast<double>(now - began) / second, 924, 30);
}

TEST_F(Scripted, ALossIsFoundByBlocks) {
    open();
    send(14480);
    ASSERT_EQ(sent.size(), 10u);
    take();
    now += 10 * ms;
    u64 cwnd = c->window().cwnd;
    for (u32 i = 2; i <= 3; i++) acknowledge(0, 60000, {{ours(1448), ours(1448 * i)}});
    EXPECT_TRUE(sent.empty() || sent[0].seq != ours(0));
    acknowledge(0, 60000, {{ours(1448), ours(1448 * 4)}});
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent[0].seq, ours(0));
    EXPECT_EQ(c->window().ssthresh, cwnd * 7 / 10);
    // The retransmission is lost as well: found by time, without a timeout (RFC 8985).
    take();
    now += 10 * ms;
    acknowledge(0, 60000, {{ours(1448), ours(1448 * 9)}});
    send(2000);
    usize before = sent.size();
    now += 11 * ms;
    if (before) acknowledge(0, 60000, {{ours(14480), ours(14480 + 1448)}, {ours(1448), ours(1448 * 9)}});
    now += 2 * ms;
    pass(10 * ms);
    bool again = false;
    for (const Segment& s : take()) again |= s.seq == ours(0);
    EXPECT_TRUE(again);
    acknowledge(16480);
    EXPECT_EQ(c->unacknowledged_bytes(), 0u);
}

TEST_F(Scripted, ReorderingIsNoLossOnceItWasSeen) {
    open();
    send(14480);
    take();
    now += 10 * ms;
    acknowledge(0, 60000, {{ours(1448), ours(2896)}});
    now += 1 * ms;
    acknowledge(2896); // it was late
    u64 cwnd = c->window().cwnd;
    acknowledge(2896, 60000, {{ours(4344), ours(4344 + 4 * 1448)}});
    for (const Segment& s : take()) EXPECT_NE(s.seq, ours(2896));
    now += 1 * ms;
    acknowledge(10136);
    EXPECT_GE(c->window().cwnd, cwnd);
    EXPECT_EQ(c->retransmissions(), 0u);
}

TEST_F(Scripted, AReductionForNothingIsTakenBack) {
    open();
    send(14480);
    take();
    now += 10 * ms;
    u64 cwnd = c->window().cwnd;
    acknowledge(0, 60000, {{ours(1448), ours(1448 * 5)}});
    ASSERT_FALSE(sent.empty());
    EXPECT_LT(c->window().cwnd, cwnd);
    Header h{.seq = theirs(0), .ack = ours(1448 * 5), .flags = ack, .window = 60000};
    h.options.has_timestamps = true;
    h.options.ts_value = peer_ts();
    h.options.ts_echo = static_cast<u32>(now / ms) + 7 - 10; // of the original
    now += 2 * ms;
    in(h);
    EXPECT_GE(c->window().cwnd, cwnd);
    EXPECT_EQ(c->window().ssthresh, Window::infinite);
}

TEST_F(Scripted, APeerWithoutSackIsRepairedToo) {
    peer_stamps = false;
    open(60000, 1460, false);
    send(14600);
    EXPECT_EQ(sent.size(), 10u);
    take();
    now += 10 * ms;
    for (int i = 0; i < 2; i++) acknowledge(0);
    EXPECT_TRUE(sent.empty());
    acknowledge(0);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].seq, ours(0));
    take();
    now += 10 * ms;
    acknowledge(1460 * 4); // partial: the next one is lost too (RFC 6582)
    bool next = false;
    for (const Segment& s : take()) next |= s.seq == ours(1460 * 4);
    EXPECT_TRUE(next);
    acknowledge(14600);
    EXPECT_EQ(c->unacknowledged_bytes(), 0u);
}

TEST_F(Scripted, ATailIsProbed) {
    open();
    send(4344);
    take();
    pass(30 * ms); // two round trips of ten
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].seq, ours(2896));
    take();
    acknowledge(1448, 60000, {{ours(2896), ours(4344)}});
    pass(20 * ms);
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent[0].seq, ours(1448));
}

TEST_F(Scripted, APeerThatTakesBackItsBlocks) {
    open();
    send(5792);
    now += 10 * ms;
    acknowledge(0, 60000, {{ours(1448), ours(5792)}});
    take();
    acknowledge(1448); // and nothing of the rest
    for (int i = 0; i < 12 && c->unacknowledged_bytes(); i++) {
        pass(500 * ms);
        u32 acked = 1448;
        for (const Segment& s : take())
            if (s.data->size()) acked = std::max(acked, s.seq + static_cast<u32>(s.data->size()) - ours(0));
        if (acked > 1448) acknowledge(acked);
    }
    EXPECT_EQ(c->unacknowledged_bytes(), 0u);
}

TEST_F(Scripted, ClosingFromOurSide) {
    open();
    send(10);
    c->shutdown_write(now);
    collect();
    EXPECT_EQ(c->state(), State::fin_wait_1);
    EXPECT_TRUE(sent.back().has(fin));
    EXPECT_FALSE(send(1));
    acknowledge(11);
    EXPECT_EQ(c->state(), State::fin_wait_2);
    data(0, "still", ack, 11); // half closed: they may send
    EXPECT_EQ(read(), "still");
    take();
    data(5, "", fin | ack, 11);
    EXPECT_EQ(c->state(), State::time_wait);
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent.back().ack, theirs(6));
}

TEST_F(Scripted, ClosingFromTheirSide) {
    open();
    data(0, "bye", fin | ack);
    EXPECT_EQ(c->state(), State::close_wait);
    EXPECT_EQ(sent.back().ack, theirs(4));
    EXPECT_TRUE(c->poll() & EPOLLRDHUP);
    EXPECT_EQ(read(), "bye");
    EXPECT_TRUE(send(5));
    c->close(now);
    collect();
    EXPECT_EQ(c->state(), State::last_ack);
    in({.seq = theirs(4), .ack = ours(6), .flags = ack, .window = 100});
    EXPECT_TRUE(c->dead());
    EXPECT_EQ(c->error(), Errno{});
}

TEST_F(Scripted, ClosingAtOnce) {
    open();
    c->shutdown_write(now);
    collect();
    data(0, "", fin | ack);
    EXPECT_EQ(c->state(), State::closing);
    in({.seq = theirs(1), .ack = ours(1), .flags = ack, .window = 100});
    EXPECT_EQ(c->state(), State::time_wait);
}

TEST_F(Scripted, UnreadDataMakesCloseAReset) {
    open();
    data(0, "unread");
    take();
    c->close(now);
    collect();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].has(rst));
    EXPECT_TRUE(c->dead());
}

TEST_F(Scripted, DataAfterCloseIsReset) {
    open();
    c->close(now);
    collect();
    acknowledge(1);
    EXPECT_EQ(c->state(), State::fin_wait_2);
    take();
    data(0, "nobody reads this", ack, 1);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].has(rst));
}

TEST_F(Scripted, FinWait2EndsWithoutAnOwner) {
    open();
    c->close(now);
    collect();
    acknowledge(1);
    pass(59 * second);
    EXPECT_EQ(c->state(), State::fin_wait_2);
    pass(2 * second);
    EXPECT_TRUE(c->dead());
}

TEST_F(Scripted, KeepAlive) {
    tuning.keep_alive = true;
    tuning.keep_idle = 10 * second, tuning.keep_interval = 2 * second, tuning.keep_count = 3;
    open();
    pass(9 * second);
    EXPECT_TRUE(sent.empty());
    pass(1 * second);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].seq, ours(0) - 1);
    acknowledge(0);
    take();
    pass(9 * second);
    EXPECT_TRUE(sent.empty());
    pass(8 * second);
    EXPECT_EQ(c->error(), Errno::timedout);
    EXPECT_EQ(sent.size(), 4u); // three probes and a RST
    EXPECT_TRUE(sent.back().has(rst));
}

TEST_F(Scripted, UrgentDataIsOneByte) {
    open();
    in({.seq = theirs(0), .ack = ours(0), .flags = ack | urg, .window = 60000, .urgent = 3}, "abXcd");
    EXPECT_EQ(*c->urgent_byte(), 'X');
    EXPECT_EQ(*c->urgent_offset(), 2u);
    EXPECT_TRUE(c->poll() & EPOLLPRI);
    EXPECT_EQ(c->receive()->size(), 2u); // readers stop before it
    c->consumed(2, now);
    EXPECT_EQ(*c->urgent_offset(), 0u);
    EXPECT_EQ(c->receive()->size(), 1u);
    c->consumed(1, now);
    EXPECT_FALSE(c->urgent_byte());
    EXPECT_EQ(read(), "cd");
    take();
    send(3, false, true);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].has(urg));
    EXPECT_EQ(sent[0].urgent, 3);
}

TEST_F(Scripted, ASmallerPathIsFollowed) {
    open();
    send(4344);
    take();
    u64 cwnd = c->window().cwnd;
    c->path_mtu(1000, ours(0) - 5); // not about what is on its way (RFC 5927)
    EXPECT_EQ(c->mss(), 1460u);
    c->path_mtu(1000, ours(0));
    collect();
    EXPECT_EQ(c->mss(), 960u);
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent[0].data->size(), 948u);
    EXPECT_EQ(c->window().cwnd, cwnd);
    c->path_mtu(20, ours(0));
    EXPECT_EQ(c->mss(), 960u);
}

TEST_F(Scripted, NobodySaysThatThePathIsWiderThanOurLink) {
    open(60000, 8960);
    send(4344);
    c->path_mtu(9000, ours(0));
    EXPECT_EQ(c->mss(), 1460u);
    take();
    send(4344);
}

TEST_F(Scripted, ErrorsFromTheWay) {
    make();
    c->connect(now);
    collect();
    c->unreachable(Errno::hostunreach, false, iss + 7); // not ours
    EXPECT_FALSE(c->dead());
    c->unreachable(Errno::hostunreach, false, iss);
    EXPECT_EQ(c->error(), Errno::hostunreach);
    open();
    send(10);
    c->unreachable(Errno::netunreach, true, ours(0));
    EXPECT_FALSE(c->dead()); // only kept (RFC 5461)
    while (!c->dead()) pass(60 * second);
    EXPECT_EQ(c->error(), Errno::netunreach);
}

TEST_F(Scripted, AnIdleWindowIsNotKept) {
    open();
    for (u32 n = 0; n < 20; n++) {
        send(14480);
        now += 10 * ms;
        acknowledge(14480 * (n + 1));
    }
    u64 grown = c->window().cwnd;
    EXPECT_GT(grown, 20000u);
    pass(10 * second);
    take();
    send(100);
    EXPECT_LE(c->window().cwnd, 10 * 1460u);
}

TEST_F(Scripted, PacingSpreadsSegments) {
    tuning.pacing_rate = 1'448'000; // a segment each ms
    open();
    send(14480);
    EXPECT_EQ(sent.size(), 1u);
    pass(5 * ms);
    EXPECT_EQ(sent.size(), 6u);
}
