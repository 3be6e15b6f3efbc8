// RTM_*LINK: interfaces.
#include "net/netlink/route.h"
#include <linux/if_arp.h>
#include <linux/if_link.h>

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
constexpr u32 lower_up = 0x10000; // IFF_LOWER_UP
constexpr u32 settable = IFF_UP | IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST |
                         IFF_PORTSEL | IFF_AUTOMEDIA | IFF_DYNAMIC;
constexpr u8 operstate_unknown = 0, operstate_down = 2, operstate_up = 6;

template <class Stats>
Stats statistics_of(const Interface& i) {
    using N = decltype(Stats::rx_packets);
    const auto& c = i.counters;
    Stats s{};
    s.rx_packets = static_cast<N>(c.packets_in.load()), s.tx_packets = static_cast<N>(c.packets_out.load());
    s.rx_bytes = static_cast<N>(c.bytes_in.load()), s.tx_bytes = static_cast<N>(c.bytes_out.load());
    s.rx_errors = static_cast<N>(c.errors_in.load()), s.tx_errors = static_cast<N>(c.errors_out.load());
    s.rx_dropped = static_cast<N>(c.dropped_in.load()), s.tx_dropped = static_cast<N>(c.dropped_out.load());
    s.multicast = static_cast<N>(c.multicast.load());
    return s;
}

Result<Ref<Interface>> named_interface(Stack& stack, const ifinfomsg& m, const Attributes& a) {
    if (m.ifi_index) return interface_in(stack, m.ifi_index);
    if (!a.has(IFLA_IFNAME) && !a.has(IFLA_ALT_IFNAME)) return err::inval;
    auto i = stack.find(a.text(a.has(IFLA_IFNAME) ? IFLA_IFNAME : IFLA_ALT_IFNAME));
    return i ? Result<Ref<Interface>>{std::move(i)} : err::nodev;
}
u32 filter_of(const Attributes& a) {
    u32 mask = 0;
    a.get(IFLA_EXT_MASK, mask);
    return mask;
}

/// What cannot be changed of an interface that is there.
Result<> check_change(Request& r, const Attributes& a) {
    for (u16 unsupported : {IFLA_ADDRESS, IFLA_BROADCAST, IFLA_MASTER, IFLA_LINK, IFLA_VF_PORTS, IFLA_XDP})
        if (a.has(unsupported)) return r.fail(Errno::opnotsupp, "Interfaces cannot change this");
    if (a.has(IFLA_NET_NS_FD) || a.has(IFLA_NET_NS_PID))
        return r.fail(Errno::inval, "Interfaces stay in their network namespace");
    return {};
}

Result<> change(Request& r, Stack& stack, Interface& i, const ifinfomsg& m, const Attributes& a) {
    TRY(check_change(r, a));
    u32 mtu;
    if (a.get(IFLA_MTU, mtu)) TRY(stack.set_mtu(i, mtu));
    if (m.ifi_index && a.has(IFLA_IFNAME) && a.text(IFLA_IFNAME) != stack.name_of(i).view())
        TRY(stack.rename(i, a.text(IFLA_IFNAME)));
    if (!m.ifi_flags && !m.ifi_change) return {};
    u32 mask = (m.ifi_change ? m.ifi_change : ~u32{0}) & settable;
    return stack.set_flags(i, m.ifi_flags, mask);
}
} // namespace

void put_link(MessageWriter& out, Stack& stack, Interface& i, u32 filter_mask) {
    u32 flags = i.flags();
    if (!i.up()) flags &= ~u32{IFF_RUNNING};
    if (flags & IFF_RUNNING) flags |= lower_up;
    out.put(ifinfomsg{.ifi_type = i.type(), .ifi_index = static_cast<int>(i.index()), .ifi_flags = flags});
    out.text(IFLA_IFNAME, stack.name_of(i));
    out.attribute(IFLA_TXQLEN, u32{1000});
    u8 running = i.loopback() ? operstate_unknown : operstate_up;
    out.attribute(IFLA_OPERSTATE, flags & IFF_RUNNING ? running : operstate_down);
    out.attribute(IFLA_LINKMODE, u8{0});
    out.attribute(IFLA_MTU, i.mtu());
    out.attribute(IFLA_MIN_MTU, i.loopback() ? u32{0} : u32{68});
    out.attribute(IFLA_MAX_MTU, i.loopback() ? u32{0} : u32{65535});
    out.attribute(IFLA_GROUP, u32{0});
    out.attribute(IFLA_PROMISCUITY, i.promiscuity.load(std::memory_order_relaxed));
    for (u16 one : {IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES}) out.attribute(one, u32{1});
    out.attribute(IFLA_CARRIER, static_cast<u8>((i.flags() & IFF_RUNNING) != 0));
    out.text(IFLA_QDISC, i.loopback() ? "noqueue" : i.up() ? "pfifo_fast" : "noop");
    auto address = i.link_address();
    out.attribute(IFLA_ADDRESS, address.bytes);
    out.attribute(IFLA_BROADCAST, i.loopback() ? LinkAddress{}.bytes : link_broadcast.bytes);
    if (filter_mask & RTEXT_FILTER_SKIP_STATS) return;
    out.attribute(IFLA_STATS64, statistics_of<rtnl_link_stats64>(i));
    out.attribute(IFLA_STATS, statistics_of<rtnl_link_stats>(i));
}

Result<> get_link(Request& r) {
    auto m = TRY(r.fixed<ifinfomsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof m, IFLA_MAX));
    Stack& stack = *TRY(stack_of(r.from));
    auto i = TRY(named_interface(stack, m, a));
    return r.from.reply(r, RTM_NEWLINK, [&](MessageWriter& out) { put_link(out, stack, *i, filter_of(a)); });
}

Result<bool> list_links(Dump& d, MessageWriter& out) {
    Stack& stack = *TRY(stack_of(d.to));
    auto m = d.fixed<ifinfomsg>();
    if (d.to.strict() && d.asked.size() < sizeof m) return err::inval;
    // An old getifaddrs(3) asks with one byte only.
    auto a = TRY(Attributes::parse(d.asked, std::min(sizeof m, d.asked.size()), IFLA_MAX));
    if (m.ifi_family == 7) return true; // AF_BRIDGE: there is none
    for (; auto i = stack.next(static_cast<u32>(d.at)); d.at = i->index()) {
        out.begin(RTM_NEWLINK, d.flags, d.sequence, d.port);
        put_link(out, stack, *i, filter_of(a));
        if (!out.end()) return false;
    }
    return true;
}

Result<> change_link(Request& r) {
    auto m = TRY(r.fixed<ifinfomsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof m, IFLA_MAX));
    if (m.ifi_index < 0) return r.fail(Errno::inval, "ifindex can't be negative");
    Stack& stack = *TRY(stack_of(r.from));
    auto i = named_interface(stack, m, a);
    if (i) {
        if (r.header.nlmsg_type == RTM_NEWLINK && r.has(NLM_F_EXCL)) return err::exist;
        return change(r, stack, **i, m, a);
    }
    if (r.header.nlmsg_type == RTM_SETLINK) return std::unexpected(i.error());
    if (!r.has(NLM_F_CREATE)) return err::nodev; // also where none was named: ip(8) tries what there is by that
    return a.has(IFLA_LINKINFO) ? r.fail(Errno::opnotsupp, "Unknown device type") : Result<>{err::opnotsupp};
}

Result<> delete_link(Request& r) {
    auto m = TRY(r.fixed<ifinfomsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof m, IFLA_MAX));
    TRY(named_interface(*TRY(stack_of(r.from)), m, a));
    return err::opnotsupp; // what is here has not been made by a program
}
} // namespace netlink
