// Clocks, sleeping, timers, CPU time.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timespec.h"
#include <linux/resource.h>
#include <linux/times.h>
#include <linux/timex.h>

namespace linux_abi::sys {
Result<> nanosleep(Task&, UserPtr<const Timespec>, UserPtr<Timespec> left);
Result<> clock_nanosleep(Task&, int clock, int flags, UserPtr<const Timespec>, UserPtr<Timespec> left);
Result<> clock_gettime(Task&, int clock, UserPtr<Timespec>);
Result<> clock_getres(Task&, int clock, UserPtr<Timespec>);
Result<> clock_settime(Task&, int clock, UserPtr<const Timespec>);
Result<int> adjtimex(Task&, UserPtr<__kernel_timex>);
Result<int> clock_adjtime(Task&, int clock, UserPtr<__kernel_timex>);
Result<> gettimeofday(Task&, UserPtr<Timeval>, UserPtr<struct timezone>);
Result<> settimeofday(Task&, UserPtr<const Timeval>, UserPtr<const struct timezone>);
Result<i64> time(Task&, UserPtr<i64>);
Result<i64> times(Task&, UserPtr<tms>);
Result<> getrusage(Task&, int who, UserPtr<rusage>);
Result<> getitimer(Task&, int which, UserPtr<__kernel_old_itimerval>);
Result<> setitimer(Task&, int which, UserPtr<const __kernel_old_itimerval>, UserPtr<__kernel_old_itimerval> old);
Result<u32> alarm(Task&, u32 seconds);
Result<> timer_create(Task&, int clock, uptr event, UserPtr<int> id);
Result<> timer_settime(Task&, int id, int flags, UserPtr<const __kernel_itimerspec>, UserPtr<__kernel_itimerspec> old);
Result<> timer_gettime(Task&, int id, UserPtr<__kernel_itimerspec>);
Result<int> timer_getoverrun(Task&, int id);
Result<> timer_delete(Task&, int id);
} // namespace linux_abi::sys
