// chmod, chown, utimensat, truncate, access.
#include "core/time/clock.h"
#include "kernel/file/current.h"
#include "kernel/vfs/leases.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/page_cache.h"
#include "kernel/vfs/permission.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

namespace vfs {
Timestamp now() {
    i64 ns = clocks::realtime_ns();
    constexpr i64 second = 1'000'000'000;
    return {ns / second, static_cast<u32>(ns % second)};
}

Result<> check_access(const Path& at, const Credentials& who, unsigned may, bool real) {
    if (may & may_execute && at.inode().is_regular() && at.mount->flags & MS_NOEXEC) return err::acces;
    return check_inode(at, who, may, real);
}

Result<> change_mode(const Path& at, const Credentials& who, u32 mode) {
    Inode& inode = at.inode();
    if (at.mount->read_only()) return err::rofs;
    if (inode.is_symlink()) return err::opnotsupp;
    if (inode.unchangeable() || !owns(inode, who)) return err::perm;
    mode &= 07777;
    Protection p = inode.protection();
    if (!who.in_group(p.gid) && !who.can_over(p.uid, p.gid, CAP_FSETID)) mode &= ~u32{S_ISGID};
    TRY(inode.change({.set = AttributeChange::mode_bit, .mode = mode}));
    notify(at, IN_ATTRIB);
    return {};
}

Result<> change_owner(const Path& at, const Credentials& who, Kuid uid, Kgid gid) {
    Inode& inode = at.inode();
    if (at.mount->read_only()) return err::rofs;
    if ((uid != ids::no_user || gid != ids::no_group) && inode.unchangeable()) return err::perm;
    Protection p = inode.protection();
    bool privileged = who.can_over(p.uid, p.gid, CAP_CHOWN);
    AttributeChange change;
    if (uid != ids::no_user) {
        if (!privileged && (who.fsuid != p.uid || uid != p.uid)) return err::perm;
        change.set |= AttributeChange::uid_bit;
        change.uid = uid;
    }
    if (gid != ids::no_group) {
        if (!privileged && (who.fsuid != p.uid || (gid != p.gid && !who.in_group(gid)))) return err::perm;
        change.set |= AttributeChange::gid_bit;
        change.gid = gid;
    }
    // Giving a program away must not give its privileges away.
    if (!inode.is_directory() && p.mode & (S_ISUID | S_ISGID)) {
        if (!owns(inode, who)) return err::perm; // it changes the mode
        u32 mode = p.mode & ~u32{S_ISUID};
        if (mode & S_IXGRP) mode &= ~u32{S_ISGID};
        change.set |= AttributeChange::mode_bit;
        change.mode = mode & 07777;
    }
    if (!inode.is_directory()) TRY(drop_capabilities(inode));
    if (!change.set) change.set = AttributeChange::change_bit, change.change = now();
    TRY(inode.change(change));
    notify(at, events_of(change));
    return {};
}

Result<> change_times(const Path& at, const Credentials& who, const Timestamp* access, const Timestamp* modification,
                      bool both_now) {
    Inode& inode = at.inode();
    if (!both_now && !access && !modification) return {};
    if (at.mount->read_only()) return err::rofs;
    if (both_now ? inode.immutable() : inode.unchangeable()) return err::perm;
    if (!owns(inode, who)) {
        if (!both_now) return err::perm;
        TRY(check_mode(inode, who, may_write));
    }
    AttributeChange change;
    Timestamp same = now();
    if (both_now) access = modification = &same;
    if (access) change.set |= AttributeChange::access_bit, change.access = *access;
    if (modification) change.set |= AttributeChange::modification_bit, change.modification = *modification;
    TRY(inode.change(change));
    notify(at, events_of(change));
    return {};
}

Result<> change_flags(const Path& at, const Credentials& who, u32 flags) {
    Inode& inode = at.inode();
    if (at.mount->read_only()) return err::rofs;
    if (!owns(inode, who)) return err::perm;
    u32 changed = flags ^ inode.attributes().flags;
    if (changed & (FS_APPEND_FL | FS_IMMUTABLE_FL) && !who.can_everywhere(CAP_LINUX_IMMUTABLE)) return err::perm;
    if (flags & ~inode.known_flags()) return err::opnotsupp;
    return inode.change({.set = AttributeChange::flags_bit, .flags = flags});
}

Result<> truncate(const Path& at, const Credentials& who, u64 size) {
    Inode& inode = at.inode();
    if (inode.is_directory()) return err::isdir;
    if (!inode.is_regular()) return err::inval;
    TRY(check_inode(at, who, may_write));
    if (inode.append_only()) return err::perm;
    TRY(file::check_size(size));
    PageCache* pages = inode.pages();
    if (pages) TRY(pages->opens.begin_writing());
    Result<u32> taken = 0;
    auto done = break_leases(inode, true, true);
    if (done) taken = drop_privileges(inode, &who);
    if (!taken) done = std::unexpected(taken.error());
    if (done) done = inode.change({.set = AttributeChange::size_bit, .size = size});
    if (pages) pages->opens.end_writing();
    if (done) notify(at, IN_MODIFY | *taken);
    return done;
}
} // namespace vfs
