// Numbers as they stand on the wire.
#pragma once
#include "lib/types.h"
#include <array>
#include <concepts>

namespace net {
/// An unsigned number in network byte order, at any address. Converts both ways by itself.
template <std::unsigned_integral T>
class Big {
    using Bytes = std::array<u8, sizeof(T)>;

public:
    constexpr Big() = default;
    constexpr Big(T value) : bytes_{std::bit_cast<Bytes>(swapped(value))} {}
    constexpr operator T() const { return swapped(std::bit_cast<T>(bytes_)); }

private:
    static constexpr T swapped(T v) {
        return std::endian::native == std::endian::little && sizeof(T) > 1 ? std::byteswap(v) : v;
    }
    Bytes bytes_{};
};
using Big16 = Big<u16>;
using Big32 = Big<u32>;
} // namespace net
