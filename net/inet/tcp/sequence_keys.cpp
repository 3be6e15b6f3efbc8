#include "net/inet/tcp/sequence_keys.h"
#include <iterator>

namespace net::tcp {
namespace {
constexpr u16 sizes[] = {536, 1220, 1440, 1460, 4312, 8960, 32728, 65483}; // what three bits can say
constexpr u32 minutes_kept = 2;
u32 minute(Time now) { return static_cast<u32>(now / (60 * second)); }
} // namespace

u32 SequenceKeys::hash(Use use, const Endpoint& local, const Endpoint& remote, u32 more) const {
    struct {
        Address local, remote;
        u64 use;
        u32 ports, more;
    } key{local.address, remote.address, static_cast<u64>(use), u32{local.port} << 16 | remote.port, more};
    static_assert(sizeof key == 48);
    return static_cast<u32>(hash_({reinterpret_cast<const char*>(&key), sizeof key}));
}

Seq SequenceKeys::initial(const Endpoint& local, const Endpoint& remote, Time now) const {
    return Seq{hash(Use::initial, local, remote) + static_cast<u32>(now / 64)};
}
u32 SequenceKeys::ts_offset(const Endpoint& local, const Endpoint& remote) const {
    return hash(Use::timestamps, local, remote);
}

/// The minute in the upper eight bits, and below them the choice of MSS, both hidden by hashes.
Seq SequenceKeys::cookie(const Endpoint& local, const Endpoint& remote, Seq irs, u16 mss, Time now) const {
    u32 choice = 0, count = minute(now);
    while (choice + 1 < std::size(sizes) && sizes[choice + 1] <= mss) choice++;
    u32 low = (hash(Use::cookie_mss, local, remote, count) + choice) & 0xffffff;
    return Seq{hash(Use::cookie, local, remote) + irs.value + (count << 24) + low};
}

u16 SequenceKeys::check_cookie(const Endpoint& local, const Endpoint& remote, Seq irs, Seq cookie, Time now) const {
    u32 rest = cookie.value - hash(Use::cookie, local, remote) - irs.value, count = minute(now);
    u32 age = (count - (rest >> 24)) & 0xff;
    if (age >= minutes_kept) return 0;
    u32 choice = (rest - hash(Use::cookie_mss, local, remote, count - age)) & 0xffffff;
    return choice < std::size(sizes) ? sizes[choice] : 0;
}

/// Bits 0 to 3: the scale, 15 for none; bit 4: SACK; bit 5: ECN.
u32 SequenceKeys::cookie_ts(u32 ts, const Options& o) {
    u32 bits = (o.has_scale ? o.scale : 15u) | (o.sack_permitted ? 16u : 0) | (o.ecn ? 32u : 0);
    u32 kept = (ts & ~63u) | bits;
    return static_cast<i32>(kept - ts) > 0 ? kept - 64 : kept;
}
void SequenceKeys::options_of_cookie(u32 ts_echo, Options& o) {
    o.has_scale = (ts_echo & 15) != 15;
    o.scale = o.has_scale ? ts_echo & 15 : 0;
    o.sack_permitted = ts_echo & 16;
    o.ecn = ts_echo & 32;
}
} // namespace net::tcp
