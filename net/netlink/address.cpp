// RTM_*ADDR: addresses of interfaces.
#include "core/time/clock.h"
#include "net/netlink/route.h"
#include <linux/if_addr.h>

namespace netlink {
using namespace net;
using namespace net::inet;

namespace {
constexpr u64 second = clocks::ns_per_second;
/// Seconds from now on, as struct ifa_cacheinfo has them; ~0: for ever.
u32 seconds_to(u64 until, u64 now) {
    return until == ~u64{0} ? ~u32{0} : until > now ? static_cast<u32>((until - now) / second) : 0;
}
u64 in_seconds(u32 s, u64 now) { return s == ~u32{0} ? ~u64{0} : now + s * second; }

/// What a request names.
struct Named {
    Ref<Interface> of;
    InterfaceAddress address;
};
Result<Named> parse(Request& r, Stack& stack, bool is_new) {
    auto m = TRY(r.fixed<ifaddrmsg>());
    auto a = TRY(Attributes::parse(r.payload, sizeof m, IFA_MAX));
    if (m.ifa_family != af_inet && m.ifa_family != af_inet6) return err::opnotsupp;
    bool v4 = m.ifa_family == af_inet;
    auto refuse = [&](Errno e, std::string_view why) { return std::unexpected(r.fail(e, why).error()); };
    if (m.ifa_prefixlen > (v4 ? 32 : 128)) return refuse(Errno::inval, "Invalid prefix length");
    bool has_local = a.has(IFA_LOCAL);
    if (v4 ? !has_local && is_new : !has_local && !a.has(IFA_ADDRESS))
        return refuse(Errno::inval, "Local address is not supplied");
    auto i = interface_in(stack, static_cast<int>(m.ifa_index));
    if (!i) return refuse(Errno::nodev, "Unable to find the interface");
    Named n{std::move(*i), {}};
    InterfaceAddress& to = n.address;
    if (has_local || a.has(IFA_ADDRESS))
        to.address = TRY(address_in(a, has_local ? IFA_LOCAL : IFA_ADDRESS, m.ifa_family));
    if (has_local && a.has(IFA_ADDRESS)) {
        Address far = TRY(address_in(a, IFA_ADDRESS, m.ifa_family));
        if (far != to.address) to.peer = far;
    }
    if (v4 && a.has(IFA_BROADCAST)) to.broadcast = TRY(address_in(a, IFA_BROADCAST, m.ifa_family));
    to.prefix = m.ifa_prefixlen;
    to.scope = m.ifa_scope;
    to.flags = m.ifa_flags;
    a.get(IFA_FLAGS, to.flags);
    to.flags &= ~u32{IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_SECONDARY | IFA_F_PERMANENT};
    u64 now = clocks::monotonic_ns();
    ifa_cacheinfo lifetimes{};
    if (a.get(IFA_CACHEINFO, lifetimes)) {
        if (!lifetimes.ifa_valid || lifetimes.ifa_prefered > lifetimes.ifa_valid)
            return refuse(Errno::inval, "address lifetime invalid");
        to.valid_until = in_seconds(lifetimes.ifa_valid, now);
        to.preferred_until = in_seconds(lifetimes.ifa_prefered, now);
    }
    if (to.valid_until == ~u64{0}) to.flags |= IFA_F_PERMANENT;
    return n;
}
} // namespace

void put_address_message(MessageWriter& out, Stack& stack, const Interface& i, const InterfaceAddress& a) {
    u64 now = clocks::monotonic_ns();
    u32 flags = a.flags | (a.preferred_until <= now ? IFA_F_DEPRECATED : 0);
    u8 scope = a.address.is_v4()        ? a.scope
               : a.address.loopback()   ? RT_SCOPE_HOST
               : a.address.link_local() ? RT_SCOPE_LINK
                                        : a.scope;
    out.put(ifaddrmsg{static_cast<u8>(family_of(a.address)), a.prefix, static_cast<u8>(flags), scope, i.index()});
    bool v4 = a.address.is_v4(), has_peer = !a.peer.unspecified();
    put_address(out, IFA_ADDRESS, has_peer ? a.peer : a.address);
    if (v4 || has_peer) put_address(out, IFA_LOCAL, a.address);
    if (v4 && !a.broadcast.unspecified()) put_address(out, IFA_BROADCAST, a.broadcast);
    if (v4) out.text(IFA_LABEL, stack.name_of(i));
    out.attribute(IFA_FLAGS, flags);
    out.attribute(IFA_CACHEINFO,
                  ifa_cacheinfo{seconds_to(a.preferred_until, now), seconds_to(a.valid_until, now), 0, 0});
}

/// Those of an interface, from `inner` on; then of the next one.
Result<bool> list_addresses(Dump& d, MessageWriter& out) {
    Stack& stack = *TRY(stack_of(d.to));
    auto m = d.fixed<ifaddrmsg>();
    bool one = d.to.strict() && m.ifa_index;
    if (d.to.strict() && (d.asked.size() < sizeof m || m.ifa_prefixlen || m.ifa_flags || m.ifa_scope))
        return err::inval;
    if (one && d.at == 0 && d.inner == 0) {
        TRY(interface_in(stack, static_cast<int>(m.ifa_index)));
        d.at = m.ifa_index - 1;
        d.flags |= NLM_F_DUMP_FILTERED;
    }
    for (; auto i = stack.next(static_cast<u32>(d.at)); d.at = i->index(), d.inner = 0) {
        if (one && i->index() != m.ifa_index) break;
        auto all = TRY(stack.addresses_of(*i));
        for (; d.inner < all.size(); d.inner++) {
            const auto& a = all[d.inner];
            if (m.ifa_family && m.ifa_family != family_of(a.address)) continue;
            out.begin(RTM_NEWADDR, d.flags, d.sequence, d.port);
            put_address_message(out, stack, *i, a);
            if (!out.end()) return false;
        }
    }
    return true;
}

Result<> add_address(Request& r) {
    Stack& stack = *TRY(stack_of(r.from));
    auto n = TRY(parse(r, stack, true));
    auto all = TRY(stack.addresses_of(*n.of));
    for (const auto& a : all) {
        if (a.address == n.address.address && r.has(NLM_F_REPLACE) && !r.has(NLM_F_EXCL)) {
            TRY(stack.remove(*n.of, a.address, a.prefix)); // other lifetimes, flags
            continue;
        }
        bool beside = a.address.is_v4() && n.address.address.is_v4() && a.prefix == n.address.prefix &&
                      n.address.peer.unspecified() && a.network().contains(n.address.address);
        if (beside) n.address.flags |= IFA_F_SECONDARY;
    }
    auto added = stack.add(*n.of, n.address);
    if (!added && added.error() == Errno::exist)
        return r.fail(Errno::exist,
                      n.address.address.is_v4() ? "ipv4: Address already assigned" : "ipv6: address already assigned");
    return added;
}

Result<> delete_address(Request& r) {
    Stack& stack = *TRY(stack_of(r.from));
    auto n = TRY(parse(r, stack, false));
    auto gone = stack.remove(*n.of, n.address.address, n.address.prefix);
    if (gone) return {};
    return r.fail(Errno::addrnotavail,
                  n.address.address.is_v4() ? "ipv4: Address not found" : "ipv6: address not found");
}
} // namespace netlink
