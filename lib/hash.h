// A keyed hash for tables whose keys come from users: without the key nobody can choose names that collide.
#pragma once
#include "lib/types.h"
#include <cstring>
#include <string_view>

/// SipHash-1-3 (Aumasson, Bernstein): short inputs, 64 bits out.
class SipHash {
public:
    constexpr SipHash() = default;
    constexpr SipHash(u64 key0, u64 key1) : key0_{key0}, key1_{key1} {}
    u64 operator()(std::string_view bytes, u64 tweak = 0) const {
        u64 a = key0_ ^ 0x736f6d6570736575, b = key1_ ^ 0x646f72616e646f6d, c = key0_ ^ 0x6c7967656e657261,
            d = key1_ ^ 0x7465646279746573;
        auto round = [&] {
            a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
            c += d, d = std::rotl(d, 16) ^ c;
            a += d, d = std::rotl(d, 21) ^ a;
            c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
        };
        auto word = [&](u64 m) { d ^= m, round(), a ^= m; };
        word(tweak);
        usize n = bytes.size();
        const char* at = bytes.data();
        for (; n >= 8; n -= 8, at += 8) {
            u64 m;
            std::memcpy(&m, at, 8);
            word(m);
        }
        u64 last = u64{bytes.size()} << 56;
        if (n) std::memcpy(&last, at, n);
        word(last);
        c ^= 0xff;
        round(), round(), round();
        return a ^ b ^ c ^ d;
    }

private:
    u64 key0_ = 0, key1_ = 0;
};
