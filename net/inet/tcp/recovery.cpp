// Noticing and repairing losses: RACK-TLP (RFC 8985), NewReno where the peer has no SACK (RFC 6582), proportional rate
// reduction (RFC 9937), and taking back a reduction that was for nothing (RFC 3522, 3708).
#include "net/inet/tcp/connection.h"
#include <algorithm>

namespace net::tcp {
/// 6.2, steps 2 and 3: a record was delivered.
void Connection::rack_update(const Sent& sent, const Segment& s, Time now) {
    if (!sent.ever_retransmitted) {
        if (rack_.has_fack && sent.end < rack_.fack) rack_.reordering = true;
    } else {
        Time took = now - sent.sent_at;
        bool of_the_first =
            timestamps_ && s.options.has_timestamps && static_cast<i32>(s.options.ts_echo - ts_now(sent.sent_at)) < 0;
        if (of_the_first || (rtt_.minimum() && took < rtt_.minimum())) return;
    }
    rack_.fack = rack_.has_fack ? later(rack_.fack, sent.end) : sent.end;
    rack_.has_fack = true;
    if (sent.sent_at > rack_.sent_at || (sent.sent_at == rack_.sent_at && sent.end > rack_.end)) {
        rack_.sent_at = sent.sent_at;
        rack_.end = sent.end;
        rack_.rtt = now - sent.sent_at;
    }
}

/// 6.2, step 4: how much later than others a segment may come.
Time Connection::rack_window() const {
    constexpr u32 dup_thresh = 3;
    if (!rack_.reordering) {
        if (recovery_.phase != Phase::open) return 0;
        if (board_.sacked() > (dup_thresh - 1) * mss_) return 0; // RFC 6675, 4
    }
    return std::min(rack_.multiplier * rtt_.minimum() / 4, rtt_.srtt());
}

void Connection::note_reordering_by_duplicate() {
    if (snd_.una < rack_.duplicate_round) return; // once a round trip
    rack_.duplicate_round = snd_.nxt;
    rack_.multiplier = std::min(rack_.multiplier + 1, u32{20});
    rack_.persist = 16;
}

/// 6.2, step 5. Whether something was found lost; arms the timer for what may be so soon.
bool Connection::detect_losses(Time now) {
    if (rack_.sent_at == 0) return false;
    bool found = false;
    Time window = rack_window(), wait = 0;
    board_.for_each_in_flight([&](Sent& s) {
        bool earlier_sent = s.sent_at < rack_.sent_at || (s.sent_at == rack_.sent_at && s.end < rack_.end);
        if (!earlier_sent) return s.sent_at == rack_.sent_at; // of one time: the others may be before
        Time lost_at = s.sent_at + rack_.rtt + window;
        if (lost_at <= now) {
            board_.mark_lost(s);
            found = true;
        } else {
            wait = std::max(wait, lost_at - now);
        }
        return true;
    });
    if (wait) {
        retransmit_ = Retransmit::reorder;
        retransmit_at_ = now + wait;
    } else if (retransmit_ == Retransmit::reorder) {
        arm_rto(now);
    }
    return found;
}

/// RFC 6582 for a peer without SACK: three duplicates say that the first is lost.
void Connection::count_duplicate_ack(const Segment&, const AckSample&) {
    recovery_.duplicate_acks++;
    if (recovery_.phase == Phase::open && recovery_.duplicate_acks == 3)
        if (Sent* first = board_.first()) {
            if (first->length() > mss_) (void)board_.split(*first, first->begin + mss_);
            board_.mark_lost(*first);
        }
}

/// What the acknowledgement means for recovery and for the window.
void Connection::recover(const Segment& s, AckSample& a, Time now) {
    a.all_duplicates = a.duplicate && recovery_.undo_retransmissions && --recovery_.undo_retransmissions == 0;
    if (undo_if_spurious(s, a) || timeout_was_spurious(a)) return grow_window(a, now);
    if (recovery_.phase != Phase::open && snd_.una >= recovery_.point && a.acked) leave_recovery();
    u32 lost_before = board_.lost();
    if (sack_) {
        detect_losses(now);
    } else if (recovery_.phase == Phase::recovery && a.acked) { // a partial one: the next is lost as well
        Sent* first = board_.first();
        if (first && first->length() > mss_) (void)board_.split(*first, first->begin + mss_);
        if (first) board_.mark_lost(*first);
    }
    a.new_loss = board_.lost() > lost_before;
    if (search_.probing) [[unlikely]]
        judge_probe(now);
    if (recovery_.phase == Phase::open && board_.lost() && !only_probe_lost()) enter_recovery(now);
    if (recovery_.phase == Phase::recovery)
        proportional_rate(a);
    else
        grow_window(a, now);
}

void Connection::remember_for_undo(Time now) {
    recovery_.prior_cwnd = window_.cwnd;
    recovery_.prior_ssthresh = window_.ssthresh;
    recovery_.may_undo = true;
    recovery_.undo_retransmissions = 0;
    recovery_.first_retransmission_ts = ts_now(now);
}

void Connection::enter_recovery(Time now) {
    remember_for_undo(now);
    recovery_.phase = Phase::recovery;
    recovery_.point = snd_.nxt;
    recovery_.delivered = recovery_.out = 0;
    recovery_.flight = std::max<u64>(board_.outstanding() - board_.sacked(), mss_);
    window_.ssthresh = window_.algorithm->after_loss(window_);
    window_reduced();
    probe_.active = probe_.pending = search_.probing = false;
    if (retransmit_ == Retransmit::loss_probe) arm_rto(now);
}

/// RFC 9937, 6.
void Connection::proportional_rate(const AckSample& a) {
    u64 pipe = board_.pipe(), delivered = a.delivered;
    if (!sack_ && a.acked == 0 && recovery_.duplicate_acks) delivered = mss_; // each duplicate stands for a segment
    recovery_.delivered += delivered;
    bool safe = a.acked && !a.new_loss;
    u64 may = 0;
    if (pipe > window_.ssthresh) {
        u64 target = (recovery_.delivered * window_.ssthresh + recovery_.flight - 1) / recovery_.flight;
        may = target > recovery_.out ? target - recovery_.out : 0;
    } else {
        u64 behind = recovery_.delivered > recovery_.out ? recovery_.delivered - recovery_.out : 0;
        may = std::max(behind, delivered) + (safe ? mss_ : 0);
        may = std::min(may, window_.ssthresh - pipe);
    }
    if (recovery_.out == 0) may = std::max<u64>(may, mss_); // the fast retransmit itself
    window_.cwnd = std::max<u64>(pipe + may, mss_);
}

void Connection::leave_recovery() {
    if (recovery_.phase == Phase::recovery) window_.cwnd = std::max<u64>(window_.ssthresh, mss_);
    recovery_.phase = Phase::open;
    recovery_.duplicate_acks = 0;
    recovery_.may_undo = false;
    cwnd_limited_ = false;
    if (rack_.persist && --rack_.persist == 0) rack_.multiplier = 1;
}

/// The originals arrived after all: by the timestamp that the peer echoes (RFC 3522), or because it has told of each
/// retransmission that it was a duplicate (RFC 3708).
bool Connection::undo_if_spurious(const Segment& s, const AckSample& a) {
    if (recovery_.phase == Phase::open || !recovery_.may_undo) return false;
    bool by_time = a.retransmitted && timestamps_ && s.options.has_timestamps && s.options.ts_echo &&
                   static_cast<i32>(s.options.ts_echo - recovery_.first_retransmission_ts) < 0 &&
                   counts_.retransmitted && recovery_.out;
    bool by_duplicates = a.all_duplicates;
    if (!by_time && !by_duplicates) return false;
    undo();
    return true;
}

/// F-RTO (RFC 5682, 3): what was sent once, before the timeout, arrives after all. To see that, new data go before what
/// is thought lost.
bool Connection::timeout_was_spurious(const AckSample& a) {
    if (!recovery_.frto || recovery_.phase != Phase::loss) return false;
    recovery_.new_first = false;
    if (a.original) {
        rack_.sent_at = 0; // of the one that went again: its original may have come
        undo();
        return true;
    }
    if (snd_.nxt > recovery_.point) {
        recovery_.frto = false; // it was a loss
    } else if (a.acked && snd_.una < recovery_.point) {
        recovery_.new_first = unsent_bytes() && snd_.una + snd_.wnd > snd_.nxt;
        recovery_.frto = recovery_.new_first;
    }
    return false;
}

void Connection::undo() {
    window_.cwnd = std::max(window_.cwnd, recovery_.prior_cwnd);
    window_.ssthresh = std::max(window_.ssthresh, recovery_.prior_ssthresh);
    window_.algorithm->undo(window_);
    board_.forget_losses();
    recovery_.phase = Phase::open;
    recovery_.may_undo = recovery_.frto = recovery_.new_first = false;
    recovery_.duplicate_acks = 0;
    backoffs_ = 0;
}

/// A retransmission timeout (RFC 5681, 3.1; RFC 6298, 5.4).
void Connection::timed_out(Time now) {
    bool anew = recovery_.phase == Phase::open || snd_.una >= recovery_.point ||
                (recovery_.phase == Phase::loss && backoffs_ == 0);
    if (anew) {
        remember_for_undo(now);
        window_.ssthresh = window_.algorithm->after_loss(window_);
        window_reduced();
    }
    window_.algorithm->timeout(window_);
    recovery_.phase = Phase::loss;
    recovery_.point = snd_.nxt;
    recovery_.duplicate_acks = 0;
    if (!board_.mark_all_lost()) rack_.has_fack = false; // what the peer had said does not hold any more
    window_.cwnd = mss_;
    window_.counted = 0;
    recovery_.frto = tuning.frto && sack_ && anew;
    recovery_.new_first = false;
    probe_.active = probe_.pending = search_.probing = search_.repairs = false;
}

/// RFC 8985, 7.2: instead of the timeout, when a tail may be lost.
void Connection::schedule_loss_probe(Time now) {
    if (!sack_ || probe_.active || recovery_.phase != Phase::open || board_.empty() || board_.sacked()) return;
    if (retransmit_ != Retransmit::rto) return;
    Time wait = rtt_.known() ? 2 * rtt_.srtt() : second;
    if (rtt_.known() && board_.outstanding() <= mss_) wait += RttEstimator::min_rto; // its ACK may be delayed
    wait = std::max<Time>(wait, 2 * ms);
    if (now + wait >= retransmit_at_) return;
    retransmit_ = Retransmit::loss_probe;
    retransmit_at_ = now + wait;
}

void Connection::send_loss_probe(Time now) {
    probe_.pending = true;
    probe_.retransmitted = false;
    arm_rto(now);
}

/// RFC 8985, 7.4.
void Connection::loss_probe_acknowledged(const Segment& s, const AckSample& a) {
    if (s.ack < probe_.end) return;
    if (!probe_.retransmitted || a.duplicate) {
        probe_.active = false; // nothing was lost
    } else if (s.ack > probe_.end) {
        probe_.active = false; // the probe has repaired a loss: the window shall know
        if (recovery_.phase == Phase::open) {
            window_.ssthresh = window_.algorithm->after_loss(window_);
            window_.cwnd = std::min(window_.cwnd, window_.ssthresh);
        }
    } else if (a.acked == 0 && s.data->size() == 0) {
        probe_.active = false; // both have arrived
    }
}
} // namespace net::tcp
