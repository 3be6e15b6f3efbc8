// Packets made for tests.
#pragma once
#include "net/inet/ip.h"
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace net::inet::test {
inline std::string text_of(const Packet& p, usize from = 0) {
    std::string s(p.size() - from, 0);
    EXPECT_TRUE(p.copy(from, std::as_writable_bytes(std::span{s})));
    return s;
}
inline PacketBox packet_of(std::span<const std::byte> bytes) {
    auto p = *Packet::create();
    for (usize at = 0; at < bytes.size();) {
        auto f = *mm::allocate_frame(FrameUse::kernel);
        usize n = std::min(bytes.size() - at, page_size);
        std::memcpy(f->data(), bytes.data() + at, n);
        EXPECT_TRUE(p->append(Piece{f, 0, static_cast<u32>(n)}));
        at += n;
    }
    return p;
}
inline PacketBox packet_of(std::string_view text) { return packet_of(std::as_bytes(std::span{text})); }
/// The same packet with some bytes replaced.
inline PacketBox with(const Packet& p, usize at, std::string_view bytes) {
    std::string all = text_of(p);
    all.replace(at, bytes.size(), bytes);
    return packet_of(all);
}
/// Text of any length in which each place can be told from others.
inline std::string pattern(usize size) {
    std::string s(size, 0);
    for (usize i = 0; i < size; i++) s[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    return s;
}
const inline Address a4 = Address::v4(10, 0, 0, 1), b4 = Address::v4(10, 0, 0, 2);
const inline Address a6 = Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, 1}), b6 = Address::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2});
} // namespace net::inet::test
