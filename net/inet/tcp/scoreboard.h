// What was sent and has not been acknowledged: when, how often, and what the peer says of it (RFC 6675, 8985).
#pragma once
#include "lib/intrusive.h"
#include "lib/memory.h"
#include "net/inet/tcp/segment.h"

namespace net::tcp {
/// A range that was sent at one time: a segment, or several that went as one packet. A FIN counts as a byte.
struct Sent : TreeLink<>, ListLink<> {
    Seq begin, end;
    Time sent_at = 0;           // last
    bool sacked = false;        // then neighbours become one record: nothing but the range counts any more
    bool lost = false;          // and not arrived, as far as is known
    bool retransmitted = false; // since it was lost
    bool ever_retransmitted = false;
    u32 length() const { return end - begin; }
};

/// Not more than one record for each segment that the peer's window and ours allow.
class Scoreboard {
public:
    Scoreboard() = default;
    Scoreboard(const Scoreboard&) = delete;
    ~Scoreboard() { clear(); }
    void clear();

    /// Room for a record to come. err::nomem.
    Result<> prepare();
    /// Enters what was sent now, behind the rest. prepare() has been called.
    void add(Seq begin, Seq end, Time now);
    /// A lost record was sent again.
    void sent_again(Sent&, Time now);
    /// Cuts a record in two. err::nomem.
    Result<> split(Sent&, Seq at);

    /// Everything before `una` has arrived: calls delivered(const Sent&, u32 bytes) for what was not known before.
    template <class F>
    void acknowledge(Seq una, F delivered);
    /// A block has arrived; the same.
    template <class F>
    void sack(Block, F delivered);

    void mark_lost(Sent&);
    /// After a timeout: whatever has not been sacked. False: the peer took back what it had sacked, so all counts.
    bool mark_all_lost();
    /// The losses were none.
    void forget_losses();

    bool empty() const { return by_seq_.empty(); }
    Sent* first() { return by_seq_.empty() ? nullptr : &*by_seq_.begin(); }
    Sent* last() { return by_seq_.empty() ? nullptr : &*by_seq_.rbegin(); }
    Sent* next_to_retransmit() { return to_retransmit_.empty() ? nullptr : &to_retransmit_.front(); }
    bool has_to_retransmit() const { return !to_retransmit_.empty(); }
    /// Calls f(Sent&) -> bool for what is on its way, what was sent longest ago first, until it says false. It may
    /// mark the record lost.
    template <class F>
    void for_each_in_flight(F f) {
        for (auto at = in_flight_.begin(); at != in_flight_.end();)
            if (!f(*at++)) return;
    }
    template <class F>
    void for_each(F f) {
        for (Sent& s : by_seq_) f(s);
    }

    u32 outstanding() const { return outstanding_; } // bytes, all
    u32 sacked() const { return sacked_; }
    u32 lost() const { return lost_; }
    u32 retransmitted() const { return retransmitted_; }
    /// RFC 6675's pipe: bytes that are on their way as far as is known.
    u32 pipe() const { return outstanding_ - sacked_ - lost_ + retransmitted_; }
    Seq highest_sacked() const { return highest_sacked_; } // one behind; meaningful while sacked() is not 0
    usize records() const { return records_; }

private:
    struct ByBegin {
        using type = Seq;
        Seq operator()(const Sent& s) const { return s.begin; }
    };
    using Set = bi::set<Sent, bi::key_of_value<ByBegin>, bi::constant_time_size<false>, bi::base_hook<TreeLink<>>>;
    void unlink(Sent&);
    void uncount(Sent&, u32 bytes);
    void erase(Sent&);
    void set_sacked(Sent&);
    Sent* record_with(Seq);

    Set by_seq_;
    List<Sent> in_flight_, to_retransmit_; // the first by the time when they were sent
    Box<Sent> spare_;
    u32 outstanding_ = 0, sacked_ = 0, lost_ = 0, retransmitted_ = 0;
    usize records_ = 0;
    Seq highest_sacked_;
};

template <class F>
void Scoreboard::acknowledge(Seq una, F delivered) {
    while (Sent* s = first()) {
        if (s->begin >= una) return;
        u32 n = (s->end <= una ? s->end : una) - s->begin;
        if (!s->sacked) delivered(static_cast<const Sent&>(*s), n);
        if (n == s->length()) {
            erase(*s);
            continue;
        }
        uncount(*s, n);
        s->begin = una; // stays where it was in the order
        return;
    }
}

template <class F>
void Scoreboard::sack(Block b, F delivered) {
    Sent* s = record_with(b.begin);
    while (s && s->begin < b.end) {
        if (s->sacked) {
            auto next = std::next(by_seq_.iterator_to(*s));
            s = next == by_seq_.end() ? nullptr : &*next;
            continue;
        }
        if (s->begin < b.begin) { // its front is not in the block
            if (!split(*s, b.begin)) return;
            s = &*std::next(by_seq_.iterator_to(*s));
            continue;
        }
        if (s->end > b.end && !split(*s, b.end)) return;
        delivered(static_cast<const Sent&>(*s), s->length());
        Seq end = s->end;
        set_sacked(*s);
        s = end < b.end ? record_with(end) : nullptr;
    }
}
} // namespace net::tcp
