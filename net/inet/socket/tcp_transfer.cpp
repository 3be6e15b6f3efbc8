// Bytes in and out of a connection.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/tcp_socket.h"
#include "net/stack/user_bytes.h"
#include <linux/eventpoll.h>

namespace net::inet {
using namespace sockets;
using tcp::State;

namespace {
/// Blocks of frames for what is sent: large ones for long writes.
constexpr unsigned large_order = 3;
constexpr usize large_write = 16 * KiB;

Result<FrameRef> frame_for(usize bytes) {
    if (bytes >= large_write)
        if (auto large = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing, large_order)) return large;
    return mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
}
} // namespace

/// Whether bytes may be sent now, and how many. Under the lock.
Result<usize> TcpSocket::may_send() {
    auto& e = tcp();
    TRY(check_error(e.options));
    auto* c = e.connection.get();
    if (!c) return err::pipe;
    switch (c->state()) {
    case State::syn_sent:
    case State::syn_received: return err::again;
    case State::established:
    case State::close_wait: break;
    default: return err::pipe;
    }
    usize room = c->send_room();
    return room ? Result<usize>{room} : err::again;
}

/// The same, and the frame that has room for the first ones.
Result<TcpSocket::Room> TcpSocket::room_to_send() {
    Holding held{end_->lock};
    auto& e = tcp();
    usize room = TRY(may_send());
    return Room{std::move(e.tail), std::exchange(e.tail_used, 0), room};
}

/// Copies some bytes and gives them to the connection.
Result<> TcpSocket::send_piece(SendMessage& m, Room room, Outbox& box) {
    if (!room.tail) room.tail = TRY(frame_for(m.data.remaining())), room.used = 0;
    u32 size = static_cast<u32>(page_size << room.tail->order);
    // A little more than there is room for does no harm; less than a segment would be bad.
    usize most = std::max<usize>(room.bytes, 2 * KiB);
    auto start = m.data.position();
    std::span to{static_cast<std::byte*>(room.tail->data()) + room.used, std::min<usize>(size - room.used, most)};
    u32 n = static_cast<u32>(TRY(m.data.get(to)));
    Piece piece{room.tail, room.used, n};
    room.used += n;
    TcpEndpoint::Turn turn{tcp(), box};
    auto& e = tcp();
    bool more = m.flags & msg_more || !m.data.done();
    auto sent = e.connection ? e.connection->send(std::move(piece), more, m.flags & msg_oob && m.data.done())
                             : Result<>{err::pipe};
    if (room.used < size) {
        e.tail = std::move(room.tail);
        e.tail_used = room.used;
    }
    if (!sent) m.data.go_back(start);
    return sent;
}

/// Pages of files go out from where they are: as many as there is room for.
Result<> TcpSocket::send_pages(SendMessage& m, Outbox& box) {
    TcpEndpoint::Turn turn{tcp(), box};
    usize room = TRY(may_send());
    auto& c = *tcp().connection;
    while (room) {
        auto start = m.data.position();
        auto part = m.data.share(room);
        if (!part) break;
        bool more = m.flags & msg_more || !m.data.done();
        if (auto sent = c.send(Piece{std::move(part->frame), part->offset, part->size}, more, false); !sent) {
            m.data.go_back(start);
            return sent;
        }
        room = c.send_room();
    }
    return {};
}

/// Some of the bytes.
Result<> TcpSocket::send_some(SendMessage& m, Outbox& box) {
    if (m.data.shares()) return send_pages(m, box);
    return send_piece(m, TRY(room_to_send()), box);
}

Result<usize> TcpSocket::send(SendMessage& m) {
    if (m.flags & msg_fastopen) return err::opnotsupp;
    Holding one{end_->writing};
    usize before = m.data.moved();
    Outbox box;
    Errno error{};
    while (!m.data.done()) {
        auto sent = send_some(m, box);
        if (!sent) {
            error = sent.error();
            break;
        }
        box.flush();
    }
    if (error != Errno{}) { // what was to be followed by more goes now: only then there is room again
        TcpEndpoint::Turn turn{tcp(), box};
        if (auto* c = tcp().connection.get()) c->push_pending();
    }
    usize moved = m.data.moved() - before;
    return moved || error == Errno{} ? Result<usize>{moved} : std::unexpected(error);
}

// recv(2)

Result<usize> TcpSocket::nothing_to_read(usize moved, usize target) {
    auto& e = tcp();
    if (moved && moved >= target) return moved;
    if (int error = e.options.error.load(std::memory_order_relaxed)) {
        if (moved) return moved;
        e.options.take_error();
        return std::unexpected(static_cast<Errno>(error));
    }
    auto* c = e.connection.get();
    if (!c) return err::notconn;
    if (c->poll() & EPOLLRDHUP || target == 0) return moved; // the end
    return err::again;
}

/// The first packet, up to the urgent byte's place, which a read that begins there passes.
Result<TcpSocket::Readable> TcpSocket::find_readable(ReceiveMessage& m, usize target, Outbox& box) {
    auto& e = tcp();
    {
        Holding held{e.lock};
        auto* c = e.connection.get();
        usize moved = m.data.moved();
        Packet* p = c ? c->received().first() : nullptr;
        if (!p) return Readable{nullptr, TRY(nothing_to_read(moved, target))};
        auto mark = c->urgent_offset();
        if (!mark) [[likely]]
            return Readable{p, p->size()};
        if (*mark) return Readable{p, std::min<usize>(*mark, p->size())};
        if (moved) return Readable{nullptr, moved};
        if (options().on(Flag::oob_inline)) return Readable{p, p->size()};
    }
    {
        TcpEndpoint::Turn turn{e, box};
        e.take_bytes(1, box.now);
    }
    return find_readable(m, target, box);
}

Result<usize> TcpSocket::receive(ReceiveMessage& m) {
    if (m.flags & msg_errqueue) return m.no_error_queued();
    if (m.flags & msg_oob) return receive_urgent(m);
    usize wanted = m.data.moved() + m.data.remaining();
    usize target = m.flags & msg_waitall ? wanted : std::min<usize>(options().low_water.load(), wanted);
    if (wanted && !target) target = 1;
    Holding one{end_->reading};
    if (m.peeks()) return peek(m);
    if (m.flags & msg_trunc) return drop(m, target);
    Outbox box;
    for (;;) {
        auto from = TRY(find_readable(m, target, box));
        if (!from.packet) return from.bytes;
        auto copied = copy_to(m.data, *from.packet, 0, std::min(from.bytes, m.data.remaining()));
        if (!copied) return m.data.moved() ? Result<usize>{m.data.moved()} : copied;
        {
            TcpEndpoint::Turn turn{tcp(), box};
            tcp().take_bytes(static_cast<u32>(*copied), box.now);
        }
        box.flush();
        if (m.data.done()) return m.data.moved();
    }
}

/// MSG_TRUNC: what there is goes unread.
Result<usize> TcpSocket::drop(ReceiveMessage& m, usize target) {
    Outbox box;
    for (usize dropped = 0;;) {
        auto from = find_readable(m, target, box);
        if (!from || !from->packet || dropped == m.data.remaining()) {
            if (dropped || !from) return dropped ? Result<usize>{dropped} : std::unexpected(from.error());
            return from->packet ? 0 : from->bytes;
        }
        usize n = std::min(from->bytes, m.data.remaining() - dropped);
        TcpEndpoint::Turn turn{tcp(), box};
        tcp().take_bytes(static_cast<u32>(n), box.now);
        dropped += n;
    }
}

/// Whoever reads keeps others out: packets do not go while one is copied.
Result<usize> TcpSocket::peek(ReceiveMessage& m) {
    usize skip = static_cast<usize>(std::max(options().peek_offset.load(), 0));
    const Packet* p = nullptr;
    for (;;) {
        {
            Holding held{end_->lock};
            auto* c = tcp().connection.get();
            if (!c) return nothing_to_read(0, 1);
            p = p ? p->next : c->received().first();
            while (p && skip >= p->size()) skip -= p->size(), p = p->next;
            if (!p && !m.data.moved()) return nothing_to_read(0, m.data.done() ? 0 : 1);
        }
        if (!p || m.data.done()) break;
        auto copied = copy_to(m.data, *p, skip, p->size() - skip);
        if (!copied) return m.data.moved() ? Result<usize>{m.data.moved()} : copied;
        skip = 0;
        if (m.data.done()) break;
    }
    if (int at = options().peek_offset; at >= 0) options().peek_offset = at + static_cast<int>(m.data.moved());
    return m.data.moved();
}

/// MSG_OOB: the last urgent byte, unless it is read in its place.
Result<usize> TcpSocket::receive_urgent(ReceiveMessage& m) {
    Holding one{end_->reading};
    std::byte byte;
    {
        Holding held{end_->lock};
        auto* c = tcp().connection.get();
        if (options().on(Flag::oob_inline) || !c || !c->urgent_offset()) return err::inval;
        // It has been read, or is still on its way.
        if (!c->urgent_byte())
            return *c->urgent_offset() < c->readable_bytes() ? Result<usize>{err::inval} : err::again;
        byte = std::byte{*c->urgent_byte()};
        if (!m.peeks()) c->urgent_taken();
    }
    m.result |= msg_oob;
    if (m.data.done()) {
        m.result |= msg_trunc;
        return 0;
    }
    return m.data.put({&byte, 1});
}
} // namespace net::inet
