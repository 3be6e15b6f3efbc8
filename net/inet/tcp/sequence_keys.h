// Numbers that nobody outside shall foresee: initial sequence numbers (RFC 6528), timestamps' offsets, SYN cookies
// (RFC 4987, 3.6).
#pragma once
#include "lib/hash.h"
#include "net/inet/tcp/segment.h"

namespace net::tcp {
class SequenceKeys {
public:
    SequenceKeys(u64 key0, u64 key1) : hash_{key0, key1} {}
    /// Grows with time, for each pair of endpoints from a place of its own: so a new connection's numbers come after
    /// those of the one before.
    Seq initial(const Endpoint& local, const Endpoint& remote, Time now) const;
    u32 ts_offset(const Endpoint& local, const Endpoint& remote) const;

    /// The sequence number of a SYN-ACK that stands for all that a listener would have to remember.
    Seq cookie(const Endpoint& local, const Endpoint& remote, Seq irs, u16 mss, Time now) const;
    /// What the MSS was, if the cookie is ours and at most two minutes old; else 0.
    u16 check_cookie(const Endpoint& local, const Endpoint& remote, Seq irs, Seq cookie, Time now) const;
    /// A timestamp whose lowest bits keep the options of the SYN; never later than `ts`.
    static u32 cookie_ts(u32 ts, const Options&);
    static void options_of_cookie(u32 ts_echo, Options&);

private:
    enum class Use : u64 { initial, timestamps, cookie, cookie_mss };
    u32 hash(Use, const Endpoint& local, const Endpoint& remote, u32 more = 0) const;
    SipHash hash_;
};
} // namespace net::tcp
