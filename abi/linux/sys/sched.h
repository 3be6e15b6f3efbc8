// Scheduling.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timespec.h"
#include <linux/sched/types.h>

namespace linux_abi::sys {
Result<> sched_yield(Task&);
Result<> sched_setaffinity(Task&, int pid, usize size, UserPtr<const u64> mask);
Result<int> sched_getaffinity(Task&, int pid, usize size, UserPtr<u64> mask);
Result<> sched_setscheduler(Task&, int pid, int policy, UserPtr<const int> priority);
Result<int> sched_getscheduler(Task&, int pid);
Result<> sched_setparam(Task&, int pid, UserPtr<const int> priority);
Result<> sched_getparam(Task&, int pid, UserPtr<int> priority);
Result<> sched_setattr(Task&, int pid, UserPtr<sched_attr>, u32 flags);
Result<> sched_getattr(Task&, int pid, UserPtr<sched_attr>, u32 size, u32 flags);
Result<int> sched_get_priority_max(Task&, int policy);
Result<int> sched_get_priority_min(Task&, int policy);
Result<> sched_rr_get_interval(Task&, int pid, UserPtr<Timespec>);
Result<int> getpriority(Task&, int which, int who);
Result<> setpriority(Task&, int which, int who, int nice);
Result<int> ioprio_get(Task&, int which, int who);
Result<> ioprio_set(Task&, int which, int who, int priority);
Result<> getcpu(Task&, UserPtr<u32> cpu, UserPtr<u32> node, uptr unused);
Result<int> membarrier(Task&, int command, u32 flags, int cpu);
} // namespace linux_abi::sys
