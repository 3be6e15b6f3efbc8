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

/// How far clocks of a group of processes are ahead of the machine's monotonic one: time_namespaces(7).
struct Offsets {
    i64 monotonic = 0, boottime = 0; // ns
};
/// When the machine's clock shows what one that is ahead by `offset` calls `ns`. Never 0, which many take for "not at
/// all": a moment that is over stays over.
inline u64 to_machine(u64 ns, i64 offset) {
    i64 at;
    if (__builtin_sub_overflow(ns, offset, &at)) return offset < 0 ? ~u64{0} >> 1 : 1;
    return at > 0 ? static_cast<u64>(at) : 1;
}
/// The page that every process maps below the vDSO, unless its clocks are ahead (core/time/vdso_page.h).
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
