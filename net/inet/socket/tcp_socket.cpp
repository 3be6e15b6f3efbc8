#include "net/inet/socket/tcp_socket.h"
#include "kernel/file/block_on.h"
#include "kernel/socket/numbers.h"
#include <asm/ioctls.h>
#include <linux/sockios.h>

namespace net::inet {
using namespace sockets;
using Phase = TcpEndpoint::Phase;
using tcp::State;

namespace {
Result<Ref<Socket>> make_socket(Ref<TcpEndpoint> e) {
    return TRY(make_ref<TcpSocket>(std::move(e), TRY(make_inode())));
}
bool is_opening(State s) { return s == State::syn_sent || s == State::syn_received; }
} // namespace

Result<Ref<Socket>> TcpSocket::create(bool v6) { return make_socket(TRY(TcpEndpoint::create(v6))); }

TcpSocket::~TcpSocket() {
    bool lingers = options().on(Flag::linger);
    u64 seconds = options().linger_seconds;
    {
        Outbox box;
        tcp().close(box, lingers && seconds == 0);
    }
    if (!lingers || seconds == 0) return;
    auto sent = [this] {
        Holding held{end_->lock};
        if (!tcp().connection) return true;
        State s = tcp().connection->state();
        return s != State::fin_wait_1 && s != State::closing && s != State::last_ack;
    };
    (void)wait_until(end_->changed, sent, clocks::in(seconds * clocks::ns_per_second));
}

Result<> TcpSocket::take_port(const Endpoint& at) {
    TRY(Flows::bind(*end_, at));
    tcp().keeps_port = true;
    return {};
}

Result<> TcpSocket::listen(unsigned backlog) {
    Holding one{end_->writing};
    Outbox box;
    if (tcp().phase != Phase::listening) {
        if (tcp().phase != Phase::idle) return err::inval;
        note_options();
        if (!end_->bound()) TRY(take_port({end_->local.address, 0}));
        TRY(Flows::receive(*end_));
    }
    TcpEndpoint::Turn turn{tcp(), box};
    return tcp().listen(backlog);
}

Result<Ref<Socket>> TcpSocket::accept() {
    Ref<TcpEndpoint> made;
    {
        Holding held{end_->lock};
        if (tcp().phase != Phase::listening) return err::inval;
        made = tcp().take_pending();
    }
    if (!made) return err::again;
    auto socket = make_socket(made);
    if (!socket) {
        Outbox box;
        made->close(box, true);
    }
    return socket;
}

// connect(2)

/// The socket is as it was before connect(2). Under the lock.
void TcpSocket::forget_connection() {
    auto& e = tcp();
    e.connection = nullptr;
    e.phase = Phase::idle;
    if (e.keeps_port) return Flows::disconnect(e);
    Flows::remove(e);
    e.local = {e.v6 ? any_v6 : any_v4};
}

Result<> TcpSocket::start_connecting(const sockets::Address& a) {
    auto& e = tcp();
    switch (e.phase) {
    case Phase::listening:
    case Phase::connected: return err::isconn;
    case Phase::connecting: return err::already;
    case Phase::idle: break;
    }
    Endpoint to = TRY(destination(a));
    if (to.address.multicast() || to.address.broadcast()) return err::netunreach;
    if (!to.address.is_v4() && to.address.link_local() && !to.interface && !options().interface) return err::inval;
    note_options();
    auto path = TRY(e.stack().route(to.address, e.local.address, e.interface ? u32{e.interface} : to.interface));
    if (path.kind == RouteKind::broadcast) return err::acces;
    if (path.source.unspecified()) return err::addrnotavail;
    if (!to.port) return err::connrefused;
    Outbox box;
    TcpEndpoint::Turn turn{e, box};
    TRY(Flows::connect(e, path.source, to));
    auto begun = e.begin(path.mtu, box.now);
    if (!begun) forget_connection();
    return begun;
}

/// How connecting has ended; err::again: it has not.
Result<> TcpSocket::connection_made() {
    Holding held{end_->lock};
    auto& e = tcp();
    if (e.phase != Phase::connecting) return e.phase == Phase::connected ? Result<>{} : Result<>{err::connaborted};
    State s = e.state();
    if (is_opening(s)) return err::again;
    if (s != State::closed) {
        e.phase = Phase::connected;
        return {};
    }
    int error = options().take_error();
    forget_connection();
    return std::unexpected(error ? static_cast<Errno>(error) : Errno::connaborted);
}

Result<> TcpSocket::connect(const sockets::Address& a, Deadline until) {
    if (a.size < sizeof(u16)) return err::inval;
    if (a.family() == af_unspec) return disconnect();
    auto begun = [&] {
        Holding one{end_->writing};
        return start_connecting(a);
    }();
    if (!begun && begun.error() != Errno::already) return begun;
    auto made = block_on(*this, file::to_write, until, [this] { return connection_made(); });
    if (!file::is_again(made)) return made;
    return begun ? Result<>{err::inprogress} : begun;
}

/// connect(2) to AF_UNSPEC.
Result<> TcpSocket::disconnect() {
    Holding one{end_->writing};
    Outbox box;
    Ref<TcpEndpoint> refused;
    {
        TcpEndpoint::Turn turn{tcp(), box};
        if (tcp().listener) refused = tcp().stop_listening();
        if (tcp().connection) tcp().connection->abort();
    }
    TcpEndpoint::refuse_all(std::move(refused), box);
    Holding held{end_->lock};
    forget_connection();
    options().take_error();
    return {};
}

Result<> TcpSocket::peer_address(sockets::Address& to) {
    Holding held{end_->lock};
    State s = tcp().state();
    if (!tcp().connection || s == State::closed || s == State::time_wait || s == State::syn_sent) return err::notconn;
    to = make_address(end_->remote, domain());
    return {};
}

Result<> TcpSocket::shutdown(int how) {
    Holding one{end_->writing};
    Outbox box;
    Ref<TcpEndpoint> refused;
    {
        TcpEndpoint::Turn turn{tcp(), box};
        auto& e = tcp();
        State s = e.state();
        if (e.listener) {
            if (how == shut_wr) return {};
            Flows::stop_receiving(e);
            refused = e.stop_listening();
            end_->changed.notify_all();
        } else if (s == State::syn_sent) {
            e.connection->abort();
        } else if (!e.connection || s == State::closed || s == State::time_wait) {
            return err::notconn;
        } else {
            if (how != shut_wr) e.connection->shutdown_read();
            if (how != shut_rd) e.connection->shutdown_write(box.now);
        }
    }
    TcpEndpoint::refuse_all(std::move(refused), box);
    return {};
}

u32 TcpSocket::poll() {
    Holding held{end_->lock};
    auto& e = tcp();
    if (e.listener) return e.pending() ? EPOLLIN | EPOLLRDNORM : 0;
    u32 events = options().error.load(std::memory_order_relaxed) ? EPOLLERR : 0;
    if (!e.connection) return events | EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
    events |= e.connection->poll();
    bool over = events & (EPOLLRDHUP | EPOLLHUP);
    if (!over && e.connection->readable_bytes() < options().low_water.load(std::memory_order_relaxed))
        events &= ~u32{EPOLLIN};
    if (events & EPOLLIN) events |= EPOLLRDNORM;
    if (events & EPOLLOUT) events |= EPOLLWRNORM;
    return events;
}

Result<i64> TcpSocket::ioctl(unsigned request, uptr argument) {
    int value = 0;
    bool known = true;
    {
        Holding held{end_->lock};
        auto& e = tcp();
        auto* c = e.connection.get();
        switch (request) {
        case SIOCINQ:
            if (e.listener) return err::inval;
            if (c) value = static_cast<int>(c->readable_bytes());
            // What the mark hides is not readable in one go.
            if (c && !options().on(Flag::oob_inline))
                if (auto mark = c->urgent_offset()) value = static_cast<int>(*mark ? *mark : c->readable_bytes() - 1);
            break;
        case SIOCOUTQ:
            if (e.listener) return err::inval;
            if (c) value = static_cast<int>(c->unacknowledged_bytes());
            break;
        case SIOCOUTQNSD:
            if (e.listener) return err::inval;
            if (c) value = static_cast<int>(c->unsent_bytes());
            break;
        case SIOCATMARK:
            if (c) value = c->urgent_offset() == 0;
            break;
        default: known = false;
        }
    }
    if (!known) return InetSocket::ioctl(request, argument);
    TRY(copy_out(UserPtr<int>{argument}, value));
    return 0;
}
} // namespace net::inet
