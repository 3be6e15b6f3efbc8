// What the pages of an area are: /proc/pid/smaps.
#pragma once
#include "core/mm/address_space.h"

namespace mm {
struct AreaUse {                               // pages that are mapped, but for the pss
    u64 resident = 0, anonymous = 0, huge = 0; // `huge`: those in pages of 2 MiB
    u64 private_clean = 0, private_dirty = 0, shared_clean = 0, shared_dirty = 0;
    u64 pss_bytes = 0, pss_dirty_bytes = 0;            // each page divided by how often it is mapped
    u64 pss_anonymous_bytes = 0, pss_shared_bytes = 0; // parts of pss_bytes: the rest is of files
    u64 locked = 0;
    void add(const AreaUse&);
};
/// Of the part of the space's areas in [start, end). Costs time by tables that exist, not by the size of the range.
AreaUse area_use(AddressSpace&, uptr start, uptr end);
/// Bytes of pages of 2 MiB in all address spaces.
u64 huge_memory();
} // namespace mm
