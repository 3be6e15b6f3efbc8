// The one deadline of a connection and what happens when it has passed.
#include "net/inet/tcp/connection.h"
#include <algorithm>

namespace net::tcp {
Time Connection::deadline() const {
    if (dead()) return never;
    Time first = std::min({retransmit_at_, persist_at_, ack_at_, alive_at_, end_at_});
    return waits_for_pace_ ? std::min(first, paced_until_) : first;
}

void Connection::timer(Time now) {
    if (waits_for_pace_ && paced_until_ <= now) waits_for_pace_ = false;
    if (retransmit_at_ <= now) retransmit_timer(now);
    if (persist_at_ <= now) persist_timer(now);
    if (ack_at_ <= now) {
        ack_at_ = never;
        ack_pending_ = true;
        rcv_.interactive = false; // no answer came in time
    }
    if (alive_at_ <= now) keep_alive_timer(now);
    if (end_at_ <= now) { // FIN-WAIT-2 without an owner
        end_at_ = never;
        fail(Errno{});
    }
}

/// RFC 6298, 5: from now on, or none while nothing is on its way.
void Connection::arm_rto(Time now) {
    if (board_.empty() && state_ != State::syn_sent && state_ != State::syn_received) {
        retransmit_ = Retransmit::none;
        retransmit_at_ = never;
        return;
    }
    retransmit_ = Retransmit::rto;
    retransmit_at_ = now + rtt_.rto_after(backoffs_);
}

void Connection::retransmit_timer(Time now) {
    Retransmit what = retransmit_;
    retransmit_ = Retransmit::none;
    retransmit_at_ = never;
    switch (what) {
    case Retransmit::reorder:
        arm_rto(now);
        if (detect_losses(now) && recovery_.phase == Phase::open) enter_recovery(now);
        if (recovery_.phase == Phase::recovery) {
            AckSample nothing{.new_loss = true, .una_before = snd_.una};
            proportional_rate(nothing);
        }
        return;
    case Retransmit::loss_probe: return send_loss_probe(now);
    case Retransmit::rto: return rto_expired(now);
    case Retransmit::none: return;
    }
}

/// Whether it has been tried for long enough.
bool Connection::gives_up(Time now) {
    if (tuning.user_timeout && synchronized()) return now - progress_at_ >= tuning.user_timeout;
    if (!synchronized() || state_ == State::syn_received) return backoffs_ >= tuning.syn_retries;
    if (snd_.wnd == 0 && now - last_received_ < RttEstimator::max_rto && !orphan_)
        return false; // it answers: no window
    return backoffs_ >= (orphan_ ? tuning.orphan_retries : tuning.retries);
}

void Connection::rto_expired(Time now) {
    if (gives_up(now)) return fail(soft_error_ != Errno{} ? soft_error_ : Errno::timedout);
    if (state_ == State::syn_sent || state_ == State::syn_received) {
        syn_pending_ = syn_retransmitted_ = true;
    } else {
        if (backoffs_ >= 2) suspect_black_hole(); // tcp_retries1
        timed_out(now);
    }
    if (backoffs_ < 255) backoffs_++;
    arm_rto(now);
}

/// Something is to be sent, nothing is on its way, and the window has no room for it (RFC 9293, 3.8.6.1).
void Connection::arm_persist(Time now) {
    if (persist_at_ == never) persist_at_ = now + rtt_.rto_after(probes_);
}

void Connection::persist_timer(Time now) {
    persist_at_ = never;
    if (unsent_bytes() == 0 && !fin_is_next(snd_.nxt)) return;
    if (tuning.user_timeout && now - progress_at_ >= tuning.user_timeout) return fail(Errno::timedout);
    if (orphan_ && probes_ >= tuning.orphan_retries) return fail(Errno::timedout);
    if (now - last_received_ > RttEstimator::max_rto && probes_ >= tuning.retries)
        return fail(Errno::timedout);     // not even an ACK: it is gone
    if (snd_.una + snd_.wnd > snd_.nxt) { // there is room: it was held back long enough
        forced_ = true;
        return;
    }
    if (probes_ < 255) probes_++;
    window_probe_pending_ = true;
    arm_persist(now);
}

void Connection::keep_alive_changed() {
    bool watches = tuning.keep_alive && synchronized() && state_ != State::syn_received;
    alive_at_ = watches ? last_received_ + tuning.keep_idle : never;
}

/// RFC 9293, 3.8.4.
void Connection::keep_alive_timer(Time now) {
    alive_at_ = never;
    if (!tuning.keep_alive || !synchronized() || state_ == State::syn_received) return;
    Time idle = now - last_received_;
    if (!board_.empty() || unsent_bytes()) { // the retransmission timer watches
        alive_at_ = now + tuning.keep_idle;
        return;
    }
    if (idle < tuning.keep_idle) {
        alive_at_ = last_received_ + tuning.keep_idle;
        return;
    }
    bool gone = tuning.user_timeout ? alive_probes_ && idle >= tuning.user_timeout : alive_probes_ >= tuning.keep_count;
    if (gone) {
        rst_pending_ = true;
        return fail(Errno::timedout);
    }
    alive_probes_++;
    window_probe_pending_ = true;
    alive_at_ = now + tuning.keep_interval;
}
} // namespace net::tcp
