#include "net/vsock/socket.h"
#include "core/wait/wait.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include <sys/socket.h>
// After the one before, whose types it needs.
#include <linux/vm_sockets.h>

namespace vsock {
using namespace sockets;
using Phase = Endpoint::Phase;

namespace {
Result<Ref<Socket>> create(int type, int protocol) {
    if (protocol && protocol != af_vsock) return err::protonosupport;
    if (type != sock_stream && type != sock_seqpacket) return type == sock_dgram ? err::nodev : err::socktnosupport;
    Caller* who = Caller::current();
    auto e =
        TRY(make_ref<Endpoint>(type == sock_stream ? wire_stream : wire_seqpacket, who ? who->view() : View::root()));
    return TRY(make_ref<VsockSocket>(std::move(e), TRY(make_inode())));
}
Result<Name> parse_name(const Address& a) {
    sockaddr_vm named;
    if (a.size < sizeof named) return err::inval;
    std::memcpy(&named, a.bytes, sizeof named);
    if (named.svm_family != af_vsock) return err::afnosupport;
    if (named.svm_flags & ~VMADDR_FLAG_TO_HOST) return err::inval;
    return Name{named.svm_cid, named.svm_port};
}
Address make_name(const Name& n) {
    sockaddr_vm shown{};
    shown.svm_family = af_vsock;
    shown.svm_cid = n.cid;
    shown.svm_port = n.port;
    return Address{std::as_bytes(std::span{&shown, 1})};
}
bool can_bind_low(const Endpoint& e) {
    Caller* who = Caller::current();
    return !who || who->credentials().can_in(e.network->owner.get(), CAP_NET_BIND_SERVICE);
}
} // namespace

constinit const Family family{.domain = af_vsock, .name = "AF_VSOCK", .create = create};

VsockSocket::VsockSocket(Ref<Endpoint> e, Ref<vfs::Inode> inode)
    : Socket{vsock::family, e->type == wire_stream ? sock_stream : sock_seqpacket, 0, e->options, std::move(inode)},
      end_{std::move(e)} {}

Result<> VsockSocket::bind(const Address& a) {
    auto name = parse_name(a);
    if (!name) return err::inval;
    bool low = can_bind_low(*end_);
    Holding held{end_->lock};
    return end_->bind(*name, low);
}
Result<> VsockSocket::listen(unsigned backlog) {
    Holding held{end_->lock};
    return end_->listen(backlog);
}
Result<Ref<Socket>> VsockSocket::accept() {
    Ref<Endpoint> e;
    {
        Holding held{end_->lock};
        if (end_->phase != Phase::listening) return err::inval;
        e = end_->accept();
    }
    if (!e) return err::again;
    auto inode = make_inode();
    auto made = inode ? make_ref<VsockSocket>(e, std::move(*inode)) : Result<Ref<VsockSocket>>{err::nomem};
    if (!made) e->close();
    return TRY(made);
}

/// Waits as long as SO_VM_SOCKETS_CONNECT_TIMEOUT says.
Result<> VsockSocket::connect(const Address& a, Deadline until) {
    Name to = TRY(parse_name(a));
    if (to.cid == cid_any || to.port == port_any) return err::inval;
    Endpoint& e = *end_;
    u64 patience;
    {
        Holding held{e.lock};
        if (e.local.port == port_any) TRY(e.bind({}, false));
        TRY(e.connect(to));
        patience = e.connect_timeout_ns;
    }
    auto answered = [&] { return e.phase != Phase::connecting; };
    if (until == at_once) return answered() ? check_error(options()) : err::inprogress;
    auto waited = wait_until(e.changed, answered, clocks::in(patience));
    if (waited || answered()) return check_error(options());
    e.close();
    return waited.error() == Errno::timedout ? err::timedout : waited;
}

Result<> VsockSocket::local_address(Address& to) {
    Holding held{end_->lock};
    to = make_name(end_->local);
    return {};
}
Result<> VsockSocket::peer_address(Address& to) {
    Holding held{end_->lock};
    if (end_->phase != Phase::connected) return err::notconn;
    to = make_name(end_->peer);
    return {};
}

Result<> VsockSocket::shutdown(int how) {
    Holding held{end_->lock};
    if (!end_->connection) return err::notconn;
    end_->shut_down(how == shut_rdwr ? no_more_receives | no_more_sends
                    : how == shut_rd ? no_more_receives
                                     : no_more_sends);
    end_->changed.notify_all();
    return {};
}

u32 VsockSocket::poll() {
    Endpoint& e = *end_;
    u32 ready = options().error.load(std::memory_order_relaxed) ? u32{EPOLLERR} : 0;
    Holding held{e.lock};
    if (e.phase == Phase::listening) return ready | (e.pending() ? EPOLLIN | EPOLLRDNORM : 0);
    if (!e.connection) return ready;
    if (e.readable() || (e.phase != Phase::connecting && e.ended())) ready |= EPOLLIN | EPOLLRDNORM;
    if (e.phase == Phase::connecting) return ready;
    if (e.ended()) ready |= EPOLLRDHUP;
    if (e.ended() && e.closed_for_sending()) ready |= EPOLLHUP;
    if (!e.closed_for_sending() && e.connection->credit()) ready |= EPOLLOUT | EPOLLWRNORM;
    return ready;
}

/// Under the endpoint's lock.
Result<> VsockSocket::check_sending(const SendMessage& m) {
    Endpoint& e = *end_;
    if (m.flags & msg_oob) return err::opnotsupp;
    if (m.to) return e.phase == Phase::connected ? err::isconn : err::opnotsupp;
    TRY(check_error(options()));
    if (!e.connection || e.phase == Phase::connecting) return err::notconn;
    return e.closed_for_sending() ? Result<>{err::pipe} : Result<>{};
}

Result<usize> VsockSocket::send(SendMessage& m) {
    if (type() == sock_seqpacket) return send_message(m);
    Endpoint& e = *end_;
    Holding one{e.writing};
    usize n;
    {
        Holding held{e.lock};
        TRY(check_sending(m));
        n = std::min<usize>({m.data.remaining(), e.connection->credit(), most_data});
        if (!n && m.data.remaining()) {
            e.want_credit();
            return err::again;
        }
    }
    if (!n) return 0;
    auto p = TRY(net::packet_of(m.data, n));
    Holding held{e.lock};
    if (e.closed_for_sending()) return err::pipe;
    e.transmit(e.connection->data_header(static_cast<u32>(n), 0), std::move(p));
    return n;
}

/// A message goes as a whole, when the peer has room for all of it.
Result<usize> VsockSocket::send_message(SendMessage& m) {
    Endpoint& e = *end_;
    Holding one{e.writing};
    usize size = m.data.remaining();
    {
        Holding held{e.lock};
        TRY(check_sending(m));
        if (size > e.connection->longest()) return err::msgsize;
        if (size > e.connection->credit()) {
            e.want_credit();
            return err::again;
        }
    }
    net::PacketQueue parts;
    for (usize left = size; left;) {
        usize n = std::min<usize>(left, most_data);
        parts.push(TRY(net::packet_of(m.data, n)));
        left -= n;
    }
    Holding held{e.lock};
    if (e.closed_for_sending()) return err::pipe;
    while (net::PacketBox p = parts.pop()) {
        u32 n = static_cast<u32>(p->size());
        u32 last = end_of_message | (m.flags & msg_eor ? u32{end_of_record} : 0);
        e.transmit(e.connection->data_header(n, parts.empty() ? last : 0), std::move(p));
    }
    return size;
}

Result<usize> VsockSocket::receive(ReceiveMessage& m) {
    if (m.flags & msg_oob) return err::opnotsupp;
    if (m.from) m.from->size = 0;
    return type() == sock_stream ? receive_bytes(m) : receive_message(m);
}

Result<usize> VsockSocket::receive_bytes(ReceiveMessage& m) {
    Endpoint& e = *end_;
    Holding one{e.reading};
    usize there;
    bool ended;
    {
        Holding held{e.lock};
        if (!e.connection || e.phase == Phase::connecting) return err::notconn;
        there = e.bytes.size();
        ended = e.ended();
    }
    if (!there) TRY(check_error(options()));
    if (!there && !m.data.done()) return ended ? Result<usize>{m.data.moved()} : err::again;
    usize n = std::min(there, m.data.remaining()), copied = 0;
    Errno error{};
    e.bytes.for_each(0, n, [&](std::span<const std::byte> part) {
        auto put = m.data.put(part);
        if (put) copied += *put;
        if (!put) error = put.error();
        return put && *put == part.size();
    });
    if (!copied && error != Errno{}) return std::unexpected(error);
    if (m.peeks()) return copied;
    Holding held{e.lock};
    e.bytes.consume(copied);
    e.consumed(static_cast<u32>(copied));
    bool waits = m.flags & msg_waitall && !m.data.done() && !ended;
    return waits ? Result<usize>{err::again} : m.data.moved();
}

/// A whole message; what finds no room is lost.
Result<usize> VsockSocket::receive_message(ReceiveMessage& m) {
    Endpoint& e = *end_;
    Holding one{e.reading};
    {
        Holding held{e.lock};
        if (!e.connection || e.phase == Phase::connecting) return err::notconn;
        if (!e.messages) {
            TRY(check_error(options()));
            return e.ended() ? Result<usize>{usize{0}} : err::again;
        }
    }
    usize at = 0, size = 0, copied = 0;
    for (Endpoint::Part part{};;) {
        auto* to = reinterpret_cast<std::byte*>(&part);
        e.bytes.for_each(at, sizeof part, [&](std::span<const std::byte> b) {
            to = std::copy(b.begin(), b.end(), to);
            return true;
        });
        at += sizeof part;
        bool fault = false;
        e.bytes.for_each(at, std::min<usize>(part.length, m.data.remaining()), [&](std::span<const std::byte> b) {
            auto put = m.data.put(b);
            if (put) copied += *put;
            fault = !put || *put < b.size();
            return !fault;
        });
        if (fault) return err::fault;
        at += part.length;
        size += part.length;
        if (!(part.flags & end_of_message)) continue;
        if (part.flags & end_of_record) m.result |= msg_eor;
        break;
    }
    if (copied < size) m.result |= msg_trunc;
    if (!m.peeks()) {
        Holding held{e.lock};
        e.bytes.consume(at);
        e.messages--;
        e.consumed(static_cast<u32>(size));
    }
    return m.flags & msg_trunc ? size : copied;
}
} // namespace vsock
