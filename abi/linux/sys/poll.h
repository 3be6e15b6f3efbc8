// Waiting for several files; pipes.
#pragma once
#include "abi/linux/arguments.h"
#include "kernel/process/signals/signals.h"
#include <asm/poll.h>
#include <linux/posix_types.h>
#include <linux/time_types.h>

namespace linux_abi {
/// The two words that pselect6 passes its mask by.
struct MaskAndSize {
    u64 mask, size;
};

namespace sys {
Result<> pipe(Task&, UserPtr<int> fds);
Result<> pipe2(Task&, UserPtr<int> fds, u32 flags);
Result<usize> poll(Task&, UserPtr<pollfd> entries, u32 count, int milliseconds);
Result<usize> ppoll(Task&, UserPtr<pollfd> entries, u32 count, UserPtr<__kernel_timespec> timeout,
                    UserPtr<const SignalSet> mask, usize mask_size);
Result<usize> select(Task&, int count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> urgent,
                     UserPtr<__kernel_old_timeval> timeout);
Result<usize> pselect6(Task&, int count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> urgent,
                       UserPtr<__kernel_timespec> timeout, UserPtr<const MaskAndSize> mask);
} // namespace sys
} // namespace linux_abi
