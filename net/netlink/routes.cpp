// RTM_*ROUTE: the way to a destination.
#include "net/netlink/route.h"

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
constexpr usize at_once = 128;       // routes that are copied for a piece of a listing
constexpr u32 user_metric_v6 = 1024; // IP6_RT_PRIO_USER

u8 type_of(RouteKind k) {
    switch (k) {
    case RouteKind::unicast: return RTN_UNICAST;
    case RouteKind::local: return RTN_LOCAL;
    case RouteKind::broadcast: return RTN_BROADCAST;
    case RouteKind::multicast: return RTN_MULTICAST;
    case RouteKind::blackhole: return RTN_BLACKHOLE;
    case RouteKind::unreachable: return RTN_UNREACHABLE;
    case RouteKind::prohibit: return RTN_PROHIBIT;
    }
}
/// err::inval: no such type; err::opnotsupp: not here.
Result<RouteKind> kind_of(u8 type) {
    switch (type) {
    case RTN_UNSPEC:
    case RTN_UNICAST: return RouteKind::unicast;
    case RTN_LOCAL: return RouteKind::local;
    case RTN_BROADCAST: return RouteKind::broadcast;
    case RTN_BLACKHOLE: return RouteKind::blackhole;
    case RTN_UNREACHABLE: return RouteKind::unreachable;
    case RTN_PROHIBIT: return RouteKind::prohibit;
    default: return type > RTN_MAX ? err::inval : err::opnotsupp;
    }
}
bool is_v4(const Route& r) { return r.destination.length >= 96 && r.destination.address.is_v4(); }

/// RTCF_*.
u32 cache_flags(RouteKind k) {
    return k == RouteKind::local       ? 0x8000'0000
           : k == RouteKind::broadcast ? 0x9000'0000
           : k == RouteKind::multicast ? 0x2000'0000
                                       : 0;
}

/// What a request says of a route. `table` 0: it says nothing.
struct Parsed {
    rtmsg header;
    Route route;
    u32 table = 0;
};
Result<> parse_metrics(const Attributes& a, Route& to) {
    if (!a.has(RTA_METRICS)) return {};
    auto metrics = TRY(Attributes::parse(a.bytes(RTA_METRICS), 0, RTAX_MAX));
    metrics.get(RTAX_MTU, to.mtu);
    return {};
}
Result<Parsed> parse(Request& r) {
    Parsed p;
    p.header = TRY(r.fixed<rtmsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof p.header, RTA_MAX));
    auto refuse = [&](Errno e, std::string_view why) { return std::unexpected(r.fail(e, why).error()); };
    int family = p.header.rtm_family;
    if (family != af_inet && family != af_inet6) return err::opnotsupp;
    bool v4 = family == af_inet;
    if (p.header.rtm_dst_len > (v4 ? 32 : 128)) return refuse(Errno::inval, "Invalid prefix length");
    if (p.header.rtm_src_len || a.has(RTA_MULTIPATH)) return refuse(Errno::opnotsupp, "One way from everywhere only");
    Address to = a.has(RTA_DST) ? TRY(address_in(a, RTA_DST, family)) : v4 ? any_v4 : any_v6;
    p.route.destination = Prefix::of(to, p.header.rtm_dst_len);
    if (p.route.destination.address != to) return refuse(Errno::inval, "Invalid prefix for given prefix length");
    if (a.has(RTA_GATEWAY)) p.route.gateway = TRY(address_in(a, RTA_GATEWAY, family));
    if (a.has(RTA_PREFSRC)) p.route.source = TRY(address_in(a, RTA_PREFSRC, family));
    a.get(RTA_OIF, p.route.interface);
    a.get(RTA_PRIORITY, p.route.metric);
    TRY(parse_metrics(a, p.route));
    p.table = p.header.rtm_table;
    a.get(RTA_TABLE, p.table);
    p.route.scope = p.header.rtm_scope;
    p.route.protocol = p.header.rtm_protocol;
    return p;
}

bool leads_somewhere(RouteKind k) { return k <= RouteKind::multicast; }

/// A route's interface and gateway fit together, and are there.
Result<> check_way(Request& r, Stack& stack, Route& to) {
    if (!leads_somewhere(to.kind)) {
        to.interface = to.interface ? to.interface : stack.loopback().index();
        return {};
    }
    if (to.interface && !stack.find(to.interface)) return r.fail(Errno::nodev, "Nexthop device is not there");
    if (!to.gateway.unspecified()) {
        auto way = stack.route(to.gateway, to.gateway.is_v4() ? any_v4 : any_v6, to.interface);
        bool near = way && way->kind == RouteKind::unicast && way->next_hop == to.gateway;
        if (!near) return r.fail(Errno::netunreach, "Nexthop has invalid gateway");
        if (!to.interface) to.interface = way->out->index();
    }
    auto by = stack.find(to.interface);
    if (!by)
        return r.fail(to.destination.address.is_v4() ? Errno::inval : Errno::nodev, "Device for nexthop is missing");
    if (!by->up()) return r.fail(Errno::netdown, "Device for nexthop is not up");
    if (!to.source.unspecified() && !stack.is_local(to.source)) return r.fail(Errno::inval, "Invalid source address");
    return {};
}
} // namespace

u32 table_of(const Route& r) {
    bool local = r.kind == RouteKind::local || r.kind == RouteKind::broadcast || r.kind == RouteKind::multicast;
    return local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
}

void put_route(MessageWriter& out, const Route& r) {
    bool v4 = is_v4(r);
    u32 table = table_of(r);
    u8 length = static_cast<u8>(v4 ? r.destination.length - 96 : r.destination.length);
    out.put(rtmsg{.rtm_family = static_cast<u8>(v4 ? af_inet : af_inet6),
                  .rtm_dst_len = length,
                  .rtm_table = static_cast<u8>(table),
                  .rtm_protocol = r.protocol,
                  .rtm_scope = v4 ? r.scope : u8{RT_SCOPE_UNIVERSE},
                  .rtm_type = type_of(r.kind)});
    out.attribute(RTA_TABLE, table);
    if (length) put_address(out, RTA_DST, r.destination.address);
    if (r.metric || !v4) out.attribute(RTA_PRIORITY, r.metric);
    if (v4 && !r.source.unspecified()) put_address(out, RTA_PREFSRC, r.source);
    if (r.mtu) {
        usize metrics = out.begin_nest(RTA_METRICS);
        out.attribute(RTAX_MTU, r.mtu);
        out.end_nest(metrics);
    }
    if (!r.gateway.unspecified()) put_address(out, RTA_GATEWAY, r.gateway);
    if (r.interface && (!v4 || leads_somewhere(r.kind))) out.attribute(RTA_OIF, r.interface);
    if (v4) return;
    out.attribute(RTA_CACHEINFO, rta_cacheinfo{});
    out.attribute(RTA_PREF, u8{0});
}

/// `at` counts the routes that have been passed.
Result<bool> list_routes(Dump& d, MessageWriter& out) {
    Stack& stack = *TRY(stack_of(d.to));
    auto m = d.fixed<rtmsg>();
    u32 table = 0, interface = 0;
    if (d.to.strict()) { // else the program filters
        if (d.asked.size() < sizeof m || m.rtm_dst_len || m.rtm_src_len) return err::inval;
        auto a = TRY(Attributes::parse(d.asked, sizeof m, RTA_MAX, true));
        table = m.rtm_table;
        a.get(RTA_TABLE, table);
        a.get(RTA_OIF, interface);
        if (interface) TRY(interface_in(stack, static_cast<int>(interface)));
        if (table || interface || m.rtm_protocol || m.rtm_type) d.flags |= NLM_F_DUMP_FILTERED;
    }
    if (m.rtm_flags & RTM_F_CLONED) return true; // nothing is cached
    if (d.at == 0) d.inner = stack.generation();
    if (d.inner != stack.generation()) d.flags |= NLM_F_DUMP_INTR;
    Vector<Route> some;
    TRY(some.resize(at_once));
    while (usize n = stack.routes(d.at, some)) {
        for (const Route& r : std::span{some.data(), n}) {
            bool wanted = (!m.rtm_family || m.rtm_family == (is_v4(r) ? af_inet : af_inet6)) &&
                          (!table || table == table_of(r)) && (!interface || interface == r.interface);
            if (d.to.strict() && m.rtm_protocol) wanted = wanted && m.rtm_protocol == r.protocol;
            if (d.to.strict() && m.rtm_type) wanted = wanted && m.rtm_type == type_of(r.kind);
            if (wanted) {
                out.begin(RTM_NEWROUTE, d.flags, d.sequence, d.port);
                put_route(out, r);
                if (!out.end()) return false;
            }
            d.at++;
        }
    }
    return true;
}

Result<> get_route(Request& r) {
    Stack& stack = *TRY(stack_of(r.from));
    auto m = TRY(r.fixed<rtmsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof m, RTA_MAX));
    if (m.rtm_family != af_inet && m.rtm_family != af_inet6) return err::opnotsupp;
    bool v4 = m.rtm_family == af_inet;
    u32 by = 0;
    a.get(RTA_OIF, by);
    Address to = a.has(RTA_DST) ? TRY(address_in(a, RTA_DST, m.rtm_family)) : v4 ? any_v4 : any_v6;
    Address from = a.has(RTA_SRC) ? TRY(address_in(a, RTA_SRC, m.rtm_family)) : v4 ? any_v4 : any_v6;
    if (!from.unspecified() && !stack.is_local(from)) return err::netunreach;
    auto way = TRY(stack.route(to, from, by));
    // As Linux: IPv4's answers come from a cache that knows no tables, and say what they are by flags.
    u32 table = v4 || way.kind == RouteKind::unicast ? u32{RT_TABLE_MAIN} : u32{RT_TABLE_LOCAL};
    u32 flags = v4 ? RTM_F_CLONED | cache_flags(way.kind) : 0;
    return r.from.reply(r, RTM_NEWROUTE, [&](MessageWriter& out) {
        out.put(rtmsg{.rtm_family = m.rtm_family,
                      .rtm_dst_len = static_cast<u8>(v4 ? 32 : 128),
                      .rtm_src_len = static_cast<u8>(v4 && !from.unspecified() ? 32 : 0),
                      .rtm_table = static_cast<u8>(table),
                      .rtm_protocol = static_cast<u8>(v4 ? RTPROT_UNSPEC : RTPROT_KERNEL),
                      .rtm_type = type_of(way.kind),
                      .rtm_flags = flags});
        out.attribute(RTA_TABLE, table);
        put_address(out, RTA_DST, to);
        if (v4 && !from.unspecified()) put_address(out, RTA_SRC, from);
        out.attribute(RTA_OIF, way.out->index());
        if (from.unspecified() || !v4) put_address(out, RTA_PREFSRC, way.source);
        if (way.next_hop != to) put_address(out, RTA_GATEWAY, way.next_hop);
        if (v4) out.attribute(RTA_UID, u32{0});
        out.attribute(RTA_CACHEINFO, rta_cacheinfo{});
        if (!v4) out.attribute(RTA_PREF, u8{0});
    });
}

Result<> add_route(Request& r) {
    Stack& stack = *TRY(stack_of(r.from));
    auto p = TRY(parse(r));
    auto kind = kind_of(p.header.rtm_type);
    if (!kind) return std::unexpected(kind.error());
    p.route.kind = *kind;
    u32 own = table_of(p.route);
    if (p.table && p.table != own) return r.fail(Errno::opnotsupp, "There are the tables main and local only");
    bool v4 = is_v4(p.route);
    if (!v4 && !p.route.metric) p.route.metric = user_metric_v6;
    TRY(check_way(r, stack, p.route));
    Route same = p.route;
    same.interface = 0;
    same.gateway = {};
    bool there = stack.has(same);
    if (there && r.has(NLM_F_EXCL)) return err::exist;
    if (!there && !r.has(NLM_F_CREATE)) return err::noent;
    if (there && r.has(NLM_F_REPLACE)) TRY(stack.remove(same));
    return stack.add(p.route);
}

Result<> delete_route(Request& r) {
    Stack& stack = *TRY(stack_of(r.from));
    auto p = TRY(parse(r));
    bool any = p.header.rtm_type == RTN_UNSPEC;
    for (RouteKind k : {RouteKind::unicast, RouteKind::unreachable, RouteKind::prohibit, RouteKind::blackhole,
                        RouteKind::local, RouteKind::broadcast}) {
        p.route.kind = k;
        if (!any && type_of(k) != p.header.rtm_type) continue;
        if (p.table && p.table != table_of(p.route)) continue;
        if (auto gone = stack.remove(p.route)) return gone;
    }
    return err::srch;
}
} // namespace netlink
