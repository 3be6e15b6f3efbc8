// Packets as filters of sockets see them (lib/bpf.h).
#pragma once
#include "lib/bpf.h"
#include "net/stack/packet.h"

namespace net {
class FilterSubject final : public bpf::Subject {
public:
    /// What a filter can ask for besides bytes.
    struct Facts {
        u8 kind = 0;       // PACKET_*
        u16 hardware = 0;  // ARPHRD_*
        u16 protocol = 0;  // ETH_P_*
        u32 interface = 0; // its number
    };
    static constexpr usize none = ~usize{0};
    /// Offsets count from `begin`; the headers of link and network stand at `link` and `network`; none: not there.
    FilterSubject(const Packet& p, usize begin, usize network, usize link, Facts facts)
        : packet_{p}, begin_{begin}, network_{network}, link_{link}, facts_{facts} {}
    bool load(u32 offset, std::span<std::byte> to) const override;
    u32 size() const override { return static_cast<u32>(packet_.size() - begin_); }
    u32 ancillary(u32 which) const override;

private:
    const Packet& packet_;
    const usize begin_, network_, link_;
    const Facts facts_;
};
} // namespace net
