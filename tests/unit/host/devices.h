// What arch/api/platform.h gives the drivers' tests.
#pragma once
#include "arch/api/platform.h"

namespace host {
/// What arch::map_device() answers; the tests' memory if there is none.
extern void* (*map_device)(arch::PhysAddr at, usize size);
/// Below this is memory: arch::is_reserved().
inline constexpr arch::PhysAddr memory_end = 0x8000'0000;
/// The last of what the kernel's pool of random numbers was given: how many bytes of this value, and how often.
struct Given {
    usize bytes = 0;
    std::byte value{};
    unsigned times = 0;
};
extern Given random_given;
} // namespace host
