// RTM_*NEIGH: who is on a link. RTM_GETRULE: which table is looked at when.
#include "core/time/clock.h"
#include "net/netlink/route.h"
#include <linux/fib_rules.h>
#include <linux/neighbour.h>

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
constexpr u64 ns_per_tick = clocks::ns_per_second / 100;

u16 state_of(Reachability r) {
    switch (r) {
    case Reachability::incomplete: return NUD_INCOMPLETE;
    case Reachability::reachable: return NUD_REACHABLE;
    case Reachability::stale: return NUD_STALE;
    case Reachability::delay: return NUD_DELAY;
    case Reachability::probe: return NUD_PROBE;
    case Reachability::failed: return NUD_FAILED;
    case Reachability::permanent: return NUD_PERMANENT;
    }
}

void put_neighbour(MessageWriter& out, const Interface& i, const NeighbourTable::Entry& n) {
    u64 now = clocks::monotonic_ns();
    auto ago = [&](u64 then) { return then < now ? static_cast<u32>((now - then) / ns_per_tick) : 0; };
    bool known = n.state != Reachability::incomplete && n.state != Reachability::failed;
    out.put(ndmsg{.ndm_family = static_cast<u8>(family_of(n.address)),
                  .ndm_ifindex = static_cast<int>(i.index()),
                  .ndm_state = state_of(n.state),
                  .ndm_flags = static_cast<u8>(n.router ? NTF_ROUTER : 0),
                  .ndm_type = RTN_UNICAST});
    put_address(out, NDA_DST, n.address);
    if (known) out.attribute(NDA_LLADDR, n.link.bytes);
    out.attribute(NDA_CACHEINFO, nda_cacheinfo{ago(n.confirmed), ago(n.used), ago(n.updated), 0});
    out.attribute(NDA_PROBES, u32{0});
}

/// What a request names.
struct Named {
    ndmsg header;
    Attributes attributes;
    Ref<Interface> on;
    Address address;
};
Result<Named> parse(Request& r) {
    Named n{.header = TRY(r.fixed<ndmsg>())};
    n.attributes = TRY(Attributes::parse(r.payload, sizeof n.header, NDA_MAX));
    if (n.header.ndm_family != af_inet && n.header.ndm_family != af_inet6) return err::opnotsupp;
    if (!n.attributes.has(NDA_DST))
        return std::unexpected(r.fail(Errno::inval, "Network address not specified").error());
    n.address = TRY(address_in(n.attributes, NDA_DST, n.header.ndm_family));
    if (!n.header.ndm_ifindex) return std::unexpected(r.fail(Errno::inval, "No device specified").error());
    n.on = TRY(interface_in(*TRY(stack_of(r.from)), n.header.ndm_ifindex));
    return n;
}
} // namespace

Result<bool> list_neighbours(Dump& d, MessageWriter& out) {
    Stack& stack = *TRY(stack_of(d.to));
    auto m = d.fixed<ndmsg>();
    u32 interface = 0;
    if (d.asked.size() >= sizeof m) TRY(Attributes::parse(d.asked, sizeof m, NDA_MAX)).get(NDA_IFINDEX, interface);
    if (m.ndm_flags & NTF_PROXY) return true;
    for (; auto i = stack.next(static_cast<u32>(d.at)); d.at = i->index(), d.inner = 0) {
        if (interface && interface != i->index()) continue;
        auto all = TRY(i->neighbours());
        for (; d.inner < all.size(); d.inner++) {
            const auto& n = all[d.inner];
            if (m.ndm_family && m.ndm_family != family_of(n.address)) continue;
            out.begin(RTM_NEWNEIGH, d.flags, d.sequence, d.port);
            put_neighbour(out, *i, n);
            if (!out.end()) return false;
        }
    }
    return true;
}

Result<> get_neighbour(Request& r) {
    auto n = TRY(parse(r));
    for (const auto& e : TRY(n.on->neighbours()))
        if (e.address == n.address)
            return r.from.reply(r, RTM_NEWNEIGH, [&](MessageWriter& out) { put_neighbour(out, *n.on, e); });
    return err::noent;
}

Result<> add_neighbour(Request& r) {
    auto n = TRY(parse(r));
    bool there = false;
    for (const auto& e : TRY(n.on->neighbours())) there = there || e.address == n.address;
    if (there && r.has(NLM_F_EXCL)) return err::exist;
    if (!there && !r.has(NLM_F_CREATE)) return err::noent;
    LinkAddress link;
    auto bytes = n.attributes.bytes(NDA_LLADDR);
    if (bytes.size() < link.bytes.size()) return r.fail(Errno::inval, "Invalid link address");
    std::memcpy(link.bytes.data(), bytes.data(), link.bytes.size());
    u16 state = n.header.ndm_state;
    Reachability wanted = state & NUD_PERMANENT   ? Reachability::permanent
                          : state & NUD_REACHABLE ? Reachability::reachable
                                                  : Reachability::stale;
    return n.on->set_neighbour(n.address, link, wanted);
}

Result<> delete_neighbour(Request& r) {
    auto n = TRY(parse(r));
    return n.on->remove_neighbour(n.address);
}

/// The rules that Linux starts with; there are no others.
Result<bool> list_rules(Dump& d, MessageWriter& out) {
    struct Rule {
        u8 family;
        u32 priority, table;
    };
    constexpr Rule rules[] = {{af_inet, 0, RT_TABLE_LOCAL},
                              {af_inet, 32766, RT_TABLE_MAIN},
                              {af_inet, 32767, RT_TABLE_DEFAULT},
                              {af_inet6, 0, RT_TABLE_LOCAL},
                              {af_inet6, 32766, RT_TABLE_MAIN}};
    u8 family = d.fixed<rtgenmsg>().rtgen_family;
    for (; d.at < std::size(rules); d.at++) {
        const Rule& rule = rules[d.at];
        if (family && family != rule.family) continue;
        out.begin(RTM_NEWRULE, d.flags, d.sequence, d.port);
        out.put(fib_rule_hdr{.family = rule.family, .table = static_cast<u8>(rule.table), .action = FR_ACT_TO_TBL});
        out.attribute(FRA_TABLE, rule.table);
        out.attribute(FRA_SUPPRESS_PREFIXLEN, ~u32{0});
        out.attribute(FRA_PROTOCOL, u8{RTPROT_KERNEL});
        if (rule.priority) out.attribute(FRA_PRIORITY, rule.priority);
        if (!out.end()) return false;
    }
    return true;
}
} // namespace netlink
