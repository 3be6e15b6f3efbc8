// Routes: which way leads to an address, by the longest prefix; and which address packets that go there come from.
#pragma once
#include "lib/memory.h"
#include "net/stack/address.h"

namespace net {
/// What happens to what a route leads to.
enum class RouteKind : u8 {
    unicast,     // by an interface, through a gateway or on the link
    local,       // to this machine
    broadcast,   // to everybody on the link
    multicast,   // to a group
    unreachable, // err::hostunreach
    prohibit,    // err::acces
    blackhole,   // dropped: err::inval
};

struct Route {
    Prefix destination;
    Address gateway;   // unspecified: the destination is on the link
    Address source;    // preferred; unspecified: chosen among the interface's
    u32 interface = 0; // 0: none, for kinds that lead nowhere
    u32 metric = 0;    // less is better
    u32 mtu = 0;       // 0: the interface's
    RouteKind kind = RouteKind::unicast;
    u8 scope = 0; // RT_SCOPE_*, RTPROT_*: kept for who lists them
    u8 protocol = 0;
};

/// A tree by bits of the prefix with compressed paths: a lookup passes at most one node for each bit, and in practice a
/// few, however many routes there are. Not locked.
class RouteTable {
public:
    static constexpr usize most_routes = 65536;
    RouteTable() = default;
    RouteTable(const RouteTable&) = delete;
    ~RouteTable();

    /// err::exist: there is one with this destination, metric and interface; err::nospc; err::nomem.
    Result<> add(const Route&);
    /// Removes the first that equals in destination, kind, and in metric, interface and gateway where they are given
    /// (not 0); returns it. err::srch: none.
    Result<Route> remove(const Route&);
    /// Removes all routes by an interface: it goes.
    void remove_interface(u32 interface);
    /// The best route to an address, by `interface` only where that is not 0; null: none. Valid until the table
    /// changes.
    const Route* find(const Address&, u32 interface = 0) const;
    /// The route that remove() would take; null: none.
    const Route* exact(const Route&) const;
    usize size() const { return size_; }
    /// Calls f(const Route&) for each, in the order of their prefixes.
    template <class F>
    void for_each(F f) const {
        visit(root_.get(), f);
    }

private:
    struct Entry {
        Route route;
        Box<Entry> next; // with the same destination, by metric
    };
    struct Node {
        Prefix prefix;
        Box<Entry> routes;     // none: only a fork
        Box<Node> children[2]; // by the first bit behind the prefix
    };
    template <class F>
    static void visit(const Node* n, F& f) {
        if (!n) return;
        for (const Entry* e = n->routes.get(); e; e = e->next.get()) f(e->route);
        visit(n->children[0].get(), f); // as deep as an address has bits
        visit(n->children[1].get(), f);
    }
    Result<Node*> node_for(const Prefix&);
    void prune(const Prefix&);
    void prune_below(Box<Node>&, u32 interface);

    Box<Node> root_;
    usize size_ = 0;
};
} // namespace net
