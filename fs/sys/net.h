// Interfaces in sysfs.
#pragma once
#include "fs/pseudo/inode.h"

namespace sysfs {
Result<Ref<vfs::Inode>> make_net_class(vfs::Superblock&, const pseudo::Context&, u64 number);
Result<Ref<vfs::Inode>> make_net_devices(vfs::Superblock&, const pseudo::Context&, u64 number);
} // namespace sysfs
