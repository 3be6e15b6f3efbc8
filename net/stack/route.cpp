#include "net/stack/route.h"

namespace net {
namespace {
unsigned bit(const Address& a, unsigned i) { return a.bytes[i / 8] >> (7 - i % 8) & 1; }

bool matches(const Route& have, const Route& wanted) {
    return have.kind == wanted.kind && (!wanted.metric || have.metric == wanted.metric) &&
           (!wanted.interface || have.interface == wanted.interface) &&
           (wanted.gateway.unspecified() || have.gateway == wanted.gateway);
}
} // namespace

RouteTable::~RouteTable() = default; // no deeper than an address has bits

/// The node of a prefix, made with its fork if need be.
Result<RouteTable::Node*> RouteTable::node_for(const Prefix& prefix) {
    Box<Node>* at = &root_;
    while (Node* n = at->get()) {
        unsigned common = common_prefix(n->prefix.address, prefix.address);
        if (common >= n->prefix.length) {
            if (n->prefix.length == prefix.length) return n;
            if (n->prefix.length < prefix.length) {
                at = &n->children[bit(prefix.address, n->prefix.length)];
                continue;
            }
        }
        unsigned length = common < prefix.length ? common : prefix.length; // shorter than n's
        auto made = TRY(make<Node>());
        made->prefix = prefix;
        Node* result = made.get();
        Box<Node> upper;
        if (length == prefix.length) {
            upper = std::move(made);
        } else {
            upper = TRY(make<Node>());
            upper->prefix = prefix;
            upper->prefix.length = static_cast<u8>(length);
            upper->children[bit(prefix.address, length)] = std::move(made);
        }
        upper->children[bit(n->prefix.address, length)] = std::move(*at);
        *at = std::move(upper);
        return result;
    }
    *at = TRY(make<Node>());
    (*at)->prefix = prefix;
    return at->get();
}

Result<> RouteTable::add(const Route& route) {
    if (size_ == most_routes) return err::nospc;
    auto entry = TRY(make<Entry>());
    entry->route = route;
    Node* n = TRY(node_for(route.destination));
    Box<Entry>* at = &n->routes;
    for (; *at && (*at)->route.metric <= route.metric; at = &(*at)->next) {
        const Route& have = (*at)->route;
        if (have.metric == route.metric && have.interface == route.interface && have.kind == route.kind)
            return err::exist;
    }
    entry->next = std::move(*at);
    *at = std::move(entry);
    size_++;
    return {};
}

Result<Route> RouteTable::remove(const Route& route) {
    Box<Node>* at = &root_;
    while (*at && (*at)->prefix.length < route.destination.length)
        at = &(*at)->children[bit(route.destination.address, (*at)->prefix.length)];
    if (!*at || (*at)->prefix.length != route.destination.length || !(*at)->prefix.contains(route.destination.address))
        return err::srch;
    Box<Entry>* e = &(*at)->routes;
    while (*e && !matches((*e)->route, route)) e = &(*e)->next;
    if (!*e) return err::srch;
    Route gone = (*e)->route;
    *e = std::move((*e)->next);
    size_--;
    prune(route.destination);
    return gone;
}

const Route* RouteTable::exact(const Route& route) const {
    const Node* n = root_.get();
    while (n && n->prefix.length < route.destination.length)
        n = n->children[bit(route.destination.address, n->prefix.length)].get();
    if (!n || n->prefix != route.destination) return nullptr;
    for (const Entry* e = n->routes.get(); e; e = e->next.get())
        if (matches(e->route, route)) return &e->route;
    return nullptr;
}

/// Takes out nodes that hold nothing and are no forks, on the way to a prefix.
void RouteTable::prune(const Prefix& prefix) {
    Box<Node>* path[130];
    unsigned depth = 0;
    for (Box<Node>* at = &root_; *at && depth < std::size(path);) {
        path[depth++] = at;
        if ((*at)->prefix.length >= prefix.length) break;
        at = &(*at)->children[bit(prefix.address, (*at)->prefix.length)];
    }
    while (depth) {
        Box<Node>& n = *path[--depth];
        if (n->routes || (n->children[0] && n->children[1])) continue;
        Box<Node> only = std::move(n->children[n->children[0] ? 0 : 1]);
        n = std::move(only);
    }
}

void RouteTable::remove_interface(u32 interface) { prune_below(root_, interface); }

void RouteTable::prune_below(Box<Node>& n, u32 interface) {
    if (!n) return;
    for (Box<Entry>* e = &n->routes; *e;) {
        if ((*e)->route.interface != interface) {
            e = &(*e)->next;
            continue;
        }
        *e = std::move((*e)->next);
        size_--;
    }
    prune_below(n->children[0], interface);
    prune_below(n->children[1], interface);
    if (n->routes || (n->children[0] && n->children[1])) return;
    Box<Node> only = std::move(n->children[n->children[0] ? 0 : 1]);
    n = std::move(only);
}

const Route* RouteTable::find(const Address& to, u32 interface) const {
    const Route* best = nullptr;
    const bool v4 = to.is_v4();
    for (const Node* n = root_.get(); n && n->prefix.contains(to);) {
        // IPv6's default route leads to no IPv4 address.
        for (const Entry* e = v4 && n->prefix.length < 96 ? nullptr : n->routes.get(); e; e = e->next.get()) {
            if (interface && e->route.interface && e->route.interface != interface) continue;
            best = &e->route;
            break;
        }
        n = n->prefix.length < 128 ? n->children[bit(to, n->prefix.length)].get() : nullptr;
    }
    return best;
}
} // namespace net
