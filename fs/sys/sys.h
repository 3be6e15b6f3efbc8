// sysfs: the few parts that programs look for.
#pragma once
#include "kernel/vfs/inode.h"

namespace sysfs {
extern constinit const vfs::FilesystemType type;
}
