// How long a processor is kept: with interrupts off (under a spinlock, in an interrupt), and by a reader that may not
// be preempted (core/sync/epoch.h). For machines whose time is their instructions (QEMU's -icount): elsewhere the
// host's own delays would be taken for ours. Check builds only.
#pragma once
#include "lib/types.h"

namespace stretch {
#if RUNDLET_CHECK && !RUNDLET_HOST
/// From now on each new longest stretch is printed, and one that takes longer than `limit_ns` is reported like a fault.
void watch(u64 limit_ns);
/// Around the outermost reader of a CPU.
void reader_enters();
void reader_leaves();
#else
inline void watch(u64) {}
inline void reader_enters() {}
inline void reader_leaves() {}
#endif
} // namespace stretch
