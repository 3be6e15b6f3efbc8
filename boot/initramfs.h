// The initial file tree: a cpio archive (newc) given by the bootloader.
#pragma once
#include "kernel/vfs/operations.h"

namespace boot {
/// Makes the archive's files under `walker.start`. err::inval: it is no newc archive, or is damaged.
Result<> unpack_initramfs(const vfs::Walker& walker, std::span<const std::byte> archive);
} // namespace boot
