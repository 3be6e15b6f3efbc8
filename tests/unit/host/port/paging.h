// The inline part of arch/api/paging.h for tests on the host: "physical memory" is one anonymous mapping.
#pragma once
#include <sys/mman.h>

namespace arch {
inline constexpr unsigned page_table_levels = 4;
inline constexpr unsigned kernel_half = 256;
inline constexpr usize host_memory = 64 * MiB;
/// Physical address 0 of the tests' machine.
inline const uptr direct_map = reinterpret_cast<uptr>(
    mmap(nullptr, host_memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));

struct Pte {
    u64 bits;
    static constexpr u64 present_bit = 1, leaf_bit = 2;
    static constexpr Pte leaf(PhysAddr p, PageFlags f, unsigned = 0) {
        return {p | present_bit | leaf_bit | u64{f} << 2};
    }
    static constexpr Pte table(PhysAddr p) { return {p | present_bit}; }
    static constexpr Pte empty() { return {0}; }
    constexpr bool present() const { return bits & present_bit; }
    constexpr bool is_leaf(unsigned level) const { return level == 0 || bits & leaf_bit; }
    constexpr PhysAddr address() const { return bits & ~u64{0xfff}; }
    constexpr PageFlags flags() const { return static_cast<PageFlags>(bits >> 2 & 127); }
};
} // namespace arch
