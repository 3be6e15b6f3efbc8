// Files that count and report events: eventfd(2), timerfd_create(2).
#pragma once
#include "core/time/clock.h"
#include "kernel/file/file.h"

namespace event {
/// eventfd2(2). flags: O_NONBLOCK.
Result<Ref<File>> create_counter(u64 initial, bool semaphore, u32 flags);

/// timerfd_create(2): CLOCK_MONOTONIC, BOOTTIME, REALTIME. flags: O_NONBLOCK.
Result<Ref<File>> create_timer(int clock, u32 flags);
struct TimerSetting {
    i64 value = 0, interval = 0; // ns; value 0: disarmed
};
/// timerfd_settime(2), timerfd_gettime(2). err::inval: not a timer. `value` is a moment of its clock when `absolute`,
/// else from now on; `ahead`: that is how far the caller's clocks are ahead. `cancel_on_set`: reads answer
/// err::canceled once the wall clock was set. Returns the old setting.
Result<TimerSetting> set_timer(File&, TimerSetting, bool absolute, bool cancel_on_set, const clocks::Offsets& ahead);
Result<TimerSetting> get_timer(File&);
} // namespace event
