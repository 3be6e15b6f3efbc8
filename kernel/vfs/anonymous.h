// Files without a name: pipes, sockets, epoll.
#pragma once
#include "kernel/vfs/path.h"

namespace vfs {
/// Once, from vfs::init().
Result<> init_anonymous();
/// The inode of a device that was opened without a node, as the machine's console: /proc/pid/fd/N opens it anew.
Result<Ref<Inode>> make_anonymous_device(u32 mode, u64 device);
/// A place for an inode of make_anonymous_inode(): what /proc/pid/fd/N of a pipe leads to, for stat(2) and open(2).
Result<Path> anonymous_path(Inode&);
bool is_anonymous(const Path&);
} // namespace vfs
