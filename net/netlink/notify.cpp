// Changes of networks are told to the groups of NETLINK_ROUTE.
#include "net/netlink/route.h"

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
void write_change(MessageWriter& out, Stack& stack, const NetworkChange& c) {
    switch (c.kind) {
    case NetworkChange::link:
    case NetworkChange::link_gone:
        out.begin(c.kind == NetworkChange::link ? RTM_NEWLINK : RTM_DELLINK, 0, 0, 0);
        return put_link(out, stack, *c.interface, 0);
    case NetworkChange::address:
    case NetworkChange::address_gone:
        out.begin(c.kind == NetworkChange::address ? RTM_NEWADDR : RTM_DELADDR, 0, 0, 0);
        return put_address_message(out, stack, *c.interface, *c.address_changed);
    case NetworkChange::route:
    case NetworkChange::route_gone:
        out.begin(c.kind == NetworkChange::route ? RTM_NEWROUTE : RTM_DELROUTE, 0, 0, 0);
        return put_route(out, *c.route_changed);
    }
}
u32 group_of(const NetworkChange& c) {
    if (c.address_changed) return c.address_changed->address.is_v4() ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
    if (!c.route_changed) return RTNLGRP_LINK;
    bool v4 = c.route_changed->destination.length >= 96 && c.route_changed->destination.address.is_v4();
    return v4 ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
}

void tell(Stack& stack, const NetworkChange& c) {
    if (!NetlinkSocket::anybody_hears()) return;
    Vector<std::byte> room;
    if (!room.resize(2048)) return;
    MessageWriter out{room};
    write_change(out, stack, c);
    if (out.end()) NetlinkSocket::broadcast(route_protocol, stack, group_of(c), out.bytes());
}
} // namespace

void watch_networks() { Stack::watcher.store(tell, std::memory_order_release); }
} // namespace netlink
