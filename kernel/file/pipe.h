// Pipes and FIFOs: a ring of bytes between readers and writers, pipe(7).
#pragma once
#include "kernel/file/file.h"

namespace vfs {
struct Path;
}

namespace pipes {
inline constexpr usize default_capacity = 64 * KiB, max_capacity = 1 * MiB; // F_SETPIPE_SZ without privilege

struct Ends {
    Ref<File> read, write;
};
/// pipe2(2): flags O_NONBLOCK, O_DIRECT (packets).
Result<Ends> create(u32 flags);
/// Opens a FIFO's inode; waits for the other end as fifo(7) says. err::nxio, err::restartsys.
Result<Ref<File>> open_fifo(const vfs::Path&, u32 flags);
} // namespace pipes
