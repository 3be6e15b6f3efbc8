// Resource limits of a process: getrlimit(2).
#pragma once
#include "core/sync/lock.h"
#include "lib/types.h"
#include <asm/resource.h>

struct Limit {
    u64 soft, hard; // RLIM64_INFINITY: none
};
/// Guarded by a spinlock of their own; single values are read without it.
class Limits {
public:
    Limits();                                                            // Linux's defaults for init
    u64 soft(unsigned resource) const { return values_[resource].soft; } // RLIMIT_*
    Limit get(unsigned resource);
    void set(unsigned resource, Limit);
    void copy(Limits& from); // of a process that nobody sees yet

private:
    Spinlock<Rank::device> lock_;
    Limit values_[RLIM_NLIMITS];
};
