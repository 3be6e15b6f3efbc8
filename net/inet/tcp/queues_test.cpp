// The queues of a connection beside plain ones: what is held, counted and told is the same after any order of events.
#include "net/inet/tcp/connection.h"
#include "tcp_simulation.h"

using namespace net;
using namespace net::tcp;
using namespace net::tcp::test;

namespace {
PacketBox packet_of(std::string_view text) {
    auto p = *Packet::create();
    auto f = *mm::allocate_frame(FrameUse::kernel);
    std::memcpy(f->data(), text.data(), text.size());
    EXPECT_TRUE(p->append(Piece{f, 0, static_cast<u32>(text.size())}));
    return p;
}
} // namespace

TEST(TcpQueues, ScoreboardCountsAsByteByByte) {
    enum : u8 { flies, lost, again, sacked };
    for (unsigned seed = 1; seed <= 30; seed++) {
        std::mt19937 random{seed};
        Scoreboard board;
        std::vector<u8> model; // from una on
        Seq una{0xffffff00};
        Time now = 1;
        auto nxt = [&] { return una + static_cast<u32>(model.size()); };
        auto mark = [&](Seq from, Seq to, u8 what) {
            for (Seq s = from; s < to; s = s + 1) model[s - una] = what;
        };
        for (unsigned step = 0; step < 400; step++, now++) {
            u32 delivered = 0, expected = 0;
            auto count = [&](const Sent&, u32 n) { delivered += n; };
            switch (random() % 7) {
            case 0:
            case 1: {
                u32 n = 1 + random() % 50;
                ASSERT_TRUE(board.prepare());
                board.add(nxt(), nxt() + n, now);
                model.insert(model.end(), n, flies);
                break;
            }
            case 2: {
                Seq begin = una + random() % 400, end = begin + 1 + random() % 100;
                if (end > nxt()) break;
                for (Seq s = begin; s < end; s = s + 1) expected += model[s - una] != sacked;
                board.sack({begin, end}, count);
                mark(begin, end, sacked);
                EXPECT_EQ(delivered, expected);
                break;
            }
            case 3: {
                u32 n = std::min<u32>(random() % 80, static_cast<u32>(model.size()));
                for (u32 i = 0; i < n; i++) expected += model[i] != sacked;
                una = una + n;
                board.acknowledge(una, count);
                model.erase(model.begin(), model.begin() + n);
                EXPECT_EQ(delivered, expected);
                break;
            }
            case 4:
                board.for_each_in_flight([&](Sent& s) {
                    if (random() % 2) return true;
                    mark(s.begin, s.end, lost);
                    board.mark_lost(s);
                    return random() % 3 != 0;
                });
                break;
            case 5:
                if (Sent* s = board.next_to_retransmit()) {
                    if (s->length() > 10 && random() % 2) ASSERT_TRUE(board.split(*s, s->begin + 10));
                    EXPECT_EQ(model[s->begin - una], lost);
                    mark(s->begin, s->end, again);
                    board.sent_again(*s, now);
                }
                break;
            default:
                if (random() % 20) break;
                bool kept = board.mark_all_lost();
                EXPECT_EQ(kept, model.empty() || model[0] != sacked);
                for (u8& b : model)
                    if (b != sacked || !kept) b = lost;
                break;
            }
            auto have = [&](u8 what) { return static_cast<u32>(std::count(model.begin(), model.end(), what)); };
            ASSERT_EQ(board.outstanding(), model.size());
            ASSERT_EQ(board.sacked(), have(sacked));
            ASSERT_EQ(board.lost(), have(lost) + have(again));
            ASSERT_EQ(board.pipe(), have(flies) + have(again));
            ASSERT_LE(board.records(), model.size());
        }
    }
}

TEST(TcpQueues, WhatArrivesInAnyOrderIsReadInOrder) {
    const std::string text = random_text(20000);
    for (unsigned seed = 1; seed <= 20; seed++) {
        std::mt19937 random{seed};
        ReceiveQueue queue;
        Seq first{0xfffff000};
        queue.start(first);
        std::string read;
        for (unsigned step = 0; read.size() < text.size() && step < 20000; step++) {
            usize at = std::min(text.size() - 1, read.size() + random() % 3000 - std::min<usize>(read.size(), 200));
            usize n = std::min<usize>(1 + random() % 700, text.size() - at);
            auto added = queue.add(packet_of(text.substr(at, n)), first + static_cast<u32>(at), 100'000, nullptr);
            if (added == ReceiveQueue::Added::duplicate) EXPECT_TRUE(queue.has_duplicate());
            Block blocks[4];
            u8 count = queue.blocks(blocks, 4);
            for (u8 i = 0; i < count; i++) EXPECT_LT(blocks[i].begin, blocks[i].end);
            if (random() % 4) continue;
            while (auto p = queue.take()) {
                usize before = read.size();
                read.resize(before + p->size());
                p->copy(0, std::as_writable_bytes(std::span{read}).subspan(before));
            }
        }
        EXPECT_TRUE(read == text);
        EXPECT_EQ(queue.next(), first + static_cast<u32>(text.size()));
        EXPECT_FALSE(queue.has_gap());
        EXPECT_EQ(queue.true_size(), 0u);
    }
}

TEST(TcpQueues, FewBytesInLargeBlocksDoNotFillIt) {
    for (bool ahead : {false, true}) {
        ReceiveQueue queue;
        queue.start(Seq{0});
        constexpr usize limit = 64 * page_size;
        for (u32 at = ahead; at < 300; at++) { // each in a page of its own
            auto added = queue.add(packet_of("x"), Seq{at}, limit, nullptr);
            ASSERT_EQ(added, ahead ? ReceiveQueue::Added::ahead : ReceiveQueue::Added::in_order) << at;
        }
        EXPECT_LT(queue.true_size(), 2 * limit);
        if (ahead) EXPECT_EQ(queue.add(packet_of("x"), Seq{0}, limit, nullptr), ReceiveQueue::Added::in_order);
        EXPECT_EQ(queue.next(), Seq{300});
        usize got = 0;
        while (auto p = queue.take()) {
            char c = 0;
            p->copy(0, std::as_writable_bytes(std::span{&c, 1}));
            got += c == 'x';
        }
        EXPECT_EQ(got, 300u);
        EXPECT_EQ(queue.true_size(), 0u);
    }
}

TEST(TcpQueues, TheOneWhoReceivesPays) {
    MemoryAccount& account = **MemoryAccount::create(30'000);
    {
        ReceiveQueue queue;
        queue.start(Seq{0});
        unsigned dropped = 0;
        for (u32 at = 0; at < 20; at++)
            dropped += queue.add(packet_of("x"), Seq{at}, 1 << 20, &account) == ReceiveQueue::Added::dropped;
        EXPECT_GT(dropped, 10u);
        EXPECT_GT(account.used(), 20'000u);
    }
    EXPECT_EQ(account.used(), 0u);
    account.close();
}

TEST(TcpQueues, SmallWritesShareAFrame) {
    SendBuffer buffer;
    buffer.start(Seq{0xfffffff0});
    auto f = *mm::allocate_frame(FrameUse::kernel);
    for (u32 i = 0; i < 1000; i++) ASSERT_TRUE(buffer.append(Piece{f, i, 1}));
    EXPECT_EQ(buffer.true_size(), page_size);
    auto g = *mm::allocate_frame(FrameUse::kernel);
    ASSERT_TRUE(buffer.append(Piece{g, 100, 500}));
    auto p = *Packet::create();
    EXPECT_EQ(*buffer.share(Seq{0xfffffff0} + 990, 20, *p), 20u);
    EXPECT_EQ(p->size(), 20u);
    buffer.acknowledge(Seq{0xfffffff0} + 1001);
    EXPECT_EQ(buffer.true_size(), page_size);
    EXPECT_EQ(buffer.bytes(), 499u);
    buffer.acknowledge(buffer.end());
    EXPECT_EQ(buffer.true_size(), 0u);
}

TEST(TcpQueues, LargePacketsAreWholeSegments) {
    Time now = 1000 * second;
    const Endpoint here{Address::v4(10, 0, 0, 1), 1}, there{Address::v4(10, 0, 0, 2), 2};
    Connection c{{here, there, Seq{100}, 0, 1500, nullptr}, {}};
    Accepted a{.identity = c.identity(), .irs = Seq{500}, .window = 65535, .options = {}};
    a.options.mss = 1460;
    c.accept(a, now);
    Segment s;
    s.flags = ack, s.seq = Seq{501}, s.ack = Seq{101}, s.window = 65535;
    s.data = *Packet::create();
    c.segment(std::move(s), now);
    ASSERT_EQ(c.state(), State::established);
    for (int i = 0; i < 40; i++) { // pieces of 700 bytes: a packet has room for 18
        auto f = *mm::allocate_frame(FrameUse::kernel);
        (void)c.send(Piece{f, 0, 700}, false, false);
    }
    auto p = c.next_segment(now, {.most = 65536, .offload = true});
    ASSERT_TRUE(p);
    EXPECT_EQ((*p)->segment_size, 1460u);
    EXPECT_EQ((*p)->size(), 20u + 12600u);
    EXPECT_EQ((*p)->checksum, ChecksumState::partial);
    auto rest = c.next_segment(now, {.most = 65536, .offload = true});
    ASSERT_TRUE(rest);
    EXPECT_EQ(((*rest)->size() - 20) % 1460, 0u);
}
