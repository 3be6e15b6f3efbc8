#include "net/inet/tcp/time_wait.h"
#include <algorithm>

namespace net::tcp {
TimeWait::TimeWait(const Connection& c, Time now)
    : local_port_{c.identity().local.port},
      remote_port_{c.identity().remote.port},
      nxt_{c.send_next()},
      rcv_nxt_{c.receive_next()},
      window_{c.receive_window()},
      ts_recent_{c.ts_recent()},
      ts_offset_{c.identity().ts_offset},
      timestamps_{c.has_timestamps()},
      scale_{c.window_scale()},
      began_{now},
      ends_{now + length} {}

Header TimeWait::acknowledgement(Time now) const {
    Header h{.source_port = local_port_, .destination_port = remote_port_, .seq = nxt_, .ack = rcv_nxt_, .flags = ack};
    h.window = static_cast<u16>(std::min(window_ >> scale_, u32{65535}));
    h.options.has_timestamps = timestamps_;
    h.options.ts_value = static_cast<u32>(now / ms) + ts_offset_;
    h.options.ts_echo = ts_recent_;
    return h;
}

TimeWait::Answer TimeWait::segment(const Segment& s, Time now) {
    bool stamped = timestamps_ && s.options.has_timestamps;
    bool older = stamped && static_cast<i32>(s.options.ts_value - ts_recent_) < 0;
    if (s.has(rst)) return {}; // it shall not end what protects the next connection (RFC 1337)
    if (s.has(syn) && !s.has(ack)) {
        // Later than all of the old one, so no old segment can be taken for one of the new (RFC 6191, 9293 3.6.1).
        bool later = s.seq > rcv_nxt_ || (stamped && static_cast<i32>(s.options.ts_value - ts_recent_) > 0);
        if (later && !older) return {Answer::make_new, {}, least_iss()};
    }
    bool repeats_fin = s.has(fin) && s.end() == rcv_nxt_ && !older;
    if (repeats_fin) ends_ = now + length;                         // our ACK was lost
    if (s.length() == 0 && s.seq == rcv_nxt_ && !older) return {}; // an ACK, as it should be
    if (!repeats_fin && answered_ && now - answered_ < 500 * ms) return {};
    answered_ = now;
    return {Answer::send, acknowledgement(now), {}};
}
} // namespace net::tcp
