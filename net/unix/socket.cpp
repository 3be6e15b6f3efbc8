#include "net/unix/socket.h"
#include "core/mm/user.h"
#include "kernel/socket/numbers.h"
#include "kernel/vfs/inode.h"
#include "net/unix/collector.h"
#include "net/unix/names.h"
#include <asm/ioctls.h>
#include <linux/sockios.h>

namespace unix_sockets {
using namespace sockets;

UnixSocket::UnixSocket(Ref<Endpoint> e, Ref<vfs::Inode> inode)
    : Socket{unix_sockets::family, e->type, 0, e->options, std::move(inode)}, end_{std::move(e)} {
    end_->inode = this->inode()->number();
}
UnixSocket::~UnixSocket() {
    end_->inode = 0;
    end_->close();
    suspect();
}
Result<> UnixSocket::flush(FileTable&) {
    suspect();
    return {};
}

Result<> UnixSocket::bind(const Address& a) { return Names::bind(*end_, a, inode()->attributes().mode); }

namespace {
void give(Address& to, const Ref<Name>& name) {
    u16 family_only = af_unix;
    to = name ? name->address : Address{std::as_bytes(std::span{&family_only, 1})};
}
} // namespace

Result<> UnixSocket::local_address(Address& to) { return give(to, end_->get_name()), Result<>{}; }
Result<> UnixSocket::peer_address(Address& to) {
    auto peer = end_->get_peer();
    if (!peer) return err::notconn;
    return give(to, peer->get_name()), Result<>{};
}
Result<> UnixSocket::ensure_name() { return end_->has_name() ? Result<>{} : Names::bind_any(*end_); }

Result<> UnixSocket::shutdown(int how) {
    u8 ours = static_cast<u8>(how + 1);
    Ref<Endpoint> peer;
    {
        Holding held{end_->lock};
        end_->shut |= ours;
        peer = end_->peer;
    }
    end_->changed.notify_all();
    if (!peer || !end_->connection_based()) return {};
    u8 theirs =
        static_cast<u8>((ours & no_more_reads ? no_more_writes : 0) | (ours & no_more_writes ? no_more_reads : 0));
    {
        Holding held{peer->lock};
        peer->shut |= theirs;
    }
    peer->changed.notify_all();
    return {};
}

sockets::Identity UnixSocket::peer_identity() {
    Holding held{end_->lock};
    return end_->peer_credentials.identity;
}
Ref<const Credentials> UnixSocket::peer_credentials() {
    Holding held{end_->lock};
    return end_->peer_credentials.credentials;
}

u32 UnixSocket::poll_reading() const {
    const Endpoint& e = *end_;
    u8 shut = e.shut.load(std::memory_order_relaxed);
    u32 ready = 0;
    if (e.options.error.load(std::memory_order_relaxed)) ready |= EPOLLERR;
    if (shut == both_ways) ready |= EPOLLHUP;
    if (shut & no_more_reads) ready |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (e.queued.load(std::memory_order_acquire)) ready |= EPOLLIN | EPOLLRDNORM;
    if (e.urgent.load(std::memory_order_relaxed)) ready |= EPOLLPRI;
    if (e.connection_based() && e.state.load(std::memory_order_relaxed) == State::unconnected) ready |= EPOLLHUP;
    return ready;
}

void UnixSocket::identify(Packet& p, SendMessage& m, const Endpoint& to) const {
    if (m.identity)
        p.from = *m.identity;
    else if (end_->options.passes_identity() || to.options.passes_identity() || to.unaccepted.load())
        p.from = Identity::of_caller(false);
}

namespace {
/// Whether the next byte of a stream stands behind the urgent one.
bool at_mark(Endpoint& e) {
    Holding held{e.lock};
    Packet *first = e.first(), *urgent = e.urgent.load();
    if (!first) return false;
    return first == urgent || (first->left() == 0 && (!urgent || first->next.load() == urgent));
}
/// Bytes that a read would find: of all that there is in a connection, else of the first message.
Result<int> bytes_to_read(Endpoint& e) {
    if (e.state == State::listening) return err::inval;
    if (e.connection_based()) return static_cast<int>(e.queued_bytes.load());
    Holding held{e.lock};
    return e.first() ? static_cast<int>(e.first()->size) : 0;
}
} // namespace

Result<i64> UnixSocket::ioctl(unsigned request, uptr argument) {
    int value = 0;
    switch (request) {
    case SIOCINQ: value = TRY(bytes_to_read(*end_)); break;
    case SIOCOUTQ: value = static_cast<int>(end_->sent.load()); break;
    case SIOCATMARK:
        if (type() != sock_stream) return Socket::ioctl(request, argument);
        value = at_mark(*end_);
        break;
    default: return Socket::ioctl(request, argument);
    }
    TRY(copy_out(UserPtr<int>{argument}, value));
    return 0;
}

Result<Ref<UnixSocket>> make_socket(Ref<Endpoint> e) {
    auto inode = TRY(make_inode());
    if (e->type == sock_stream) return TRY(make_ref<StreamSocket>(std::move(e), std::move(inode)));
    return TRY(make_ref<MessageSocket>(std::move(e), std::move(inode)));
}

namespace {
/// SOCK_RAW means datagrams, as on BSD.
Result<int> type_of(int type, int protocol) {
    if (protocol && protocol != af_unix) return err::protonosupport;
    if (type == sock_raw) return int{sock_dgram};
    bool known = type == sock_stream || type == sock_dgram || type == sock_seqpacket;
    return known ? Result<int>{type} : err::socktnosupport;
}
Result<Ref<Socket>> create(int type, int protocol) {
    return TRY(make_socket(TRY(Endpoint::create(TRY(type_of(type, protocol))))));
}
Result<> create_pair(int type, int protocol, Ref<Socket> (&ends)[2]) {
    type = TRY(type_of(type, protocol));
    Ref<Endpoint> made[2] = {TRY(Endpoint::create(type)), TRY(Endpoint::create(type))};
    PeerCredentials who = PeerCredentials::of_caller();
    for (int i = 0; i < 2; i++) {
        made[i]->peer = made[1 - i];
        made[i]->peer_credentials = who;
        made[i]->state = State::connected;
    }
    for (int i = 0; i < 2; i++) {
        auto socket = make_socket(made[i]);
        if (!socket) {
            for (auto& e : made) e->close();
            return std::unexpected(socket.error());
        }
        ends[i] = std::move(*socket);
    }
    return {};
}
} // namespace

constinit const Family family{.domain = af_unix, .name = "UNIX", .create = create, .create_pair = create_pair};
} // namespace unix_sockets
