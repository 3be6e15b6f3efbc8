// memfd_create(2): files in memory without a name.
#pragma once
#include "kernel/vfs/operations.h"

namespace vfs {
/// Opened for reading and writing. Not `sealable`: F_ADD_SEALS answers err::perm.
/// The memory is charged to the current thread's account, as any file's.
Result<Ref<File>> make_memory_file(std::string_view name, const Credentials&, bool sealable);
} // namespace vfs
