// KASan: the compiler calls us before each access to memory, and we look whether the heap has given that memory out.
// Only the direct map has a shadow: heap objects and frames. One shadow byte for 8 bytes: 0 all may be used, 1-7 only
// so many, 0xf0 and above none. The port maps the shadow, full of zeros, at arch::shadow_start. Check builds only.
#pragma once
#include "lib/types.h"

namespace kasan {
enum class Poison : u8 { redzone = 0xfa, freed = 0xfd, free_frame = 0xff };

#if RUNDLET_CHECK
/// `n` is rounded up to 8: the allocator's own granularity.
void poison(const void* p, usize n, Poison why);
/// The first n bytes may be used; what is left of the last 8 may not.
void unpoison(const void* p, usize n);
#else
inline void poison(const void*, usize, Poison) {}
inline void unpoison(const void*, usize) {}
#endif
} // namespace kasan

/// For the allocators' own bookkeeping inside free memory.
#define NO_KASAN __attribute__((no_sanitize("kernel-address")))
