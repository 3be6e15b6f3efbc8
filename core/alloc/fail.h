// Allocations that fail on request, so that a test can go through every error path: /proc/self/fail-nth, as Linux's
// fault injection has it, for one thread at a time; /proc/fail-rate for all containers at random. Check builds only.
#pragma once
#include "lib/types.h"

namespace failures {
#if RUNDLET_CHECK && !RUNDLET_HOST
/// The n-th allocation from now on of the current thread fails; 0: none.
void set(u32 n);
/// How many are still to come before that one; 0: it has failed, or none was asked for.
u32 left();
/// One allocation in so many fails, of those that a container pays for; 0: none.
void set_rate(u32 one_in);
u32 rate();
/// The current thread ends: another one may get its address.
void thread_ends();
/// By the allocators: whether this allocation is to fail.
bool due();
/// Whether an allocation has been made to fail since this was asked last, or any may have been: memory is not really
/// short.
bool take_fired();
#else
inline void thread_ends() {}
inline bool due() { return false; }
inline bool take_fired() { return false; }
#endif
} // namespace failures
