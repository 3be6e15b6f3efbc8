// Packets: pieces shared and cut, what they cost, sums over parts of any length, readers that stop at the end.
#include "net/stack/packet.h"
#include "net/stack/wire.h"
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

using namespace net;

namespace {
FrameRef frame_with(std::string_view text) {
    auto f = *mm::allocate_frame(FrameUse::kernel);
    std::memcpy(f->data(), text.data(), text.size());
    return f;
}
std::string text_of(const Packet& p) {
    std::string s(p.size(), 0);
    EXPECT_TRUE(p.copy(0, std::as_writable_bytes(std::span{s})));
    return s;
}
std::span<const std::byte> bytes_of(std::string_view s) { return std::as_bytes(std::span{s}); }
PacketBox packet_of(std::string_view head, std::string_view piece) {
    auto p = *Packet::create();
    EXPECT_TRUE(p->push(bytes_of(head)));
    EXPECT_TRUE(p->append(Piece{frame_with(piece), 0, static_cast<u32>(piece.size())}));
    return p;
}
} // namespace

TEST(Packet, HeadersInFrontAndPiecesBehind) {
    auto p = packet_of("tcp", "payload");
    ASSERT_TRUE(p->push(bytes_of("ip ")));
    EXPECT_EQ(text_of(*p), "ip tcppayload");
    p->trim_front(3);
    EXPECT_EQ(text_of(*p), "tcppayload");
    p->trim_front(4);
    EXPECT_EQ(text_of(*p), "ayload");
    p->truncate(3);
    EXPECT_EQ(text_of(*p), "ayl");
    ASSERT_TRUE(p->push(bytes_of("new head ")));
    EXPECT_EQ(text_of(*p), "new head ayl");
    p->truncate(4);
    EXPECT_EQ(text_of(*p), "new ");
    EXPECT_EQ(p->push(std::vector<std::byte>(Packet::headroom)), err::nobufs);
}

TEST(Packet, CopiesShareTheirPieces) {
    auto p = packet_of("head", "0123456789");
    auto copy = *p->clone(), middle = *p->slice(2, 6), tail = *p->slice(9, 100);
    EXPECT_EQ(text_of(*middle), "ad0123");
    EXPECT_EQ(text_of(*tail), "56789");
    ASSERT_TRUE(copy->write(0, bytes_of("HEAD")));
    EXPECT_FALSE(copy->write(2, bytes_of("xyz")));
    EXPECT_EQ(text_of(*copy), "HEAD0123456789");
    EXPECT_EQ(text_of(*p), "head0123456789");
    p.reset();
    EXPECT_EQ(text_of(*middle), "ad0123");
}

TEST(Packet, APieceThatGoesOnIsOne) {
    auto p = *Packet::create();
    auto f = frame_with("0123456789");
    for (u32 i = 0; i < 10; i++) ASSERT_TRUE(p->append(Piece{f, i, 1}));
    EXPECT_EQ(text_of(*p), "0123456789");
    for (u32 i = 1; i < Packet::most_pieces; i++) ASSERT_TRUE(p->append(Piece{f, 0, 1}));
    EXPECT_EQ(p->append(Piece{f, 5, 1}), err::nobufs);
    auto half = *p->slice(5, 10);
    EXPECT_EQ(text_of(*half), "5678900000");
}

TEST(Packet, WhoHoldsItPaysForAllOfIt) {
    MemoryAccount& a = **MemoryAccount::create(20'000);
    MemoryAccount& b = **MemoryAccount::create(1'000);
    auto p = packet_of("head", "0123456789");
    EXPECT_GT(p->true_size(), page_size);
    ASSERT_TRUE(p->charge_to(a));
    EXPECT_EQ(a.used(), p->true_size());
    EXPECT_EQ(p->charge_to(b), err::nomem);
    EXPECT_EQ(a.used(), p->true_size());
    {
        auto own = *mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, 0, &a);
        auto q = *Packet::create();
        ASSERT_TRUE(q->append(Piece{own, 0, 5}));
        u64 before = a.used();
        ASSERT_TRUE(q->charge_to(a));
        EXPECT_LT(a.used(), before + page_size); // the frame is paid already
    }
    p.reset();
    EXPECT_EQ(a.used(), 0u);
    a.close(), b.close();
}

TEST(Packet, QueuesKnowTheirMemory) {
    PacketQueue q;
    q.push(packet_of("a", "1"));
    q.push(packet_of("b", "2"));
    q.push_front(packet_of("c", "3"));
    EXPECT_EQ(q.bytes(), 6u);
    EXPECT_GT(q.true_size(), 3 * page_size);
    EXPECT_EQ(text_of(*q.pop()), "c3");
    EXPECT_EQ(text_of(*q.pop()), "a1");
    EXPECT_EQ(text_of(*q.pop()), "b2");
    EXPECT_EQ(q.pop(), nullptr);
    EXPECT_EQ(q.true_size(), 0u);
}

TEST(Packet, NeighboursInAQueueShareABlock) {
    PacketQueue q;
    auto f = *mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, 3);
    auto part = [&](u32 at) {
        auto p = *Packet::create();
        EXPECT_TRUE(p->append(Piece{f, at, 100}));
        return p;
    };
    for (u32 at = 100; at < 10'000; at += 100) q.push(part(at));
    q.push_front(part(0));
    EXPECT_LT(q.true_size(), 2 * (page_size << 3) + 100 * (page_size / 8)); // once, and what packets themselves take
    for (u32 at = 0; at < 5000; at += 100) q.pop();
    q.push(packet_of("a", "of another block"));
    q.push(part(10'000));
    EXPECT_GT(q.true_size(), 2 * (page_size << 3) + page_size); // there it counts again
    while (auto p = q.pop()) {}
    EXPECT_EQ(q.true_size(), 0u);
}

TEST(Packet, ReadersStopAtTheEnd) {
    auto p = packet_of("\x01\x02\x03", "\x04\x05");
    Reader r{*p};
    EXPECT_EQ(*r.take<u8>(), 1);
    EXPECT_EQ(*r.take<Big32>(), 0x02030405u);
    EXPECT_FALSE(r.take<u8>());
    EXPECT_FALSE(r.skip(1));
    Reader part{*p, 1, 3};
    EXPECT_FALSE(part.take<Big32>());
    EXPECT_EQ(*part.take<Big16>(), 0x0203);
    EXPECT_EQ((Reader{*p, 9}.remaining()), 0u);
}

static u16 plain_sum(std::span<const u8> bytes) {
    u32 sum = 0;
    for (usize i = 0; i < bytes.size(); i++) sum += i % 2 ? bytes[i] : bytes[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(~sum);
}

TEST(Checksum, AsTheWordsOneByOne) {
    const u8 rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    Checksum c;
    c.add(std::as_bytes(std::span{rfc1071}));
    EXPECT_EQ(c.partial(), 0xddf2);
    std::mt19937 random{7};
    for (unsigned round = 0; round < 2000; round++) {
        std::vector<u8> bytes(random() % 200);
        for (u8& b : bytes) b = random() % 3 ? static_cast<u8>(random()) : 0xff;
        Checksum parts;
        for (usize at = 0; at < bytes.size();) {
            usize n = std::min<usize>(bytes.size() - at, random() % 40);
            parts.add(std::as_bytes(std::span{bytes}.subspan(at, n)));
            at += n;
        }
        EXPECT_EQ(parts.value(), plain_sum(bytes));
        if (bytes.size() < 4) continue;
        u16 before = static_cast<u16>(bytes[2] << 8 | bytes[3]), after = static_cast<u16>(random());
        bytes[2] = static_cast<u8>(after >> 8), bytes[3] = static_cast<u8>(after);
        u16 changed = updated_checksum(parts.value(), before, after);
        EXPECT_EQ(changed % 0xffff, plain_sum(bytes) % 0xffff);
    }
}

TEST(Checksum, APartialOneIsCompleted) {
    auto p = packet_of(std::string_view{"\x00\x00\x12\x34", 4}, "odd");
    p->checksum = ChecksumState::partial;
    p->checksum_offset = 2;
    ASSERT_TRUE(p->push(bytes_of("ip")));
    p->complete_checksum();
    Checksum c{0x1234};
    p->add_to(c, 2, 100);
    EXPECT_EQ(c.value(), 0); // with the pseudo-header's sum as well
}
