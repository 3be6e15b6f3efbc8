// Futexes.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include "abi/linux/sys/timespec.h"
#include <linux/futex.h>

namespace linux_abi::sys {
Result<i64> futex(Task&, uptr word, int operation, u32 value, uptr timeout, uptr word2, u32 value3);
Result<i64> futex_waitv(Task&, UserPtr<const ::futex_waitv> waiters, u32 count, u32 flags,
                        UserPtr<const Timespec> timeout, int clock);
Result<> set_robust_list(Task&, uptr head, usize size);
Result<> get_robust_list(Task&, int tid, UserPtr<uptr> head, UserPtr<usize> size);
} // namespace linux_abi::sys
