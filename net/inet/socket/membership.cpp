#include "net/inet/socket/membership.h"

namespace net::inet {
Result<Ref<Interface>> Memberships::interface_for(Stack& stack, const Request& r) {
    u32 index = r.interface;
    if (!index && !r.by.unspecified()) {
        index = stack.interface_of(r.by);
    } else if (!index) {
        auto path = stack.route(r.group, {}, 0);
        if (path) return path->out;
    }
    auto found = index ? stack.find(index) : Ref<Interface>{};
    return found ? Result<Ref<Interface>>{std::move(found)} : err::nodev;
}

Memberships::Membership* Memberships::find(const Address& group, u32 interface) {
    for (Membership& m : all_)
        if (m.group == group && m.interface == interface) return &m;
    return nullptr;
}

Result<> Memberships::join(Stack& stack, const Request& r, bool include) {
    if (!r.group.multicast()) return err::inval;
    auto interface = TRY(interface_for(stack, r));
    if (find(r.group, interface->index())) return err::addrinuse;
    usize same = 0;
    for (const Membership& m : all_) same += m.group.is_v4() == r.group.is_v4();
    if (same >= (r.group.is_v4() ? most_v4 : most_v6)) return err::nobufs;
    TRY(stack.join(*interface, r.group));
    auto added = [&] {
        Holding held{lock_};
        return all_.push({r.group, r.by, interface->index(), include, {}});
    }();
    if (!added) stack.leave(*interface, r.group);
    return added;
}

Result<> Memberships::remove(Stack& stack, usize at) {
    Membership gone = std::move(all_[at]);
    {
        Holding held{lock_};
        all_.erase(at);
    }
    if (auto interface = stack.find(gone.interface)) stack.leave(*interface, gone.group);
    return {};
}

Result<> Memberships::leave(Stack& stack, const Request& r) {
    u32 index = r.interface;
    if (auto interface = interface_for(stack, r))
        index = (*interface)->index();
    else if (!index && r.by.unspecified())
        return err::nodev;
    for (usize i = 0; i < all_.size(); i++) {
        const Membership& m = all_[i];
        if (m.group != r.group) continue;
        if (index ? m.interface != index : !r.by.unspecified() && m.by != r.by) continue;
        return remove(stack, i);
    }
    return err::addrnotavail;
}

Result<> Memberships::change_source(Stack& stack, const Request& r, const Address& source, bool include, bool add) {
    if (!r.group.multicast()) return err::inval;
    u32 index = TRY(interface_for(stack, r))->index();
    Membership* m = find(r.group, index);
    if (!m) return err::inval;
    if (m->include != include) {
        if (!m->sources.empty()) return err::inval;
        Holding held{lock_};
        m->include = include; // an empty list may change its kind
    }
    usize at = 0;
    while (at < m->sources.size() && m->sources[at] != source) at++;
    bool there = at < m->sources.size();
    if (there == add) return err::addrnotavail;
    if (add && m->sources.size() >= most_sources) return err::nobufs;
    if (!add && include && m->sources.size() == 1) return remove(stack, static_cast<usize>(m - all_.data()));
    Holding held{lock_};
    if (add) return m->sources.push(source);
    m->sources.erase(at);
    return {};
}

Result<> Memberships::set_sources(Stack& stack, const Request& r, bool include, Vector<Address> sources) {
    if (!r.group.multicast()) return err::inval;
    u32 index = TRY(interface_for(stack, r))->index();
    Membership* m = find(r.group, index);
    if (include && sources.empty()) return m ? remove(stack, static_cast<usize>(m - all_.data())) : err::addrnotavail;
    if (!m) return err::inval;
    if (sources.size() > most_sources) return err::nobufs;
    Holding held{lock_};
    m->include = include;
    std::swap(m->sources, sources);
    return {};
}

Result<Memberships::Filter> Memberships::sources(Stack& stack, const Request& r) {
    if (!r.group.multicast()) return err::inval;
    u32 index = TRY(interface_for(stack, r))->index();
    Membership* m = find(r.group, index);
    if (!m) return err::addrnotavail;
    Filter told{m->include, {}};
    TRY(told.sources.append(m->sources));
    return told;
}

void Memberships::leave_all(Stack& stack) {
    while (!all_.empty()) (void)remove(stack, all_.size() - 1);
}

bool Memberships::hear(const Address& group, const Address& source, u32 interface, bool all) const {
    Holding held{lock_};
    for (const Membership& m : all_) {
        if (m.group != group || (group.is_v4() && m.interface != interface)) continue;
        for (const Address& s : m.sources)
            if (s == source) return m.include;
        return !m.include;
    }
    return all;
}
} // namespace net::inet
