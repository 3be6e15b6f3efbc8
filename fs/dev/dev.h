// devtmpfs: the host world's /dev. Containers have one of their own, made by their spec.
#pragma once
#include "kernel/vfs/inode.h"

namespace devtmpfs {
extern constinit const vfs::FilesystemType type;
}
