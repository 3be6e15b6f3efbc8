// For those who wait for a moment of the wall clock: setting it moves the moment.
#pragma once
#include "core/time/clock.h"
#include "core/wait/wait.h"
#include <optional>

namespace clocks {
/// Sets the wall clock, and wakes those who wait for a moment of it.
void set_realtime(i64 ns);
/// Notified after the wall clock has been set: realtime_changes() is another by then.
WaitQueue& realtime_was_set();

/// A moment of the monotonic clock or of the wall clock.
struct Moment {
    u64 ns;
    bool wall = false;
    Moment(Deadline at) : ns{at.ns} {}
    static Moment of_wall(i64 ns) {
        constexpr i64 for_ever = static_cast<i64>(~u64{0} >> 1);
        Moment moment{never};
        if (ns != for_ever) moment.ns = static_cast<u64>(ns), moment.wall = true;
        return moment;
    }
    /// As the monotonic clock sees it now.
    Deadline deadline() const;
};

/// Sleeps of one thread that end at a moment, wherever the wall clock is set to meanwhile.
class MomentSleeper {
public:
    MomentSleeper(Sleeper& self, Moment until) : self_{self}, until_{until} {
        if (until.wall) setting_.emplace(realtime_was_set(), self);
    }
    /// Sleeper::sleep(), also woken when the clock is set. err::timedout: the moment is over.
    Result<> sleep() {
        auto slept = self_.sleep(until_.deadline());
        bool moved = !slept && slept.error() == Errno::timedout && until_.deadline().ns > monotonic_ns();
        return moved ? Result<>{} : slept;
    }

private:
    Sleeper& self_;
    const Moment until_;
    std::optional<Wait> setting_;
};
} // namespace clocks
