// What an acknowledgement says (RFC 9293 3.10.7.4, 5961 5, 2018, 2883).
#include "net/inet/tcp/connection.h"
#include <algorithm>
#include <linux/eventpoll.h>

namespace net::tcp {
/// False: the segment is not to be looked at any further.
bool Connection::take_ack(const Segment& s, Time now) {
    if (s.ack > snd_.nxt) { // of what was never sent
        challenge(now);
        return false;
    }
    if (s.ack + std::max(snd_.max_wnd, u32{65535}) < snd_.una) {
        challenge(now);
        return false;
    }
    if (s.ack < snd_.una) return true; // an old one
    probes_ = 0;
    bool window_same = (u32{s.window} << snd_.scale) == snd_.wnd;
    AckSample a{.una_before = snd_.una};
    take_blocks(s, a, now);
    newly_acknowledged(s, a, now);
    if (!sack_ && a.acked == 0 && !board_.empty() && s.data->size() == 0 && window_same && !s.has(fin))
        count_duplicate_ack(s, a);
    update_window(s);
    take_rtt(s, a, now);
    if (a.acked) {
        backoffs_ = 0;
        progress_at_ = now;
        soft_error_ = Errno{};
        arm_rto(now);
    }
    if (probe_.active) loss_probe_acknowledged(s, a);
    counts_.bytes_delivered += a.delivered;
    a.echo = ecn_.on && s.has(ece);
    if (a.echo) counts_.bytes_marked += a.delivered;
    recover(s, a, now);
    if (retransmit_ == Retransmit::rto) schedule_loss_probe(now);
    if (snd_.wnd && persist_at_ != never) persist_at_ = never;
    return true;
}

void Connection::update_window(const Segment& s) {
    // RFC 9293, 3.10.7.4: not from an older segment than the last one that did.
    if (!(snd_.wl1 < s.seq || (snd_.wl1 == s.seq && snd_.wl2 <= s.ack))) return;
    snd_.wnd = u32{s.window} << snd_.scale;
    snd_.max_wnd = std::max(snd_.max_wnd, snd_.wnd);
    snd_.wl1 = s.seq;
    snd_.wl2 = s.ack;
}

void Connection::take_blocks(const Segment& s, AckSample& a, Time now) {
    if (!sack_) return;
    for (u8 i = 0; i < s.options.block_count; i++) {
        Block b = s.options.blocks[i];
        if (b.begin >= b.end) continue;
        bool inside_next = i == 0 && s.options.block_count > 1 && b.begin >= s.options.blocks[1].begin &&
                           b.end <= s.options.blocks[1].end;
        if (i == 0 && (b.begin < s.ack || inside_next)) { // RFC 2883, 4
            a.duplicate = b.end <= snd_.nxt && b.end + snd_.max_wnd > snd_.una;
            continue;
        }
        if (b.begin < snd_.una || b.end > snd_.nxt) continue; // it cannot know of those
        board_.sack(b, [&](const Sent& sent, u32 bytes) {
            a.delivered += bytes;
            a.original |= !sent.ever_retransmitted && sent.end <= recovery_.point;
            rack_update(sent, s, now);
        });
    }
    if (!a.duplicate) return;
    counts_.told_duplicates++;
    note_reordering_by_duplicate();
}

void Connection::newly_acknowledged(const Segment& s, AckSample& a, Time now) {
    a.acked = s.ack - snd_.una;
    if (a.acked == 0) return;
    board_.acknowledge(s.ack, [&](const Sent& sent, u32 bytes) {
        a.delivered += bytes;
        a.original |= !sent.ever_retransmitted && sent.end <= recovery_.point;
        rack_update(sent, s, now);
        a.retransmitted |= sent.ever_retransmitted;
        if (sent.ever_retransmitted) return; // Karn: which one was it?
        a.oldest_sent = std::min(a.oldest_sent, sent.sent_at);
        a.newest_sent = std::max(a.newest_sent, sent.sent_at);
    });
    counts_.bytes_acked += a.acked;
    snd_.una = s.ack;
    buffer_.acknowledge(s.ack);
    if (snd_.small < snd_.una) snd_.small = snd_.una;
    if (snd_.urgent && snd_.up <= snd_.una) snd_.urgent = false;
    if (poll() & EPOLLOUT) change(EPOLLOUT);
    if (!sack_) recovery_.duplicate_acks = 0;
}

void Connection::take_rtt(const Segment& s, const AckSample& a, Time now) {
    if (a.oldest_sent != never) {
        rtt_.sample(now - a.oldest_sent, now);
        window_.algorithm->rtt_sample(window_, now - a.newest_sent, snd_.una, snd_.nxt);
    } else if (a.acked && timestamps_ && s.options.has_timestamps && s.options.ts_echo) {
        u32 took = ts_now(now) - s.options.ts_echo;
        if (took < 1u << 24) rtt_.sample(std::max<Time>(took, 1) * ms, now);
    }
}

/// Outside of fast recovery; only what the window has limited makes it grow (RFC 9438, 5.8).
void Connection::grow_window(const AckSample& a, Time now) {
    if (a.acked == 0 || a.delivered == 0) return; // in order only (RFC 5681, 3.1)
    if (a.echo) return take_echo(now);
    if (snd_.una > most_flight_until_) {
        most_flight_until_ = snd_.nxt;
        most_flight_ = board_.pipe() + a.acked;
    }
    bool limited = cwnd_limited_ || (window_.in_slow_start() && window_.cwnd < u64{2} * most_flight_);
    if (!limited) return;
    window_.algorithm->acked(window_, a.delivered, rtt_.srtt(), now);
    grow_send_buffer();
}

/// Room for two windows, as Linux has it, while the user has not said otherwise.
void Connection::grow_send_buffer() {
    if (tuning.send_limit >= tuning.send_most) return;
    usize wanted = static_cast<usize>(2 * window_.cwnd) + 2 * page_size;
    if (wanted > tuning.send_limit) tuning.send_limit = std::min(wanted, tuning.send_most);
}
} // namespace net::tcp
