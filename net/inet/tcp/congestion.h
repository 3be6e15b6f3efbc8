// How much may be on its way: the congestion window, and what makes it grow and shrink. An algorithm is a constant
// without state of its own; what it remembers of a connection stands in the Window.
#pragma once
#include "net/inet/tcp/sequence.h"
#include <span>
#include <string_view>

namespace net::tcp {
struct Window;

class CongestionControl {
public:
    virtual std::string_view name() const = 0; // for TCP_CONGESTION
    virtual void init(Window&) const = 0;
    /// Bytes were acknowledged outside of fast recovery while the window was what limited the sender.
    virtual void acked(Window&, u64 bytes, Time srtt, Time now) const = 0;
    /// ssthresh when a loss is noticed (or congestion is signalled).
    virtual u64 after_loss(Window&) const = 0;
    /// Each sample of the round-trip time; `una` and `nxt` mark rounds.
    virtual void rtt_sample(Window&, Time, Seq, Seq) const {}
    /// A timeout: what was known of the path may not hold any more.
    virtual void timeout(Window& w) const { init(w); }
    /// The sender had nothing to send for a time.
    virtual void idle(Window&, Time) const {}
    /// The last loss was none.
    virtual void undo(Window&) const {}

protected:
    ~CongestionControl() = default;
};

/// HyStart++ (RFC 9406): leaves slow start before it overruns the path.
struct HyStart {
    Time last_round_min = never, this_round_min = never, css_baseline = never;
    Seq round_end;
    unsigned samples = 0, css_rounds = 0;
    bool in_css = false, on = false;
    static constexpr unsigned css_growth_divisor = 4;
    void start(Seq nxt);
    /// True: slow start ends here.
    bool sample(Time rtt, Seq una, Seq nxt);
};

/// CUBIC's memory (RFC 9438). Times in ms, windows in bytes.
struct CubicState {
    Time epoch = 0;                                  // 0: none since the last loss
    u64 w_max = 0, w_est = 0, k = 0, cwnd_prior = 0; // w_est in finer parts
    u64 before_w_max = 0;                            // for undo
};

struct Window {
    static constexpr u64 infinite = u64{1} << 40;
    u64 cwnd = 0, ssthresh = infinite; // bytes
    u32 smss = 536;
    u64 counted = 0; // bytes acknowledged since cwnd grew last, in congestion avoidance
    const CongestionControl* algorithm = nullptr;
    HyStart hystart;
    CubicState cubic;

    bool in_slow_start() const { return cwnd < ssthresh; }
    /// Bytes that slow start has no use for, because it ends.
    u64 slow_start(u64 bytes);
    /// One SMSS more for each `cwnd` bytes (RFC 5681, 3.1).
    void additive_increase(u64 bytes);
    static constexpr u64 most = u64{1} << 31;
};

/// RFC 5681.
class Reno final : public CongestionControl {
public:
    std::string_view name() const override { return "reno"; }
    void init(Window&) const override;
    void acked(Window&, u64 bytes, Time srtt, Time now) const override;
    u64 after_loss(Window&) const override;
};
/// RFC 9438.
class Cubic final : public CongestionControl {
public:
    std::string_view name() const override { return "cubic"; }
    void init(Window&) const override;
    void acked(Window&, u64 bytes, Time srtt, Time now) const override;
    u64 after_loss(Window&) const override;
    void rtt_sample(Window&, Time, Seq una, Seq nxt) const override;
    void timeout(Window&) const override;
    void idle(Window&, Time) const override;
    void undo(Window&) const override;
};
extern const Reno reno;
extern const Cubic cubic;
/// All there are, the default first.
std::span<const CongestionControl* const> congestion_controls();
const CongestionControl* find_congestion_control(std::string_view name); // null: none of this name
} // namespace net::tcp
