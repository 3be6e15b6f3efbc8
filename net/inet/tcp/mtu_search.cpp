// How large segments may be where no router says so (RFC 4821): smaller ones when nothing gets through, and now and
// then a larger one to see whether it does.
#include "net/inet/tcp/connection.h"
#include <algorithm>

namespace net::tcp {
namespace {
constexpr u32 close_enough = 8;             // bytes: tcp_probe_threshold
constexpr Time search_again = 600 * second; // tcp_probe_interval
constexpr u32 least_probed_mss = 48;        // tcp_mtu_probe_floor
} // namespace

u32 Connection::headers_size() const {
    return static_cast<u32>(inet::ip_header_size(id_.remote.address) + header_size);
}

void Connection::start_search() {
    search_.on = true;
    search_.high = std::min(path_mtu_, peer_mss_ + headers_size());
    search_.low = std::min<u32>(tuning.base_mss + headers_size(), search_.high);
    set_mss(path_mtu_);
}

/// Several timeouts in a row: perhaps what is sent is too large for the path, and nobody tells.
void Connection::suspect_black_hole() {
    if (!tuning.mtu_probing) return;
    if (!search_.on) return start_search();
    u32 mss = std::min<u32>((search_.low - headers_size()) / 2, tuning.base_mss);
    search_.low = std::max(mss, least_probed_mss) + headers_size();
    set_mss(path_mtu_);
}

/// A segment of the size between what is known to pass and what is not. err::inval: not now; err::again: as soon as the
/// window has room for it.
Result<PacketBox> Connection::mtu_probe(Time now, const Egress& egress) {
    if (search_.probing || recovery_.phase != Phase::open || board_.sacked() || board_.lost()) return err::inval;
    if (search_.high < search_.low + close_enough) {
        if (now - search_.settled_at >= search_again) search_.high = std::min(path_mtu_, peer_mss_ + headers_size());
        return err::inval;
    }
    u32 mss = usable_mss(), mtu = (search_.low + search_.high) / 2, size = mtu - headers_size() - (mss_ - mss);
    u32 others = 4 * mss; // behind it, so that its loss is noticed
    Seq edge = snd_.una + snd_.wnd;
    bool window = edge > snd_.nxt && edge - snd_.nxt >= size + others;
    if (!window || window_.cwnd < u64{11} * mss_ || unsent_bytes() < size + others) return err::inval;
    if (board_.pipe() + size > window_.cwnd) {
        cwnd_limited_ = true;
        return err::again;
    }
    TRY(board_.prepare());
    u32 shared = size;
    auto p = TRY(build(snd_.nxt, shared, ack, now, egress));
    p->segment_size = 0;
    mark_capable(*p, shared);
    search_.probing = shared == size;
    search_.size = mtu;
    search_.begin = snd_.nxt;
    search_.end = snd_.nxt + shared;
    sent_new(snd_.nxt, snd_.nxt + shared, shared, now);
    return p;
}

/// What has become of the probe, once something was acknowledged or lost.
void Connection::judge_probe(Time now) {
    if (snd_.una >= search_.end) { // it has passed
        search_.probing = false;
        search_.low = search_.size;
        set_mss(path_mtu_);
        if (search_.high < search_.low + close_enough) search_.settled_at = now;
    } else if (Sent* s = board_.first(); s && s->lost && s->begin == search_.begin) {
        search_.probing = false;
        search_.repairs = board_.lost() == s->length();
        search_.high = search_.size - 1;
        if (search_.high < search_.low + close_enough) search_.settled_at = now;
    }
}

/// The loss of a probe says nothing of congestion (7.6).
bool Connection::only_probe_lost() {
    if (search_.repairs && snd_.una >= search_.end) search_.repairs = false;
    return search_.repairs && board_.lost() <= search_.end - search_.begin;
}
} // namespace net::tcp
