// The inline part of arch/api/clock.h for tests on the host: nanoseconds of the host's clock.
#pragma once
#include <time.h>

namespace arch {
inline u64 counter() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}
} // namespace arch
