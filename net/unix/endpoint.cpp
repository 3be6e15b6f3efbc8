#include "net/unix/endpoint.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "kernel/views/view.h"
#include "net/unix/collector.h"
#include "net/unix/names.h"

namespace unix_sockets {
PeerCredentials PeerCredentials::of_caller() {
    Caller* who = Caller::current();
    if (!who) return {};
    return {sockets::Identity::of_caller(true), Ref<const Credentials>::share(&who->credentials())};
}

Endpoint::Endpoint(int t, Ref<NetworkNamespace> where) : type{static_cast<u8>(t)}, network{std::move(where)} {
    if (!connection_based()) most_queued = sockets::settings.most_datagrams.load(std::memory_order_relaxed);
    enlist();
}
Endpoint::~Endpoint() {
    unlist();
    forget(*this);
}
Result<Ref<Endpoint>> Endpoint::create(int type) {
    Caller* who = Caller::current();
    return make_ref<Endpoint>(type, (who ? who->view() : View::root()).network);
}
bool Endpoint::connection_based() const { return type != sockets::sock_dgram; }

void Endpoint::push(Packet* p) {
    (last_ ? last_->next : first_).store(p, std::memory_order_release);
    last_ = p;
    queued.fetch_add(1, std::memory_order_relaxed);
    queued_bytes.fetch_add(p->size, std::memory_order_relaxed);
}
Packet* Endpoint::pop() {
    Holding held{lock};
    Packet* p = first_.load(std::memory_order_relaxed);
    Packet* next = p->next.load(std::memory_order_relaxed);
    first_.store(next, std::memory_order_relaxed);
    if (!next) last_ = nullptr;
    queued.fetch_sub(1, std::memory_order_relaxed);
    queued_bytes.fetch_sub(p->left(), std::memory_order_relaxed);
    return p;
}

Packet* Endpoint::pop_all() {
    Holding held{lock};
    last_ = nullptr;
    queued = 0;
    queued_bytes = 0;
    return first_.exchange(nullptr);
}

void Endpoint::push_connection(Ref<Endpoint> e) {
    Endpoint* added = e.get();
    (last_connection_ ? last_connection_->next_connection_ : first_connection_) = std::move(e);
    last_connection_ = added;
    queued.fetch_add(1, std::memory_order_relaxed);
}
Ref<Endpoint> Endpoint::pop_connection() {
    Holding held{lock};
    Ref<Endpoint> e = std::move(first_connection_);
    if (!e) return e;
    first_connection_ = std::move(e->next_connection_);
    if (!first_connection_) last_connection_ = nullptr;
    queued.fetch_sub(1, std::memory_order_relaxed);
    return e;
}

Result<> Endpoint::set_name(Ref<Name> n) {
    if (name) return err::inval;
    name = std::move(n);
    name_set_.store(true, std::memory_order_release);
    return {};
}
Ref<Name> Endpoint::get_name() {
    if (!has_name()) return {};
    Holding held{lock};
    return name;
}
Ref<Endpoint> Endpoint::get_peer() {
    Holding held{lock};
    return peer;
}

void Endpoint::give_back(usize memory) {
    sent.fetch_sub(memory, std::memory_order_relaxed);
    if (writable()) changed.notify_one(writable_events);
}

void Endpoint::drop_queue(Packet* p, const Ref<Endpoint>& other) {
    while (p) {
        Packet* next = p->next.load(std::memory_order_relaxed);
        if (Endpoint* sender = p->sender ? p->sender.get() : other.get()) sender->give_back(p->memory);
        discard(*p);
        Packet::destroy(p);
        p = next;
    }
}

void Endpoint::close() {
    Ref<Endpoint> other, connections;
    Ref<Name> own;
    Packet* packets;
    bool was_unaccepted = unaccepted.load(std::memory_order_relaxed);
    {
        Holding held{lock};
        if (closed.exchange(true)) return;
        shut = both_ways;
        state = State::unconnected;
        other = std::move(peer);
        connections = std::move(first_connection_);
        packets = first_.exchange(nullptr);
        own = name;
    }
    if (own) Names::unbind(*own, *this);
    room.notify_all();
    if (other && connection_based()) {
        {
            Holding held{other->lock};
            other->shut = both_ways;
            if (packets || was_unaccepted) other->options.error = static_cast<int>(Errno::connreset);
        }
        other->changed.notify_all();
    }
    drop_queue(packets, other);
    while (connections) {
        Ref<Endpoint> next = std::move(connections->next_connection_);
        connections->close();
        connections = std::move(next);
    }
}
} // namespace unix_sockets
