// A socket address as a call gives or gets it: bytes of the family's struct sockaddr_*.
#pragma once
#include "lib/types.h"
#include <cstddef>
#include <cstring>
#include <span>

namespace sockets {
/// At most sizeof(struct sockaddr_storage) bytes, of which `size` count. Not zeroed.
struct Address {
    static constexpr usize most = 128;
    Address() {} // NOLINT: the bytes are written before they are read
    explicit Address(std::span<const std::byte> of) : size{static_cast<u32>(of.size() < most ? of.size() : most)} {
        std::memcpy(bytes, of.data(), size);
    }
    /// sa_family; 0 (AF_UNSPEC) of what is too short to have one.
    u16 family() const {
        u16 f = 0;
        if (size >= sizeof f) std::memcpy(&f, bytes, sizeof f);
        return f;
    }
    std::span<const std::byte> view() const { return {bytes, size}; }
    u32 size = 0;
    alignas(8) std::byte bytes[most];
};
} // namespace sockets
