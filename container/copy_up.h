// tmpcopyup: a file system that starts with what the directory has that it covers.
#pragma once
#include "kernel/vfs/operations.h"

namespace container {
/// Copies everything below the directory `from` (mounts included) into the directory `to`: names, owners, modes,
/// contents, times of files. `who` may do anything. err::intr: a fatal signal.
Result<> copy_up(const vfs::Path& from, const vfs::Path& to, Ref<const Credentials> who);
} // namespace container
