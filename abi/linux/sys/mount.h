// Mounts, file systems, and where a process's paths start.
#pragma once
#include "abi/linux/arguments.h"
#include "lib/result.h"
#include <asm/statfs.h>

class Task;

namespace linux_abi::sys {
Result<> mount(Task&, UserPath source, UserPath target, UserPath type, u64 flags, UserPath data);
Result<> umount2(Task&, UserPath target, u32 flags);
Result<> pivot_root(Task&, UserPath new_root, UserPath put_old);
Result<> chroot(Task&, UserPath);
Result<> chdir(Task&, UserPath);
Result<> fchdir(Task&, Fd);
Result<usize> getcwd(Task&, UserPtr<std::byte> to, usize size);
Result<u32> umask(Task&, u32 mask);
Result<> statfs_(Task&, UserPath, UserPtr<struct statfs>);
Result<> fstatfs(Task&, Fd, UserPtr<struct statfs>);
Result<> name_to_handle_at(Task&, DirFd, UserPath, UserPtr<std::byte> handle, UserPtr<int> mount_id, u32 flags);
Result<int> open_by_handle_at(Task&, DirFd, UserPtr<const std::byte> handle, u32 flags);
} // namespace linux_abi::sys
