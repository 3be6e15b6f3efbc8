#include "net/inet/tcp/listener.h"
#include <algorithm>

namespace net::tcp {
Listener::~Listener() {
    by_key_.clear();
    for (auto& list : by_tries_) list.clear_and_dispose([](Request* r) { delete r; });
}

usize Listener::Hash::operator()(const Key& k) const {
    struct {
        Address local, remote;
        u32 ports, interface;
    } bytes{k.local.address, k.remote.address, u32{k.local.port} << 16 | k.remote.port, k.remote.interface};
    static_assert(sizeof bytes == 40);
    return of->hash_({reinterpret_cast<const char*>(&bytes), sizeof bytes});
}

Listener::Request* Listener::find(const Key& k) {
    auto at = by_key_.find(k);
    return at == by_key_.end() ? nullptr : &*at;
}

void Listener::drop(Request& r) {
    by_key_.erase(by_key_.iterator_to(r));
    by_tries_[r.tries].erase(by_tries_[r.tries].iterator_to(r));
    count_--;
    delete &r;
}

Time Listener::deadline() const {
    Time first = never;
    for (const auto& list : by_tries_)
        if (!list.empty()) first = std::min(first, list.front().next_at);
    return first;
}

/// One whose SYN-ACK is to go again: it waits for the next time already.
Listener::Request* Listener::due(Time now) {
    for (auto& list : by_tries_)
        if (!list.empty() && list.front().next_at <= now) {
            Request& r = list.front();
            wait_again(r, now);
            return &r;
        }
    return nullptr;
}

void Listener::wait_again(Request& r, Time now) {
    by_tries_[r.tries].erase(by_tries_[r.tries].iterator_to(r));
    r.next_at = now + std::min(RttEstimator::first_rto << r.tries, RttEstimator::max_rto);
    if (r.tries < most_tries) r.tries++;
    by_tries_[r.tries].push_back(r);
}

Header Listener::syn_ack_header(const Key& k, const Options& syn, u32 mtu, Time now) const {
    Header h{.source_port = k.local.port, .destination_port = k.remote.port, .flags = tcp::syn | tcp::ack};
    u32 headers = static_cast<u32>(inet::ip_header_size(k.remote.address) + header_size);
    if (syn.ecn) h.flags |= ece;
    h.window = static_cast<u16>(std::min<usize>(tuning.receive_limit / 2, 65535));
    h.options.mss = static_cast<u16>(std::min(mtu - headers, u32{65535}));
    if (tuning.max_segment) h.options.mss = std::min(h.options.mss, tuning.max_segment);
    h.options.has_scale = syn.has_scale && tuning.scaling;
    h.options.scale = Connection::receive_scale(tuning);
    h.options.sack_permitted = syn.sack_permitted && tuning.sack;
    h.options.has_timestamps = syn.has_timestamps && tuning.timestamps;
    h.options.ts_value = static_cast<u32>(now / ms) + keys_.ts_offset(k.local, k.remote);
    h.options.ts_echo = syn.ts_value;
    return h;
}

Header Listener::syn_ack(Request& r, Time now) {
    Header h = syn_ack_header(r, r.options, r.mtu, now);
    h.seq = r.iss;
    h.ack = r.irs + 1;
    r.sent_at = r.tries > 1 ? 0 : now; // 0: which one will be answered?
    return h;
}

Listener::Answer Listener::refuse(const Segment& s) {
    auto h = reset_for(s);
    return h ? Answer{Answer::send, *h, {}} : Answer{};
}

Listener::Answer Listener::segment(const Segment& s, const Endpoint& local, const Endpoint& remote, u32 mtu, bool full,
                                   Time now, std::optional<Seq> least_iss) {
    Key k{local, remote};
    if (s.has(rst)) {
        if (Request* r = find(k); r && s.seq == r->irs + 1) drop(*r);
        return {};
    }
    if (s.has(tcp::syn)) return s.has(tcp::ack) || s.has(fin) ? refuse(s) : take_syn(s, k, mtu, full, now, least_iss);
    return s.has(tcp::ack) ? take_ack(s, k, mtu, full, now) : Answer{};
}

Listener::Answer Listener::take_syn(const Segment& s, const Key& k, u32 mtu, bool full, Time now,
                                    std::optional<Seq> least_iss) {
    if (Request* r = find(k)) {
        if (r->irs != s.seq) { // it has begun anew
            drop(*r);
            return take_syn(s, k, mtu, full, now, least_iss);
        }
        r->sent_at = 0;
        Header h = syn_ack(*r, now);
        r->sent_at = 0;
        return {Answer::send, h, {}};
    }
    if (full) return {}; // it will ask again
    if (count_ >= backlog) return cookie(s, k, mtu, now);
    auto made = make<Request>();
    if (!made) return cookie(s, k, mtu, now);
    Request& r = **made;
    static_cast<Key&>(r) = k;
    r.irs = s.seq;
    r.iss = keys_.initial(k.local, k.remote, now);
    if (least_iss && r.iss < *least_iss) r.iss = *least_iss;
    r.options = s.options;
    r.options.ecn = s.asks_for_ecn() && tuning.ecn;
    r.window = s.window;
    r.mtu = mtu;
    by_key_.insert(r);
    by_tries_[0].push_back(*made->release());
    count_++;
    wait_again(r, now);
    return {Answer::send, syn_ack(r, now), {}};
}

/// Nothing is kept: what must be known is in the numbers that come back.
Listener::Answer Listener::cookie(const Segment& s, const Key& k, u32 mtu, Time now) {
    Options asked = s.options;
    asked.ecn = s.asks_for_ecn() && tuning.ecn && s.options.has_timestamps && tuning.timestamps;
    Header h = syn_ack_header(k, asked, mtu, now);
    u16 mss = s.options.mss ? s.options.mss : 536;
    h.seq = keys_.cookie(k.local, k.remote, s.seq, mss, now);
    h.ack = s.seq + 1;
    if (h.options.has_timestamps) {
        Options kept = asked;
        kept.has_scale = h.options.has_scale;
        kept.sack_permitted = h.options.sack_permitted;
        h.options.ts_value = SequenceKeys::cookie_ts(h.options.ts_value, kept);
    } else {
        h.options.has_scale = h.options.sack_permitted = false;
    }
    last_cookie_ = now;
    return {Answer::send, h, {}};
}

Listener::Answer Listener::check_cookie(const Segment& s, const Key& k, u32 mtu, bool full, Time now) {
    if (!last_cookie_ || now - last_cookie_ > 120 * second) return refuse(s);
    Seq irs = s.seq - 1, iss = s.ack - 1;
    u16 mss = keys_.check_cookie(k.local, k.remote, irs, iss, now);
    if (!mss) return refuse(s);
    if (full) return {};
    Answer a{.what = Answer::establish};
    a.accepted.identity = {k.local, k.remote, iss, keys_.ts_offset(k.local, k.remote), mtu, account};
    a.accepted.irs = irs;
    a.accepted.window = s.window; // not scaled: until the next segment that is little
    a.accepted.options.mss = mss;
    if (s.options.has_timestamps && tuning.timestamps) {
        a.accepted.options.has_timestamps = true;
        a.accepted.options.ts_value = s.options.ts_value;
        SequenceKeys::options_of_cookie(s.options.ts_echo, a.accepted.options);
    }
    return a;
}

Listener::Answer Listener::take_ack(const Segment& s, const Key& k, u32 mtu, bool full, Time now) {
    Request* r = find(k);
    if (!r) return check_cookie(s, k, mtu, full, now);
    if (s.ack != r->iss + 1) return refuse(s);
    u32 window = static_cast<u32>(std::min<usize>(tuning.receive_limit / 2, 65535));
    bool old = r->options.has_timestamps && s.options.has_timestamps &&
               static_cast<i32>(s.options.ts_value - r->options.ts_value) < 0;
    if (s.seq < r->irs + 1 || s.seq > r->irs + 1 + window || old) { // RFC 9293, 3.10.7.4
        Header h = syn_ack_header(*r, r->options, r->mtu, now);
        h.options = {};
        h.flags = tcp::ack;
        h.seq = r->iss + 1;
        h.ack = r->irs + 1;
        return {Answer::send, h, {}};
    }
    if (full || (s.data->size() == 0 && !s.has(fin) && r->tries <= defer_accept)) return {};
    Answer a{.what = Answer::establish};
    a.accepted.identity = {k.local, k.remote, r->iss, keys_.ts_offset(k.local, k.remote), r->mtu, account};
    a.accepted.irs = r->irs;
    a.accepted.window = r->window;
    a.accepted.options = r->options;
    a.accepted.syn_ack_sent = r->sent_at;
    drop(*r);
    return a;
}
} // namespace net::tcp
