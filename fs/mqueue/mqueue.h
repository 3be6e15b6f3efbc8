// mqueue: the place of POSIX message queues. Programs that only want it mounted find an empty directory.
#pragma once
#include "kernel/vfs/inode.h"

namespace mqueue {
extern constinit const vfs::FilesystemType type;
}
