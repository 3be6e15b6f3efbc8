// Bytes of a connection.
#include "kernel/socket/numbers.h"
#include "net/unix/collector.h"
#include "net/unix/names.h"
#include "net/unix/socket.h"
#include <algorithm>

namespace unix_sockets {
using namespace sockets;

namespace {
/// What one packet has at most: a reader that has taken it makes room for the next.
constexpr usize most_in_packet = 32 * KiB;
} // namespace

Result<> StreamSocket::send_piece(SendMessage& m, Endpoint& to) {
    Endpoint& e = *end_;
    if (e.shut.load(std::memory_order_relaxed) & no_more_writes) return err::pipe;
    TRY(check_error(e.options));
    usize limit = e.options.send_buffer.load(std::memory_order_relaxed), left = m.data.remaining();
    if (e.sent.load(std::memory_order_relaxed) >= limit) return err::again;
    bool urgent = m.flags & msg_oob && left == 1;
    usize n = std::min({m.flags & msg_oob && !urgent ? left - 1 : left, most_in_packet, limit / 2 - 64});
    auto start = m.data.position();
    Packet* p = TRY(Packet::create(m.data, static_cast<u32>(n)));
    auto fail = [&](std::unexpected<Errno> error) {
        m.data.go_back(start);
        Packet::destroy(p);
        return error;
    };
    p->urgent = urgent;
    identify(*p, m, to);
    if (m.rights) [[unlikely]] {
        if (to.options.on(Flag::refuse_rights)) return fail(err::perm);
        if (!load(*p, std::move(m.rights)) || !Departure::prepare(*p, to)) return fail(err::nomem);
    }
    e.sent.fetch_add(p->memory, std::memory_order_relaxed);
    {
        Departure departure{*p, to};
        Holding held{to.lock};
        if (!to.closed.load(std::memory_order_relaxed) && !(to.shut.load(std::memory_order_relaxed) & no_more_reads)) {
            if (urgent) to.urgent.store(p, std::memory_order_release);
            to.push(p);
            departure.pushed();
            p = nullptr;
        }
    }
    if (p) {
        e.give_back(p->memory);
        return fail(err::pipe);
    }
    to.changed.notify_one(readable_events);
    return {};
}

Result<usize> StreamSocket::send(SendMessage& m) {
    Endpoint& e = *end_;
    bool connected = e.state.load(std::memory_order_acquire) == State::connected;
    if (m.flags & msg_oob && m.data.remaining() == 0) return err::opnotsupp;
    if (m.to) return connected ? Result<usize>{err::isconn} : err::opnotsupp;
    if (!connected) return err::notconn;
    usize before = m.data.moved();
    if (m.data.done() && e.shut.load(std::memory_order_relaxed) & no_more_writes) return err::pipe;
    while (!m.data.done()) {
        auto sent = send_piece(m, *e.peer);
        if (sent) continue;
        if (m.data.moved() == before) return std::unexpected(sent.error());
        break;
    }
    return m.data.moved() - before;
}

/// Takes the first packet out: its bytes have been read, or are to be lost.
void StreamSocket::drop_first(ReceiveMessage& m) {
    Packet* p = end_->pop();
    end_->peer->give_back(p->memory);
    if (p->cargo) m.lost = land(*p);
    Packet::destroy(p);
}

/// The packet at or behind `p` that a read goes on with; null: it ends here. The urgent byte stands in the way of what
/// is behind it, and is passed by a read that begins there.
Packet* StreamSocket::readable_from(Packet* p, ReceiveMessage& m) {
    if (!p || !p->urgent) [[likely]]
        return p;
    Endpoint& e = *end_;
    bool peeks = m.peeks(), has_some = m.data.moved();
    Packet* mark = e.urgent.load(std::memory_order_acquire);
    if (p->left() == 0) { // read already, by MSG_OOB
        if (has_some && (!mark || mark == p)) return nullptr;
        Packet* next = p->next.load(std::memory_order_acquire);
        if (!peeks) drop_first(m);
        p = next;
    }
    if (!p || p != mark) return p;
    if (has_some) return nullptr;
    bool in_line = e.options.on(Flag::oob_inline);
    if (peeks) return in_line ? p : p->next.load(std::memory_order_acquire);
    e.urgent.store(nullptr, std::memory_order_relaxed);
    if (in_line) return p;
    drop_first(m);
    return e.first();
}

namespace {
/// Whether it may go with what has been read so far: bytes of different senders are kept apart where that is told.
bool join(const Endpoint& e, ReceiveMessage& m, const Packet& p) {
    if (!e.options.passes_identity()) [[likely]]
        return true;
    if (m.has_identity) return m.identity == p.from;
    m.identity = p.from;
    return m.has_identity = true;
}
void give_address(ReceiveMessage& m, Endpoint& sender) {
    if (!m.from || m.from->size) [[likely]]
        return;
    if (auto name = sender.get_name()) *m.from = name->address;
}
void move_peek_offset(Options& options, usize n, bool forward) {
    int at = options.peek_offset.load(std::memory_order_relaxed);
    if (at < 0) return;
    int by = static_cast<int>(n);
    options.peek_offset.store(forward ? at + by : std::max(at - by, 0), std::memory_order_relaxed);
}
} // namespace

/// Reads from the first packet. False: the read ends with it.
Result<bool> StreamSocket::take(ReceiveMessage& m, Packet& p) {
    Endpoint& e = *end_;
    u32 n = static_cast<u32>(std::min<usize>(p.left(), m.data.remaining()));
    TRY(p.copy_to(m.data, p.read, n));
    move_peek_offset(e.options, n, false);
    bool had_rights = p.cargo != nullptr;
    if (had_rights) [[unlikely]]
        m.rights = land(p);
    if (n < p.left()) {
        Holding held{e.lock};
        p.read += n;
        e.queued_bytes.fetch_sub(n, std::memory_order_relaxed);
        return false;
    }
    drop_first(m);
    return !had_rights;
}

Result<usize> StreamSocket::receive(ReceiveMessage& m) {
    Endpoint& e = *end_;
    if (e.state.load(std::memory_order_acquire) != State::connected) return err::inval;
    if (m.flags & msg_oob) return receive_urgent(m);
    usize wanted = m.data.moved() + m.data.remaining();
    usize target =
        m.flags & msg_waitall ? wanted : std::min<usize>(e.options.low_water.load(std::memory_order_relaxed), wanted);
    if (target == 0) target = 1;
    Holding one_reader{e.reading};
    while (true) {
        // In this order: what came before the end has been seen then.
        bool ended = e.shut.load(std::memory_order_acquire) & no_more_reads;
        if (m.peeks()) return peek(m, ended);
        Packet* first = e.first();
        Packet* p = readable_from(first, m);
        if (!p) {
            usize moved = m.data.moved();
            if (moved >= target || (moved && first)) return moved;
            auto error = check_error(e.options);
            if (ended || (!error && moved))
                return error || moved ? Result<usize>{moved} : std::unexpected(error.error());
            return error ? Result<usize>{err::again} : std::unexpected(error.error());
        }
        if (!join(e, m, *p)) return m.data.moved();
        give_address(m, *e.peer);
        auto more = take(m, *p);
        if (!more && !m.data.moved()) return std::unexpected(more.error());
        if (!more || !*more || m.data.done()) return m.data.moved();
    }
}

/// MSG_PEEK: what there is, over several packets, without waiting for more.
Result<usize> StreamSocket::peek(ReceiveMessage& m, bool ended) {
    Endpoint& e = *end_;
    usize skip = static_cast<usize>(std::max(e.options.peek_offset.load(std::memory_order_relaxed), 0));
    Packet* p = readable_from(e.first(), m);
    while (p && skip >= p->left()) {
        skip -= p->left();
        p = readable_from(p->next.load(std::memory_order_acquire), m);
    }
    if (!p) {
        TRY(check_error(e.options));
        return ended ? Result<usize>{usize{0}} : err::again;
    }
    while (p && join(e, m, *p)) {
        give_address(m, *e.peer);
        u32 n = static_cast<u32>(std::min<usize>(p->left() - skip, m.data.remaining()));
        auto copied = p->copy_to(m.data, p->read + static_cast<u32>(skip), n);
        if (!copied && !m.data.moved()) return std::unexpected(copied.error());
        if (!copied) break;
        move_peek_offset(e.options, n, true);
        if (p->cargo) {
            m.rights = TRY(look_at(*p));
            break;
        }
        if (m.data.done()) break;
        skip = 0;
        p = readable_from(p->next.load(std::memory_order_acquire), m);
    }
    return m.data.moved();
}

Result<usize> StreamSocket::receive_urgent(ReceiveMessage& m) {
    Endpoint& e = *end_;
    Holding one_reader{e.reading};
    Packet* p = e.urgent.load(std::memory_order_acquire);
    if (!p || e.options.on(Flag::oob_inline)) return err::inval;
    u32 n = m.data.done() ? 0 : 1;
    if (!m.peeks()) e.urgent.store(nullptr, std::memory_order_relaxed);
    TRY(p->copy_to(m.data, 0, n));
    if (!m.peeks()) {
        Holding held{e.lock};
        p->read = 1;
        e.queued_bytes.fetch_sub(1, std::memory_order_relaxed);
    }
    m.result |= msg_oob;
    return 1;
}

u32 StreamSocket::poll() {
    bool can_write = end_->state.load(std::memory_order_relaxed) != State::listening && end_->writable();
    return poll_reading() | (can_write ? writable_events : 0u);
}
} // namespace unix_sockets
