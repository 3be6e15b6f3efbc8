// What is left of a connection for a minute after its end (RFC 9293, 3.6.1; RFC 1337, 6191): a few bytes in its place.
#pragma once
#include "net/inet/tcp/connection.h"

namespace net::tcp {
class TimeWait {
public:
    static constexpr Time length = 60 * second; // as Linux
    TimeWait(const Connection& c, Time now);

    struct Answer {
        enum : u8 { nothing, send, make_new } what = nothing; // make_new: a SYN that a listener may take
        Header header;                                        // to be sent
        Seq least_iss;                                        // make_new: our numbers begin no earlier
    };
    Answer segment(const Segment&, Time now);
    Time deadline() const { return ends_; }
    /// Whether a connection of our own may take the place at once: timestamps tell its segments from the old ones.
    bool reusable_by_us(Time now) const { return timestamps_ && now >= began_ + second; }
    Seq least_iss() const { return nxt_ + 65535 + 2; }

private:
    Header acknowledgement(Time now) const;
    u16 local_port_, remote_port_;
    Seq nxt_, rcv_nxt_;
    u32 window_, ts_recent_, ts_offset_;
    bool timestamps_;
    u8 scale_;
    Time began_, ends_, answered_ = 0;
};
} // namespace net::tcp
