#include "net/stack/checksum.h"
#include <cstring>

namespace net {
namespace {
u16 fold(u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>((sum & 0xffff) + (sum >> 16));
}
u16 swapped_if_little(u16 v) { return std::endian::native == std::endian::little ? std::byteswap(v) : v; }
} // namespace

/// Words of eight bytes in the machine's order, whose sum is that of the wire's but for the order of its two bytes
/// (RFC 1071, 2B).
void Checksum::add(std::span<const std::byte> bytes) {
    const std::byte* at = bytes.data();
    usize n = bytes.size();
    u64 sum = 0;
    for (; n >= 8; n -= 8, at += 8) {
        u64 word;
        std::memcpy(&word, at, 8);
        sum += word;
        sum += sum < word; // the carry comes in at the end again
    }
    u64 tail = 0;
    if (n) std::memcpy(&tail, at, n);
    sum += tail;
    sum += sum < tail;
    u16 part = swapped_if_little(fold(sum));
    sum_ += odd_ ? std::byteswap(part) : part;
    odd_ ^= bytes.size() & 1;
}

u16 Checksum::partial() const { return fold(sum_); }
} // namespace net
