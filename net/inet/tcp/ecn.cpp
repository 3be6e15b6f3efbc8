// Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them; the receiver echoes that
// until the sender says that its window is smaller.
#include "net/inet/tcp/connection.h"
#include <algorithm>

namespace net::tcp {
/// What a segment with data says of the way that it came.
void Connection::take_marks(const Segment& s) {
    constexpr u8 congestion_experienced = 3, few = 3; // segments
    if (s.has(cwr)) {
        ecn_.echoes = false;
        ack_pending_ = true; // the window may be as small as this segment
    }
    if (s.ecn) ecn_.seen = true;
    if (s.ecn != congestion_experienced || ecn_.echoes) return;
    ecn_.echoes = true;
    rcv_.quick = std::max(rcv_.quick, few);
}

/// The peer echoes a mark: as a loss, once for each window, but that nothing is to be sent again (6.1.2).
void Connection::take_echo(Time) {
    if (recovery_.phase != Phase::open || snd_.una <= ecn_.until) return;
    window_.ssthresh = window_.algorithm->after_loss(window_);
    window_.cwnd = std::min(window_.cwnd, window_.ssthresh);
    window_reduced();
}

/// The peer is to hear of it with the next new data; marks of what is on its way say nothing new.
void Connection::window_reduced() {
    ecn_.owes_cwr = ecn_.on;
    ecn_.until = snd_.nxt;
}
} // namespace net::tcp
