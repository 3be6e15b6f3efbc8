// Names and directories: what stands where, and with which attributes.
#pragma once
#include "abi/linux/arguments.h"
#include "lib/result.h"
#include <asm/stat.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/utime.h>

class Task;

namespace linux_abi::sys {
Result<> stat_(Task&, UserPath, UserPtr<struct stat>);
Result<> lstat(Task&, UserPath, UserPtr<struct stat>);
Result<> fstat(Task&, Fd, UserPtr<struct stat>);
Result<> newfstatat(Task&, DirFd, UserPath, UserPtr<struct stat>, u32 flags);
Result<> statx_(Task&, DirFd, UserPath, u32 flags, u32 mask, UserPtr<struct statx>);
Result<> access(Task&, UserPath, u32 mode);
Result<> faccessat(Task&, DirFd, UserPath, u32 mode);
Result<> faccessat2(Task&, DirFd, UserPath, u32 mode, u32 flags);
Result<usize> readlink(Task&, UserPath, UserPtr<std::byte> to, int size);
Result<usize> readlinkat(Task&, DirFd, UserPath, UserPtr<std::byte> to, int size);
Result<usize> getdents(Task&, Fd, UserPtr<std::byte> to, u32 size);
Result<usize> getdents64(Task&, Fd, UserPtr<std::byte> to, u32 size);

Result<> mkdir(Task&, UserPath, u32 mode);
Result<> mkdirat(Task&, DirFd, UserPath, u32 mode);
Result<> mknod(Task&, UserPath, u32 mode, u32 device);
Result<> mknodat(Task&, DirFd, UserPath, u32 mode, u32 device);
Result<> rmdir(Task&, UserPath);
Result<> unlink(Task&, UserPath);
Result<> unlinkat(Task&, DirFd, UserPath, u32 flags);
Result<> rename(Task&, UserPath from, UserPath to);
Result<> renameat(Task&, DirFd, UserPath from, DirFd, UserPath to);
Result<> renameat2(Task&, DirFd, UserPath from, DirFd, UserPath to, u32 flags);
Result<> link(Task&, UserPath from, UserPath to);
Result<> linkat(Task&, DirFd, UserPath from, DirFd, UserPath to, u32 flags);
Result<> symlink(Task&, UserPath target, UserPath path);
Result<> symlinkat(Task&, UserPath target, DirFd, UserPath path);

Result<> chmod(Task&, UserPath, u32 mode);
Result<> fchmod(Task&, Fd, u32 mode);
Result<> fchmodat(Task&, DirFd, UserPath, u32 mode);
Result<> fchmodat2(Task&, DirFd, UserPath, u32 mode, u32 flags);
Result<> chown(Task&, UserPath, u32 uid, u32 gid);
Result<> lchown(Task&, UserPath, u32 uid, u32 gid);
Result<> fchown(Task&, Fd, u32 uid, u32 gid);
Result<> fchownat(Task&, DirFd, UserPath, u32 uid, u32 gid, u32 flags);
Result<> utime(Task&, UserPath, UserPtr<const utimbuf>);
Result<> utimes(Task&, UserPath, UserPtr<const __kernel_old_timeval[2]>);
Result<> futimesat(Task&, DirFd, UserPath, UserPtr<const __kernel_old_timeval[2]>);
Result<> utimensat(Task&, DirFd, UserPath, UserPtr<const __kernel_timespec[2]>, u32 flags);

Result<> setxattr(Task&, UserPath, UserPath name, UserSpan<const std::byte> value, int flags);
Result<> lsetxattr(Task&, UserPath, UserPath name, UserSpan<const std::byte> value, int flags);
Result<> fsetxattr(Task&, Fd, UserPath name, UserSpan<const std::byte> value, int flags);
Result<usize> getxattr(Task&, UserPath, UserPath name, UserSpan<std::byte> value);
Result<usize> lgetxattr(Task&, UserPath, UserPath name, UserSpan<std::byte> value);
Result<usize> fgetxattr(Task&, Fd, UserPath name, UserSpan<std::byte> value);
Result<usize> listxattr(Task&, UserPath, UserSpan<std::byte> names);
Result<usize> llistxattr(Task&, UserPath, UserSpan<std::byte> names);
Result<usize> flistxattr(Task&, Fd, UserSpan<std::byte> names);
Result<> removexattr(Task&, UserPath, UserPath name);
Result<> lremovexattr(Task&, UserPath, UserPath name);
Result<> fremovexattr(Task&, Fd, UserPath name);
} // namespace linux_abi::sys
