// The clocks, and one-shot timers.
#pragma once
#include "core/time/deadline.h"
#include "lib/intrusive.h"
#include <atomic>

namespace clocks {
inline constexpr u64 ns_per_second = 1'000'000'000;

/// Reads the counter's frequency and the wall clock, fills the vDSO's data page. Once, on the boot CPU.
void init();
u64 monotonic_ns();
/// The value of arch::counter() at a moment.
u64 counter_at(Deadline);
i64 realtime_ns(); // since the epoch
/// Sets the wall clock, and tells nobody: by set_realtime() (core/wait/clock_set.h).
void move_realtime(i64 ns);
/// A number that changes when the wall clock is set: timers on CLOCK_REALTIME re-arm.
u64 realtime_changes();
inline Deadline in(u64 ns) {
    if (ns == 0) return at_once;
    u64 now = monotonic_ns();
    return ns > ~now - 1 ? never : Deadline{now + ns};
}
/// The page that every process maps below the vDSO.
u64 vdso_data_page(); // physical address
} // namespace clocks

/// Calls `expired` once, in interrupt context on the CPU that armed it, when the deadline passes.
class Timer : public TreeLink<> {
public:
    explicit Timer(void (*expired)(Timer&)) : expired_{expired} {}
    Timer(const Timer&) = delete;
    ~Timer() { cancel(); }
    /// Arms, or moves, the timer. One thread at a time arms or cancels it.
    void arm(Deadline);
    /// Afterwards the function is neither running nor going to run (unless called from itself). So the caller must not
    /// hold a lock that the function takes.
    void cancel();
    bool armed() const { return cpu_ >= 0; }
    Deadline deadline() const { return at_; }

private:
    friend struct TimerQueue;
    void (*expired_)(Timer&);
    Deadline at_ = never;
    std::atomic<int> cpu_ = -1; // whose queue holds it
    int last_cpu_ = -1;         // whose queue held it last
};
