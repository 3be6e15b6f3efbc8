// Who a task is: never changed in place; a change makes a new one.
#pragma once
#include "lib/memory.h"
#include "lib/types.h"
#include "lib/vector.h"

/// Sets of capabilities, one bit per CAP_* (linux/capability.h).
using CapabilitySet = u64;
inline constexpr CapabilitySet all_capabilities = (CapabilitySet{1} << 41) - 1;

struct Credentials : RefCounted<Credentials> {
    u32 uid = 0, euid = 0, suid = 0, fsuid = 0;
    u32 gid = 0, egid = 0, sgid = 0, fsgid = 0;
    Vector<u32> groups; // sorted; at most 65,536
    CapabilitySet effective = all_capabilities, permitted = all_capabilities, inheritable = 0,
                  bounding = all_capabilities, ambient = 0;
    u32 securebits = 0;
    bool no_new_privileges = false;

    bool can(unsigned capability) const { return effective >> capability & 1; }
    bool in_group(u32 gid) const; // fsgid or a supplementary group
    Result<Ref<Credentials>> clone() const;
};
