// The initial file tree: a cpio archive (newc) given by the bootloader.
#pragma once
#include "kernel/vfs/operations.h"

namespace boot {
/// Makes the archive's files under `walker.start`, as Linux's unpacker does: what is there already and has another type
/// is replaced; an entry that cannot be made (its folder is missing, a directory stands in the way) is reported and
/// left out. An entry METADATA!!! holds extended attributes of the entry before it. Archives may follow each other.
/// `passed` is called now and then with the number of bytes that are no longer needed.
/// err::nomem, err::nospc: it does not fit. err::inval: what follows is no newc archive; what came before it stays.
Result<> unpack_initramfs(const vfs::Walker& walker, std::span<const std::byte> archive,
                          void (*passed)(usize bytes) = nullptr);
/// About what the archive's files take in memory, in bytes.
u64 initramfs_need(std::span<const std::byte> archive);
} // namespace boot
