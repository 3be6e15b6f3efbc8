// What hangs on an inode while it is in use: made on demand, gone with the inode.
#pragma once
#include "kernel/file/directory_watch.h"
#include "kernel/file/leases.h"
#include "kernel/file/locks.h"
#include "kernel/vfs/inode.h"

namespace pipes {
class Pipe;
}

namespace vfs {
struct Inode::Attachments {
    explicit Attachments(Inode& of) : locks{of}, leases{of} {}
    /// Of fcntl and flock.
    file::LockList locks;
    file::LeaseList leases;
    /// Of a directory.
    file::WatchList watches;
    Spinlock<Rank::device> lock;
    /// The pipe behind a FIFO while somebody has it open. Not counted: the pipe takes itself off.
    pipes::Pipe* fifo = nullptr;
};
} // namespace vfs
