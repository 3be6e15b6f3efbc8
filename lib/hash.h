// A keyed hash for tables whose keys come from users: without the key nobody can choose names that collide.
#pragma once
#include "lib/types.h"
#include <cstring>
#include <string_view>

namespace hash_detail {
template <class T>
T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
} // namespace hash_detail

/// SipHash-1-3 (Aumasson, Bernstein): short inputs, 64 bits out.
class SipHash {
public:
    constexpr SipHash() = default;
    constexpr SipHash(u64 key0, u64 key1) : key0_{key0}, key1_{key1} {}
    u64 operator()(std::string_view bytes) const {
        u64 a = key0_ ^ 0x736f6d6570736575, b = key1_ ^ 0x646f72616e646f6d, c = key0_ ^ 0x6c7967656e657261,
            d = key1_ ^ 0x7465646279746573;
        auto round = [&] {
            a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
            c += d, d = std::rotl(d, 16) ^ c;
            a += d, d = std::rotl(d, 21) ^ a;
            c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
        };
        auto word = [&](u64 m) { d ^= m, round(), a ^= m; };
        usize n = bytes.size();
        const char* at = bytes.data();
        for (; n >= 8; n -= 8, at += 8) word(hash_detail::load<u64>(at));
        word(u64{bytes.size()} << 56 | tail(at, n, bytes.size() >= 8));
        c ^= 0xff;
        round(), round(), round();
        return a ^ b ^ c ^ d;
    }

private:
    /// The last n < 8 bytes, the first one lowest; by words that overlap, not byte by byte.
    static u64 tail(const char* at, usize n, bool more_before) {
        using hash_detail::load;
        if (n == 0) return 0;
        if (more_before) return load<u64>(at + n - 8) >> 8 * (8 - n);
        if (n >= 4) return load<u32>(at) | u64{load<u32>(at + n - 4)} << 8 * (n - 4);
        return u64{load<u8>(at)} | u64{load<u8>(at + n / 2)} << 8 * (n / 2) | u64{load<u8>(at + n - 1)} << 8 * (n - 1);
    }
    u64 key0_ = 0, key1_ = 0;
};

/// A keyed hash by multiplication and folding (as in wyhash): a few instructions for a short name. Only for tables
/// whose order nobody outside can observe; SipHash where it shows.
class FoldHash {
public:
    constexpr FoldHash() = default;
    constexpr FoldHash(u64 key0, u64 key1) : key0_{key0}, key1_{key1} {}
    u64 operator()(std::string_view bytes, u64 tweak) const {
        using hash_detail::load;
        const char* at = bytes.data();
        usize n = bytes.size();
        u64 h = tweak ^ key0_;
        for (; n > 8; n -= 8, at += 8) h = fold(h ^ load<u64>(at), key1_);
        u64 last;
        if (n >= 4)
            last = load<u32>(at) | u64{load<u32>(at + n - 4)} << 32;
        else
            last = n ? static_cast<u64>(load<u8>(at) | load<u8>(at + n / 2) << 8 | load<u8>(at + n - 1) << 16) : 0;
        return fold(fold(h ^ last, key1_ ^ bytes.size()), key0_);
    }

private:
    static u64 fold(u64 a, u64 b) {
        auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
    }
    u64 key0_ = 0, key1_ = 0;
};
