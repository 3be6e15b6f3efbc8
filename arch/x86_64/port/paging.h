// Inline part of arch/api/paging.h: 4-level paging.
#pragma once

namespace arch {
inline constexpr unsigned page_table_levels = 4;
inline constexpr unsigned kernel_half = 256;

// One top-level entry (512 GiB) each.
inline constexpr uptr direct_map = 0xffff'8000'0000'0000;
inline constexpr uptr vmap_start = 0xffff'9000'0000'0000, vmap_end = 0xffff'9080'0000'0000;
inline constexpr uptr shadow_start = 0xffff'a000'0000'0000; // KASan's, an eighth of the direct map
inline constexpr uptr kernel_image = 0xffff'ffff'8000'0000; // virtual address of physical 0 for code and static data

struct Pte {
    enum Bits : u64 {
        hw_present = 1,
        hw_write = 2,
        hw_user = 4,
        hw_no_cache = 0x18, // PCD and PWT
        hw_accessed = 0x20,
        hw_dirty = 0x40,
        hw_large = 0x80,
        hw_global = 0x100,
        sw_special = 0x200,
        sw_no_access = 0x400, // PROT_NONE: present for software only
        hw_no_execute = u64{1} << 63,
        address_mask = 0x000f'ffff'ffff'f000,
    };
    u64 bits;

    static constexpr Pte leaf(PhysAddr p, PageFlags f, unsigned level = 0) {
        u64 b = (p & address_mask) | hw_accessed | hw_dirty;
        b |= f & (page_read | page_write | page_execute) ? u64{hw_present} : u64{sw_no_access};
        if (f & page_write) b |= hw_write;
        if (!(f & page_execute)) b |= hw_no_execute;
        if (f & page_user) b |= hw_user;
        if (f & page_global) b |= hw_global;
        if (f & page_device) b |= hw_no_cache;
        if (f & page_special) b |= sw_special;
        if (level > 0) b |= hw_large;
        return {b};
    }
    static constexpr Pte table(PhysAddr p) {
        return {(p & address_mask) | hw_present | hw_write | hw_user | hw_accessed};
    }
    static constexpr Pte empty() { return {0}; }
    constexpr bool present() const { return bits & (hw_present | sw_no_access); }
    constexpr bool is_leaf(unsigned level) const { return level == 0 || bits & hw_large; }
    /// Leaf addresses are aligned to their size: no attribute of ours reaches into the address field (PAT stays 0).
    constexpr PhysAddr address() const { return bits & address_mask; }
    constexpr PageFlags flags() const {
        u32 f = 0;
        if (bits & hw_present) f |= page_read;
        if (bits & hw_write) f |= page_write;
        if (bits & hw_present && !(bits & hw_no_execute)) f |= page_execute;
        if (bits & hw_user) f |= page_user;
        if (bits & hw_global) f |= page_global;
        if (bits & hw_no_cache) f |= page_device;
        if (bits & sw_special) f |= page_special;
        return static_cast<PageFlags>(f);
    }
    friend constexpr bool operator==(Pte, Pte) = default;
};
} // namespace arch
