#include "net/inet/socket/flow.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include <linux/in.h>

namespace net::inet {
constinit Flows::PortBucket Flows::ports_[port_buckets];
constinit Flows::PairBucket Flows::pairs_[pair_buckets];

namespace {
const SipHash& keyed_hash() {
    static constinit Once<SipHash> hash;
    return hash.get([] { return SipHash{rng::number(), rng::number()}; });
}
u64 hash_of(const void* bytes, usize size) { return keyed_hash()({static_cast<const char*>(bytes), size}); }
u64 hash_of(const Stack& s, u8 protocol, const Endpoint& local, const Endpoint& remote) {
    struct {
        Address local, remote;
        u64 rest, stack;
    } key{local.address, remote.address, u64{local.port} << 32 | u64{remote.port} << 8 | protocol,
          reinterpret_cast<uptr>(&s)};
    return hash_of(&key, sizeof key);
}

bool overlap(const Flow& a, const Address& at, const Flow& b) {
    if (a.interface && b.interface && a.interface != b.interface) return false;
    const Address& other = b.local.address;
    // A wildcard of IPv6 stands for IPv4 too, unless its socket says otherwise.
    auto covers = [](const Flow& f, const Address& any, const Address& x) {
        if (any == any_v4) return x.is_v4() || (x == any_v6);
        if (any == any_v6) return !f.v6_only || !x.is_v4();
        return any == x;
    };
    if (at == any_v4 && other == any_v6) return !b.v6_only;
    if (at == any_v6 && other == any_v4) return !a.v6_only;
    return covers(a, at, other) || covers(b, other, at);
}
} // namespace

Flows::PortBucket& Flows::bucket_of(const Stack& s, u8 protocol, u16 port) {
    u64 key[] = {reinterpret_cast<uptr>(&s), u64{port} << 8 | protocol};
    return ports_[hash_of(key, sizeof key) % port_buckets];
}
Flows::PairBucket& Flows::bucket_of(const Stack& s, u8 protocol, const Endpoint& local, const Endpoint& remote) {
    return pairs_[hash_of(s, protocol, local, remote) % pair_buckets];
}
Port* Flows::find_port(PortBucket& b, const Stack& s, u8 protocol, u16 port) {
    for (Port* p = b.first; p; p = p->next)
        if (&p->stack == &s && p->number == port && p->protocol == protocol) return p;
    return nullptr;
}

/// As Linux's inet_csk_bind_conflict, by what socket(7) says of SO_REUSEADDR and SO_REUSEPORT.
bool Port::conflicts(const Flow& wants, const Endpoint& at) const {
    bool datagrams = wants.kind() == Flow::Kind::datagrams;
    auto in_the_way = [&](const Flow& has) {
        if (&has == &wants || !overlap(wants, at.address, has)) return false;
        if (wants.reuse_port && has.reuse_port && wants.user == has.user) return false;
        bool listens = !datagrams && has.receives();
        return !(wants.reuse_address && has.reuse_address && !listens);
    };
    for (const Flow& f : receivers)
        if (in_the_way(f)) return true;
    for (const Flow& f : others)
        if (in_the_way(f)) return true;
    return false;
}

Result<> Flows::take_port(Flow& f, const Endpoint& at, bool by_connect) {
    PortBucket& b = bucket_of(f.stack(), f.protocol(), at.port);
    Holding held{b.lock};
    Port* p = find_port(b, f.stack(), f.protocol(), at.port);
    if (p && (by_connect ? !p->by_connect : p->conflicts(f, at))) return err::addrinuse;
    if (!p) {
        p = TRY(make<Port>(f.stack(), f.protocol(), at.port)).release();
        p->by_connect = by_connect;
        p->next = b.first;
        b.first = p;
    }
    p->by_connect = p->by_connect && by_connect;
    f.local = at;
    p->others.push_back(f);
    (void)Ref<Flow>::share(&f).release();
    f.port_.store(p, std::memory_order_release);
    return {};
}

/// RFC 6056, algorithm 5: the next port is not far, and nobody knows where.
Result<u16> Flows::choose_port(Flow& f, const Address& at) {
    auto& settings = f.stack().settings;
    u32 first = settings.first_port, count = settings.last_port - first + 1;
    u32 from = settings.next_port.fetch_add(static_cast<u32>(1 + rng::below(500)), std::memory_order_relaxed);
    for (u32 i = 0; i < count; i++) {
        Endpoint candidate{at, static_cast<u16>(first + (from + i) % count), f.local.interface};
        auto taken = take_port(f, candidate, false);
        if (taken) return candidate.port;
        if (taken.error() != Errno::addrinuse) return std::unexpected(taken.error());
    }
    return err::addrinuse;
}

Result<> Flows::bind(Flow& f, const Endpoint& at) {
    if (at.port) return take_port(f, at, false);
    // A port that others share is not free, though they would share it.
    bool reuse = std::exchange(f.reuse_address, false), share = std::exchange(f.reuse_port, false);
    f.local.interface = at.interface;
    auto chosen = choose_port(f, at.address);
    f.reuse_address = reuse;
    f.reuse_port = share;
    return chosen ? Result<>{} : std::unexpected(chosen.error());
}

Result<> Flows::receive(Flow& f) {
    PortBucket& b = bucket_of(f.stack(), f.protocol(), f.local.port);
    Holding held{b.lock};
    Port* p = f.port_.load();
    if (f.receives_) return {};
    f.receives_ = true;
    if (p->conflicts(f, f.local)) {
        f.receives_ = false;
        return err::addrinuse;
    }
    p->others.erase(p->others.iterator_to(f));
    p->receivers.push_back(f);
    p->by_connect = false;
    return {};
}
void Flows::stop_receiving(Flow& f) {
    PortBucket& b = bucket_of(f.stack(), f.protocol(), f.local.port);
    Holding held{b.lock};
    if (!std::exchange(f.receives_, false)) return;
    Port* p = f.port_.load();
    p->receivers.erase(p->receivers.iterator_to(f));
    p->others.push_back(f);
}

/// Null: it is in. Else who is between these two already.
Ref<Flow> Flows::enter_pair(Flow& f) {
    PairBucket& b = bucket_of(f.stack(), f.protocol(), f.local, f.remote);
    Holding held{b.lock};
    for (Flow* other = b.first; other; other = other->next_)
        if (&other->stack_ == &f.stack_ && other->protocol_ == f.protocol_ && other->local.port == f.local.port &&
            other->remote.port == f.remote.port && other->local.address == f.local.address &&
            other->remote.address == f.remote.address && other->interface == f.interface)
            return Ref<Flow>::share(other);
    f.next_ = b.first;
    b.first = &f;
    f.connected_ = true;
    (void)Ref<Flow>::share(&f).release();
    return {};
}
/// What is left of an old connection may make way. False: it does not, or a connection is there.
bool Flows::enter_new_pair(Flow& f) {
    auto other = enter_pair(f);
    return !other || (other->make_way() && !enter_pair(f));
}
/// False: it was not there.
bool Flows::leave_pair(Flow& f) {
    PairBucket& b = bucket_of(f.stack(), f.protocol(), f.local, f.remote);
    Holding held{b.lock};
    if (!std::exchange(f.connected_, false)) return false;
    Flow** at = &b.first;
    while (*at != &f) at = &(*at)->next_;
    *at = f.next_;
    f.next_ = nullptr;
    return true;
}

/// Tries ports until one makes the pair a new one.
Result<> Flows::choose_and_connect(Flow& f) {
    auto& settings = f.stack().settings;
    u32 first = settings.first_port, count = settings.last_port - first + 1;
    u32 from = settings.next_port.fetch_add(static_cast<u32>(1 + rng::below(500)), std::memory_order_relaxed);
    for (u32 i = 0; i < count; i++) {
        Endpoint candidate{f.local.address, static_cast<u16>(first + (from + i) % count), f.local.interface};
        auto taken = take_port(f, candidate, true);
        if (!taken && taken.error() != Errno::addrinuse) return taken;
        if (!taken) continue;
        if (enter_new_pair(f)) return {};
        leave_port(f);
    }
    return err::addrnotavail;
}

Result<> Flows::connect(Flow& f, const Address& local, const Endpoint& remote) {
    disconnect(f);
    Endpoint before = f.local;
    f.local.address = local;
    f.remote = remote;
    auto entered = f.bound() ? (enter_new_pair(f) ? Result<>{} : Result<>{err::addrnotavail}) : choose_and_connect(f);
    if (entered) return {};
    f.local = before;
    f.remote = {};
    return entered;
}

void Flows::disconnect(Flow& f) {
    if (leave_pair(f)) Ref<Flow>::adopt(&f);
    f.remote = {};
}

Result<> Flows::enter(Flow& child, Flow& parent) {
    if (enter_pair(child)) return err::exist;
    PortBucket& b = bucket_of(parent.stack(), parent.protocol(), parent.local.port);
    Holding held{b.lock};
    Port* p = parent.port_.load();
    if (!p) return {}; // the parent goes, and its children with it
    p->others.push_back(child);
    (void)Ref<Flow>::share(&child).release();
    child.port_.store(p, std::memory_order_release);
    return {};
}

void Flows::replace(Flow& gone, Flow& by) {
    {
        PortBucket& b = bucket_of(gone.stack(), gone.protocol(), gone.local.port);
        Holding held{b.lock};
        if (Port* p = gone.port_.load()) {
            p->others.push_back(by);
            (void)Ref<Flow>::share(&by).release();
            by.port_.store(p, std::memory_order_release);
        }
    }
    if (leave_pair(gone)) Ref<Flow>::adopt(&gone);
    (void)enter_pair(by);
    leave_port(gone);
}

void Flows::leave_port(Flow& f) {
    Port* empty = nullptr;
    {
        PortBucket& b = bucket_of(f.stack(), f.protocol(), f.local.port);
        Holding held{b.lock};
        Port* p = f.port_.exchange(nullptr);
        if (!p) return;
        auto& list = f.receives_ ? p->receivers : p->others;
        list.erase(list.iterator_to(f));
        f.receives_ = false;
        if (p->receivers.empty() && p->others.empty()) {
            Port** at = &b.first;
            while (*at != p) at = &(*at)->next;
            *at = p->next;
            empty = p;
        }
    }
    delete empty;
    Ref<Flow>::adopt(&f);
}

void Flows::remove(Flow& f) {
    auto keep = Ref<Flow>::share(&f);
    if (leave_pair(f)) Ref<Flow>::adopt(&f);
    leave_port(f);
}

Ref<Flow> Flows::find(const Stack& stack, u8 protocol, const Endpoint& local, const Endpoint& remote, u32 interface) {
    PairBucket& b = bucket_of(stack, protocol, local, remote);
    Holding held{b.lock};
    for (Flow* f = b.first; f; f = f->next_)
        if (f->remote.port == remote.port && f->local.port == local.port && f->local.address == local.address &&
            f->remote.address == remote.address && &f->stack_ == &stack && f->protocol_ == protocol &&
            (!f->interface || f->interface == interface))
            return Ref<Flow>::share(f);
    return {};
}

/// Whether a receiver takes a packet, and how well it fits.
bool Flows::hears(const Flow& f, const Endpoint& local, const Endpoint& remote, u32 interface, unsigned& score) {
    score = local.address.is_v4() != f.v6; // one of the packet's own family comes first
    if (f.interface) {
        if (f.interface != interface) return false;
        score += 4;
    }
    if (f.remote.port) {
        if (f.remote.port != remote.port || f.remote.address != remote.address) return false;
        score += 8;
    }
    const Address& at = f.local.address;
    if (at == any_v4) return local.address.is_v4();
    if (at == any_v6) return !local.address.is_v4() || !f.v6_only;
    score += 2;
    return at == local.address;
}

Ref<Flow> Flows::find_receiver(const Stack& stack, u8 protocol, const Endpoint& local, const Endpoint& remote,
                               u32 interface) {
    PortBucket& b = bucket_of(stack, protocol, local.port);
    Holding held{b.lock};
    Port* p = find_port(b, stack, protocol, local.port);
    return p ? Ref<Flow>::share(best_of(p->receivers, local, remote, interface)) : Ref<Flow>{};
}

/// Under the port's lock.
Flow* Flows::best_of(List<Flow>& flows, const Endpoint& local, const Endpoint& remote, u32 interface) {
    Flow* best = nullptr;
    unsigned best_score = 0, sharing = 0;
    u64 hash = 0;
    for (Flow& f : flows) {
        unsigned score;
        if (!hears(f, local, remote, interface, score)) continue;
        if (!best || score > best_score) {
            best = &f;
            best_score = score;
            sharing = 1;
        } else if (score == best_score && f.reuse_port && best->reuse_port) {
            if (sharing == 1) hash = hash_of(f.stack(), f.protocol(), local, remote);
            if ((hash >> 8) % ++sharing == 0) best = &f;
        } else if (score == best_score) {
            best = &f; // the one that came last, as on Linux
        }
    }
    return best;
}

/// Under the port's lock.
void Flows::move_to(Flow& f, bool receivers) {
    Port* p = f.port_.load();
    auto& from = f.receives_ ? p->receivers : p->others;
    from.erase(from.iterator_to(f));
    (receivers ? p->receivers : p->others).push_back(f);
    f.receives_ = receivers;
}

/// In each moment a packet finds it: by its port, or by the pair.
void Flows::associate(Flow& f, const Address& local, const Endpoint& remote) {
    PortBucket& b = bucket_of(f.stack(), f.protocol(), f.local.port);
    {
        Holding held{b.lock};
        move_to(f, true);
    }
    if (leave_pair(f)) Ref<Flow>::adopt(&f);
    {
        Holding held{b.lock};
        f.local.address = local;
        f.remote = remote;
    }
    if (!remote.port || local.unspecified() || !enter_pair(f)) return; // several may have the same two ends
    Holding held{b.lock};
    move_to(f, false);
}

Ref<Flow> Flows::find_datagrams(const Stack& stack, u8 protocol, const Endpoint& local, const Endpoint& remote,
                                u32 interface) {
    {
        PortBucket& b = bucket_of(stack, protocol, local.port);
        Holding held{b.lock};
        Port* p = find_port(b, stack, protocol, local.port);
        if (!p) return {};
        if (p->others.empty()) return Ref<Flow>::share(best_of(p->receivers, local, remote, interface));
        if (p->receivers.empty() && std::next(p->others.begin()) == p->others.end())
            return Ref<Flow>::share(best_of(p->others, local, remote, interface));
    }
    if (auto one = find(stack, protocol, local, remote, interface)) return one;
    return find_receiver(stack, protocol, local, remote, interface);
}

Ref<Flow> Flows::next_receiver(const Stack& stack, u8 protocol, const Endpoint& local, const Endpoint& remote,
                               u32 interface, const Flow* after) {
    PortBucket& b = bucket_of(stack, protocol, local.port);
    Holding held{b.lock};
    Port* p = find_port(b, stack, protocol, local.port);
    if (!p) return {};
    bool passed = !after;
    for (auto* list : {&p->receivers, &p->others}) {
        for (Flow& f : *list) {
            unsigned score;
            if (passed && hears(f, local, remote, interface, score)) return Ref<Flow>::share(&f);
            if (&f == after) passed = true;
        }
    }
    return {};
}
} // namespace net::inet
