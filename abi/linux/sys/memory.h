// Memory: mappings, the heap, locking.
#pragma once
#include "abi/linux/arguments.h"
#include "abi/linux/call.h"
#include <linux/uio.h>

namespace linux_abi::sys {
Result<uptr> mmap(Task&, uptr address, usize size, int protection, u32 flags, Fd, u64 offset);
Result<> munmap(Task&, uptr address, usize size);
Result<> mprotect(Task&, uptr address, usize size, u32 protection);
Result<uptr> mremap(Task&, uptr address, usize old_size, usize new_size, u64 flags, uptr new_address);
Result<uptr> brk(Task&, uptr address);
Result<> madvise(Task&, uptr address, usize size, int advice);
Result<> msync(Task&, uptr address, usize size, int flags);
Result<> mlock(Task&, uptr address, usize size);
Result<> mlock2(Task&, uptr address, usize size, u32 flags);
Result<> munlock(Task&, uptr address, usize size);
Result<> mlockall(Task&, u32 flags);
Result<> munlockall(Task&);
Result<> mincore(Task&, uptr address, usize size, UserPtr<u8> out);
// other_memory.cpp
Result<usize> process_vm_readv(Task&, int pid, UserSpan<const iovec> local, UserSpan<const iovec> remote, usize flags);
Result<usize> process_vm_writev(Task&, int pid, UserSpan<const iovec> local, UserSpan<const iovec> remote, usize flags);
} // namespace linux_abi::sys
