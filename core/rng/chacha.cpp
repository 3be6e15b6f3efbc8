#include "core/rng/chacha.h"

namespace chacha {
namespace {
inline void quarter_round(u32& a, u32& b, u32& c, u32& d) {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}
} // namespace

void permute(Block& s) {
    for (int i = 0; i < 10; i++) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s[column], s[4 + column], s[8 + column], s[12 + column]);
        for (unsigned column = 0; column < 4; column++)
            quarter_round(s[column], s[4 + (column + 1) % 4], s[8 + (column + 2) % 4], s[12 + (column + 3) % 4]);
    }
}

Block block(const Key& key, u32 counter, const std::array<u32, 3>& nonce) {
    Block start = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; // "expand 32-byte k"
    for (unsigned i = 0; i < 8; i++) start[4 + i] = key[i];
    start[12] = counter;
    for (unsigned i = 0; i < 3; i++) start[13 + i] = nonce[i];
    Block out = start;
    permute(out);
    for (unsigned i = 0; i < 16; i++) out[i] += start[i];
    return out;
}
} // namespace chacha
