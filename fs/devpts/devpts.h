// devpts: the slaves of pseudo-terminals as files, and ptmx that makes new ones. Each mount is a set of its own.
#pragma once
#include "kernel/vfs/inode.h"

namespace devpts {
extern constinit const vfs::FilesystemType type;
}
