// What all algorithms share, and Reno (RFC 5681).
#include "net/inet/tcp/congestion.h"
#include <algorithm>

namespace net::tcp {
u64 Window::slow_start(u64 bytes) {
    u64 grown = bytes / (hystart.in_css ? HyStart::css_growth_divisor : 1);
    u64 used = std::min(grown, ssthresh - cwnd);
    cwnd = std::min(cwnd + used, most);
    return grown - used;
}

void Window::additive_increase(u64 bytes) {
    counted += bytes;
    if (counted < cwnd) return;
    counted -= cwnd;
    cwnd = std::min(cwnd + smss, most);
}

constinit const Reno reno;

void Reno::init(Window& w) const { w.counted = 0; }

void Reno::acked(Window& w, u64 bytes, Time, Time) const {
    if (w.in_slow_start()) bytes = w.slow_start(bytes);
    if (bytes && !w.in_slow_start()) w.additive_increase(bytes);
}

u64 Reno::after_loss(Window& w) const {
    w.counted = 0;
    return std::max<u64>(w.cwnd / 2, u64{2} * w.smss);
}

std::span<const CongestionControl* const> congestion_controls() {
    static constexpr const CongestionControl* all[] = {&cubic, &reno};
    return all;
}

const CongestionControl* find_congestion_control(std::string_view name) {
    for (const CongestionControl* c : congestion_controls())
        if (c->name() == name) return c;
    return nullptr;
}
} // namespace net::tcp
