// HOME, for a process that is started without one.
#pragma once
#include "kernel/vfs/operations.h"

namespace container {
/// Adds HOME to the environment where it is missing or empty: the uid's directory in the container's /etc/passwd, "/"
/// when it has no line there. `inside` walks the container's tree and may read everything.
Result<> add_home(const vfs::Walker& inside, u32 uid, Vector<String>& environment);
} // namespace container
