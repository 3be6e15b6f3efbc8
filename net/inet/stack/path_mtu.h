// How large packets to somewhere may be, as routers on the way have said: RFC 1191, 8201.
#pragma once
#include "lib/hash.h"
#include "lib/memory.h"
#include "net/stack/address.h"
#include <array>

namespace net::inet {
/// For a fixed number of destinations; what is new takes the place of what has its hash. Not locked.
class PathMtus {
public:
    explicit PathMtus(SipHash hash) : hash_{hash} {}
    static constexpr u64 lifetime = 600'000'000'000; // ns: Linux's mtu_expires
    static constexpr u32 least_v4 = 552, none = ~u32{0};
    /// False: nothing has changed; it is no smaller than what is known, or there is no memory for it.
    bool learn(const Address& to, u32 mtu, u64 now);
    /// `none`: nobody has said anything.
    u32 find(const Address& to, u64 now) const;
    bool empty() const { return !entries_; }

private:
    struct Entry {
        Address to;
        u32 mtu = 0;
        u64 until = 0;
    };
    static constexpr usize count = 128;
    usize place_of(const Address&) const;
    const SipHash hash_;
    Box<std::array<Entry, count>> entries_;
};
} // namespace net::inet
