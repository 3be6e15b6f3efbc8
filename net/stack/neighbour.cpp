#include "net/stack/neighbour.h"

namespace net {
NeighbourTable::Neighbour* NeighbourTable::lookup(const Address& a) const {
    auto& table = const_cast<Table&>(by_address_);
    auto at = table.find(a);
    return at == table.end() ? nullptr : &*at;
}

std::optional<NeighbourTable::Entry> NeighbourTable::find(const Address& a) const {
    if (const Neighbour* n = lookup(a)) return *n;
    return std::nullopt;
}

/// Makes room: what was not used for longest goes; while packets wait for an answer, an entry stays.
bool NeighbourTable::evict(u64 now) {
    Neighbour* oldest = nullptr;
    for (Neighbour& n : by_address_) {
        bool settled = n.state == Reachability::stale || n.state == Reachability::failed ||
                       (n.state == Reachability::reachable && now > n.confirmed + times.reachable);
        if (settled && (!oldest || n.used < oldest->used)) oldest = &n;
    }
    if (oldest) drop(*oldest);
    return oldest != nullptr;
}

Result<NeighbourTable::Neighbour*> NeighbourTable::enter(const Address& a, u64 now) {
    if (unresolved_ >= most / 2) return err::nobufs; // somebody walks through addresses that nobody has
    if (size_ == most && !evict(now)) return err::nobufs;
    auto n = TRY(make<Neighbour>());
    n->address = a;
    n->state = Reachability::incomplete;
    n->used = n->updated = now;
    n->confirmed = 0;
    n->router = false;
    unresolved_++;
    size_++;
    by_address_.insert(*n);
    return n.release();
}

void NeighbourTable::drop(Neighbour& n) {
    if (n.state == Reachability::incomplete) unresolved_--;
    by_address_.erase(by_address_.iterator_to(n));
    size_--;
    delete &n;
}

bool NeighbourTable::remove(const Address& a) {
    Neighbour* n = lookup(a);
    if (n) drop(*n);
    return n != nullptr;
}

void NeighbourTable::clear() {
    by_address_.clear_and_dispose([](Neighbour* n) { delete n; });
    size_ = unresolved_ = 0;
}

void NeighbourTable::arm(Neighbour& n, u64 at) {
    n.next = at;
    if (at < deadline_) deadline_ = at;
}

void NeighbourTable::wait_for(Neighbour& n, PacketBox p, Output& out) {
    while (!n.waiting.empty() && n.waiting.true_size() + p->true_size() > most_waiting)
        out.unreachable(n.waiting.pop()); // the oldest (RFC 4861, 7.2.2)
    n.waiting.push(std::move(p));
}

void NeighbourTable::begin(Neighbour& n, u64 now, Output& out) {
    n.probes = 1;
    arm(n, now + times.retransmit);
    out.solicit(n.address, std::nullopt);
}

void NeighbourTable::send(PacketBox p, const Address& next_hop, u64 now, Output& out) {
    Neighbour* n = lookup(next_hop);
    if (!n) {
        auto made = enter(next_hop, now);
        if (!made) return out.unreachable(std::move(p));
        n = *made;
        wait_for(*n, std::move(p), out);
        return begin(*n, now, out);
    }
    n->used = now;
    switch (n->state) {
    case Reachability::incomplete: return wait_for(*n, std::move(p), out);
    case Reachability::failed: return out.unreachable(std::move(p));
    case Reachability::reachable:
        if (now <= n->confirmed + times.reachable) break;
        [[fallthrough]];
    case Reachability::stale:
        n->state = Reachability::delay;
        n->updated = now;
        arm(*n, now + times.delay);
        break;
    default: break;
    }
    out.transmit(std::move(p), n->link);
}

void NeighbourTable::became_reachable(Neighbour& n, u64 now) {
    n.state = Reachability::reachable;
    n.confirmed = n.updated = now;
    n.next = ~u64{0};
}

/// The link address is there: whoever waited goes.
void NeighbourTable::known(Neighbour& n, const LinkAddress& link, Reachability state, u64 now, Output& out) {
    if (n.state == Reachability::incomplete) unresolved_--;
    n.link = link;
    n.state = state;
    n.updated = now;
    n.next = ~u64{0};
    if (state == Reachability::reachable) n.confirmed = now;
    while (auto p = n.waiting.pop()) out.transmit(std::move(p), link);
}

void NeighbourTable::heard(const Address& a, const LinkAddress& link, u64 now, Output& out) {
    if (!link.valid_unicast()) return;
    Neighbour* n = lookup(a);
    if (!n) {
        auto made = enter(a, now);
        if (!made) return;
        n = *made;
    } else if (n->state == Reachability::permanent ||
               (n->link == link && n->state != Reachability::incomplete && n->state != Reachability::failed)) {
        return;
    }
    known(*n, link, Reachability::stale, now, out);
}

void NeighbourTable::advertised(const Address& a, const std::optional<LinkAddress>& link, Advertised says, u64 now,
                                Output& out) {
    Neighbour* n = lookup(a);
    if (!n || n->state == Reachability::permanent || (link && !link->valid_unicast())) return;
    if (n->state == Reachability::incomplete || n->state == Reachability::failed) {
        if (!link) return;
        n->router = says.router;
        return known(*n, *link, says.solicited ? Reachability::reachable : Reachability::stale, now, out);
    }
    bool differs = link && *link != n->link;
    if (differs && !says.override_old) {
        if (n->state == Reachability::reachable) n->state = Reachability::stale;
        return;
    }
    if (differs) known(*n, *link, Reachability::stale, now, out);
    if (says.solicited) became_reachable(*n, now);
    n->router = says.router;
}

void NeighbourTable::confirm(const Address& a, u64 now) {
    Neighbour* n = lookup(a);
    if (n && n->state >= Reachability::reachable && n->state <= Reachability::probe) became_reachable(*n, now);
}

Result<> NeighbourTable::set(const Address& a, const LinkAddress& link, Reachability state, u64 now, Output& out) {
    Neighbour* n = lookup(a);
    if (!n) n = TRY(enter(a, now));
    known(*n, link, state, now, out);
    return {};
}

void NeighbourTable::give_up(Neighbour& n, u64 now, Output& out) {
    if (n.state == Reachability::incomplete) unresolved_--;
    n.state = Reachability::failed;
    n.updated = now;
    arm(n, now + times.retransmit * times.multicast_probes); // then somebody may ask again
    while (auto p = n.waiting.pop()) out.unreachable(std::move(p));
}

void NeighbourTable::expired(Neighbour& n, u64 now, Output& out) {
    n.next = ~u64{0};
    switch (n.state) {
    case Reachability::incomplete:
        if (n.probes >= times.multicast_probes) return give_up(n, now, out);
        n.probes++;
        arm(n, now + times.retransmit);
        return out.solicit(n.address, std::nullopt);
    case Reachability::delay:
        n.state = Reachability::probe;
        n.probes = 0;
        [[fallthrough]];
    case Reachability::probe:
        if (n.probes >= times.unicast_probes) return give_up(n, now, out);
        n.probes++;
        arm(n, now + times.retransmit);
        return out.solicit(n.address, n.link);
    default: return;
    }
}

void NeighbourTable::timer(u64 now, Output& out) {
    deadline_ = ~u64{0};
    for (auto at = by_address_.begin(); at != by_address_.end();) {
        Neighbour& n = *at++;
        if (n.next <= now) {
            if (n.state == Reachability::failed) {
                drop(n);
                continue;
            }
            expired(n, now, out);
        }
        if (n.next < deadline_) deadline_ = n.next;
    }
}
} // namespace net
