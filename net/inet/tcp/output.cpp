// What is sent next, and when it is better not to (RFC 9293 3.7.4, 3.8.6; RFC 5681).
#include "net/inet/tcp/connection.h"
#include <algorithm>

namespace net::tcp {
Result<PacketBox> Connection::next_segment(Time now, const Egress& egress) {
    if (rst_pending_) {
        auto p = TRY(bare(snd_.nxt, rst | ack, now, egress));
        rst_pending_ = false;
        return p;
    }
    if (state_ == State::closed || state_ == State::time_wait) {
        if (!ack_pending_) return err::again;
        return bare(snd_.nxt, ack, now, egress);
    }
    if (refused_) {
        auto p = TRY(bare(*refused_, rst, now, egress));
        refused_.reset();
        return p;
    }
    if (state_ == State::syn_sent || state_ == State::syn_received) {
        if (syn_pending_) return next_syn(now, egress);
    } else {
        if (window_probe_pending_) {
            // Behind us, so that it must be answered.
            auto p = TRY(bare(snd_.una - 1, ack, now, egress));
            window_probe_pending_ = false;
            return p;
        }
        if (recovery_.new_first) [[unlikely]]
            if (auto p = new_data(now, egress); p || p.error() != Errno::again) return p;
        if (!(recovery_.new_first && snd_.nxt > recovery_.point)) // else it waits for what that tells
            if (auto p = retransmission(now, egress); p || p.error() != Errno::again) return p;
        if (probe_.pending)
            if (auto p = loss_probe(now, egress); p || p.error() != Errno::again) return p;
        if (auto p = new_data(now, egress); p || p.error() != Errno::again) return p;
    }
    if (!ack_pending_) return err::again;
    return bare(snd_.nxt, ack, now, egress);
}

Result<PacketBox> Connection::bare(Seq seq, u8 flags, Time now, const Egress& egress) {
    u32 nothing = 0;
    return build(seq, nothing, flags, now, egress);
}

Options Connection::options_now(Time now) {
    Options o;
    if (timestamps_) {
        o.has_timestamps = true;
        o.ts_value = ts_now(now);
        o.ts_echo = rcv_.ts_recent;
    }
    if (sack_ && (queue_.has_gap() || queue_.has_duplicate())) {
        usize room = most_options - (timestamps_ ? timestamps_size : 0);
        o.block_count = queue_.blocks(o.blocks, static_cast<u8>(std::min<usize>((room - 4) / 8, Options::most_blocks)));
    }
    return o;
}

/// A segment with what we know of the other direction. `data`: bytes of the buffer, as many as are wanted; then how
/// many a packet has room for. With less, a FIN stays behind.
Result<PacketBox> Connection::build(Seq seq, u32& data, u8 flags, Time now, const Egress& egress) {
    auto p = TRY(Packet::create());
    if (u32 wanted = data) {
        data = TRY(buffer_.share(seq, wanted, *p));
        if (data < wanted) flags &= static_cast<u8>(~fin);
    }
    Header h{.source_port = id_.local.port, .destination_port = id_.remote.port, .seq = seq, .flags = flags};
    h.options = options_now(now);
    if (snd_.urgent && snd_.up > seq && snd_.up - seq <= 65535) {
        h.flags |= urg;
        h.urgent = static_cast<u16>(snd_.up - seq);
    }
    if (flags & ack) {
        h.ack = receive_next();
        h.window = advertise();
        if (ecn_.echoes) h.flags |= ece;
    }
    if (data && seq + data == buffer_.end()) h.flags |= psh;
    u32 mss = usable_mss();
    if (data > mss) p->segment_size = static_cast<u16>(mss);
    TRY(push(*p, h, id_.local.address, id_.remote.address, egress.offload));
    if (flags & ack) {
        rcv_.last_ack_sent = h.ack;
        rcv_.unacked = 0;
        ack_pending_ = false;
        ack_at_ = never;
    }
    u32 segments = data > mss ? (data + mss - 1) / mss : 1;
    counts_.segments_out += counts_.last = segments;
    if (data) counts_.data_out += segments;
    return p;
}

/// The window for a segment; its right edge never moves back (RFC 9293, 3.8.6.2.2).
u16 Connection::advertise() {
    Seq next = receive_next();
    u32 known = receive_window(), window = free_window();
    u32 half = static_cast<u32>(std::min<usize>(tuning.receive_limit / 4, rcv_.segment_bytes));
    if (window < known + half) window = known; // no small steps
    u32 units = std::min(window >> rcv_.scale, u32{65535});
    if ((units << rcv_.scale) < known) units = std::min((known + (1u << rcv_.scale) - 1) >> rcv_.scale, u32{65535});
    rcv_.edge = later(rcv_.edge, next + (units << rcv_.scale));
    return static_cast<u16>(units);
}

/// Half of the memory is for what packets take beside their data.
u32 Connection::free_window() const {
    usize half = tuning.receive_limit / 2, held = queue_.ready().bytes();
    if (queue_.true_size() >= tuning.receive_limit || held >= half) return 0;
    return static_cast<u32>(std::min<usize>(half - held, u32{65535} << most_scale));
}

Result<PacketBox> Connection::next_syn(Time now, const Egress& egress) {
    auto p = TRY(Packet::create());
    bool answer = state_ == State::syn_received;
    Header h{.source_port = id_.local.port, .destination_port = id_.remote.port, .seq = id_.iss, .flags = syn};
    if (answer) {
        h.flags |= ack | (ecn_.on ? ece : 0);
        h.ack = receive_next();
    } else if (tuning.ecn == 1) { // an old router may have dropped the first one for that
        ecn_.asked = !syn_retransmitted_;
        if (ecn_.asked) h.flags |= ece | cwr;
    }
    h.window = static_cast<u16>(std::min(free_window(), u32{65535}));
    u32 headers = static_cast<u32>(inet::ip_header_size(id_.remote.address) + header_size);
    h.options.mss = static_cast<u16>(std::min(id_.mtu - headers, u32{65535}));
    if (tuning.max_segment) h.options.mss = std::min(h.options.mss, tuning.max_segment);
    h.options.sack_permitted = answer ? sack_ : tuning.sack;
    h.options.has_scale = answer ? snd_.scale || rcv_.scale : tuning.scaling;
    h.options.scale = rcv_.scale;
    h.options.has_timestamps = answer ? timestamps_ : tuning.timestamps;
    h.options.ts_value = ts_now(now);
    h.options.ts_echo = answer ? rcv_.ts_recent : 0;
    TRY(push(*p, h, id_.local.address, id_.remote.address, egress.offload));
    if (answer) rcv_.last_ack_sent = h.ack;
    syn_pending_ = ack_pending_ = false;
    if (!syn_retransmitted_) syn_sent_at_ = now;
    counts_.segments_out++;
    if (retransmit_at_ == never) arm_rto(now);
    return p;
}

/// Bytes of data that a segment has with the options that it will carry.
u32 Connection::usable_mss() const {
    usize options = timestamps_ ? timestamps_size : 0;
    if (sack_ && (queue_.has_gap() || queue_.has_duplicate())) options = most_options;
    return mss_ - static_cast<u32>(options);
}

u32 Connection::segments_of(u32 bytes, const Egress& egress) const {
    u32 mss = usable_mss(), most = egress.most;
    if (tuning.pacing_rate != ~u64{0}) // what goes in a millisecond, as one burst
        most = static_cast<u32>(std::min<u64>(most, std::max<u64>(tuning.pacing_rate >> 10, 2 * mss)));
    return std::min(bytes, std::max(most / mss, u32{1}) * mss);
}

/// A record's bytes once more; it is cut where a packet has no room for all.
Result<PacketBox> Connection::build_again(Sent& s, Time now, const Egress& egress) {
    bool with_fin = fin_sent_ && s.end == snd_.nxt;
    u32 all = s.length() - with_fin, data = all;
    auto p = TRY(build(s.begin, data, static_cast<u8>(ack | (with_fin ? fin : 0)), now, egress));
    if (data < all) TRY(board_.split(s, s.begin + data));
    return p;
}

Result<PacketBox> Connection::retransmission(Time now, const Egress& egress) {
    Sent* s = board_.next_to_retransmit();
    if (!s) return err::again;
    u32 pipe = board_.pipe(), mss = usable_mss();
    u64 room = window_.cwnd > pipe ? window_.cwnd - pipe : 0;
    if (room < std::min(s->length(), mss)) return err::again;
    if (s->begin != snd_.una && s->begin >= snd_.una + snd_.wnd) return err::again; // the window has shrunk
    u32 n = std::min<u32>(s->length(), static_cast<u32>(std::min<u64>(std::max<u64>(room / mss, 1) * mss, 1u << 30)));
    n = segments_of(n, egress);
    if (n < s->length()) TRY(board_.split(*s, s->begin + n));
    auto p = TRY(build_again(*s, now, egress));
    recovery_.out += s->length();
    recovery_.undo_retransmissions++;
    counts_.retransmitted += (s->length() + mss - 1) / mss;
    counts_.bytes_retransmitted += s->length();
    bool first = s->begin == snd_.una;
    board_.sent_again(*s, now);
    if (first || retransmit_ == Retransmit::none) arm_rto(now);
    return p;
}

/// RFC 8985, 7.3: new data, or the last segment again.
Result<PacketBox> Connection::loss_probe(Time now, const Egress&) {
    probe_.pending = false;
    if (board_.empty()) return err::again;
    u32 mss = usable_mss(), window = snd_.una + snd_.wnd > snd_.nxt ? snd_.una + snd_.wnd - snd_.nxt : 0;
    u32 fresh = std::min({unsent_bytes(), mss, window});
    if (fresh && board_.prepare()) {
        auto p = TRY(build(snd_.nxt, fresh, ack, now, {}));
        mark_capable(*p, fresh);
        probe_.active = true;
        probe_.retransmitted = false;
        sent_new(snd_.nxt, snd_.nxt + fresh, fresh, now);
        probe_.end = snd_.nxt;
        return p;
    }
    Sent* last = board_.last();
    if (last->sacked) return err::again;
    if (last->length() > mss) {
        TRY(board_.split(*last, last->end - mss));
        last = board_.last();
    }
    auto p = TRY(build_again(*last, now, {}));
    probe_.active = probe_.retransmitted = true;
    probe_.end = snd_.nxt;
    counts_.retransmitted++;
    counts_.bytes_retransmitted += last->length();
    board_.sent_again(*last, now);
    arm_rto(now);
    return p;
}

/// Whether a segment that is not full waits for more, or for an acknowledgement (RFC 1122, 4.2.3.4; with Minshall's
/// change: only while another small one is on its way).
bool Connection::held_back() const {
    if (fin_queued_ || forced_) return false;
    if (tuning.cork || more_) return true;
    return !tuning.nodelay && snd_.small > snd_.una;
}

/// How much of what is unsent goes now; 0: nothing.
u32 Connection::new_data_size(Time now, const Egress& egress) {
    u32 unsent = unsent_bytes(), mss = usable_mss(), pipe = board_.pipe();
    Seq edge = snd_.una + snd_.wnd;
    u32 window = edge > snd_.nxt ? edge - snd_.nxt : 0;
    u64 room = window_.cwnd > pipe ? window_.cwnd - pipe : 0;
    if (room < std::min(unsent, mss)) {
        cwnd_limited_ = true;
        return 0;
    }
    if (tuning.pacing_rate != ~u64{0} && paced_until_ > now) {
        waits_for_pace_ = true;
        return 0;
    }
    u32 n = std::min(unsent, window);
    if (room < n) {
        n = static_cast<u32>(room);
        cwnd_limited_ = true;
    }
    if (n >= mss) return segments_of(n / mss * mss, egress);
    if (n == unsent) return held_back() ? 0 : n;
    // The window ends within a segment: only if it is large for this peer (RFC 1122, 4.2.3.4), or it is all it has.
    if (n == window && n && (forced_ || n >= snd_.max_wnd / 2)) return n;
    return n < window && n ? n / mss * mss : 0;
}

Result<PacketBox> Connection::new_data(Time now, const Egress& egress) {
    u32 unsent = unsent_bytes();
    bool only_fin = unsent == 0 && fin_is_next(snd_.nxt);
    if (unsent == 0 && !only_fin) return err::again;
    if (board_.empty()) restart_after_idle(now);
    if (search_.on) [[unlikely]]
        if (auto p = mtu_probe(now, egress); p || p.error() != Errno::inval) return p;
    u32 n = only_fin ? 0 : new_data_size(now, egress);
    bool with_fin = fin_is_next(snd_.nxt + n);
    if (n == 0 && !only_fin) {
        if (board_.empty() && !waits_for_pace_) arm_persist(now);
        return err::again;
    }
    TRY(board_.prepare());
    bool reduced = ecn_.owes_cwr && n;
    if (reduced && n > usable_mss()) n = usable_mss(), with_fin = false; // one segment says so
    u32 shared = n;
    auto p =
        TRY(build(snd_.nxt, shared, static_cast<u8>(ack | (with_fin ? fin : 0) | (reduced ? cwr : 0)), now, egress));
    if (reduced) ecn_.owes_cwr = false;
    mark_capable(*p, shared);
    if (shared < n) with_fin = false;
    if (with_fin) fin_sent_ = true;
    if (shared < usable_mss()) snd_.small = snd_.nxt + shared;
    forced_ = false;
    sent_new(snd_.nxt, snd_.nxt + shared + with_fin, shared, now);
    return p;
}

void Connection::sent_new(Seq begin, Seq end, u32 bytes, Time now) {
    if (board_.empty()) progress_at_ = now;
    board_.add(begin, end, now);
    snd_.nxt = end;
    counts_.bytes_sent += bytes;
    if (recovery_.phase != Phase::open) recovery_.out += bytes;
    if (board_.pipe() > most_flight_) most_flight_ = board_.pipe();
    cwnd_limited_ = board_.pipe() + mss_ > window_.cwnd;
    persist_at_ = never;
    if (now - last_received_ < 40 * ms) rcv_.quick = 0, rcv_.interactive = true; // answers carry the ACK
    last_data_sent_ = now;
    if (retransmit_ == Retransmit::none || retransmit_ == Retransmit::loss_probe) arm_rto(now);
    schedule_loss_probe(now);
    pace(bytes, now);
}

/// After a pause the window says little about the path (RFC 2861, 7661).
void Connection::restart_after_idle(Time now) {
    if (last_data_sent_ == 0 || recovery_.phase != Phase::open) return;
    Time idle = now - last_data_sent_, rto = rtt_.rto();
    if (idle < rto) return;
    u64 least = std::min<u64>(u64{tuning.initial_window} * mss_, window_.cwnd);
    window_.ssthresh = std::max(window_.ssthresh, window_.cwnd * 3 / 4);
    for (Time left = idle; left >= rto && window_.cwnd > least; left -= rto) window_.cwnd /= 2;
    window_.cwnd = std::max(window_.cwnd, least);
    window_.algorithm->idle(window_, idle);
    cwnd_limited_ = false;
}

void Connection::pace(u32 bytes, Time now) {
    if (tuning.pacing_rate == ~u64{0} || tuning.pacing_rate == 0) return;
    paced_until_ = std::max(paced_until_, now) + bytes * second / tuning.pacing_rate;
}
} // namespace net::tcp
