// Who a task is: never changed in place; a change makes a new one.
#pragma once
#include "kernel/views/user_namespace.h"

/// Sets of capabilities, one bit per CAP_* (linux/capability.h).
using CapabilitySet = u64;
inline constexpr CapabilitySet all_capabilities = (CapabilitySet{1} << 41) - 1;

struct Credentials : RefCounted<Credentials> {
    Kuid uid{0}, euid{0}, suid{0}, fsuid{0};
    Kgid gid{0}, egid{0}, sgid{0}, fsgid{0};
    Vector<Kgid> groups; // sorted; at most 65,536
    CapabilitySet effective = all_capabilities, permitted = all_capabilities, inheritable = 0,
                  bounding = all_capabilities, ambient = 0;
    u32 securebits = 0;
    bool no_new_privileges = false;
    /// Whose IDs it shows and takes, and how far its capabilities reach. Null: a namespace without maps.
    Ref<const UserNamespace> users;

    // What a program calls an ID. err::inval: its namespace does not map it; ids::none stays that.
    Result<Kuid> kuid(u32 id) const { return users ? mapped_kuid(id) : Result<Kuid>{Kuid{id}}; }
    Result<Kgid> kgid(u32 id) const { return users ? mapped_kgid(id) : Result<Kgid>{Kgid{id}}; }
    // And what it is shown of one: ids::overflow if its namespace does not map it.
    u32 shown(Kuid id) const { return users ? users->shown(id) : static_cast<u32>(id); }
    u32 shown(Kgid id) const { return users ? users->shown(id) : static_cast<u32>(id); }
    /// The supplementary groups of `who`. err::nomem.
    Result<Vector<u32>> shown_groups(const Credentials& who) const;
    /// Who is 0 for it.
    Kuid root() const { return users ? users->root() : Kuid{0}; }

    /// Over its own namespace and what lies in it.
    bool can(unsigned capability) const { return effective >> capability & 1; }
    /// Over what belongs to a user namespace; null: one without maps, as the machine's.
    bool can_in(const UserNamespace* of, unsigned capability) const {
        return can(capability) && (!users || users.get() == of);
    }
    /// Over the machine: Linux's capable().
    bool can_everywhere(unsigned capability) const { return can_in(nullptr, capability); }
    /// Over a file of these: its namespace must map both.
    bool can_over(Kuid uid, Kgid gid, unsigned capability) const { return can(capability) && maps(uid, gid); }
    bool maps(Kuid uid, Kgid gid) const { return !users || users->maps(uid, gid); }
    bool maps(Kuid uid) const { return !users || users->id_of(uid) != ids::none; }

    bool in_group(Kgid gid) const; // fsgid or a supplementary group
    /// After `groups` has been filled.
    void sort_groups();
    Result<Ref<Credentials>> clone() const;

private:
    Result<Kuid> mapped_kuid(u32 id) const;
    Result<Kgid> mapped_kgid(u32 id) const;
};
