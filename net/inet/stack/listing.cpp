// What is told of a network to who lists it.
#include "core/time/clock.h"
#include "net/inet/stack/ethernet.h"

namespace net::inet {
constinit std::atomic<void (*)(Stack&, const NetworkChange&)> Stack::watcher = nullptr;

Ref<Interface> Stack::next(u32 index) {
    Holding held{lock_};
    auto at = interfaces_.upper_bound(index);
    return at == interfaces_.end() ? Ref<Interface>{} : Ref<Interface>::share(&*at);
}

FixedString<IFNAMSIZ - 1> Stack::name_of(const Interface& i) {
    Holding held{lock_};
    return i.name;
}

Result<> Stack::rename(Interface& i, std::string_view name) {
    bool good = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != "..";
    for (char c : name) good = good && c != '/' && c != ':' && c != '%' && !(c == ' ' || (c >= '\t' && c <= '\r'));
    if (!good) return err::inval;
    Holding configuring{configuration_};
    {
        Holding held{lock_};
        Interface* other = by_name(name);
        if (other && other != &i) return err::exist;
        i.name.assign(name);
    }
    tell({NetworkChange::link, &i});
    return {};
}

Result<Vector<InterfaceAddress>> Stack::addresses_of(const Interface& i) {
    Vector<InterfaceAddress> copy;
    for (usize n = 4;; n = n * 2) {
        TRY(copy.reserve(n)); // without the lock
        Holding held{lock_};
        if (i.addresses.size() > n) continue;
        for (const auto& a : i.addresses) TRY(copy.push(a));
        return copy;
    }
}

bool Stack::has(const Route& r) {
    Holding held{lock_};
    return routes_.exact(r) != nullptr;
}

usize Stack::routes(usize skip, std::span<Route> to) {
    usize at = 0, n = 0;
    for_each_route([&](const Route& r) {
        if (at++ >= skip && n < to.size()) to[n++] = r;
    });
    return n;
}

Result<Vector<NeighbourTable::Entry>> EthernetInterface::neighbours() {
    Vector<NeighbourTable::Entry> copy;
    for (usize n = 16;; n = n * 2) {
        TRY(copy.reserve(n)); // without the lock
        auto table = neighbours_.lock();
        if (table->size() > n) continue;
        table->for_each([&](const NeighbourTable::Entry& e) { (void)copy.push(e); });
        return copy;
    }
}
} // namespace net::inet
