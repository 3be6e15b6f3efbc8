// User namespaces: what the user and group IDs of programs stand for, user_namespaces(7).
#pragma once
#include "kernel/views/ids.h"
#include "lib/memory.h"
#include "lib/result.h"
#include "lib/vector.h"
#include <span>

/// Ranges of IDs inside of a namespace, and the kernel's that they stand for: /proc/pid/uid_map.
class IdMap {
public:
    struct Extent {
        u32 inside, outside, count;
    };
    static constexpr usize most_extents = 340; // as on Linux

    IdMap() = default;
    /// err::inval: too many, an empty one, one that goes beyond the last ID, or two that share an ID on either side.
    static Result<IdMap> create(Vector<Extent>);
    /// ids::none: not mapped.
    u32 to_kernel(u32 inside) const;
    u32 to_user(u32 outside) const;
    std::span<const Extent> extents() const { return by_inside_; } // by `inside`

private:
    Vector<Extent> by_inside_, by_outside_;
};

/// Who counts as one user, and whose capabilities reach how far. All lie directly in the host world's.
class UserNamespace : public RefCounted<UserNamespace> {
public:
    /// IDs are the kernel's.
    UserNamespace();
    /// With maps, which never change.
    UserNamespace(IdMap uids, IdMap gids);
    [[gnu::noinline]] ~UserNamespace(); // else it stands wherever credentials are let go

    const u64 number; // as /proc/pid/ns shows it
    bool has_maps() const { return has_maps_; }
    /// Null: IDs are the kernel's. What credentials keep, so that the common case costs a test.
    Ref<const UserNamespace> if_mapped() const { return has_maps_ ? Ref<const UserNamespace>::share(this) : nullptr; }

    // From IDs of its programs. ids::no_user, ids::no_group: not mapped, or ids::none.
    Kuid kuid(u32 id) const { return Kuid{has_maps_ ? uids_.to_kernel(id) : id}; }
    Kgid kgid(u32 id) const { return Kgid{has_maps_ ? gids_.to_kernel(id) : id}; }
    // To them. ids::none: not mapped.
    u32 id_of(Kuid id) const { return has_maps_ ? uids_.to_user(static_cast<u32>(id)) : static_cast<u32>(id); }
    u32 id_of(Kgid id) const { return has_maps_ ? gids_.to_user(static_cast<u32>(id)) : static_cast<u32>(id); }
    // What programs are shown: ids::overflow for what is not mapped.
    u32 shown(Kuid id) const { return or_overflow(id_of(id)); }
    u32 shown(Kgid id) const { return or_overflow(id_of(id)); }
    bool maps(Kuid uid, Kgid gid) const { return id_of(uid) != ids::none && id_of(gid) != ids::none; }
    /// Who is 0 inside.
    Kuid root() const { return root_; }
    Kgid root_group() const { return root_group_; }

    const IdMap& uids() const { return uids_; }
    const IdMap& gids() const { return gids_; }

private:
    static u32 or_overflow(u32 id) { return id == ids::none ? ids::overflow : id; }
    const bool has_maps_ = false;
    const IdMap uids_, gids_;
    const Kuid root_{0};
    const Kgid root_group_{0};
};
