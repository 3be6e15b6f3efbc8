// CUBIC (RFC 9438) with HyStart++ (RFC 9406), in integers.
#include "net/inet/tcp/congestion.h"
#include <algorithm>

namespace net::tcp {
void HyStart::start(Seq nxt) {
    *this = {};
    on = true;
    round_end = nxt;
}

bool HyStart::sample(Time rtt, Seq una, Seq nxt) {
    constexpr unsigned n_rtt_sample = 8, css_rounds_most = 5;
    constexpr Time min_rtt_thresh = 4 * ms, max_rtt_thresh = 16 * ms, min_rtt_divisor = 8;
    if (una > round_end) { // a round begins
        last_round_min = this_round_min;
        this_round_min = never;
        samples = 0;
        round_end = nxt;
        if (in_css && ++css_rounds >= css_rounds_most) return true;
    }
    this_round_min = std::min(this_round_min, rtt);
    if (++samples < n_rtt_sample || last_round_min == never) return false;
    if (in_css) {
        if (this_round_min < css_baseline) { // it was no queue
            css_baseline = never;
            in_css = false;
        }
        return false;
    }
    Time threshold = std::clamp(last_round_min / min_rtt_divisor, min_rtt_thresh, max_rtt_thresh);
    if (this_round_min >= last_round_min + threshold) {
        css_baseline = this_round_min;
        in_css = true;
        css_rounds = 0;
    }
    return false;
}

namespace {
/// Of a number below 2^63.
u64 cube_root(u64 n) {
    u64 root = 0;
    for (int bit = 20; bit >= 0; bit--) {
        u64 more = root | u64{1} << bit;
        if (more * more * more <= n) root = more;
    }
    return root;
}

constexpr u64 beta = 7;    // of ten; C is 4 of ten
constexpr u64 fine = 1024; // parts of a byte in w_est

void begin_epoch(Window& w, Time now) {
    CubicState& c = w.cubic;
    c.epoch = now;
    c.w_est = w.cwnd * fine;
    if (w.cwnd >= c.w_max) {
        c.w_max = w.cwnd;
        c.k = 0;
        return;
    }
    // K in ms: the cube root of segments / C * 10^9. Below 2^63 for windows below 2^31 bytes and SMSS >= 1.
    u64 segments_1000 = std::min<u64>((c.w_max - w.cwnd) * 1000 / w.smss, u64{1} << 40);
    c.k = cube_root(segments_1000 * 2'500'000);
}

/// W_cubic at a time after the epoch's begin.
u64 w_cubic(const Window& w, Time t) {
    const CubicState& c = w.cubic;
    u64 at = std::min<u64>(t / ms, u64{1} << 20);
    u64 d = std::min<u64>(at > c.k ? at - c.k : c.k - at, u64{1} << 20);
    u64 change = d * d * d / 2'500'000 * w.smss / 1000; // C * d^3 segments, d in seconds
    if (at > c.k) return std::min(c.w_max + change, Window::most);
    return c.w_max > change ? c.w_max - change : 0;
}

void avoid_congestion(Window& w, u64 bytes, Time srtt, Time now) {
    CubicState& c = w.cubic;
    if (c.epoch == 0) begin_epoch(w, now);
    // What Reno with the same mean would have (4.3): alpha is 9/17 until the window of the last loss is reached.
    u64 share = bytes * w.smss * fine;
    c.w_est += (c.w_est / fine >= c.cwnd_prior ? share : share * 9 / 17) / w.cwnd;
    Time t = now - c.epoch;
    if (u64 w_est = c.w_est / fine; w_cubic(w, t) < w_est) {
        w.cwnd = std::min(std::max(w.cwnd, w_est), Window::most);
        return;
    }
    u64 target = std::clamp(w_cubic(w, t + srtt), w.cwnd, w.cwnd * 3 / 2);
    w.counted += (target - w.cwnd) * bytes / w.smss; // in units that one cwnd of bytes makes (target - cwnd)
    u64 grown = w.counted * w.smss / w.cwnd;
    if (grown) {
        w.cwnd = std::min(w.cwnd + grown, Window::most);
        w.counted = 0;
    }
}
} // namespace

constinit const Cubic cubic;

void Cubic::init(Window& w) const {
    w.cubic = {};
    w.counted = 0;
}

void Cubic::acked(Window& w, u64 bytes, Time srtt, Time now) const {
    if (w.in_slow_start()) bytes = w.slow_start(bytes);
    if (bytes && !w.in_slow_start()) avoid_congestion(w, bytes, srtt, now);
}

u64 Cubic::after_loss(Window& w) const {
    CubicState& c = w.cubic;
    c.before_w_max = c.w_max;
    c.epoch = 0;
    c.cwnd_prior = w.cwnd;
    c.w_max = w.cwnd < c.w_max ? w.cwnd * (10 + beta) / 20 : w.cwnd; // fast convergence (4.7)
    w.hystart.on = false;
    w.hystart.in_css = false;
    return std::max<u64>(w.cwnd * beta / 10, u64{2} * w.smss);
}

void Cubic::rtt_sample(Window& w, Time rtt, Seq una, Seq nxt) const {
    if (w.in_slow_start() && w.hystart.on && w.hystart.sample(rtt, una, nxt)) {
        w.ssthresh = w.cwnd;
        w.hystart.on = w.hystart.in_css = false;
    }
}

void Cubic::timeout(Window& w) const { w.cubic.epoch = 0; }
void Cubic::idle(Window& w, Time time) const {
    if (w.cubic.epoch) w.cubic.epoch += time; // the curve does not go on meanwhile (RFC 9438, 5.8)
}
void Cubic::undo(Window& w) const {
    w.cubic.w_max = w.cubic.before_w_max;
    w.cubic.epoch = 0;
}

} // namespace net::tcp
