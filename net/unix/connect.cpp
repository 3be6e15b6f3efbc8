// listen(2), accept(2), connect(2).
#include "kernel/socket/numbers.h"
#include "net/unix/collector.h"
#include "net/unix/names.h"
#include "net/unix/socket.h"

namespace unix_sockets {
using namespace sockets;

Result<> UnixSocket::listen(unsigned backlog) {
    Endpoint& e = *end_;
    if (!e.connection_based()) return err::opnotsupp;
    if (!e.has_name()) return err::inval;
    PeerCredentials who = PeerCredentials::of_caller();
    bool more;
    {
        Holding held{e.lock};
        if (e.state == State::connected) return err::inval;
        more = backlog > e.most_queued;
        e.most_queued = backlog;
        e.state = State::listening;
        std::swap(e.peer_credentials, who);
    }
    if (more) e.room.notify_all();
    return {};
}

Result<Ref<Socket>> UnixSocket::accept() {
    Endpoint& e = *end_;
    if (!e.connection_based()) return err::opnotsupp;
    if (e.state.load(std::memory_order_relaxed) != State::listening) return err::inval;
    TRY(check_error(e.options));
    bool ended = e.shut.load(std::memory_order_acquire) & no_more_reads;
    Ref<Endpoint> connection = e.pop_connection();
    if (!connection) return ended ? Result<Ref<Socket>>{err::inval} : err::again;
    e.room.notify_all();
    auto socket = make_socket(connection);
    if (!socket) {
        connection->close();
        return std::unexpected(socket.error());
    }
    connection->unaccepted = false;
    accepted(*connection, **socket);
    return std::move(*socket);
}

namespace {
/// The two ends of a new connection, of which one is in the listener's queue then. err::again: that is full.
Result<> join(const Ref<Endpoint>& client, const Ref<Endpoint>& server, const Ref<Endpoint>& listener,
              PeerCredentials& who) {
    HoldingBoth held{client->lock, listener->lock};
    if (listener->state != State::listening || listener->shut & no_more_reads) return err::connrefused;
    if (listener->full()) return err::again;
    if (client->state != State::unconnected)
        return client->state == State::connected ? Result<>{err::isconn} : Result<>{err::inval};
    server->peer = client;
    server->embryo_of = listener;
    server->unaccepted = true;
    server->peer_credentials = std::move(who);
    server->options.inherit_identity(listener->options);
    (void)server->set_name(listener->name);
    server->state = State::connected;
    client->peer = server;
    client->peer_credentials = listener->peer_credentials;
    client->state.store(State::connected, std::memory_order_release);
    listener->push_connection(server);
    return {};
}
} // namespace

Result<> UnixSocket::connect(const Address& to, Deadline until) {
    if (type() == sock_dgram) return connect_datagrams(to);
    TRY(Names::check(to));
    if (end_->options.passes_identity()) TRY(ensure_name());
    auto server = TRY(Endpoint::create(type()));
    PeerCredentials who = PeerCredentials::of_caller();
    while (true) {
        auto listener = TRY(Names::find(*end_, to));
        auto joined = join(end_, server, listener, who);
        if (joined) {
            listener->changed.notify_one(readable_events);
            return joined;
        }
        if (joined.error() != Errno::again || until == at_once) return joined;
        auto waited = wait_until(listener->room, [&] { return !listener->full() || listener->closed; }, until);
        if (!waited) return waited.error() == Errno::timedout ? Result<>{err::again} : waited;
    }
}

/// The peer is another one, or (null) none: what is left of the old one is lost, and it is told.
void UnixSocket::change_peer(Ref<Endpoint> to) {
    Ref<Endpoint> old;
    {
        Holding held{end_->lock};
        end_->state = to ? State::connected : State::unconnected;
        old = std::exchange(end_->peer, to);
    }
    end_->changed.notify_one(writable_events);
    if (!old || old == to) return;
    Packet* lost;
    {
        Holding one_reader{end_->reading};
        lost = end_->pop_all();
    }
    if (!lost) return;
    end_->drop_queue(lost, {});
    end_->room.notify_all(writable_events);
    bool was_ours;
    {
        Holding held{old->lock};
        was_ours = !old->closed && old->peer == end_;
        if (was_ours) old->options.error = static_cast<int>(Errno::connreset);
    }
    if (was_ours) old->changed.notify_all();
}

void UnixSocket::disconnect_from(Endpoint& gone) {
    if (end_->get_peer() == &gone) change_peer({});
}

Result<> UnixSocket::connect_datagrams(const Address& to) {
    if (to.size < sizeof(u16)) return err::inval;
    if (to.family() == af_unspec) return change_peer({}), Result<>{};
    TRY(Names::check(to));
    if (end_->options.passes_identity()) TRY(ensure_name());
    auto other = TRY(Names::find(*end_, to));
    {
        Holding held{other->lock};
        if (other->peer && other->peer != end_.get()) return err::perm;
    }
    change_peer(std::move(other));
    return {};
}
} // namespace unix_sockets
