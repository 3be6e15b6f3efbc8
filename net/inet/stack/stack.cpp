#include "net/inet/stack/stack.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include "core/time/clock.h"
#include "lib/format.h"
#include "net/inet/stack/input.h"
#include "net/inet/stack/loopback.h"
#include <algorithm>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
constexpr u32 most_packet_v4 = 65535; // whatever the interface can do
SipHash fresh_hash() { return SipHash{rng::number(), rng::number()}; }
} // namespace

Stack::Stack() : icmp_limit{fresh_hash()}, fragments_{fresh_hash()}, path_mtus_{fresh_hash()} {}

Stack::~Stack() {
    delete tcp.load();
    delete link_tap.load();
    delete translation.load();
    expiry_.end();
    for (Interface& i : interfaces_) i.detach();
    while (!interfaces_.empty()) {
        Interface& i = *interfaces_.begin();
        interfaces_.erase(interfaces_.begin());
        Ref<Interface>::adopt(&i);
    }
}

Result<Stack*> Stack::in(NetworkNamespace& of) {
    if (auto* there = find(of)) return there;
    auto made = TRY(make<Stack>());
    auto lo = TRY(make_ref<Loopback>(*made));
    made->loopback_ = lo.get();
    TRY(made->add(lo));
    TRY(made->add(*lo, {.address = loopback_v4, .prefix = 8, .scope = RT_SCOPE_HOST, .flags = IFA_F_PERMANENT}));
    TRY(made->add(*lo, {.address = loopback_v6, .prefix = 128, .scope = RT_SCOPE_HOST, .flags = IFA_F_PERMANENT}));
    TRY(made->set_flags(*lo, IFF_UP | IFF_RUNNING, IFF_UP | IFF_RUNNING));
    return &keep_first(of.objects, std::move(made));
}

Ref<Interface> Stack::find(u32 index) {
    Holding held{lock_};
    auto at = interfaces_.find(index);
    return at == interfaces_.end() ? Ref<Interface>{} : Ref<Interface>::share(&*at);
}
Interface* Stack::by_name(std::string_view name) {
    for (Interface& i : interfaces_)
        if (i.name.view() == name) return &i;
    return nullptr;
}
Ref<Interface> Stack::find(std::string_view name) {
    Holding held{lock_};
    return Ref<Interface>::share(by_name(name));
}

/// Replaces "%d" by the first number that makes the name a new one.
Result<> Stack::choose_name(Interface& i) {
    auto pattern = i.name;
    auto at = pattern.view().find("%d");
    if (at == std::string_view::npos) return by_name(pattern) ? Result<>{err::exist} : Result<>{};
    for (u32 n = 0; n < 100'000; n++) {
        char name[IFNAMSIZ];
        BufferWriter out{name};
        print(out, "{}{}{}", pattern.view().substr(0, at), n, pattern.view().substr(at + 2));
        if (by_name(out.text())) continue;
        i.name.assign(out.text());
        return {};
    }
    return err::nfile;
}

Result<> Stack::add(Ref<Interface> i) {
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        TRY(choose_name(*i));
        i->index_ = next_index_++;
        interfaces_.insert(*Ref<Interface>{i}.release());
        change();
    }
    tell({NetworkChange::link, i.get()});
    return {};
}

void Stack::remove(Interface& i) {
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        routes_.remove_interface(i.index());
        interfaces_.erase(i.index());
        i.addresses = {};
        i.groups = {};
        i.flags_.fetch_and(~u32{IFF_UP | IFF_RUNNING});
        change();
    }
    i.detach();
    i.changed();
    tell({NetworkChange::link_gone, &i});
    Ref<Interface>::adopt(&i);
}

Result<> Stack::set_flags(Interface& i, u32 flags, u32 mask) {
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        u32 before = i.flags(), after = (before & ~mask) | (flags & mask);
        if (before == after) return {};
        i.flags_ = after;
        if ((before ^ after) & IFF_UP) {
            if (after & IFF_UP)
                for (const auto& a : i.addresses) TRY(add_routes_of(i, a));
            else
                routes_.remove_interface(i.index());
        }
        change();
    }
    i.changed();
    tell({NetworkChange::link, &i});
    return {};
}

Result<> Stack::set_mtu(Interface& i, u32 mtu) {
    if (mtu < least_mtu_v4 || mtu > 65536) return err::inval;
    Holding configuring{configuration_};
    i.mtu_ = mtu;
    change();
    i.changed();
    tell({NetworkChange::link, &i});
    return {};
}

namespace {
/// The routes of an address (as Linux's table "local", and "proto kernel").
struct AddressRoutes {
    Route routes[4];
    usize count = 0;
    void add(const Prefix& to, RouteKind kind, u32 interface, const Address& source, u8 scope) {
        routes[count++] = {.destination = to,
                           .source = source,
                           .interface = interface,
                           .metric = kind == RouteKind::unicast && !source.is_v4() ? 256u : 0u,
                           .kind = kind,
                           .scope = scope,
                           .protocol = RTPROT_KERNEL};
    }
    AddressRoutes(const Interface& i, const InterfaceAddress& a) {
        bool v4 = a.address.is_v4();
        unsigned bits = v4 ? 32 : 128;
        u32 index = i.index();
        add(Prefix::of(a.address, bits), RouteKind::local, index, a.address, RT_SCOPE_HOST);
        Address far = a.peer.unspecified() ? a.address : a.peer;
        Prefix network = Prefix::of(far, a.prefix);
        if (i.loopback()) {
            if (a.prefix == bits) return;
            add(network, RouteKind::local, index, a.address, RT_SCOPE_HOST);
            if (v4 && a.prefix < 31)
                add(Prefix::of(a.network().last(), 32), RouteKind::broadcast, index, a.address, RT_SCOPE_LINK);
            return;
        }
        if ((a.prefix < bits || !a.peer.unspecified()) && !(a.flags & IFA_F_NOPREFIXROUTE))
            add(network, RouteKind::unicast, index, a.address, v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
        if (v4 && !a.broadcast.unspecified())
            add(Prefix::of(a.broadcast, 32), RouteKind::broadcast, index, a.address, RT_SCOPE_LINK);
        if (!v4) add(Prefix::of(Address::v6({0xff00}), 8), RouteKind::multicast, index, {}, RT_SCOPE_UNIVERSE);
    }
    std::span<const Route> view() const { return {routes, count}; }
};
} // namespace

Result<> Stack::add_routes_of(Interface& i, const InterfaceAddress& a) {
    for (const Route& r : AddressRoutes{i, a}.view())
        if (auto added = routes_.add(r); !added && added.error() != Errno::exist) return added;
    return {};
}
void Stack::remove_routes_of(Interface& i, const InterfaceAddress& a) {
    for (const Route& r : AddressRoutes{i, a}.view()) (void)routes_.remove(r);
    // Some belong to others as well: a network that two addresses are in.
    for (const auto& other : i.addresses) (void)add_routes_of(i, other);
}

Result<> Stack::add(Interface& i, const InterfaceAddress& a) {
    Holding configuring{configuration_};
    Result<> routed;
    {
        Holding held{lock_};
        for (const auto& have : i.addresses)
            if (have.address == a.address && (have.prefix == a.prefix || !a.address.is_v4())) return err::exist;
        if (i.addresses.size() == Interface::most_addresses) return err::nobufs;
        TRY(i.addresses.push(a));
        change();
        if (i.up()) routed = add_routes_of(i, a);
    }
    tell({NetworkChange::address, &i, &a});
    return routed;
}

Result<> Stack::remove(Interface& i, const Address& address, u8 prefix) {
    Holding configuring{configuration_};
    InterfaceAddress gone;
    {
        Holding held{lock_};
        auto* a = i.addresses.begin();
        while (a != i.addresses.end() && (a->address != address || (prefix && a->prefix != prefix))) a++;
        if (a == i.addresses.end()) return err::addrnotavail;
        gone = *a;
        i.addresses.erase(static_cast<usize>(a - i.addresses.begin()));
        remove_routes_of(i, gone);
        change();
    }
    tell({NetworkChange::address_gone, &i, &gone});
    return {};
}

Result<> Stack::change(Interface& i, const InterfaceAddress& to) {
    Holding configuring{configuration_};
    InterfaceAddress now;
    {
        Holding held{lock_};
        auto* a = std::ranges::find(i.addresses, to.address, &InterfaceAddress::address);
        if (a == i.addresses.end()) return err::addrnotavail;
        a->flags = to.flags;
        a->valid_until = to.valid_until;
        a->preferred_until = to.preferred_until;
        now = *a;
        change();
    }
    tell({NetworkChange::address, &i, &now});
    return {};
}

std::optional<u32> Stack::address_flags(const Interface& i, const Address& address) {
    Holding held{lock_};
    const auto* a = std::ranges::find(i.addresses, address, &InterfaceAddress::address);
    return a == i.addresses.end() ? std::nullopt : std::optional{a->flags};
}

void Stack::settings_changed() {
    {
        Holding configuring{configuration_};
        for (Ref<Interface> i = next(0); i; i = next(i->index())) i->changed();
    }
    if (!settings.disable_v6) return;
    for (Ref<Interface> i = next(0); i; i = next(i->index()))
        for (Address a = first_v6(*i); !a.unspecified() && remove(*i, a);) a = first_v6(*i);
}

Address Stack::first_v6(const Interface& i) {
    Holding held{lock_};
    for (const auto& a : i.addresses)
        if (!a.address.is_v4()) return a.address;
    return {};
}

bool Stack::is_local(const Address& a) {
    Holding held{lock_};
    const Route* r = routes_.find(a);
    return r && r->kind == RouteKind::local;
}

bool Stack::is_own(const Address& a) {
    Holding held{lock_};
    const Route* r = routes_.find(a);
    return r && (r->kind == RouteKind::local || r->kind == RouteKind::broadcast);
}

/// Those that nobody needs to ask for: all hosts, all nodes, and who has an address of ours.
bool Interface::hears(const Address& group) const {
    constexpr Address all_hosts = Address::v4(224, 0, 0, 1);
    constexpr Address all_nodes_here = Address::v6({0xff01, 0, 0, 0, 0, 0, 0, 1}),
                      all_nodes_on_link = Address::v6({0xff02, 0, 0, 0, 0, 0, 0, 1});
    if (group == all_hosts || group == all_nodes_here || group == all_nodes_on_link) return true;
    for (const auto& g : groups)
        if (g.group == group) return true;
    for (const auto& a : addresses)
        if (!a.address.is_v4() && a.address.solicited_node() == group) return true;
    return false;
}

Result<> Stack::join(Interface& i, const Address& group) {
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        for (auto& g : i.groups)
            if (g.group == group) return g.users++, Result<>{};
        if (i.groups.size() == Interface::most_groups) return err::nobufs;
        TRY(i.groups.push({group, 1}));
    }
    i.group_changed(group, true);
    return {};
}

void Stack::leave(Interface& i, const Address& group) {
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        usize n = 0;
        while (n < i.groups.size() && i.groups[n].group != group) n++;
        if (n == i.groups.size() || --i.groups[n].users) return;
        i.groups.erase(n);
    }
    i.group_changed(group, false);
}

u32 Stack::interface_of(const Address& address) {
    Holding held{lock_};
    for (const Interface& i : interfaces_)
        for (const auto& a : i.addresses)
            if (a.address == address) return i.index();
    return 0;
}

Address Stack::source_on(Interface& i, const Address& neighbour) {
    Holding held{lock_};
    Address any = neighbour.is_v4() ? any_v4 : any_v6;
    for (const auto& a : i.addresses) {
        if (a.address.is_v4() != neighbour.is_v4() || a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) continue;
        if (a.network().contains(neighbour)) return a.address;
        if (any.unspecified()) any = a.address;
    }
    return any;
}

Result<> Stack::add(const Route& r) {
    {
        Holding held{lock_};
        TRY(routes_.add(r));
        change();
    }
    tell({.kind = NetworkChange::route, .route_changed = &r});
    return {};
}
Result<> Stack::remove(const Route& r) {
    Route gone;
    {
        Holding held{lock_};
        gone = TRY(routes_.remove(r));
        change();
    }
    tell({.kind = NetworkChange::route_gone, .route_changed = &gone});
    return {};
}

/// RFC 6724 as far as one interface's addresses differ: scope, deprecation, the longest prefix. IPv4: the network's
/// own.
Address Stack::choose_source(const Interface& out, const Address& to, const Address& next_hop) {
    const InterfaceAddress* best = nullptr;
    bool v4 = to.is_v4(), near = to.link_local();
    u64 now = v4 ? 0 : clocks::monotonic_ns();
    auto better = [&](const InterfaceAddress& a) {
        if (!best) return true;
        if (v4) return !best->network().contains(next_hop) && a.network().contains(next_hop);
        if (a.address.link_local() != best->address.link_local()) return a.address.link_local() == near;
        bool preferred = a.preferred_until > now, best_preferred = best->preferred_until > now;
        if (preferred != best_preferred) return preferred;
        return common_prefix(a.address, to) > common_prefix(best->address, to);
    };
    auto look_at = [&](const Interface& i) {
        for (const auto& a : i.addresses)
            if (a.address.is_v4() == v4 && !(a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
                (i.loopback() || !a.address.loopback()) && better(a))
                best = &a;
    };
    look_at(out);
    if (!best) // an interface without an address of its own sends as another one
        for (const Interface& i : interfaces_)
            if (i.up() && !best && !i.loopback()) look_at(i);
    return best ? best->address : v4 ? any_v4 : any_v6;
}

Result<Path> Stack::path_by(const Route& r, const Address& to, const Address& from) {
    switch (r.kind) {
    case RouteKind::unreachable: return err::hostunreach;
    case RouteKind::prohibit: return err::acces;
    case RouteKind::blackhole: return err::inval;
    default: break;
    }
    auto at = interfaces_.find(r.interface);
    if (at == interfaces_.end()) return err::netunreach;
    Interface& out = r.kind == RouteKind::local ? *loopback_ : *at;
    if (!out.up()) return err::netunreach;
    Path p{.out = Ref<Interface>::share(&out),
           .source = from,
           .next_hop = r.gateway.unspecified() ? to : r.gateway,
           .kind = r.kind,
           .mtu = std::min(r.mtu ? r.mtu : out.mtu(), to.is_v4() ? most_packet_v4 : ~u32{0}),
           .generation = generation()};
    if (!from.unspecified()) return p;
    if (r.kind == RouteKind::local)
        p.source = to;
    else
        p.source = r.source.unspecified() ? choose_source(*at, to, p.next_hop) : r.source;
    return p;
}

/// Without a route: who names the interface finds what is on its link.
Result<Path> Stack::path_on_link(u32 interface, const Address& to, const Address& from) {
    if (!interface) return err::netunreach;
    auto at = interfaces_.find(interface);
    if (at == interfaces_.end()) return err::nodev;
    RouteKind kind = to.multicast() ? RouteKind::multicast : to.broadcast() ? RouteKind::broadcast : RouteKind::unicast;
    return path_by(Route{.interface = interface, .kind = kind}, to, from);
}

Result<Path> Stack::route(const Address& to, const Address& from, u32 interface, MtuOf mtu) {
    Holding held{lock_};
    const Route* r = routes_.find(to);
    if (interface && !(r && r->kind == RouteKind::local)) r = routes_.find(to, interface);
    auto p = r ? path_by(*r, to, from) : path_on_link(interface, to, from);
    if (!p) return p;
    if (to.multicast())
        p->kind = RouteKind::multicast, p->next_hop = to;
    else if (to.broadcast())
        p->kind = RouteKind::broadcast, p->next_hop = to;
    else if (mtu == MtuOf::path && !path_mtus_.empty())
        p->mtu = std::min(p->mtu, path_mtus_.find(to, clocks::monotonic_ns()));
    return p;
}

void Stack::learn_mtu(const Address& to, u32 mtu) {
    Holding held{lock_};
    u64 now = clocks::monotonic_ns();
    if (!path_mtus_.learn(to, mtu, now)) return;
    change();
    forget_mtus_.arm(Deadline{now + PathMtus::lifetime});
}

std::optional<Reassembly::Whole> Stack::reassemble(PacketBox p, const Ip& ip, u64 now) {
    auto fragments = fragments_.lock();
    auto whole = fragments->add(std::move(p), ip, now);
    if (fragments->deadline() != ~u64{0}) expiry_.expect(fragments->deadline());
    if (!whole) return std::nullopt;
    return std::move(*whole);
}

/// Under the fragments' lock: one at a time.
void Stack::Expiry::expect(u64 deadline) {
    if (armed_.exchange(true)) return;
    alarm_.arm(Deadline{deadline});
}
void Stack::Expiry::end() {
    alarm_.cancel();
    stop();
}
bool Stack::Expiry::run(unsigned) {
    struct Expired {
        PacketBox first;
        Ip ip;
    } expired[8]; // more at once need not be told
    usize count = 0;
    Outbox box;
    {
        auto fragments = stack_.fragments_.lock();
        fragments->timer(box.now, [&](const Packet& first, const Ip& ip) {
            if (count == std::size(expired)) return;
            if (auto copy = first.clone()) expired[count++] = {std::move(*copy), ip};
        });
        armed_ = false;
        if (fragments->deadline() != ~u64{0}) expect(fragments->deadline());
    }
    for (usize n = 0; n < count; n++) {
        auto in = stack_.find(expired[n].first->interface);
        if (!in) continue;
        Arrival a{*in, std::move(expired[n].first), expired[n].ip, RouteKind::local, box};
        refuse(a, Refusal::reassembly_time);
    }
    return false;
}

RouteKind Stack::kind_of(const Address& a, const Interface& in) {
    if (a.multicast()) {
        Holding held{lock_};
        return in.hears(a) ? RouteKind::multicast : RouteKind::unreachable;
    }
    if (a.broadcast()) return RouteKind::broadcast;
    constexpr Address all_of_loopback = Address::v4(127, 255, 255, 255);
    if (in.loopback() && a.loopback()) return a == all_of_loopback ? RouteKind::broadcast : RouteKind::local;
    Holding held{lock_};
    const Route* r = routes_.find(a);
    return r ? r->kind : RouteKind::unreachable;
}
} // namespace net::inet
