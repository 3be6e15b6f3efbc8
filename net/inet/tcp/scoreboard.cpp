#include "net/inet/tcp/scoreboard.h"

namespace net::tcp {
void Scoreboard::clear() {
    in_flight_.clear();
    to_retransmit_.clear();
    by_seq_.clear_and_dispose([](Sent* s) { delete s; });
    outstanding_ = sacked_ = lost_ = retransmitted_ = 0;
    records_ = 0;
}

Result<> Scoreboard::prepare() {
    if (!spare_) spare_ = TRY(make<Sent>());
    return {};
}

void Scoreboard::add(Seq begin, Seq end, Time now) {
    Sent& s = *spare_.release();
    s.begin = begin;
    s.end = end;
    s.sent_at = now;
    by_seq_.insert(by_seq_.end(), s);
    in_flight_.push_back(s);
    outstanding_ += s.length();
    records_++;
}

/// From the list of time that it is in.
void Scoreboard::unlink(Sent& s) {
    if (s.sacked) return;
    List<Sent>& list = s.lost && !s.retransmitted ? to_retransmit_ : in_flight_;
    list.erase(list.iterator_to(s));
}

void Scoreboard::uncount(Sent& s, u32 bytes) {
    outstanding_ -= bytes;
    if (s.sacked) sacked_ -= bytes;
    if (s.lost) lost_ -= bytes;
    if (s.retransmitted) retransmitted_ -= bytes;
}

void Scoreboard::erase(Sent& s) {
    uncount(s, s.length());
    unlink(s);
    by_seq_.erase(by_seq_.iterator_to(s));
    records_--;
    delete &s;
}

Result<> Scoreboard::split(Sent& s, Seq at) {
    auto made = TRY(make<Sent>());
    made->sent_at = s.sent_at;
    made->sacked = s.sacked;
    made->lost = s.lost;
    made->retransmitted = s.retransmitted;
    made->ever_retransmitted = s.ever_retransmitted;
    made->begin = at;
    made->end = s.end;
    s.end = at;
    Sent& second = *made.release();
    by_seq_.insert(second);
    if (!s.sacked) {
        List<Sent>& list = s.lost && !s.retransmitted ? to_retransmit_ : in_flight_;
        list.insert(std::next(list.iterator_to(s)), second);
    }
    records_++;
    return {};
}

/// The record that has this byte, or null.
Sent* Scoreboard::record_with(Seq at) {
    auto next = by_seq_.upper_bound(at);
    if (next == by_seq_.begin()) return nullptr;
    Sent& s = *std::prev(next);
    return s.end > at ? &s : nullptr;
}

void Scoreboard::sent_again(Sent& s, Time now) {
    unlink(s);
    if (s.lost && !s.retransmitted) {
        s.retransmitted = true;
        retransmitted_ += s.length();
    }
    s.ever_retransmitted = true;
    s.sent_at = now;
    in_flight_.push_back(s);
}

void Scoreboard::mark_lost(Sent& s) {
    if (s.sacked || (s.lost && !s.retransmitted)) return;
    unlink(s);
    if (s.retransmitted) {
        retransmitted_ -= s.length();
        s.retransmitted = false;
    }
    if (!s.lost) lost_ += s.length();
    s.lost = true;
    to_retransmit_.push_back(s);
}

bool Scoreboard::mark_all_lost() {
    bool reneged = !by_seq_.empty() && by_seq_.begin()->sacked;
    to_retransmit_.clear();
    in_flight_.clear();
    lost_ = retransmitted_ = 0;
    if (reneged) sacked_ = 0;
    for (Sent& s : by_seq_) {
        if (reneged) s.sacked = false;
        if (s.sacked) continue;
        s.lost = true;
        s.retransmitted = false;
        lost_ += s.length();
        to_retransmit_.push_back(s); // in the order of sequence numbers
    }
    return !reneged;
}

void Scoreboard::forget_losses() {
    for (Sent& s : by_seq_) {
        if (!s.lost || s.sacked) continue;
        unlink(s);
        if (s.retransmitted) retransmitted_ -= s.length();
        lost_ -= s.length();
        s.lost = s.retransmitted = false;
        // By time again: those that were lost were sent no later than what is still thought to be on its way.
        auto at = in_flight_.begin();
        while (at != in_flight_.end() && at->sent_at <= s.sent_at) ++at;
        in_flight_.insert(at, s);
    }
}

/// Joins the record to sacked neighbours.
void Scoreboard::set_sacked(Sent& s) {
    unlink(s);
    if (s.lost) lost_ -= s.length();
    if (s.retransmitted) retransmitted_ -= s.length();
    s.lost = s.retransmitted = false;
    highest_sacked_ = sacked_ ? later(highest_sacked_, s.end) : s.end;
    s.sacked = true;
    sacked_ += s.length();
    auto at = by_seq_.iterator_to(s);
    if (auto next = std::next(at); next != by_seq_.end() && next->sacked) {
        s.end = next->end;
        by_seq_.erase_and_dispose(next, [](Sent* gone) { delete gone; });
        records_--;
    }
    if (at != by_seq_.begin() && std::prev(at)->sacked) {
        std::prev(at)->end = s.end;
        by_seq_.erase_and_dispose(at, [](Sent* gone) { delete gone; });
        records_--;
    }
}
} // namespace net::tcp
