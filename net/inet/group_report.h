// Telling routers and switches which groups a host hears of: IGMPv2 and IGMPv3 (RFC 2236, 3376), MLD and MLDv2
// (RFC 2710, 3810). A host here joins groups without regard to who sends, so a record's list of sources is empty.
#pragma once
#include "net/inet/ip.h"

namespace net::inet {
/// What a group record says: RFC 3376, 4.2.12.
enum class GroupRecord : u8 { is_include = 1, is_exclude = 2, to_include = 3, to_exclude = 4 };

/// A report of groups of one family: of version 3 of IGMP, version 2 of MLD. It begins with the transport's header.
/// `source` is its sender's: link-local or unspecified for IPv6.
Result<PacketBox> make_group_report(std::span<const Address> groups, GroupRecord, const Address& source);
/// A report of version 2 of IGMP, or 1 of MLD, for routers that know no better; or that it leaves.
Result<PacketBox> make_old_group_report(const Address& group, bool leaves, const Address& source);
/// Where a report goes: all routers that know version 3 of IGMP, or 2 of MLD.
inline constexpr Address group_routers_v4 = Address::v4(224, 0, 0, 22),
                         group_routers_v6 = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 0x16});
/// Where one of the old kind goes.
Address old_report_destination(const Address& group, bool leaves);
/// Puts IP's header in front, with hop limit 1 and the Router Alert option: RFC 2113, 2711. err::nobufs.
Result<> push_ip_router_alert(Packet&, const Address& source, const Address& destination);

/// A router asks who hears of what.
struct GroupQuery {
    Address group;      // unspecified: all
    u64 most_delay = 0; // ns within which the answer is to come
    u8 version = 3;     // of IGMP; 2 of MLD is 3, 1 is 2
};
/// err::inval: it is no query, or not a valid one. The packet begins with its IP header.
Result<GroupQuery> parse_group_query(const Packet&, const Ip&);
} // namespace net::inet
