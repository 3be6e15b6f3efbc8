// The inline part of arch/api/paging.h for riscv64: Sv39, privileged architecture 1.12, chapter 4.4.
#pragma once
#include "lib/types.h"

namespace arch {
inline constexpr unsigned page_table_levels = 3;
inline constexpr uptr direct_map = 0xffff'ffc0'0000'0000; // 128 GiB
inline constexpr uptr vmap_start = 0xffff'ffe0'0000'0000; // 8 GiB
inline constexpr uptr vmap_end = 0xffff'ffe2'0000'0000;
inline constexpr uptr shadow_start = 0xffff'ffe8'0000'0000; // KASan's, an eighth of the direct map
inline constexpr uptr kernel_base = 0xffff'ffff'8000'0000;  // the kernel's image, linked 2 MiB into this GiB
inline constexpr unsigned kernel_half = 256;

struct Pte {
    u64 bits = 0;

    static constexpr u64 valid = 1, read = 2, write = 4, execute = 8, user = 16, global = 32, accessed = 64,
                         dirty = 128;
    static constexpr u64 software_special = 1 << 8;
    static constexpr u64 software_none = 1 << 9; // PROT_NONE: not valid for the hardware, present for us
    static constexpr u64 address_mask = ((u64{1} << 44) - 1) << 10;

    static constexpr Pte leaf(PhysAddr at, PageFlags f, [[maybe_unused]] unsigned level = 0) {
        u64 bits = at >> 2;
        if (f & page_special) bits |= software_special;
        if (f & page_user) bits |= user;
        if (!(f & (page_read | page_write | page_execute))) return {bits | software_none};
        bits |= read; // write alone is reserved; execute alone is kept from programs, as x86-64 cannot do it
        if (f & page_write) bits |= write;
        if (f & page_execute) bits |= execute;
        if (f & page_global) bits |= global;
        return {bits | valid | accessed | dirty};
    }
    static constexpr Pte table(PhysAddr at) { return {at >> 2 | valid}; }
    static constexpr Pte empty() { return {0}; }
    constexpr bool present() const { return bits & (valid | software_none); }
    constexpr bool is_leaf([[maybe_unused]] unsigned level) const {
        return (bits & valid && bits & (read | write | execute)) || bits & software_none;
    }
    constexpr PhysAddr address() const { return (bits & address_mask) << 2; }
    constexpr PageFlags flags() const {
        u32 f = 0;
        if (bits & valid) {
            if (bits & read) f |= page_read;
            if (bits & write) f |= page_write;
            if (bits & execute) f |= page_execute;
        }
        if (bits & user) f |= page_user;
        if (bits & global) f |= page_global;
        if (bits & software_special) f |= page_special;
        return static_cast<PageFlags>(f);
    }
};
static_assert(sizeof(Pte) == 8);
} // namespace arch
