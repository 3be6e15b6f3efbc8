#include "net/inet/slaac.h"
#include <algorithm>

namespace net::inet {
namespace {
constexpr u64 second = Slaac::second, never = Slaac::never;
constexpr u64 probe_interval = second,
              longest_delay = second; // RFC 4861, 10: RETRANS_TIMER, MAX_RTR_SOLICITATION_DELAY
constexpr u64 first_solicit_wait = 4 * second, longest_solicit_wait = 3600 * second; // RFC 7559
constexpr u32 two_hours = 7200, infinite = ~u32{0};

u64 until(u32 seconds, u64 now) { return seconds == infinite ? never : now + seconds * second; }

/// Takes one out of an array, of which the order does not matter.
template <class T>
void take_out(T* all, usize& count, usize at) {
    all[at] = all[--count];
}
} // namespace

u64 Slaac::random(u64 below) {
    u64 n = randoms_++;
    return random_({reinterpret_cast<const char*>(&n), sizeof n}) % below;
}

Address Slaac::address_in(const Address& prefix, const LinkAddress& link) {
    Address a = prefix;
    const auto& b = link.bytes;
    const u8 id[8] = {static_cast<u8>(b[0] ^ 2), b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]};
    std::copy(std::begin(id), std::end(id), a.bytes.begin() + 8);
    return a;
}

void Slaac::start(const Settings& settings, u64 now, Output& out) {
    if (std::exchange(runs_, true)) return;
    settings_ = settings;
    begin(link_local(link_), never, never, random(longest_delay), now, out);
}

void Slaac::stop(Output& out) {
    if (!std::exchange(runs_, false)) return;
    for (usize i = 0; i < router_count_; i++) out.remove_router(routers_[i].what);
    for (usize i = 0; i < prefix_count_; i++) out.remove_on_link(prefixes_[i].what);
    for (usize i = 0; i < own_count_; i++) out.remove(own_[i]);
    if (servers_until_ != never) out.set_name_servers({});
    own_count_ = router_count_ = prefix_count_ = 0;
    mtu_ = 0;
    servers_until_ = solicit_at_ = never;
}

/// Enters an address, and looks whether somebody has it.
void Slaac::begin(const Address& a, u64 preferred_until, u64 valid_until, u64 delay, u64 now, Output& out) {
    if (own_count_ == most_addresses) return;
    Own& own = own_[own_count_++];
    own = {};
    own.address = a;
    own.preferred_until = preferred_until;
    own.valid_until = valid_until;
    own.probes = settings_.probes;
    own.next = now + delay;
    if (!own.probes) return became_good(own, now, out);
    out.set(own);
}

void Slaac::became_good(Own& own, u64 now, Output& out) {
    own.state = State::good;
    own.next = never;
    out.set(own);
    if (!own.address.link_local() || !settings_.listens) return;
    solicit_at_ = now;
    solicit_wait_ = first_solicit_wait;
}

void Slaac::go_on(Own& own, u64 now, Output& out) {
    if (!own.probes) return became_good(own, now, out);
    own.probes--;
    own.next = now + probe_interval;
    out.probe(own.address);
}

void Slaac::contested(const Address& a, Output& out) {
    for (Own& own : std::span{own_, own_count_}) {
        if (own.address != a || own.state != State::tentative) continue;
        own.state = State::duplicate;
        own.next = never;
        out.set(own);
    }
}

void Slaac::advertised(const RouterAdvertisement& ra, const Address& router, u64 now, Output& out) {
    bool ready = runs_ && own_count_ && own_[0].state == State::good && settings_.listens;
    if (!ready) return;
    if (ra.lifetime) solicit_at_ = never;
    if (ra.mtu) mtu_ = ra.mtu;
    take_router(router, ra.lifetime, now, out);
    for (usize i = 0; i < ra.prefix_count; i++) take_prefix(ra.prefixes[i], now, out);
    take_servers(ra, now, out);
    if (ra.managed || ra.other) out.ask_server();
}

void Slaac::take_router(const Address& router, u16 lifetime, u64 now, Output& out) {
    usize at = 0;
    while (at < router_count_ && routers_[at].what != router) at++;
    if (at == router_count_) {
        if (!lifetime || router_count_ == most_routers) return;
        routers_[router_count_++].what = router;
    } else if (!lifetime) {
        take_out(routers_, router_count_, at);
        return out.remove_router(router);
    }
    routers_[at].until = now + lifetime * second;
    out.set_router(router, mtu_);
}

/// RFC 4861, 6.3.4; RFC 4862, 5.5.3.
void Slaac::take_prefix(const RouterAdvertisement::PrefixInformation& p, u64 now, Output& out) {
    if (p.on_link) {
        Prefix prefix = Prefix::of(p.prefix, p.length);
        usize at = 0;
        while (at < prefix_count_ && !(prefixes_[at].what == prefix)) at++;
        bool has = at < prefix_count_;
        if (has && !p.valid) {
            take_out(prefixes_, prefix_count_, at);
            out.remove_on_link(prefix);
        } else if (p.valid && at < most_prefixes) {
            if (!has) prefixes_[prefix_count_++].what = prefix;
            prefixes_[at].until = until(p.valid, now);
            out.set_on_link(prefix, mtu_);
        }
    }
    if (!p.autonomous || !settings_.autoconf || p.length != prefix_length) return;
    Address network = Prefix::of(p.prefix, prefix_length).address;
    take_lifetimes(address_in(network, link_), p.preferred, p.valid, now, out);
}

void Slaac::take_lifetimes(const Address& a, u32 preferred, u32 valid, u64 now, Output& out) {
    for (Own& own : std::span{own_, own_count_}) {
        if (own.address != a) continue;
        u64 left = own.valid_until == never ? never : own.valid_until - std::min(own.valid_until, now);
        // Nobody makes an address end soon by one lie.
        if (valid > two_hours || until(valid, now) - now > left)
            own.valid_until = until(valid, now);
        else if (left > two_hours * second)
            own.valid_until = now + two_hours * second;
        own.preferred_until = until(preferred, now);
        return out.set(own);
    }
    if (valid) begin(a, until(preferred, now), until(valid, now), 0, now, out);
}

void Slaac::take_servers(const RouterAdvertisement& ra, u64 now, Output& out) {
    if (!ra.name_server_count) return;
    servers_until_ = until(ra.name_servers_for, now);
    bool any = ra.name_servers_for;
    if (servers_until_ == never) servers_until_ = never - 1; // they are there, for ever
    out.set_name_servers({ra.name_servers, any ? ra.name_server_count : 0});
    if (!any) servers_until_ = never;
}

u64 Slaac::deadline() const {
    u64 next = std::min(solicit_at_, servers_until_);
    for (const Own& own : std::span{own_, own_count_}) next = std::min({next, own.next, own.valid_until});
    for (const auto& r : std::span{routers_, router_count_}) next = std::min(next, r.until);
    for (const auto& p : std::span{prefixes_, prefix_count_}) next = std::min(next, p.until);
    return next;
}

void Slaac::expire(u64 now, Output& out) {
    for (usize i = own_count_; i-- > 1;) { // the link-local one stays
        if (own_[i].valid_until > now) continue;
        OwnAddress gone = own_[i];
        take_out(own_, own_count_, i);
        out.remove(gone);
    }
    for (usize i = router_count_; i--;) {
        if (routers_[i].until > now) continue;
        Address gone = routers_[i].what;
        take_out(routers_, router_count_, i);
        out.remove_router(gone);
    }
    for (usize i = prefix_count_; i--;) {
        if (prefixes_[i].until > now) continue;
        Prefix gone = prefixes_[i].what;
        take_out(prefixes_, prefix_count_, i);
        out.remove_on_link(gone);
    }
    if (servers_until_ > now) return;
    servers_until_ = never;
    out.set_name_servers({});
}

void Slaac::timer(u64 now, Output& out) {
    if (!runs_) return;
    for (Own& own : std::span{own_, own_count_})
        if (own.next <= now) go_on(own, now, out);
    expire(now, out);
    if (solicit_at_ > now) return;
    out.solicit(own_[0].address);
    solicit_at_ = now + solicit_wait_ - solicit_wait_ / 10 + random(solicit_wait_ / 5);
    solicit_wait_ = std::min(2 * solicit_wait_, longest_solicit_wait);
}
} // namespace net::inet
