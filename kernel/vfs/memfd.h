// memfd_create(2): files in memory without a name.
#pragma once
#include "kernel/vfs/operations.h"

namespace vfs {
/// Opened for reading and writing, but not counted as open for writing: it can be executed. `mode`: permissions;
/// `seals`: F_SEAL_* it starts with. The memory is charged to the current thread's account, as any file's.
Result<Ref<File>> make_memory_file(std::string_view name, const Credentials&, u32 mode, u32 seals);
/// F_SEAL_EXEC: the bits for execution stay as they are. Of Linux 6.3; the UAPI headers may be older.
inline constexpr u32 seal_execution = 0x20;
} // namespace vfs
