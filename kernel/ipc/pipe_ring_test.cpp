#include "kernel/ipc/pipe_ring.h"
#include <cstring>
#include <gtest/gtest.h>
#include <string>

namespace {
struct RingTest : testing::Test {
    pipes::Ring ring;
    RingTest() { EXPECT_TRUE(ring.resize(4)); }
    Result<usize> write(std::string_view s, bool packets = false) {
        Source from{std::as_bytes(std::span{s})};
        return ring.write(from, packets);
    }
    std::string read(usize n = 100'000) {
        std::string s(n, 0);
        Sink to{std::as_writable_bytes(std::span{s})};
        s.resize(*ring.read(to));
        return s;
    }
};
} // namespace

TEST_F(RingTest, SmallWritesShareAPage) {
    for (int i = 0; i < 1000; i++) EXPECT_EQ(*write("abcd"), 4u);
    EXPECT_EQ(ring.bytes(), 4000u);
    EXPECT_FALSE(ring.full());
    EXPECT_EQ(read(6), "abcdab");
    EXPECT_EQ(read().size(), 3994u);
    EXPECT_TRUE(ring.empty());
}

TEST_F(RingTest, APieceStaysUntilItIsDropped) {
    EXPECT_EQ(*write("abcdef"), 6u);
    EXPECT_EQ(ring.first(4).length, 4u);
    EXPECT_EQ(*write("gh"), 2u); // behind it, in the same page
    ring.drop(3);
    EXPECT_EQ(read(1), "d");
    EXPECT_EQ(ring.first(100).length, 4u);
    ring.drop(4);
    EXPECT_TRUE(ring.empty());
}

TEST_F(RingTest, AtomicWritesAreWholeOrNotAtAll) {
    std::string page(4096, 'p');
    for (int i = 0; i < 3; i++) EXPECT_EQ(*write(page), 4096u);
    EXPECT_EQ(*write("x"), 1u);
    EXPECT_EQ(write(page), err::again);
    EXPECT_EQ(*write("yz"), 2u);
    EXPECT_EQ(*write(std::string(5000, 'l')), 4093u); // a long one may be split
    EXPECT_EQ(write("q"), err::again);
    read(4096);
    EXPECT_EQ(*write(page), 4096u);
}

TEST_F(RingTest, ContentStaysInOrder) {
    std::string in, out;
    for (unsigned i = 0; i < 500; i++) {
        std::string piece(1 + i * 37 % 3000, static_cast<char>('a' + i % 26));
        if (auto n = write(piece)) in += piece.substr(0, *n);
        if (i % 3) out += read(1 + i * 53 % 5000);
    }
    out += read();
    EXPECT_EQ(in, out);
}

TEST_F(RingTest, Packets) {
    EXPECT_EQ(*write("first", true), 5u);
    EXPECT_EQ(*write("second", true), 6u);
    EXPECT_EQ(read(3), "fir"); // the rest of the packet is gone
    EXPECT_EQ(read(), "second");
    EXPECT_EQ(*write(std::string(5000, 'l'), true), 5000u);
    EXPECT_EQ(read().size(), 4096u);
    EXPECT_EQ(read().size(), 904u);
}

TEST_F(RingTest, Resize) {
    EXPECT_EQ(*write(std::string(10'000, 'x')), 10'000u);
    EXPECT_EQ(ring.resize(2), err::busy);
    EXPECT_TRUE(ring.resize(16));
    EXPECT_EQ(ring.capacity(), 65536u);
    EXPECT_EQ(read().size(), 10'000u);
}

TEST_F(RingTest, PiecesAreReferences) {
    FrameRef frame = *mm::allocate_frame(FrameUse::page_cache);
    std::memcpy(frame->data(), "0123456789", 10);
    EXPECT_EQ(*write("ab"), 2u);
    ring.push({frame, 2, 5});
    EXPECT_EQ(*write("cd"), 2u); // not merged into the page
    EXPECT_EQ(ring.room(), 1u);
    EXPECT_EQ(ring.bytes(), 9u);
    std::memcpy(frame->data(), "..x", 3); // shows through
    EXPECT_EQ(frame->refs.load(), 2u);
    EXPECT_EQ(read(3), "abx");
    EXPECT_EQ(read(), "3456cd");
    EXPECT_EQ(frame->refs.load(), 1u);
    EXPECT_EQ(static_cast<const char*>(frame->data())[7], '7');
}

TEST_F(RingTest, MovesToAnotherRing) {
    pipes::Ring other;
    EXPECT_TRUE(other.resize(2));
    EXPECT_EQ(*write(std::string(4096, 'a') + std::string(4096, 'b') + "ccc"), 8195u);
    EXPECT_EQ(ring.move_to(other, 100'000), 8192u);
    EXPECT_EQ(ring.bytes(), 3u);
    EXPECT_EQ(ring.move_to(other, 1), 0u);
    std::swap(ring, other);
    EXPECT_EQ(read(), std::string(4096, 'a') + std::string(4096, 'b'));
    std::swap(ring, other);
    EXPECT_EQ(ring.move_to(other, 2), 2u);
    EXPECT_EQ(*write("d"), 1u); // behind what has stayed
    EXPECT_EQ(read(), "cd");
    std::swap(ring, other);
    EXPECT_EQ(*write("e"), 1u);
    EXPECT_EQ(read(), "cce");
}

TEST_F(RingTest, SharesWithAnotherRing) {
    pipes::Ring other;
    EXPECT_TRUE(other.resize(4));
    EXPECT_EQ(*write("one"), 3u);
    EXPECT_EQ(ring.share_with(other, 100), 3u);
    EXPECT_EQ(*write("two"), 3u);
    EXPECT_EQ(ring.share_with(other, 4), 4u);
    EXPECT_EQ(read(), "onetwo");
    EXPECT_EQ(*write("three"), 5u);
    std::swap(ring, other);
    EXPECT_EQ(*write("-"), 1u);
    EXPECT_EQ(read(), "oneonet-");
    std::swap(ring, other);
    EXPECT_EQ(read(), "three");
}
