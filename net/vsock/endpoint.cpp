#include "net/vsock/endpoint.h"
#include "core/rng/rng.h"
#include "core/work/work.h"
#include <algorithm>
#include <linux/eventpoll.h>

namespace vsock {
namespace {
constexpr u32 first_free_port = 1024;
constexpr usize buckets = 64;
struct Bucket {
    Spinlock<Rank::socket_ports> lock;
    Endpoint* first = nullptr;
};
constinit Bucket bound[buckets], entered[buckets];
constinit std::atomic<Transport*> way_out = nullptr;

Bucket& bound_bucket(u32 port) { return bound[port % buckets]; }
Bucket& entered_bucket(u32 port, const Name& peer) {
    return entered[(port * 31 + peer.cid * 7 + peer.port) * 0x9e37'79b9u >> 26];
}

bool is_root(const NetworkNamespace& n) { return &n == View::root().network.get(); }

/// Answers what nobody takes.
void refuse(const Header& h, NetworkNamespace& in, bool here) {
    Header answer;
    auto p = net::Packet::create();
    if (!Connection::refuse(h, answer) || !p || !(*p)->push_header(answer)) return;
    if (here)
        send_here(std::move(*p), in);
    else if (Transport* out = transport())
        out->send(std::move(*p));
}

/// What goes to sockets of this machine waits here: nobody calls himself.
class Loopback final : public Work {
public:
    void send(net::PacketBox p) {
        queue_.lock()->push(std::move(p));
        queue();
    }

private:
    bool run(unsigned budget) override {
        while (budget--) {
            net::PacketBox p = queue_.lock()->pop();
            if (!p) return false;
            Ref<NetworkNamespace> in = std::move(p->arrives_in);
            Endpoint::arrived(std::move(p), *in, true);
        }
        return true;
    }
    Guarded<net::PacketQueue, Spinlock<Rank::network_queue>> queue_;
};
[[clang::no_destroy]] constinit Loopback loopback;
} // namespace

Result<> set_transport(Transport& t) {
    Transport* none = nullptr;
    return way_out.compare_exchange_strong(none, &t, std::memory_order_acq_rel) ? Result<>{} : err::busy;
}
Transport* transport() { return way_out.load(std::memory_order_acquire); }
void received(net::PacketBox p) { Endpoint::arrived(std::move(p), *View::root().network, false); }
void transport_was_reset() { Endpoint::reset_all(); }
void send_here(net::PacketBox p, NetworkNamespace& in) {
    p->arrives_in = Ref<NetworkNamespace>::share(&in);
    loopback.send(std::move(p));
}

Endpoint::Endpoint(WireType t, View& view) : network{view.network}, payer{view.cgroup}, type{t} {}
Endpoint::Endpoint(WireType t, const Endpoint& of) : network{of.network}, payer{of.payer}, type{t} {
    options.inherit(of.options);
    buffer = of.buffer, buffer_least = of.buffer_least, buffer_most = of.buffer_most;
    connect_timeout_ns = of.connect_timeout_ns;
}

Result<> Endpoint::bind(const Name& name, bool privileged) {
    if (bound_) return err::inval;
    bool own = name.cid == cid_any || name.cid == cid_local ||
               (is_root(*network) && transport() && name.cid == transport()->cid());
    if (!own) return err::addrnotavail;
    if (name.port != port_any && name.port < first_free_port && !privileged) return err::acces;
    for (unsigned tries = 0; tries < 1000; tries++) {
        u32 port = name.port != port_any
                       ? name.port
                       : first_free_port + static_cast<u32>(rng::below(0x7fff'ffff - first_free_port));
        Bucket& b = bound_bucket(port);
        Holding held{b.lock};
        Endpoint* at = b.first;
        while (at && !(at->local.port == port && at->network == network)) at = at->next_bound_;
        if (at && name.port != port_any) return err::addrinuse;
        if (at) continue;
        local = {name.cid, port};
        next_bound_ = std::exchange(b.first, this);
        (void)Ref<Endpoint>::share(this).release();
        bound_ = true;
        return {};
    }
    return err::addrnotavail;
}

Result<> Endpoint::listen(u32 backlog) {
    if (!bound_ || (phase != Phase::idle && phase != Phase::listening)) return err::inval;
    phase = Phase::listening;
    backlog_ = backlog;
    return {};
}

Result<> Endpoint::connect(const Name& to) {
    switch (phase) {
    case Phase::connected: return err::isconn;
    case Phase::connecting: return err::already;
    case Phase::listening: return err::inval;
    default: break;
    }
    Transport* out = is_root(*network) ? transport() : nullptr;
    bool here = to.cid == cid_local || (out && to.cid == out->cid());
    if (!here && (!out || to.cid > cid_host)) return err::nodev;
    if (!here && type == wire_seqpacket && !out->carries_messages()) return err::socktnosupport;
    leave_entered(); // it has failed before
    here_ = here;
    own_cid_ = here ? to.cid : out->cid();
    peer = to;
    connection.emplace(type, static_cast<u32>(buffer));
    phase = Phase::connecting;
    Bucket& b = entered_bucket(local.port, peer);
    {
        Holding held{b.lock};
        next_entered_ = std::exchange(b.first, this);
        (void)Ref<Endpoint>::share(this).release();
        entered_ = true;
        lost_ = false;
    }
    connection->ask(*this);
    return {};
}

void Endpoint::send(const Header& h) { transmit(h, {}); }

void Endpoint::transmit(const Header& from, net::PacketBox data) {
    Header h = from;
    h.source_cid = own_cid_;
    h.source_port = local.port;
    h.destination_cid = peer.cid;
    h.destination_port = peer.port;
    if (!data) {
        auto made = net::Packet::create();
        if (!made) return; // as lost
        data = std::move(*made);
    }
    if (!data->push_header(h)) return;
    if (here_)
        send_here(std::move(data), *network);
    else if (Transport* out = transport())
        out->send(std::move(data));
}

void Endpoint::set_buffer(u32 n) {
    buffer = n;
    if (connection) connection->set_buffer(n, *this);
}

Ref<Endpoint> Endpoint::accept() {
    if (!first_pending_) return {};
    Ref<Endpoint> first = std::move(first_pending_);
    first_pending_ = std::move(first->next_pending_);
    pending_--;
    return first;
}

void Endpoint::over(Errno error) {
    if (phase == Phase::connecting && error != Errno{}) options.error = static_cast<int>(error);
    phase = Phase::over;
    changed.notify_all();
}

namespace {
/// Takes an endpoint out of a bucket; the bucket's reference.
Ref<Endpoint> leave(Bucket& b, Endpoint& e, Endpoint* Endpoint::* next) {
    Holding held{b.lock};
    Endpoint** at = &b.first;
    while (*at != &e) at = &((*at)->*next);
    *at = e.*next;
    return Ref<Endpoint>::adopt(&e);
}
} // namespace

Ref<Endpoint> Endpoint::leave_entered() {
    if (!std::exchange(entered_, false)) return {};
    return leave(entered_bucket(local.port, peer), *this, &Endpoint::next_entered_);
}

void Endpoint::close() {
    Ref<Endpoint> waiting, from_bound, from_entered; // they go after the lock
    {
        Holding held{lock};
        if (connection) {
            connection->shut_down(no_more_receives | no_more_sends, *this);
            connection->reset(*this);
        }
        phase = Phase::over;
        waiting = std::move(first_pending_);
        pending_ = 0;
        if (std::exchange(bound_, false)) from_bound = leave(bound_bucket(local.port), *this, &Endpoint::next_bound_);
        from_entered = leave_entered();
    }
    while (waiting) {
        waiting->close();
        waiting = std::move(waiting->next_pending_);
    }
}

bool Endpoint::is_between(const NetworkNamespace& in, const Header& h) const {
    return network == &in && local.port == h.destination_port && peer.port == h.source_port && peer.cid == h.source_cid;
}

void Endpoint::arrived(net::PacketBox p, NetworkNamespace& in, bool here) {
    auto h = net::Reader{*p}.take<Header>();
    if (!h || h->length != p->size() - sizeof *h) return;
    p->trim_front(sizeof *h);
    Name from{static_cast<u32>(h->source_cid), h->source_port};
    Ref<Endpoint> to;
    {
        Bucket& b = entered_bucket(h->destination_port, from);
        Holding held{b.lock};
        Endpoint* e = b.first;
        while (e && !(e->is_between(in, *h) && e->here_ == here)) e = e->next_entered_;
        to = Ref<Endpoint>::share(e);
    }
    if (to) return to->take(*h, *p);
    if (h->operation == op_request) {
        Bucket& b = bound_bucket(h->destination_port);
        Holding held{b.lock};
        Endpoint* e = b.first;
        while (e && !(e->network == &in && e->local.port == h->destination_port)) e = e->next_bound_;
        to = Ref<Endpoint>::share(e);
    }
    to ? to->take_request(*h, here) : refuse(*h, in, here);
}

/// Somebody wants to connect to a listener.
void Endpoint::take_request(const Header& h, bool here) {
    Charging charging{*payer->account};
    auto made = make_ref<Endpoint>(type, *this);
    Name from{static_cast<u32>(h.source_cid), h.source_port};
    Holding held{lock};
    bool takes = made && phase == Phase::listening && pending_ < std::max(backlog_, 1u) && h.type == type &&
                 from.port != port_any;
    if (!takes) return refuse(h, *network, here);
    Endpoint& child = **made;
    child.lock.lock_second(); // nobody knows it yet
    child.local = {static_cast<u32>(h.destination_cid), h.destination_port};
    child.peer = from;
    child.own_cid_ = static_cast<u32>(h.destination_cid);
    child.here_ = here;
    child.connection.emplace(type, static_cast<u32>(child.buffer));
    child.phase = Phase::connected;
    {
        Bucket& b = entered_bucket(child.local.port, from);
        Holding in{b.lock};
        child.next_entered_ = std::exchange(b.first, &child);
        (void)Ref<Endpoint>{*made}.release();
        child.entered_ = true;
    }
    child.connection->accept(h, child);
    child.lock.unlock_second();
    Ref<Endpoint>* last = &first_pending_;
    while (*last) last = &(*last)->next_pending_;
    *last = std::move(*made);
    pending_++;
    changed.notify_one(EPOLLIN | EPOLLRDNORM);
}

/// err::nomem: what is there of it is of no message, and never read.
Result<> Endpoint::keep(const Header& h, const net::Packet& p) {
    bool ends = h.flags & end_of_message;
    if (type == wire_seqpacket) {
        if (!h.length && !(ends && in_message)) return {}; // nothing: credit does not count it
        Part part{h.length, h.flags};
        TRY(bytes.append(std::as_bytes(std::span{&part, 1})));
    }
    Result<> kept;
    p.for_each(0, h.length, [&](std::span<const std::byte> some) {
        if (kept) kept = bytes.append(some);
    });
    if (!kept || type == wire_stream) return kept;
    in_message = !ends;
    messages += ends;
    return {};
}

void Endpoint::take(const Header& h, const net::Packet& p) {
    Charging charging{*payer->account};
    Holding held{lock};
    if (!connection || phase == Phase::over) return;
    u8 events = connection->received(h, *this);
    if (events & Connection::data && !keep(h, p)) {
        connection->reset(*this);
        events |= Connection::was_reset;
    }
    if (events & Connection::was_reset) return over(Errno::connreset);
    if (events & Connection::established) {
        phase = Phase::connected;
        return changed.notify_all();
    }
    if (events & (Connection::data | Connection::ended))
        changed.notify_all(EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT);
    if (events & Connection::room) changed.notify_all(EPOLLOUT | EPOLLWRNORM);
}

void Endpoint::reset_all() {
    for (Bucket& b : entered)
        for (;;) {
            Ref<Endpoint> found;
            {
                Holding held{b.lock};
                Endpoint* e = b.first;
                while (e && (e->here_ || e->lost_)) e = e->next_entered_;
                if (!e) break;
                e->lost_ = true;
                found = Ref<Endpoint>::share(e);
            }
            Holding held{found->lock};
            if (found->entered_ && found->lost_) found->over(Errno::connreset);
        }
}
} // namespace vsock
