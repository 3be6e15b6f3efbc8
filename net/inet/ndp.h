// The messages of Neighbor Discovery (RFC 4861) and what hosts use of Router Advertisements (RFC 4862, 8106).
#pragma once
#include "net/inet/icmp.h"
#include "net/stack/neighbour.h"

namespace net::inet {
/// The types of ICMPv6.
namespace ndp {
enum Type : u8 {
    router_solicitation = 133,
    router_advertisement,
    neighbour_solicitation,
    neighbour_advertisement,
    redirect
};
} // namespace ndp

/// A Neighbor Solicitation or Advertisement.
struct NeighbourMessage {
    Address target;
    std::optional<LinkAddress> link; // the source's, or the target's
    Advertised says;                 // of an advertisement
};
/// What a router advertises, each at most once and prefixes four at most: more are left out.
struct RouterAdvertisement {
    u8 hop_limit = 0; // 0: unspecified
    bool managed = false, other = false;
    u16 lifetime = 0;                                 // seconds; 0: not a default router
    u32 reachable_ms = 0, retransmit_ms = 0, mtu = 0; // 0: unspecified
    std::optional<LinkAddress> link;
    struct PrefixInformation {
        Address prefix;
        u8 length = 0;
        bool on_link = false, autonomous = false;
        u32 valid = 0, preferred = 0; // seconds
    };
    static constexpr usize most_prefixes = 4, most_servers = 3;
    PrefixInformation prefixes[most_prefixes];
    usize prefix_count = 0;
    Address name_servers[most_servers];
    usize name_server_count = 0;
    u32 name_servers_for = 0; // seconds; of several options the shortest time
};

/// Each takes an ICMPv6 packet whose checksum is right, its IP header included. err::inval: it is not valid (RFC 4861,
/// 6.1, 7.1): among others, it has passed a router.
Result<NeighbourMessage> parse_solicitation(const Packet&, const Ip&);
Result<NeighbourMessage> parse_advertisement(const Packet&, const Ip&);
Result<RouterAdvertisement> parse_router_advertisement(const Packet&, const Ip&);

/// ICMPv6 with its checksum, to be sent with hop limit 255.
Result<PacketBox> make_solicitation(const NeighbourMessage&, const Address& source, const Address& destination);
Result<PacketBox> make_advertisement(const NeighbourMessage&, const Address& source, const Address& destination);
Result<PacketBox> make_router_solicitation(const std::optional<LinkAddress>&, const Address& source);
inline constexpr Address all_nodes = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
inline constexpr Address all_routers = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 2});
} // namespace net::inet
