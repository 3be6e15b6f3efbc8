// A connection's life, and what its user does.
#include "net/inet/tcp/connection.h"
#include <algorithm>
#include <linux/eventpoll.h>
#include <linux/tcp.h>

namespace net::tcp {
Connection::Connection(const Identity& id, const Tuning& t) : tuning{t}, id_{id} {
    snd_.una = snd_.nxt = snd_.small = id.iss;
    rcv_.scale = tuning.scaling ? receive_scale(tuning) : 0;
    window_.algorithm = tuning.congestion ? tuning.congestion : congestion_controls()[0];
    set_mss(id.mtu);
    window_.cwnd = mss_;
}

u8 Connection::receive_scale(const Tuning& t) {
    usize space = std::max(t.receive_most, t.receive_limit);
    u8 scale = 0;
    while (scale < most_scale && (usize{65535} << scale) < space) scale++;
    return scale;
}

/// By the path, the peer and the user.
void Connection::set_mss(u32 mtu) {
    path_mtu_ = mtu;
    if (search_.on) mtu = std::min(mtu, search_.low), search_.high = std::min(search_.high, path_mtu_);
    u32 headers = headers_size(), fits = mtu > headers + 48 ? mtu - headers : 48;
    mss_ = std::min(fits, peer_mss_);
    if (tuning.max_segment) mss_ = std::max<u32>(std::min<u32>(mss_, tuning.max_segment), 48);
    window_.smss = mss_;
}

/// RFC 6928; after a lost SYN one segment (RFC 6298, 5.7).
void Connection::start_window() {
    window_.cwnd = syn_retransmitted_ ? mss_ : u64{tuning.initial_window} * mss_;
    window_.ssthresh = Window::infinite;
    window_.algorithm->init(window_);
    window_.hystart.start(snd_.nxt);
}

void Connection::connect(Time now) {
    state_ = State::syn_sent;
    snd_.nxt = id_.iss + 1;
    syn_pending_ = true;
    progress_at_ = now;
}

void Connection::accept(const Accepted& a, Time now) {
    state_ = State::syn_received;
    snd_.nxt = id_.iss + 1;
    queue_.start(a.irs + 1);
    rcv_.last_ack_sent = a.irs + 1;
    rcv_.edge = a.irs + 1 + std::min(free_window(), u32{65535});
    snd_.wl1 = a.irs;
    snd_.wl2 = snd_.una;
    snd_.wnd = snd_.max_wnd = a.window;
    learn_options(a.options, now);
    syn_sent_at_ = a.syn_ack_sent;
    progress_at_ = now;
}

usize Connection::send_room() const {
    usize used = buffer_.true_size();
    if (unsent_bytes() >= tuning.unsent_low_water) return 0;
    return used < tuning.send_limit ? tuning.send_limit - used : 0;
}

Result<> Connection::send(Piece piece, bool more, bool urgent) {
    if (fin_queued_ || state_ == State::closed || state_ == State::time_wait) return err::pipe;
    if (!synchronized() || state_ == State::syn_received) return err::notconn;
    u32 n = piece.length;
    if (n == 0) return {};
    TRY(buffer_.append(std::move(piece)));
    more_ = more;
    if (urgent) {
        snd_.urgent = true;
        snd_.up = buffer_.end();
    }
    return {};
}

void Connection::consumed(u32 bytes, Time now) {
    rcv_.read += bytes;
    if (urgent_at_ && *urgent_at_ < queue_.next() - readable_bytes()) urgent_at_.reset(), urgent_.reset();
    if (!tuning.receive_most || state_ == State::closed) return;
    grow_receive_buffer(now);
    // A reader that has taken all may wait for more, which the peer holds back until it hears (Nagle).
    bool much = rcv_.unacked >= rcv_.segment_bytes;
    if (rcv_.unacked && queue_.ready().empty() && (much || !rcv_.interactive)) ack_pending_ = true;
    // The peer learns of room when it can do something with it: two segments, or half of the window.
    u32 window = free_window(), known = receive_window();
    if (window >= known + std::min<u32>(2 * rcv_.segment_bytes, static_cast<u32>(tuning.receive_limit / 4)) &&
        !rcv_.fin && synchronized())
        ack_pending_ = true;
}

/// Dynamic right-sizing: twice what was read in the last round trip shall fit.
void Connection::grow_receive_buffer(Time now) {
    if (tuning.receive_limit >= tuning.receive_most || rcv_.rtt == 0) return;
    if (now - rcv_.read_since < rcv_.rtt) return;
    if (rcv_.read > rcv_.read_before) {
        usize wanted = usize{4} * (2 * usize{rcv_.read} + 16 * usize{rcv_.segment_bytes});
        tuning.receive_limit = std::clamp(wanted, tuning.receive_limit, tuning.receive_most);
        rcv_.read_before = rcv_.read;
    }
    rcv_.read = 0;
    rcv_.read_since = now;
}

void Connection::quick_ack(bool on) {
    rcv_.quick = on ? 16 : 0;
    rcv_.interactive = !on;
    if (on && rcv_.unacked) ack_pending_ = true;
}

void Connection::set_congestion_control(const CongestionControl& c) {
    window_.algorithm = &c;
    c.init(window_);
}

void Connection::shutdown_write(Time now) {
    if (fin_queued_) return;
    switch (state_) {
    case State::syn_sent: return fail(Errno{});
    case State::established: state_ = State::fin_wait_1; break;
    case State::close_wait: state_ = State::last_ack; break;
    case State::syn_received: break; // goes on when it is established
    default: return;
    }
    fin_queued_ = true;
    more_ = false;
    progress_at_ = board_.empty() ? now : progress_at_;
    change(EPOLLOUT);
}

void Connection::shutdown_read() {
    read_shut_ = true;
    change(EPOLLIN | EPOLLRDHUP);
}

void Connection::close(Time now, bool linger_zero) {
    orphan_ = true;
    bool unread = readable_bytes() != 0;
    queue_.clear();
    if (state_ == State::closed || state_ == State::time_wait) return;
    if (state_ == State::syn_sent) return fail(Errno{});
    if (unread || linger_zero) return reset_by_us(Errno{});
    shutdown_write(now);
    if (state_ == State::fin_wait_2) end_at_ = now + tuning.fin_timeout;
}

void Connection::unreachable(Errno error, bool fatal, Seq seq) {
    if (seq < snd_.una || seq >= snd_.nxt) return; // made up, or late
    if (state_ == State::syn_sent || state_ == State::syn_received) {
        if (fatal || state_ == State::syn_sent) fail(error);
        return;
    }
    soft_error_ = error; // said instead of a timeout, if there will be one (RFC 1122, 4.2.3.9)
}

/// What was too big goes again at once, in smaller segments; it says nothing of congestion.
bool Connection::path_mtu(u32 mtu, Seq seq) {
    bool v4 = id_.remote.address.is_v4();
    if (seq < snd_.una || seq >= snd_.nxt || mtu < (v4 ? inet::least_mtu_v4 : inet::least_mtu_v6)) return false;
    u32 before = mss_;
    set_mss(std::min(mtu, id_.mtu)); // no router makes it more than our own link has
    if (mss_ >= before) return true;
    board_.for_each([&](Sent& s) {
        if (s.length() > usable_mss()) board_.mark_lost(s);
    });
    if (window_.cwnd < 2 * u64{mss_}) window_.cwnd = 2 * u64{mss_};
    return true;
}

u32 Connection::poll() const {
    u32 events = 0;
    if (!queue_.ready().empty() || rcv_.fin || read_shut_ || state_ == State::closed) events |= EPOLLIN;
    if (rcv_.fin || read_shut_ || state_ == State::closed) events |= EPOLLRDHUP;
    bool sends = state_ == State::established || state_ == State::close_wait;
    if (!sends && state_ != State::syn_sent && state_ != State::syn_received) events |= EPOLLOUT; // fails at once
    if (sends && send_room() * 3 >= tuning.send_limit && u64{2} * unsent_bytes() < tuning.unsent_low_water)
        events |= EPOLLOUT;
    if (state_ == State::closed || (rcv_.fin && fin_queued_)) events |= EPOLLHUP;
    if (error_ != Errno{}) events |= EPOLLERR;
    if (urgent_) events |= EPOLLPRI;
    return events;
}

std::optional<u32> Connection::urgent_offset() const {
    if (!urgent_at_) return std::nullopt;
    return *urgent_at_ - (queue_.next() - readable_bytes());
}

/// The end, with an error or without; the user may still read what has arrived.
void Connection::fail(Errno e) {
    if (e != Errno{}) error_ = e;
    if (state_ <= State::syn_received || state_ == State::close_wait) end_.from = state_;
    state_ = State::closed;
    syn_pending_ = ack_pending_ = window_probe_pending_ = probe_.pending = false;
    buffer_.clear();
    board_.clear();
    retransmit_ = Retransmit::none;
    retransmit_at_ = persist_at_ = ack_at_ = alive_at_ = end_at_ = never;
    waits_for_pace_ = false;
    change(EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP | (e != Errno{} ? u32{EPOLLERR} : 0));
}

void Connection::reset_by_us(Errno e) {
    if (synchronized() && state_ != State::time_wait) rst_pending_ = end_.reset = true;
    fail(e);
}

/// The owner puts a TimeWait in this one's place.
void Connection::enter_time_wait(Time) {
    bool owes_ack = ack_pending_;
    fail(Errno{});
    ack_pending_ = owes_ack;
    state_ = State::time_wait;
    change(EPOLLHUP);
}

Connection::Waiting Connection::waiting() const {
    Waiting w{.retransmissions = backoffs_, .probes = std::max(probes_, alive_probes_)};
    if (retransmit_at_ != never)
        w.kind = 1, w.until = retransmit_at_;
    else if (persist_at_ != never)
        w.kind = 4, w.until = persist_at_;
    else if (alive_at_ != never)
        w.kind = 2, w.until = alive_at_;
    return w;
}

void Connection::info(tcp_info& i, Time now) const {
    auto us = [](Time t) { return static_cast<u32>(t / 1000); };
    auto since = [&](Time t) { return t ? static_cast<u32>((now - t) / ms) : 0; };
    i = {};
    i.tcpi_state = static_cast<u8>(state_);
    i.tcpi_ca_state = static_cast<u8>(recovery_.phase == Phase::open   ? TCP_CA_Open
                                      : recovery_.phase == Phase::loss ? TCP_CA_Loss
                                                                       : TCP_CA_Recovery);
    i.tcpi_retransmits = backoffs_;
    i.tcpi_probes = probes_;
    i.tcpi_backoff = backoffs_;
    i.tcpi_options = static_cast<u8>((timestamps_ ? TCPI_OPT_TIMESTAMPS : 0) | (sack_ ? TCPI_OPT_SACK : 0) |
                                     (snd_.scale || rcv_.scale ? TCPI_OPT_WSCALE : 0) | (ecn_.on ? TCPI_OPT_ECN : 0) |
                                     (ecn_.seen ? TCPI_OPT_ECN_SEEN : 0));
    i.tcpi_snd_wscale = snd_.scale;
    i.tcpi_rcv_wscale = rcv_.scale;
    i.tcpi_rto = us(rtt_.rto_after(backoffs_));
    i.tcpi_ato = 40'000;
    i.tcpi_snd_mss = usable_mss();
    i.tcpi_rcv_mss = rcv_.segment_bytes;
    i.tcpi_unacked = (board_.outstanding() + mss_ - 1) / mss_;
    i.tcpi_sacked = board_.sacked() / mss_;
    i.tcpi_lost = board_.lost() / mss_;
    i.tcpi_retrans = board_.retransmitted() / mss_;
    i.tcpi_last_data_sent = since(last_data_sent_);
    i.tcpi_last_data_recv = i.tcpi_last_ack_recv = since(last_received_);
    i.tcpi_pmtu = mss_ + static_cast<u32>(inet::ip_header_size(id_.remote.address) + header_size);
    i.tcpi_rcv_ssthresh = receive_window();
    i.tcpi_rtt = us(rtt_.srtt());
    i.tcpi_rttvar = us(rtt_.rttvar());
    i.tcpi_snd_ssthresh = window_.ssthresh >= Window::infinite ? 0x7fffffff : static_cast<u32>(window_.ssthresh / mss_);
    i.tcpi_snd_cwnd = static_cast<u32>(window_.cwnd / mss_);
    i.tcpi_advmss = peer_mss_;
    i.tcpi_reordering = rack_.reordering ? 3 + rack_.multiplier : 3;
    i.tcpi_rcv_rtt = us(rcv_.rtt);
    i.tcpi_rcv_space = rcv_.read_before;
    i.tcpi_total_retrans = counts_.retransmitted;
    i.tcpi_max_pacing_rate = tuning.pacing_rate;
    // Twice the window in a round trip while it doubles, else a fifth more: nobody is held to less than that.
    u64 percent = window_.in_slow_start() ? 200 : 120, srtt_us = us(rtt_.srtt());
    i.tcpi_pacing_rate = srtt_us ? std::min(window_.cwnd * percent * 10'000 / srtt_us, tuning.pacing_rate) : ~u64{0};
    i.tcpi_bytes_acked = counts_.bytes_acked;
    i.tcpi_bytes_received = counts_.bytes_received;
    i.tcpi_segs_out = counts_.segments_out;
    i.tcpi_segs_in = counts_.segments_in;
    i.tcpi_data_segs_out = counts_.data_out;
    i.tcpi_data_segs_in = counts_.data_in;
    i.tcpi_delivered = static_cast<u32>((counts_.bytes_delivered + mss_ - 1) / mss_) + (synchronized() ? 1 : 0);
    i.tcpi_delivered_ce = static_cast<u32>((counts_.bytes_marked + mss_ - 1) / mss_);
    i.tcpi_dsack_dups = counts_.told_duplicates;
    i.tcpi_reord_seen = rack_.reordering;
    i.tcpi_rcv_ooopack = counts_.reordered;
    i.tcpi_notsent_bytes = unsent_bytes();
    i.tcpi_min_rtt = us(rtt_.minimum());
    i.tcpi_bytes_sent = counts_.bytes_sent;
    i.tcpi_bytes_retrans = counts_.bytes_retransmitted;
    i.tcpi_snd_wnd = snd_.wnd;
}
} // namespace net::tcp
