// The Internet checksum (RFC 1071) and its change by parts (RFC 1624).
#pragma once
#include "lib/types.h"
#include <span>

namespace net {
/// A ones' complement sum over bytes that come in parts of any length.
class Checksum {
public:
    constexpr Checksum() = default;
    /// A sum to go on from: what partial() said.
    explicit constexpr Checksum(u16 partial) : sum_{partial} {}
    void add(std::span<const std::byte>);
    /// A word of 16 or 32 bits in host order. An even number of bytes has been added before.
    void add16(u16 v) { sum_ += v; }
    void add32(u32 v) { sum_ += (v >> 16) + (v & 0xffff); }
    /// The sum so far, folded: what stands in the field that a device is to complete.
    u16 partial() const;
    /// What the field gets. Over bytes that hold a right one it is 0.
    u16 value() const { return static_cast<u16>(~partial()); }
    /// The same for UDP, where 0 says that there is none.
    u16 value_not_zero() const { return value() ? value() : 0xffff; }

private:
    u64 sum_ = 0; // of words in host order
    bool odd_ = false;
};

/// The checksum after a word under it has changed: RFC 1624, equation 3.
constexpr u16 updated_checksum(u16 checksum, u16 before, u16 after) {
    u32 sum = static_cast<u16>(~checksum) + u32{static_cast<u16>(~before)} + after;
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(~(sum + (sum >> 16)));
}
} // namespace net
