// The round-trip time as a sender knows it, and the retransmission timeout that follows (RFC 6298).
#pragma once
#include "net/inet/tcp/sequence.h"

namespace net::tcp {
class RttEstimator {
public:
    static constexpr Time min_rto = 200 * ms, max_rto = 120 * second, first_rto = second; // Linux's limits
    static constexpr Time granularity = 1 * ms;

    void sample(Time rtt, Time now);
    bool known() const { return srtt_ != 0; }
    Time srtt() const { return srtt_; }
    Time rttvar() const { return rttvar_; }
    Time latest() const { return latest_; }
    Time minimum() const { return min_ == never ? 0 : min_; } // of the last minutes
    /// Without backoff.
    Time rto() const;
    Time rto_after(unsigned backoffs) const;

private:
    static constexpr Time min_window = 300 * second;
    Time srtt_ = 0, rttvar_ = 0, latest_ = 0, min_ = never, min_at_ = 0;
};
} // namespace net::tcp
