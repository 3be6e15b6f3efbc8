// stat and its kin, access, readlink.
#include "abi/linux/sys/directory.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/device.h"
#include <linux/fcntl.h>

namespace linux_abi::sys {
namespace {
u64 device_of(vfs::Inode& inode) { return device::number(0, inode.superblock().device()); }

Result<> put_stat(Task& task, UserPtr<struct stat> to, vfs::Inode& inode) {
    [[clang::uninitialized]] vfs::Attributes a = inode.attributes(); // which makes all of it (file: fstat)
    const Credentials& who = task.credentials();
    struct stat s{};
    s.st_dev = device_of(inode);
    s.st_ino = a.number;
    s.st_nlink = a.links;
    s.st_mode = a.mode;
    s.st_uid = who.shown(a.uid);
    s.st_gid = who.shown(a.gid);
    s.st_rdev = a.device;
    s.st_size = static_cast<decltype(s.st_size)>(a.size);
    s.st_blksize = static_cast<decltype(s.st_blksize)>(a.block_size);
    s.st_blocks = static_cast<decltype(s.st_blocks)>(a.blocks);
    s.st_atime = static_cast<decltype(s.st_atime)>(a.access.seconds);
    s.st_atime_nsec = a.access.nanoseconds;
    s.st_mtime = static_cast<decltype(s.st_mtime)>(a.modification.seconds);
    s.st_mtime_nsec = a.modification.nanoseconds;
    s.st_ctime = static_cast<decltype(s.st_ctime)>(a.change.seconds);
    s.st_ctime_nsec = a.change.nanoseconds;
    return copy_out_zeroed(to, s);
}

statx_timestamp statx_time(const vfs::Timestamp& t) {
    statx_timestamp made{};
    made.tv_sec = t.seconds;
    made.tv_nsec = t.nanoseconds;
    return made;
}
} // namespace

Result<> stat_(Task& task, UserPath path, UserPtr<struct stat> to) {
    return put_stat(task, to, TRY(place(task, at_cwd, path, 0)).inode());
}
Result<> lstat(Task& task, UserPath path, UserPtr<struct stat> to) {
    return put_stat(task, to, TRY(place(task, at_cwd, path, AT_SYMLINK_NOFOLLOW)).inode());
}
Result<> fstat(Task& task, Fd fd, UserPtr<struct stat> to) {
    auto file = TRY(task.files->hold(static_cast<int>(fd), true));
    if (!file->inode()) return err::badf;
    return put_stat(task, to, *file->inode());
}
Result<> newfstatat(Task& task, DirFd dirfd, UserPath path, UserPtr<struct stat> to, u32 flags) {
    if (flags & ~u32{AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE}) return err::inval;
    return put_stat(task, to, TRY(place(task, dirfd, path, flags)).inode());
}

Result<> statx_(Task& task, DirFd dirfd, UserPath path, u32 flags, u32 mask, UserPtr<struct statx> to) {
    constexpr u32 known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if (flags & ~known || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || mask & STATX__RESERVED)
        return err::inval;
    // A null path with AT_EMPTY_PATH is the empty path.
    auto at = !path && flags & AT_EMPTY_PATH && dirfd != at_cwd
                  ? TRY(place_of(*TRY(task.files->get(static_cast<int>(dirfd), true))))
                  : TRY(place(task, dirfd, path, flags));
    vfs::Attributes a = at.inode().attributes();
    struct statx s{};
    s.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
    s.stx_blksize = a.block_size;
    constexpr u32 shown_flags =
        STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP; // FS_*_FL have the same values
    s.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT | (at.inode().known_flags() & shown_flags);
    s.stx_attributes = (a.flags & shown_flags) | (at.dentry == at.mount->root ? STATX_ATTR_MOUNT_ROOT : 0u);
    s.stx_nlink = a.links;
    s.stx_uid = task.credentials().shown(a.uid);
    s.stx_gid = task.credentials().shown(a.gid);
    s.stx_mode = static_cast<u16>(a.mode);
    s.stx_ino = a.number;
    s.stx_size = a.size;
    s.stx_blocks = a.blocks;
    s.stx_atime = statx_time(a.access);
    s.stx_btime = statx_time(a.birth);
    s.stx_ctime = statx_time(a.change);
    s.stx_mtime = statx_time(a.modification);
    s.stx_rdev_major = device::major(a.device);
    s.stx_rdev_minor = device::minor(a.device);
    s.stx_dev_minor = at.inode().superblock().device();
    s.stx_mnt_id = static_cast<u64>(at.mount->id);
    return copy_out_zeroed(to, s);
}

Result<> faccessat2(Task& task, DirFd dirfd, UserPath path, u32 mode, u32 flags) {
    if (mode & ~7u || flags & ~u32{AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) return err::inval;
    bool real = !(flags & AT_EACCESS);
    auto at = TRY(place(task, dirfd, path, flags, true, real ? u32{vfs::walk_real_ids} : 0u));
    return vfs::check_access(at, task.credentials(), mode, real);
}
Result<> faccessat(Task& task, DirFd dirfd, UserPath path, u32 mode) { return faccessat2(task, dirfd, path, mode, 0); }
Result<> access(Task& task, UserPath path, u32 mode) { return faccessat2(task, at_cwd, path, mode, 0); }

Result<usize> readlinkat(Task& task, DirFd dirfd, UserPath path, UserPtr<std::byte> to, int size) {
    if (size <= 0) return err::inval;
    [[clang::uninitialized]] PathName name;
    TRY(name.load(path));
    bool empty = name.view().empty() && dirfd != at_cwd; // of a symbolic link opened with O_PATH | O_NOFOLLOW
    auto at = TRY(place(task, dirfd, name.view(), empty ? AT_EMPTY_PATH : 0, false));
    if (empty && !at.inode().is_symlink()) return err::noent;
    auto target = TRY(vfs::read_link(at));
    auto text = target->view().substr(0, static_cast<usize>(size));
    TRY(arch::copy_out(to.address(), text.data(), text.size()));
    return text.size();
}
Result<usize> readlink(Task& task, UserPath path, UserPtr<std::byte> to, int size) {
    return readlinkat(task, at_cwd, path, to, size);
}
} // namespace linux_abi::sys
