#include "kernel/vfs/permission.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/settings.h"
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

namespace vfs {
namespace {
bool member(const Credentials& who, Kgid gid, bool real) {
    if (!real) return who.in_group(gid);
    if (gid == who.gid) return true;
    for (Kgid g : who.groups)
        if (g == gid) return true;
    return false;
}

/// What access(2) grants: the capabilities that the real user would have after a set-user-ID program gave its ids up.
CapabilitySet capabilities(const Credentials& who, bool real) {
    if (!real || who.securebits & (1u << SECURE_NO_SETUID_FIXUP)) return who.effective;
    return who.uid == who.root() ? who.permitted : 0;
}
bool has(CapabilitySet set, unsigned capability) { return set >> capability & 1; }
} // namespace

bool permits(Protection p, const Credentials& who, unsigned may, bool real) {
    u32 bits = p.mode;
    if (p.uid == (real ? who.uid : who.fsuid))
        bits >>= 6;
    else if ((bits >> 3 & 7) != (bits & 7) && member(who, p.gid, real))
        bits >>= 3;
    if ((bits & may) == may) return true;
    if (!who.maps(p.uid, p.gid)) return false; // no capability reaches so far
    CapabilitySet caps = capabilities(who, real);
    bool directory = S_ISDIR(p.mode);
    bool reading = !(may & may_write) && (directory || may == may_read) && has(caps, CAP_DAC_READ_SEARCH);
    bool anything = (directory || !(may & may_execute) || p.mode & 0111) && has(caps, CAP_DAC_OVERRIDE);
    return reading || anything;
}

Result<> check_mode(Inode& inode, const Credentials& who, unsigned may, bool real) {
    if (may & may_write && inode.immutable()) return err::perm;
    if (!permits(inode.protection(), who, may, real)) return err::acces;
    return inode.is_published() ? Result<>{} : inode.permission(who, may);
}

Result<> check_inode(const Path& at, const Credentials& who, unsigned may, bool real) {
    Inode& inode = at.inode();
    u32 type = inode.type();
    if (may & may_write && at.mount->read_only() && (S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type))) return err::rofs;
    return check_mode(inode, who, may, real);
}

bool owns(Inode& inode, const Credentials& who) {
    Kuid owner = inode.protection().uid;
    return owner == who.fsuid || (who.can(CAP_FOWNER) && who.maps(owner));
}

Result<> may_create(const Path& directory, const Credentials& who) {
    if (directory.dentry->unlinked()) return err::noent;
    return check_inode(directory, who, may_write | may_execute);
}

Result<> may_remove(const Path& directory, const Dentry& victim, const Credentials& who, bool want_directory) {
    TRY(check_inode(directory, who, may_write | may_execute));
    if (directory.inode().append_only() || victim.inode()->unchangeable()) return err::perm;
    Protection dir = directory.inode().protection();
    if (dir.mode & S_ISVTX && dir.uid != who.fsuid) {
        Protection it = victim.inode()->protection();
        if (it.uid != who.fsuid && !who.can_over(it.uid, it.gid, CAP_FOWNER)) return err::perm;
    }
    bool is_directory = victim.inode()->is_directory();
    if (want_directory && !is_directory) return err::notdir;
    if (!want_directory && is_directory) return err::isdir;
    if (victim.is_mount_point()) return err::busy;
    return {};
}

constinit Settings settings;

Result<> may_follow(Inode& directory, Inode& link, const Credentials& who) {
    if (!settings.protected_symlinks.load(std::memory_order_relaxed)) return {};
    Protection dir = directory.protection();
    constexpr u32 open_to_all = S_ISVTX | S_IWOTH;
    if ((dir.mode & open_to_all) != open_to_all) return {};
    Kuid owner = link.protection().uid;
    return owner == who.fsuid || owner == dir.uid ? Result<>{} : Result<>{err::acces};
}

Result<> may_open_existing(Inode& directory, Inode& found, const Credentials& who) {
    Protection dir = directory.protection();
    if (!(dir.mode & S_ISVTX)) [[likely]]
        return {};
    u32 type = found.type();
    u32 level = S_ISREG(type)    ? settings.protected_regular.load(std::memory_order_relaxed)
                : S_ISFIFO(type) ? settings.protected_fifos.load(std::memory_order_relaxed)
                                 : 1;
    Kuid owner = found.protection().uid;
    if (!level || owner == dir.uid || owner == who.fsuid) return {};
    return dir.mode & S_IWOTH || (dir.mode & S_IWGRP && level >= 2) ? Result<>{err::acces} : Result<>{};
}

Result<> may_link(Inode& inode, const Credentials& who) {
    if (!settings.protected_hardlinks.load(std::memory_order_relaxed) || owns(inode, who)) return {};
    u32 mode = inode.protection().mode;
    bool harmless = S_ISREG(mode) && !(mode & S_ISUID) && (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP);
    return harmless && check_mode(inode, who, may_read | may_write) ? Result<>{} : Result<>{err::perm};
}

NewInode new_inode(const Path& directory, const Credentials& who, u32 mode, u32 umask) {
    Protection dir = directory.inode().protection();
    NewInode made{.mode = S_ISLNK(mode) ? mode : mode & ~(umask & 0777), .uid = who.fsuid, .gid = who.fsgid};
    if (dir.mode & S_ISGID) {
        made.gid = dir.gid;
        if (S_ISDIR(mode))
            made.mode |= S_ISGID;
        else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !who.in_group(dir.gid) &&
                 !who.can_over(dir.uid, dir.gid, CAP_FSETID))
            made.mode &= ~u32{S_ISGID};
    }
    return made;
}

void touch_access(const Path& at) {
    u32 flags = at.mount->flags.load(std::memory_order_relaxed);
    if (flags & MS_NOATIME || at.mount->read_only()) return;
    if (flags & MS_NODIRATIME && at.inode().is_directory()) return;
    if (at.inode().keeps_access_time()) return;
    at.inode().accessed(!(flags & MS_STRICTATIME));
}

Result<> drop_capabilities(Inode& inode) {
    if (!inode.carries_privileges()) return {};
    auto dropped = inode.remove_xattr(XATTR_NAME_CAPS);
    return !dropped && dropped.error() == Errno::nodata ? Result<>{} : dropped;
}

Result<u32> take_privileges(Inode& inode, const Credentials* who) {
    u32 mode = inode.protection().mode;
    if (!S_ISREG(mode)) return 0;
    TRY(drop_capabilities(inode));
    if (!(mode & (S_ISUID | S_ISGID)) || (who && who->can_everywhere(CAP_FSETID))) return 0;
    u32 kept = mode & ~u32{S_ISUID};
    if (mode & S_IXGRP) kept &= ~u32{S_ISGID};
    if (kept == mode) return 0;
    AttributeChange change{.set = AttributeChange::mode_bit, .mode = kept};
    TRY(inode.change(change));
    return events_of(change);
}
} // namespace vfs
