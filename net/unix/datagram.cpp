// Messages: datagrams, and those of a connection (SOCK_SEQPACKET).
#include "kernel/socket/numbers.h"
#include "net/unix/collector.h"
#include "net/unix/names.h"
#include "net/unix/socket.h"
#include <algorithm>

namespace unix_sockets {
using namespace sockets;

bool RoomWatch::notified(u32) {
    if (!armed_.exchange(false)) return false;
    of_.changed.notify_nested(writable_events);
    return true;
}
Ref<Endpoint> RoomWatch::arm(Ref<Endpoint> on) {
    if (on_ != on) {
        if (on_) on_->room.remove(*this);
        std::swap(on_, on);
        on_->room.add(*this);
    } else
        on = {};
    armed_ = true;
    return on;
}
RoomWatch::~RoomWatch() {
    if (on_) on_->room.remove(*this);
}

namespace {
/// Whether a message of `from` finds room: a pair that is connected both ways is held back by send buffers only.
bool has_room(const Endpoint& from, const Endpoint& to) {
    return &to == &from || to.peer == &from || !to.full() || to.closed.load(std::memory_order_relaxed);
}
bool finds_room(const Endpoint& from, Endpoint& to) {
    if (!to.full()) [[likely]]
        return true;
    Holding held{to.lock};
    return has_room(from, to);
}
} // namespace

/// False: there is none; when there is some, waiters are told.
bool MessageSocket::watch_room(const Ref<Endpoint>& to) {
    if (finds_room(*end_, *to)) [[likely]]
        return true;
    Ref<Endpoint> before = room_watch_.lock()->arm(to);
    return finds_room(*end_, *to);
}

Result<Packet*> MessageSocket::prepare(SendMessage& m) {
    Endpoint& e = *end_;
    usize n = m.data.remaining(), limit = e.options.send_buffer.load(std::memory_order_relaxed);
    if (e.options.passes_identity()) TRY(ensure_name());
    if (n > limit - 32) return err::msgsize;
    TRY(check_error(e.options));
    if (e.shut.load(std::memory_order_relaxed) & no_more_writes) return err::pipe;
    if (e.sent.load(std::memory_order_relaxed) >= limit) return err::again;
    return Packet::create(m.data, static_cast<u32>(n));
}

Result<Ref<Endpoint>> MessageSocket::receiver_of(const SendMessage& m) {
    if (m.to) return Names::find(*end_, *m.to);
    auto peer = end_->get_peer();
    return peer ? Result<Ref<Endpoint>>{std::move(peer)} : err::notconn;
}

/// Waits for room in the queue of somebody who need not be the peer.
Result<> MessageSocket::wait_for_room(SendMessage& m, Ref<Endpoint> to) {
    if (!m.to) return watch_room(to) ? Result<>{} : Result<>{err::again}; // the caller waits for this socket
    if (m.until == at_once) return err::again;
    auto waited = wait_until(to->room, [&] { return finds_room(*end_, *to); }, m.until);
    return waited || waited.error() != Errno::timedout ? waited : Result<>{err::again};
}

/// Puts the packet into a queue, which owns it then.
Result<> MessageSocket::deliver(SendMessage& m, Packet& p, Endpoint& to) {
    Endpoint& e = *end_;
    Departure departure{p, to};
    Holding held{to.lock};
    if (to.peer && to.peer != &e && type() == sock_dgram) return err::perm;
    if (to.closed.load(std::memory_order_relaxed)) return type() == sock_dgram ? err::connrefused : err::pipe;
    if (to.shut.load(std::memory_order_relaxed) & no_more_reads) return err::pipe;
    if (!has_room(e, to)) return err::again;
    if (p.cargo && to.options.on(Flag::refuse_rights)) return err::perm;
    identify(p, m, to);
    e.sent.fetch_add(p.memory, std::memory_order_relaxed);
    p.sender = end_;
    to.push(&p);
    departure.pushed();
    return {};
}

Result<usize> MessageSocket::send(SendMessage& m) {
    Endpoint& e = *end_;
    if (type() == sock_seqpacket) {
        TRY(check_error(e.options));
        if (e.state.load(std::memory_order_acquire) != State::connected) return err::notconn;
        m.to = nullptr;
    }
    if (m.flags & msg_oob) return err::opnotsupp;
    if (m.to) TRY(Names::check(*m.to));
    auto start = m.data.position();
    usize size = m.data.remaining();
    Packet* p = TRY(prepare(m));
    auto fail = [&](Errno error) {
        if (p->cargo) m.rights = land(*p);
        m.data.go_back(start);
        Packet::destroy(p);
        return std::unexpected(error);
    };
    auto found = receiver_of(m);
    if (!found) return fail(found.error());
    Ref<Endpoint> to = std::move(*found);
    if (m.rights) {
        auto loaded = load(*p, std::move(m.rights));
        if (loaded) loaded = Departure::prepare(*p, *to);
        if (!loaded) return fail(loaded.error());
    }
    while (true) {
        auto sent = deliver(m, *p, *to);
        if (!sent && sent.error() == Errno::again) {
            auto room = wait_for_room(m, to);
            if (!room) return fail(room.error());
            continue;
        }
        if (sent) break;
        if (sent.error() == Errno::connrefused) disconnect_from(*to);
        return fail(sent.error());
    }
    to->changed.notify_one(readable_events);
    return size;
}

/// The packet to read; with MSG_PEEK where SO_PEEK_OFF says, and `skip` what to leave out of it.
Packet* MessageSocket::find(u32& skip, bool peeks) {
    Packet* p = end_->first();
    int at = end_->options.peek_offset.load(std::memory_order_relaxed);
    if (!peeks || at < 0) return p;
    skip = static_cast<u32>(at);
    while (p && skip >= p->size && (p->size || skip)) {
        skip -= p->size;
        p = p->next.load(std::memory_order_acquire);
    }
    return p;
}

/// Copies the packet out, and says what comes with it. What it has read is the caller's to take out.
Result<usize> MessageSocket::copy(ReceiveMessage& m, Packet& p, u32 skip) {
    usize left = p.size - skip, n = std::min(left, m.data.remaining());
    if (n < left) m.result |= msg_trunc;
    if (auto name = m.from ? p.sender->get_name() : nullptr) *m.from = name->address;
    TRY(p.copy_to(m.data, skip, static_cast<u32>(n)));
    m.identity = p.from;
    if (p.cargo) m.rights = m.peeks() ? TRY(look_at(p)) : land(p);
    Options& options = end_->options;
    if (int at = options.peek_offset.load(std::memory_order_relaxed); at >= 0)
        options.peek_offset = m.peeks() ? at + static_cast<int>(n) : std::max(at - static_cast<int>(p.size), 0);
    return m.flags & msg_trunc ? left : n;
}

Result<usize> MessageSocket::receive(ReceiveMessage& m) {
    Endpoint& e = *end_;
    bool peeks = m.peeks(), connected = type() == sock_seqpacket;
    if (connected && e.state.load(std::memory_order_acquire) != State::connected) return err::notconn;
    if (m.flags & msg_oob) return err::opnotsupp;
    Packet* p;
    {
        Holding one_reader{e.reading};
        TRY(check_error(e.options));
        bool ended = e.shut.load(std::memory_order_acquire) & no_more_reads; // before the queue is looked at
        u32 skip = 0;
        p = find(skip, peeks);
        if (!p) return ended && (connected || !(m.flags & msg_dontwait)) ? Result<usize>{usize{0}} : err::again;
        if (peeks) return copy(m, *p, skip);
        e.pop();
    }
    e.room.notify_all(writable_events);
    auto got = copy(m, *p, 0);
    p->sender->give_back(p->memory);
    discard(*p);
    Packet::destroy(p);
    return got;
}

u32 MessageSocket::poll() {
    u32 ready = poll_reading();
    Endpoint& e = *end_;
    if (e.state.load(std::memory_order_relaxed) == State::listening || !e.writable()) return ready;
    auto peer = e.get_peer();
    return !peer || watch_room(peer) ? ready | writable_events : ready;
}
} // namespace unix_sockets
