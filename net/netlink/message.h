// Messages of netlink(7): made, and taken apart.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <cstring>
#include <linux/netlink.h>
#include <span>
#include <string_view>

namespace netlink {
constexpr usize aligned(usize n) { return (n + 3) & ~usize{3}; }

/// Writes messages one behind the other. One that finds no room is taken back, and says so.
class MessageWriter {
public:
    explicit MessageWriter(std::span<std::byte> room) : room_{room} {}
    void begin(u16 type, u16 flags, u32 sequence, u32 port);
    /// What stands behind the header.
    template <class T>
    void put(const T& value) {
        append(&value, sizeof value);
    }
    void put(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }
    template <class T>
    void attribute(u16 type, const T& value) {
        attribute(type, std::as_bytes(std::span{&value, 1}));
    }
    void attribute(u16 type, std::span<const std::byte> value);
    void text(u16 type, std::string_view); // with a null behind it
    /// Attributes of an attribute; end_nest() gets what this returns.
    usize begin_nest(u16 type);
    void end_nest(usize at);
    /// False: there was no room.
    bool end();
    std::span<const std::byte> bytes() const { return room_.first(done_); }

private:
    void append(const void*, usize n);
    std::span<std::byte> room_;
    usize done_ = 0, at_ = 0; // whole messages; the end of the one that is being written
    bool full_ = false;
};

/// Attributes by their types, up to a greatest one. Of one that stands there twice the last counts.
class Attributes {
public:
    static constexpr u16 most = 64;
    /// What begins `skip` bytes behind the start. err::inval: lengths that contradict each other; where `strict`, types
    /// beyond `greatest`.
    static Result<Attributes> parse(std::span<const std::byte> payload, usize skip, u16 greatest, bool strict = false);
    bool has(u16 type) const { return found_[type].data() != nullptr; }
    std::span<const std::byte> bytes(u16 type) const { return found_[type]; }
    /// Nothing: it is not there, or too short.
    template <class T>
    bool get(u16 type, T& to) const {
        if (found_[type].size() < sizeof to) return false;
        std::memcpy(&to, found_[type].data(), sizeof to);
        return true;
    }
    /// Up to its null.
    std::string_view text(u16 type) const;

private:
    std::span<const std::byte> found_[most + 1];
};
} // namespace netlink
