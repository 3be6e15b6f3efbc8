#include "net/vsock/connection.h"
#include <algorithm>

namespace vsock {
Header Connection::header(Operation op, u32 flags) {
    told_ = forwarded_;
    Header h;
    h.type = type_;
    h.operation = op;
    h.flags = flags;
    h.buffer = buffer_;
    h.forwarded = forwarded_;
    return h;
}

void Connection::ask(Output& out) { out.send(header(op_request)); }

void Connection::accept(const Header& request, Output& out) {
    peer_buffer_ = request.buffer;
    state_ = State::connected;
    out.send(header(op_response));
}

void Connection::reset(Output& out) {
    if (state_ == State::reset) return;
    state_ = State::reset;
    out.send(header(op_reset));
}

/// False: it says that it has taken what was never sent, or less than before.
bool Connection::take_credit(const Header& h) {
    if (sent_ - h.forwarded > sent_ - peer_forwarded_) return false;
    peer_forwarded_ = h.forwarded;
    peer_buffer_ = h.buffer;
    asked_for_credit_ = asked_for_credit_ && credit() == 0;
    return true;
}

u8 Connection::received(const Header& h, Output& out) {
    if (state_ == State::reset) return 0;
    auto give_up = [&]() -> u8 {
        reset(out);
        return was_reset;
    };
    if (h.operation == op_reset) {
        state_ = State::reset;
        return was_reset;
    }
    if (h.type != type_ || !take_credit(h)) return give_up();
    if (state_ == State::connecting) {
        if (h.operation != op_response) return give_up();
        state_ = State::connected;
        return established | room;
    }
    switch (h.operation) {
    case op_data:
        if (h.length > buffer_ - std::min(buffer_, unread()) || peer_shutdown_ & no_more_sends) return give_up();
        taken_ += h.length;
        return data | room;
    case op_credit_update: return room;
    case op_credit_request: out.send(header(op_credit_update)); return room;
    case op_shutdown:
        peer_shutdown_ |= h.flags & (no_more_receives | no_more_sends);
        // Whoever is done with both waits for our word.
        if (peer_shutdown_ == (no_more_receives | no_more_sends)) {
            reset(out);
            return ended | was_reset;
        }
        return ended;
    default: return give_up();
    }
}

Header Connection::data_header(u32 length, u32 flags) {
    sent_ += length;
    Header h = header(op_data, flags);
    h.length = length;
    return h;
}

void Connection::want_credit(Output& out) {
    if (state_ != State::connected || std::exchange(asked_for_credit_, true)) return;
    out.send(header(op_credit_request));
}

void Connection::consumed(u32 bytes, Output& out) {
    forwarded_ += bytes;
    if (state_ != State::connected) return;
    // What the peer believes to be free: it is told when that is not enough for a large packet, or for half a buffer.
    u32 believed = buffer_ - std::min(buffer_, taken_ - told_);
    if (believed < std::min(most_data, buffer_ / 2) && forwarded_ != told_) out.send(header(op_credit_update));
}

void Connection::set_buffer(u32 bytes, Output& out) {
    buffer_ = bytes;
    if (state_ == State::connected) out.send(header(op_credit_update));
}

void Connection::shut_down(u32 flags, Output& out) {
    if (state_ != State::connected || (own_shutdown_ | flags) == own_shutdown_) return;
    own_shutdown_ |= flags;
    out.send(header(op_shutdown, own_shutdown_));
}

bool Connection::refuse(const Header& h, Header& answer) {
    if (h.operation == op_reset) return false;
    answer = {};
    answer.source_cid = h.destination_cid;
    answer.destination_cid = h.source_cid;
    answer.source_port = h.destination_port;
    answer.destination_port = h.source_port;
    answer.type = h.type;
    answer.operation = op_reset;
    return true;
}
} // namespace vsock
