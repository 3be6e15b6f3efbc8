// /proc of one view: its processes, and what Linux tells about the system.
#pragma once
#include "kernel/vfs/inode.h"

namespace proc {
extern const vfs::FilesystemType type;
} // namespace proc
