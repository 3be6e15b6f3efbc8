#include "net/inet/stack/translation.h"
#include "core/rng/rng.h"
#include "net/inet/icmp.h"
#include "net/inet/stack/translation_errors.h"
#include "net/inet/tcp/segment.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
namespace {
// Ports that exchanges leave by: none that the host world's own connections choose (ip_local_port_range).
constexpr u32 first_port = 10'000, port_count = 20'000;
constexpr unsigned tries = 64;

struct Ports {
    Big16 source, destination;
};
/// Its own family's: an echo has an identifier instead of ports.
bool is_icmp(const Ip& ip) { return ip.protocol == icmp_of(ip.source); }
/// Where the transport's checksum stands; none: it has none that addresses or ports are in.
std::optional<usize> checksum_at(const Ip& ip) {
    if (is_icmp(ip)) return 2;
    switch (ip.protocol) {
    case IPPROTO_TCP: return 16;
    case IPPROTO_UDP: return 6;
    default: return std::nullopt;
    }
}

/// A change of some words that a checksum covers.
class Rewrite {
public:
    Rewrite(Packet& p, const Ip& ip)
        : p_{p}, start_{ip.header}, at_{start_ + *checksum_at(ip)}, protocol_{ip.protocol} {
        readable_ = p.copy(at_, std::as_writable_bytes(std::span{&sum_, 1}));
        none_ = protocol_ == IPPROTO_UDP && sum_ == 0;
    }
    void address(const Address& before, const Address& after) {
        if (protocol_ == IPPROTO_ICMP) return; // has no pseudo-header
        for (unsigned i = before.is_v4() ? 12 : 0; i < 16; i += 2) change(word(before, i), word(after, i));
    }
    void port(usize at, u16 before, u16 after) {
        Big16 wire = after;
        readable_ = readable_ && p_.write(start_ + at, std::as_bytes(std::span{&wire, 1}));
        if (p_.checksum != ChecksumState::partial) change(before, after);
    }
    /// False: the header cannot be written.
    bool done() {
        if (none_) return readable_;
        if (protocol_ == IPPROTO_UDP && p_.checksum != ChecksumState::partial && sum_ == 0) sum_ = 0xffff;
        return readable_ && p_.write(at_, std::as_bytes(std::span{&sum_, 1}));
    }

private:
    static u16 word(const Address& a, unsigned i) { return static_cast<u16>(a.bytes[i] << 8 | a.bytes[i + 1]); }
    void change(u16 before, u16 after) {
        // A partial one is the sum itself, the others its complement.
        u16 flip = p_.checksum == ChecksumState::partial ? 0xffff : 0;
        sum_ = static_cast<u16>(updated_checksum(static_cast<u16>(sum_ ^ flip), before, after) ^ flip);
    }
    Packet& p_;
    const usize start_, at_;
    const u8 protocol_;
    Big16 sum_;
    bool readable_ = false, none_ = false;
};

/// Both ports of a packet; of an echo its identifier twice, so that it has a pair as well.
std::optional<Ports> ports_of(const Packet& p, const Ip& ip, bool answer) {
    if (!is_icmp(ip)) return Reader{p, ip.header}.take<Ports>();
    struct {
        u8 type, code;
        Big16 checksum, id;
    } echo;
    if (!p.copy(ip.header, std::as_writable_bytes(std::span{&echo, 1}))) return std::nullopt;
    u8 wanted =
        ip.source.is_v4() ? (answer ? ICMP_ECHOREPLY : ICMP_ECHO) : (answer ? ICMPV6_ECHO_REPLY : ICMPV6_ECHO_REQUEST);
    if (echo.type != wanted) return std::nullopt;
    return Ports{echo.id, echo.id};
}
u8 tcp_flags_of(const Packet& p, const Ip& ip) {
    u8 flags = 0;
    if (ip.protocol == IPPROTO_TCP) p.copy(ip.header + 13u, std::as_writable_bytes(std::span{&flags, 1}));
    return flags;
}
/// Where a port stands.
usize port_at(const Ip& ip, bool source) { return is_icmp(ip) ? 4 : source ? 0 : 2; }
} // namespace

Translation::~Translation() {
    while (!owners_.empty()) forget(Address{owners_.begin()->address});
}

Result<Translation::Owner*> Translation::owner_of(const Address& a) {
    auto at = owners_.find(a);
    if (at != owners_.end()) return &*at;
    auto made = TRY(make<Owner>());
    made->address = a;
    owners_.insert(*made);
    return made.release();
}

void Translation::drop(Exchange& e) {
    by_inside_.erase(by_inside_.iterator_to(e));
    by_outside_.erase(by_outside_.iterator_to(e));
    e.owner->exchanges.erase(e.owner->exchanges.iterator_to(e));
    e.owner->count--;
    delete &e;
}

void Translation::forget(const Address& inside) {
    constexpr unsigned at_once = 64; // with interrupts off
    for (;;) {
        Holding held{lock_};
        auto at = owners_.find(inside);
        if (at == owners_.end()) return;
        Owner& o = *at;
        o.published.clear_and_dispose([this](Published* p) {
            ports_.erase(ports_.iterator_to(*p));
            publications_.fetch_sub(1, std::memory_order_relaxed);
            delete p;
        });
        for (unsigned n = 0; n < at_once && !o.exchanges.empty(); n++) drop(o.exchanges.front());
        if (!o.exchanges.empty()) continue;
        owners_.erase(at);
        delete &o;
        return;
    }
}

Result<> Translation::publish(const Publication& p) {
    Holding held{lock_};
    auto [first, last] = ports_.equal_range(Port{p.protocol, p.outside_port});
    for (auto has = first; has != last; ++has)
        if (has->inside.address.is_v4() == p.inside.address.is_v4() &&
            (has->outside.unspecified() || p.outside.unspecified() || has->outside == p.outside))
            return err::addrinuse;
    Owner& o = *TRY(owner_of(p.inside.address));
    if (o.published.size() >= most_publications) return err::nospc;
    auto made = TRY(make<Published>());
    static_cast<Publication&>(*made) = p;
    ports_.insert(*made);
    publications_.fetch_add(1, std::memory_order_relaxed);
    o.published.push_back(*made.release());
    return {};
}

/// RFC 5382, 5 and 4787, 4.3 say how long at least.
void Translation::use(Exchange& e, u8 flags, bool answer, u64 now) {
    if (answer) e.answered = true;
    if (flags & (tcp::fin | tcp::rst)) e.ends = true;
    if (flags & tcp::syn) e.ends = false;
    u64 seconds = e.inside.protocol == IPPROTO_TCP   ? (e.ends || !e.answered ? 240 : 7440)
                  : e.inside.protocol == IPPROTO_UDP ? (e.answered ? 180 : 120)
                                                     : 60;
    e.expires = now + seconds * second;
    e.owner->exchanges.erase(e.owner->exchanges.iterator_to(e));
    e.owner->exchanges.push_back(e);
}

template <class T>
Translation::Exchange* Translation::find(T& table, const Key& k, u64 now) {
    auto at = table.find(k);
    if (at == table.end()) return nullptr;
    Exchange& e = *at;
    if (e.expires > now) return &e;
    drop(e);
    return nullptr;
}

Result<Translation::Exchange*> Translation::make_exchange(const Key& inside, const Key& outside, u64 now) {
    Owner& o = *TRY(owner_of(inside.near));
    // What nobody has used for long goes with what comes.
    for (int n = 0; n < 4 && !o.exchanges.empty() && o.exchanges.front().expires <= now; n++) drop(o.exchanges.front());
    if (o.count >= most_per_container) drop(o.exchanges.front());
    auto made = TRY(make<Exchange>());
    Exchange& e = *made.release();
    e.inside = inside;
    e.outside = outside;
    e.owner = &o;
    o.exchanges.push_back(e);
    o.count++;
    by_inside_.insert(e);
    by_outside_.insert(e);
    return &e;
}

Result<Translation::Exchange*> Translation::begin(const Key& inside, const Address& from, u64 now) {
    Key outside{from, inside.far, 0, inside.far_port, inside.protocol};
    for (unsigned i = 0; i < tries; i++) {
        outside.near_port = static_cast<u16>(first_port + rng::below(port_count));
        if (inside.protocol == IPPROTO_ICMP || inside.protocol == IPPROTO_ICMPV6) outside.far_port = outside.near_port;
        if (!find(by_outside_, outside, now)) return make_exchange(inside, outside, now);
    }
    return err::nospc;
}

Result<> Translation::leave(Packet& p, Ip& ip, const Address& outside, u64 now) {
    auto ports = ports_of(p, ip, false);
    if (!checksum_at(ip)) return err::inval;
    if (!ports && is_icmp(ip) && lead_error(p, ip, Way::out, now)) return {};
    u8 flags = tcp_flags_of(p, ip);
    Holding held{lock_};
    Exchange* e = nullptr;
    if (ports) {
        Key inside{ip.source, ip.destination, ports->source, ports->destination, ip.protocol};
        e = find(by_inside_, inside, now);
        if (!e) e = TRY(begin(inside, outside, now));
        use(*e, flags, false, now);
    }
    if (!e) return err::inval;
    Rewrite change{p, ip};
    change.address(ip.source, e->outside.near);
    change.port(port_at(ip, true), ports->source, e->outside.near_port);
    ip.source = e->outside.near;
    return change.done() ? Result<>{} : Result<>{err::inval};
}

Translation::Published* Translation::find_published(u8 protocol, const Address& outside, u16 port) {
    auto [first, last] = ports_.equal_range(Port{protocol, port});
    for (auto p = first; p != last; ++p)
        if (p->inside.address.is_v4() == outside.is_v4() && (p->outside.unspecified() || p->outside == outside))
            return &*p;
    return nullptr;
}

/// What comes to a published port begins an exchange that answers go back by.
Result<Translation::Exchange*> Translation::enter_published(const Key& outside, const Address& hairpin, u64 now) {
    auto* p = find_published(static_cast<u8>(outside.protocol), outside.near, outside.near_port);
    if (!p) return err::noent;
    Key inside{p->inside.address, outside.far, p->inside.port, outside.far_port, outside.protocol};
    if (hairpin.unspecified()) {
        if (auto* old = find(by_inside_, inside, now)) drop(*old);
        return make_exchange(inside, outside, now);
    }
    inside.far = hairpin;
    for (unsigned i = 0; i < tries; i++) {
        inside.far_port = static_cast<u16>(first_port + rng::below(port_count));
        if (find(by_inside_, inside, now)) continue;
        Exchange* e = TRY(make_exchange(inside, outside, now));
        e->hairpin = true;
        has_hairpins_.store(true, std::memory_order_relaxed);
        return e;
    }
    return err::nospc;
}

bool Translation::enter(Packet& p, Ip& ip, u64 now, const Address& hairpin) {
    if (!checksum_at(ip)) return false;
    auto ports = ports_of(p, ip, true);
    if (!ports) return is_icmp(ip) && lead_error(p, ip, Way::in, now);
    u8 flags = tcp_flags_of(p, ip);
    Key outside{ip.destination, ip.source, ports->destination, ports->source, ip.protocol};
    Holding held{lock_};
    if (owners_.empty()) return false;
    Exchange* e = find(by_outside_, outside, now);
    if (!e) {
        auto made = enter_published(outside, hairpin, now);
        if (!made) return false;
        e = *made;
    }
    use(*e, flags, true, now);
    Rewrite change{p, ip};
    change.address(ip.destination, e->inside.near);
    change.port(port_at(ip, false), ports->destination, e->inside.near_port);
    if (e->hairpin) {
        change.address(ip.source, e->inside.far);
        change.port(port_at(ip, true), ports->source, e->inside.far_port);
    }
    ip.destination = e->inside.near;
    ip.source = e->inside.far;
    return change.done();
}

bool Translation::answer(Packet& p, Ip& ip, u64 now) {
    if (!has_hairpins_.load(std::memory_order_relaxed) || !checksum_at(ip)) return false;
    if (is_icmp(ip)) return lead_error(p, ip, Way::out, now) && write_addresses(p, 0, ip.source, ip.destination);
    auto ports = ports_of(p, ip, false);
    if (!ports) return false;
    u8 flags = tcp_flags_of(p, ip);
    Key inside{ip.source, ip.destination, ports->source, ports->destination, ip.protocol};
    Holding held{lock_};
    Exchange* e = find(by_inside_, inside, now);
    if (!e || !e->hairpin) return false;
    use(*e, flags, false, now);
    Rewrite change{p, ip};
    change.address(ip.source, e->outside.near);
    change.port(port_at(ip, true), ports->source, e->outside.near_port);
    change.address(ip.destination, e->outside.far);
    change.port(port_at(ip, false), ports->destination, e->outside.far_port);
    ip.source = e->outside.near;
    ip.destination = e->outside.far;
    return change.done() && write_addresses(p, 0, ip.source, ip.destination);
}
// For translation_errors.cpp.
template Translation::Exchange* Translation::find(Inside&, const Key&, u64);
template Translation::Exchange* Translation::find(Outside&, const Key&, u64);
} // namespace net::inet
