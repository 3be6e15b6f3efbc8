// What hangs on an inode while it is in use: made on demand, gone with the inode.
#pragma once
#include "kernel/vfs/inode.h"
#include "kernel/vfs/leases.h"
#include "kernel/vfs/locks.h"
#include "kernel/vfs/watches.h"

namespace pipes {
class Pipe;
}

namespace unix_sockets {
class Endpoint;
}

namespace vfs {
struct Inode::Attachments {
    explicit Attachments(Inode& of) : locks{of}, leases{of}, watches{of} {}
    /// Of fcntl and flock.
    LockList locks;
    LeaseList leases;
    WatchList watches;
    Spinlock<Rank::device> lock;
    /// The pipe behind a FIFO while somebody has it open. Not counted: the pipe takes itself off.
    pipes::Pipe* fifo = nullptr;
    /// What is bound to a socket's inode. Not counted either.
    unix_sockets::Endpoint* socket = nullptr;
};
} // namespace vfs
