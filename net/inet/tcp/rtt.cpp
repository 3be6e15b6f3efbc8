#include "net/inet/tcp/rtt.h"
#include <algorithm>

namespace net::tcp {
void RttEstimator::sample(Time rtt, Time now) {
    rtt = std::max<Time>(rtt, 1);
    if (srtt_ == 0) {
        srtt_ = rtt;
        rttvar_ = rtt / 2;
    } else {
        Time differ = srtt_ > rtt ? srtt_ - rtt : rtt - srtt_;
        rttvar_ = (3 * rttvar_ + differ) / 4;
        srtt_ = (7 * srtt_ + rtt) / 8;
    }
    latest_ = rtt;
    if (rtt <= min_ || now - min_at_ > min_window) {
        min_ = rtt;
        min_at_ = now;
    }
}

Time RttEstimator::rto() const {
    if (!known()) return first_rto;
    return std::min(srtt_ + std::max({granularity, 4 * rttvar_, min_rto}), max_rto);
}

Time RttEstimator::rto_after(unsigned backoffs) const {
    Time rto = this->rto();
    for (; backoffs && rto < max_rto; backoffs--) rto *= 2;
    return std::min(rto, max_rto);
}
} // namespace net::tcp
