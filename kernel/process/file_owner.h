// The owner of an open file: who is told by a signal that it has become ready (fcntl(2): F_SETOWN, F_SETSIG, O_ASYNC).
#pragma once
#include "kernel/process/task.h"
#include "kernel/vfs/leases.h"

namespace process {
struct FileOwner {
    int type = F_OWNER_PID; // F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP
    Pid number = 0;         // 0: nobody, or nobody any more
};
/// By the current task, whose user must be allowed to signal the owner then. err::srch; err::inval: the type.
Result<> set_file_owner(File&, Task& current, FileOwner);
/// As the view numbers it.
FileOwner file_owner(File&, const PidNamespace&);
/// What is sent; 0: SIGIO, which says nothing of the file. err::inval.
Result<> set_file_signal(File&, int signal);
int file_signal(File&);
/// O_ASYNC on or off; si_fd will be `fd`. Pipes, FIFOs and terminals can; false: the file cannot, and nothing has
/// changed. Several changes in a moment may be told by one signal.
Result<bool> notify_owner(File&, int fd, bool on);
/// F_SETLEASE of a regular file; its owner is told when the lease is broken: the current process, unless another one is
/// set. si_fd will be `fd`. The errors are LeaseList::set()'s.
Result<> set_lease(File&, Task& current, int fd, vfs::LeaseKind);
/// F_NOTIFY: the owner, likewise, is told of DN_* events in an open directory. err::notdir.
Result<> watch_directory(File&, Task& current, int fd, u32 events);
} // namespace process
