#include "net/stack/packet_filter.h"
#include "core/rng/rng.h"

namespace net {
bool FilterSubject::load(u32 offset, std::span<std::byte> to) const {
    constexpr u32 of_network = static_cast<u32>(SKF_NET_OFF), of_link = static_cast<u32>(SKF_LL_OFF);
    if (offset < of_link) return packet_.copy(begin_ + offset, to);
    usize at = offset >= of_network ? network_ : link_;
    return at != none && packet_.copy(at + (offset - (offset >= of_network ? of_network : of_link)), to);
}

u32 FilterSubject::ancillary(u32 which) const {
    switch (which) {
    case SKF_AD_PROTOCOL: return facts_.protocol;
    case SKF_AD_PKTTYPE: return facts_.kind;
    case SKF_AD_IFINDEX: return facts_.interface;
    case SKF_AD_HATYPE: return facts_.hardware;
    case SKF_AD_CPU: return arch::cpu_id();
    case SKF_AD_RANDOM: return static_cast<u32>(rng::number());
    default: return 0; // marks, queues, tags of VLANs: there are none
    }
}
} // namespace net
