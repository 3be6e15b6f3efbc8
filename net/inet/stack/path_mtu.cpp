#include "net/inet/stack/path_mtu.h"
#include "net/inet/ip.h"
#include <algorithm>

namespace net::inet {
usize PathMtus::place_of(const Address& a) const {
    return hash_({reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size()}) % count;
}

bool PathMtus::learn(const Address& to, u32 mtu, u64 now) {
    if (to.is_v4())
        mtu = std::max(mtu, least_v4);
    else if (mtu < least_mtu_v6)
        return false; // nothing that IPv6 passes demands that
    if (mtu >= find(to, now)) return false;
    if (!entries_) {
        auto made = make<std::array<Entry, count>>();
        if (!made) return false;
        entries_ = std::move(*made);
    }
    (*entries_)[place_of(to)] = {to, mtu, now + lifetime};
    return true;
}

u32 PathMtus::find(const Address& to, u64 now) const {
    if (!entries_) return none;
    const Entry& e = (*entries_)[place_of(to)];
    return e.to == to && e.until > now ? e.mtu : none;
}
} // namespace net::inet
