// Segments come in (RFC 9293, 3.10.7), with the checks of RFC 5961 and 7323.
#include "net/inet/tcp/connection.h"
#include <algorithm>
#include <linux/eventpoll.h>

namespace net::tcp {
void Connection::segment(Segment s, Time now) {
    counts_.segments_in++;
    if (state_ == State::closed || state_ == State::time_wait) return;
    if (state_ == State::syn_sent) return in_syn_sent(s, now);
    if (state_ == State::syn_received && s.has(syn) && s.seq + 1 == receive_next()) {
        if (!s.has(ack) || s.ack != snd_.nxt) return void(syn_pending_ = true); // it has not seen ours
        s.seq = s.seq + 1;
        s.flags &= static_cast<u8>(~(syn | ece | cwr));
        ack_pending_ = true; // both have begun at once
    }
    if (!acceptable(s, now) || !s.has(ack)) return;
    last_received_ = now;
    alive_probes_ = 0;
    if (state_ == State::syn_received) {
        if (s.ack <= snd_.una || s.ack > snd_.nxt) return; // the listener has checked it; a copy may be wrong
        established(now);
    }
    if (!take_ack(s, now)) return;
    if (fin_sent_ && snd_.una == snd_.nxt) our_fin_acknowledged(now);
    if (state_ == State::closed || state_ == State::time_wait) return;
    if (s.has(urg)) take_urgent(s);
    take_data(s, now);
}

void Connection::in_syn_sent(Segment& s, Time now) {
    bool right_ack = s.has(ack) && s.ack > snd_.una && s.ack <= snd_.nxt;
    if (s.has(ack) && !right_ack) { // an old duplicate, or a connection from before we started anew
        if (!s.has(rst)) refused_ = s.ack;
        return;
    }
    if (s.has(rst)) {
        if (right_ack) fail(Errno::connrefused);
        return;
    }
    if (!s.has(syn)) return;
    last_received_ = now;
    s.options.ecn = s.has(ack) ? ecn_.asked && s.has(ece) && !s.has(cwr) : s.asks_for_ecn() && tuning.ecn;
    queue_.start(s.seq + 1);
    rcv_.edge = s.seq + 1 + std::min(free_window(), u32{65535});
    rcv_.last_ack_sent = s.seq + 1;
    learn_options(s.options, now);
    snd_.wnd = snd_.max_wnd = s.window; // not scaled in a SYN
    snd_.wl1 = s.seq;
    if (!right_ack) { // both have begun at once
        state_ = State::syn_received;
        syn_pending_ = true;
        return;
    }
    snd_.una = snd_.wl2 = s.ack;
    counts_.bytes_acked = 1; // the SYN, as Linux counts
    buffer_.start(snd_.una);
    if (!syn_retransmitted_) rtt_.sample(now - syn_sent_at_, now);
    established(now);
    ack_pending_ = true;
    s.seq = s.seq + 1;
    s.flags &= static_cast<u8>(~(syn | ece | cwr));
    take_data(s, now);
}

/// What the peer's SYN allows.
void Connection::learn_options(const Options& o, Time now) {
    peer_mss_ = o.mss ? o.mss : id_.remote.address.is_v4() ? 536 : 1220; // RFC 9293, 3.7.1
    peer_mss_ = peer_mss_ < 48 ? 48 : peer_mss_;                         // else headers would be all that is sent
    sack_ = o.sack_permitted && tuning.sack;
    timestamps_ = o.has_timestamps && tuning.timestamps;
    ecn_.on = o.ecn;
    ecn_.until = snd_.una;
    if (timestamps_) {
        rcv_.ts_recent = o.ts_value;
        rcv_.ts_recent_at = now;
    }
    if (o.has_scale && tuning.scaling)
        snd_.scale = o.scale;
    else
        rcv_.scale = 0;
    set_mss(id_.mtu);
}

void Connection::established(Time now) {
    bool passive = state_ == State::syn_received;
    state_ = State::established;
    if (passive && snd_.una + 1 == snd_.nxt && !syn_retransmitted_ && syn_sent_at_)
        rtt_.sample(now - syn_sent_at_, now);
    retransmit_ = Retransmit::none;
    retransmit_at_ = never;
    syn_pending_ = false;
    backoffs_ = 0;
    progress_at_ = now;
    start_window();
    if (passive) snd_.una = snd_.nxt, buffer_.start(snd_.nxt);
    if (tuning.keep_alive) alive_at_ = now + tuning.keep_idle;
    rcv_.read_since = rcv_.window_since = now;
    if (tuning.mtu_probing > 1) start_search();
    change(EPOLLIN | EPOLLOUT);
    if (fin_queued_) state_ = State::fin_wait_1; // closed before it was established
}

/// An ACK that tells the peer where we are, at most two a second: whoever guesses segments learns little from it.
void Connection::challenge(Time now) {
    if (challenged_at_ && now - challenged_at_ < 500 * ms) return;
    challenged_at_ = now;
    ack_pending_ = true;
}

bool Connection::paws_rejects(const Segment& s, Time now) {
    constexpr Time outdated = Time{24} * 24 * 3600 * second; // RFC 7323, 5.5
    if (!timestamps_ || !s.options.has_timestamps || s.has(rst)) return false;
    return static_cast<i32>(s.options.ts_value - rcv_.ts_recent) < 0 && now - rcv_.ts_recent_at <= outdated;
}

/// Whether the segment is of this connection and of this time.
bool Connection::acceptable(const Segment& s, Time now) {
    Seq next = receive_next();
    bool old = paws_rejects(s, now);
    bool in_window = s.end() >= rcv_.last_ack_sent && s.seq <= next + receive_window();
    if (old || !in_window) {
        if (s.has(rst)) return false;
        counts_.duplicates++;
        if (s.data->size() && s.end() <= next && !old) { // sent again for nothing, or our ACK was lost
            queue_.note_duplicate(s.seq, s.end());
            ack_pending_ = true;
        } else {
            challenge(now);
        }
        return false;
    }
    if (s.has(rst)) {
        // Only what is exactly next can be trusted (RFC 5961, 3.2).
        if (s.seq == next)
            take_reset(s);
        else
            challenge(now);
        return false;
    }
    if (s.has(syn)) { // RFC 5961, 4.2
        challenge(now);
        return false;
    }
    if (timestamps_ && s.options.has_timestamps && s.seq <= rcv_.last_ack_sent &&
        static_cast<i32>(s.options.ts_value - rcv_.ts_recent) >= 0) {
        rcv_.ts_recent = s.options.ts_value;
        rcv_.ts_recent_at = now;
    }
    return true;
}

void Connection::take_reset(const Segment&) {
    switch (state_) {
    case State::close_wait: return fail(Errno::pipe);
    case State::closing:
    case State::last_ack: return fail(Errno{});
    case State::syn_received: return fail(Errno::connrefused);
    default: return fail(Errno::connreset);
    }
}

void Connection::our_fin_acknowledged(Time now) {
    if (state_ == State::fin_wait_1) {
        state_ = State::fin_wait_2;
        change(EPOLLOUT);
        if (orphan_) end_at_ = now + tuning.fin_timeout;
    } else if (state_ == State::closing) {
        enter_time_wait(now);
    } else if (state_ == State::last_ack) {
        fail(Errno{});
    }
}

/// `up` is one behind the urgent byte, as everybody has it (RFC 6093).
void Connection::take_urgent(const Segment& s) {
    if (s.urgent == 0) return;
    Seq at = s.seq + s.urgent - 1;
    if (at < queue_.next() || (urgent_at_ && at <= *urgent_at_)) return;
    urgent_at_ = at;
    urgent_.reset();
    change(EPOLLPRI);
}

void Connection::take_data(Segment& s, Time now) {
    usize size = s.data->size();
    bool has_fin = s.has(fin);
    if (size == 0 && !has_fin) return;
    counts_.data_in++;
    if (ecn_.on) take_marks(s);
    if (rcv_.fin) { // behind its FIN there is nothing
        if (s.end() > receive_next()) challenge(now);
        return;
    }
    if (size && orphan_) return reset_by_us(Errno::connreset); // nobody will read it (RFC 2525, 2.17)
    Seq end = s.seq + static_cast<u32>(size), edge = queue_.next() + receive_window();
    if (end > edge) {
        if (s.seq >= edge) {
            ack_pending_ = true;
            return; // a window probe
        }
        s.data->truncate(edge - s.seq);
        has_fin = false;
    }
    Seq begin = s.seq, fin_at = begin + static_cast<u32>(s.data->size());
    if (s.data->size()) {
        if (s.data->size() > rcv_.segment_bytes && s.data->size() <= 65535)
            rcv_.segment_bytes = static_cast<u32>(s.data->size());
        measure_receive_rtt(s, now);
        split_at_urgent(std::move(s.data), begin, now);
    }
    if (has_fin && fin_at == queue_.next()) return take_fin(now);
    if (has_fin) ack_pending_ = true; // it will come again
}

/// The urgent byte gets a packet of its own, so that readers stop before it and can leave it out.
void Connection::split_at_urgent(PacketBox data, Seq begin, Time now) {
    Seq end = begin + static_cast<u32>(data->size());
    if (!urgent_at_ || *urgent_at_ < begin || *urgent_at_ >= end) return enter_data(std::move(data), begin, now);
    u32 before = *urgent_at_ - begin;
    u8 byte = 0;
    data->copy(before, std::as_writable_bytes(std::span{&byte, 1}));
    urgent_ = byte;
    auto first = data->slice(0, before), alone = data->slice(before, 1);
    if (!first || !alone) return; // as if it had been lost
    data->trim_front(before + 1);
    if (before) enter_data(std::move(*first), begin, now);
    enter_data(std::move(*alone), *urgent_at_, now);
    if (!data->empty()) enter_data(std::move(data), *urgent_at_ + 1, now);
}

void Connection::enter_data(PacketBox data, Seq begin, Time now) {
    u32 size = static_cast<u32>(data->size());
    bool filled_gap = queue_.has_gap();
    auto added = queue_.add(std::move(data), begin, tuning.receive_limit, id_.account);
    switch (added) {
    case ReceiveQueue::Added::in_order:
        counts_.bytes_received += size;
        if (read_shut_) // thrown away
            while (queue_.take()) {}
        change(EPOLLIN);
        if (filled_gap)
            ack_pending_ = true; // RFC 5681, 4.2
        else
            owe_ack(size, now);
        break;
    case ReceiveQueue::Added::ahead: counts_.reordered++; [[fallthrough]];
    case ReceiveQueue::Added::duplicate:
    case ReceiveQueue::Added::dropped: ack_pending_ = true; break;
    }
}

/// By timestamps, or by the time in which a window comes: that is no shorter than a round trip.
void Connection::measure_receive_rtt(const Segment& s, Time now) {
    if (timestamps_ && s.options.has_timestamps && s.options.ts_echo) {
        Time took = std::max<Time>(ts_now(now) - s.options.ts_echo, 1) * ms;
        if (took < 64 * second) rcv_.rtt = rcv_.rtt ? (7 * rcv_.rtt + took) / 8 : took;
    } else if (s.end() >= rcv_.window_end) {
        Time took = now - rcv_.window_since;
        if (rcv_.window_end != Seq{}) rcv_.rtt = rcv_.rtt ? std::min(rcv_.rtt, took) : took;
        rcv_.window_since = now;
        rcv_.window_end = s.end() + receive_window();
    }
}

/// Every second full segment is acknowledged at once, else soon (RFC 1122, 4.2.3.2).
void Connection::owe_ack(u32 bytes, Time now) {
    constexpr Time soon = 40 * ms;
    rcv_.unacked += bytes;
    if (rcv_.quick) rcv_.quick--;
    if (rcv_.quick || rcv_.unacked >= 2 * rcv_.segment_bytes)
        ack_pending_ = true;
    else if (ack_at_ == never)
        ack_at_ = now + soon;
}

void Connection::take_fin(Time now) {
    rcv_.fin = true;
    ack_pending_ = true;
    change(EPOLLIN | EPOLLRDHUP);
    switch (state_) {
    case State::established: state_ = State::close_wait; break;
    case State::fin_wait_1: state_ = State::closing; break; // our FIN is not acknowledged: that was looked at before
    case State::fin_wait_2: enter_time_wait(now); break;
    default: break;
    }
}
} // namespace net::tcp
