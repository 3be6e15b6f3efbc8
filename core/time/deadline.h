// Points in time: nanoseconds of the monotonic clock, which starts at boot.
#pragma once
#include "lib/types.h"
#include <compare>

struct Deadline {
    u64 ns; // CLOCK_MONOTONIC
    friend constexpr auto operator<=>(Deadline, Deadline) = default;
};
inline constexpr Deadline never{~u64{0}};
inline constexpr Deadline at_once{0}; // has passed: do not wait
