#include "net/inet/stack/groups.h"
#include "net/inet/group_report.h"
#include <linux/in.h>

namespace net::inet {
namespace {
constexpr usize most_told = 32; // of one family in an answer; the others stay untold until they are asked for

/// Groups of the link itself that every router knows are never told (RFC 3376, 6; RFC 3810, 6).
bool is_told(const Address& group) {
    if (group.is_v4()) return group.multicast() && group != Address::v4(224, 0, 0, 1);
    return group.multicast() && (group.bytes[1] & 15) >= 2 && group != Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
}
/// MLD is spoken by link-local addresses only, or by none (RFC 3590).
Address reporter(Interface& i, const Address& group) {
    if (group.is_v4()) return i.stack().source_on(i, group);
    Address own = i.stack().source_on(i, Address::v6({0xfe80, 0, 0, 0, 0, 0, 0, 0}));
    return own.link_local() ? own : any_v6;
}
void send(Interface& i, Result<PacketBox> report, const Address& from, const Address& to, Outbox& box) {
    if (report && push_ip_router_alert(**report, from, to)) i.send(std::move(*report), to, box);
}
} // namespace

void report_group(Interface& i, const Address& group, bool joined, Outbox& box) {
    if (!i.up() || !is_told(group)) return;
    Address from = reporter(i, group);
    GroupRecord kind = joined ? GroupRecord::to_exclude : GroupRecord::to_include;
    send(i, make_group_report({&group, 1}, kind, from), from, group.is_v4() ? group_routers_v4 : group_routers_v6, box);
}

void answer_group_query(Arrival& a) {
    auto query = parse_group_query(*a.packet, a.ip);
    if (!query || a.in.loopback()) return;
    bool v4 = a.ip.source.is_v4();
    Address told[most_told];
    usize count = 0;
    a.stack().for_each_interface([&](const Interface& i) {
        if (&i != &a.in) return;
        for (const auto& g : i.groups)
            if (count < most_told && g.group.is_v4() == v4 && is_told(g.group) &&
                (query->group.unspecified() || query->group == g.group))
                told[count++] = g.group;
    });
    if (!count) return;
    Address from = reporter(a.in, told[0]);
    if (query->version == 3)
        return send(a.in, make_group_report({told, count}, GroupRecord::is_exclude, from), from,
                    v4 ? group_routers_v4 : group_routers_v6, a.box);
    for (usize n = 0; n < count; n++) send(a.in, make_old_group_report(told[n], false, from), from, told[n], a.box);
}

constinit const Protocol igmp_protocol{IPPROTO_IGMP, answer_group_query};
} // namespace net::inet
