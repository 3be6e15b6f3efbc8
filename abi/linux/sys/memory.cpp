#include "abi/linux/sys/memory.h"
#include "kernel/process/mapping.h"
#include "kernel/process/task.h"
#include "kernel/vfs/page_cache.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>

namespace linux_abi::sys {
namespace {
/// Flags without effect here, as on a Linux without the feature.
constexpr u32 ignored_flags = MAP_DENYWRITE | MAP_EXECUTABLE | MAP_STACK | MAP_NONBLOCK | MAP_UNINITIALIZED;
#ifdef MAP_32BIT // x86's header has it
constexpr u32 low_addresses = MAP_32BIT;
#else
constexpr u32 low_addresses = 0;
#endif
constexpr uptr end_of_low_addresses = 2 * GiB;
/// What MAP_SHARED_VALIDATE takes: the flags that were there before it.
constexpr u32 known_flags = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE |
                            MAP_POPULATE | MAP_HUGETLB | MAP_HUGE_2MB | MAP_HUGE_1GB | low_addresses | ignored_flags;
constexpr u64 largest_file = ~u64{0} >> 1;

arch::PageFlags access_of(u32 protection) {
    arch::PageFlags access = arch::page_none;
    if (protection & PROT_READ) access = access | arch::page_read;
    if (protection & PROT_WRITE) access = access | arch::page_write;
    if (protection & PROT_EXEC) access = access | arch::page_execute;
    return access;
}

/// mmap's rules about the file's open mode and its mount.
Result<> take_file(Ref<File> file, u32 protection, MapRequest& request) {
    if (!file->readable()) return err::acces;
    if (request.shared && !file->writable()) {
        if (protection & PROT_WRITE) return err::acces;
        request.max_access = request.max_access & ~arch::page_write;
    }
    if (request.shared && file->writable() && file->inode() && file->inode()->append_only()) return err::acces;
    if (const vfs::Path* path = file->path(); path && path->mount && path->mount->flags & MS_NOEXEC) {
        if (protection & PROT_EXEC) return err::perm;
        request.max_access = request.max_access & ~arch::page_execute;
    }
    // A sealed file may still be mapped shared to be read.
    constexpr u32 no_writes = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    auto* pages = file->inode() ? file->inode()->pages() : nullptr;
    if (request.shared && !(protection & PROT_WRITE) && pages && pages->seals().value_or(0) & no_writes)
        request.max_access = request.max_access & ~arch::page_write;
    bool writes = request.shared && static_cast<bool>(request.max_access & arch::page_write);
    auto source = TRY(process::mapping_source(std::move(file), writes));
    request.object = Ref<MemoryObject>::share(&source->object());
    request.source = std::move(source);
    return {};
}
bool may_lock(Task& task) {
    return task.credentials().can_everywhere(CAP_IPC_LOCK) || task.process().limits.soft(RLIMIT_MEMLOCK) != 0;
}
} // namespace

Result<uptr> mmap(Task& task, uptr address, usize size, int protection, u32 flags, Fd fd, u64 offset) {
    if (!is_aligned(offset, page_size)) return err::inval;
    u32 type = flags & MAP_TYPE;
    bool validated = type == MAP_SHARED_VALIDATE, anonymous = flags & MAP_ANONYMOUS;
    Ref<File> file;
    if (!anonymous) file = TRY(task.files->get(static_cast<int>(fd)));
    if (type != MAP_SHARED && type != MAP_PRIVATE && !validated) return err::inval;
    if (validated && anonymous) return err::inval;
    if (flags & MAP_HUGETLB) return anonymous ? err::nomem : Result<uptr>{err::inval}; // no such pages are reserved
    if (size == 0) return err::inval;
    if (size > arch::user_top) return err::nomem;
    bool regular = file && file->inode() && file->inode()->is_regular();
    if (regular && (offset > largest_file || size > largest_file - offset)) return err::overflow;
    if (validated && flags & ~known_flags) return err::opnotsupp;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (fixed && !is_aligned(address, page_size)) return err::inval;
    MapRequest request{.address = page_down(address),
                       .below = flags & low_addresses ? end_of_low_addresses : 0,
                       .size = page_up(size),
                       .access = access_of(static_cast<u32>(protection)),
                       .shared = type != MAP_PRIVATE,
                       .fixed = fixed,
                       .replace = !(flags & MAP_FIXED_NOREPLACE),
                       .grows_down = (flags & MAP_GROWSDOWN) != 0,
                       .populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE,
                       .locked = (flags & MAP_LOCKED) != 0,
                       .no_reserve = (flags & MAP_NORESERVE) != 0,
                       .offset = anonymous ? 0 : offset};
    if (request.locked && !may_lock(task)) return err::perm;
    if (!anonymous) {
        if (request.grows_down) return err::inval;
        TRY(take_file(std::move(file), static_cast<u32>(protection), request));
    } else if (request.shared) {
        if (request.grows_down) return err::inval;
        request.object = TRY(make_shared_memory(request.size));
    }
    return task.space->map(request);
}

Result<> munmap(Task& task, uptr address, usize size) {
    if (!is_aligned(address, page_size) || size == 0 || size > arch::user_top) return err::inval;
    return task.space->unmap(address, page_up(size));
}

Result<> mprotect(Task& task, uptr address, usize size, u32 protection) {
    constexpr u32 grows = PROT_GROWSDOWN | PROT_GROWSUP;
    if ((protection & grows) == grows || protection & PROT_GROWSUP) return err::inval;
    if (protection & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN)) return err::inval;
    if (!is_aligned(address, page_size)) return err::inval;
    if (size == 0) return {};
    if (size > arch::user_top || address + page_up(size) < address) return err::nomem;
    size = page_up(size);
    if (protection & PROT_GROWSDOWN) { // from the start of the stack's area
        auto area = TRY(task.space->area_after(address));
        if (area.start > address) return err::nomem;
        if (!area.grows_down) return err::inval;
        size += address - area.start;
        address = area.start;
    }
    return task.space->protect(address, size, access_of(protection));
}

Result<uptr> mremap(Task& task, uptr address, usize old_size, usize new_size, u64 flags, uptr new_address) {
    if (flags & ~u64{MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP}) return err::inval;
    if (!is_aligned(address, page_size) || new_size == 0) return err::inval;
    if (new_size > arch::user_top || old_size > arch::user_top) return err::inval;
    return task.space->remap(address, page_up(old_size), page_up(new_size), static_cast<u32>(flags), new_address);
}

Result<uptr> brk(Task& task, uptr address) { return task.space->set_break(address); }

Result<> madvise(Task& task, uptr address, usize size, int advice) {
    if (!is_aligned(address, page_size)) return err::inval;
    usize whole = page_up(size);
    if (whole < size || address + whole < address) return err::inval;
    return task.space->advise(address, whole, advice);
}

Result<> msync(Task& task, uptr address, usize size, int flags) {
    if (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) || (flags & MS_ASYNC && flags & MS_SYNC)) return err::inval;
    if (!is_aligned(address, page_size)) return err::inval;
    usize whole = page_up(size); // as on Linux the last page's worth of sizes are none
    if (address + whole < address) return err::nomem;
    return whole ? task.space->sync(address, whole, flags) : Result<>{};
}

namespace {
using Locking = AddressSpace::Locking;

Result<> lock_range(Task& task, uptr address, usize size, Locking lock) {
    if (lock != Locking::none && !may_lock(task)) return err::perm;
    usize whole = page_up(size + address % page_size); // as on Linux the last page's worth of sizes are none
    address = page_down(address);
    if (address + whole < address) return err::inval;
    return whole ? task.space->lock_pages(address, whole, lock) : Result<>{};
}
} // namespace
Result<> mlock(Task& task, uptr address, usize size) { return lock_range(task, address, size, Locking::now); }
Result<> mlock2(Task& task, uptr address, usize size, u32 flags) {
    if (flags & ~u32{MLOCK_ONFAULT}) return err::inval;
    return lock_range(task, address, size, flags & MLOCK_ONFAULT ? Locking::on_fault : Locking::now);
}
Result<> munlock(Task& task, uptr address, usize size) { return lock_range(task, address, size, Locking::none); }
Result<> mlockall(Task& task, u32 flags) {
    if (!flags || flags & ~u32{MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT} || flags == MCL_ONFAULT) return err::inval;
    if (!may_lock(task)) return err::perm;
    Locking how = flags & MCL_ONFAULT ? Locking::on_fault : Locking::now;
    return task.space->lock_all(flags & MCL_CURRENT ? how : Locking::none, flags & MCL_FUTURE ? how : Locking::none);
}
Result<> munlockall(Task& task) { return task.space->lock_all(Locking::none, Locking::none); }

Result<> mincore(Task& task, uptr address, usize size, UserPtr<u8> out) {
    if (!is_aligned(address, page_size)) return err::inval;
    if (size > arch::user_top || address > arch::user_top - size) return err::nomem;
    u8 pages[256];
    for (usize left = page_up(size) / page_size; left;) {
        usize n = left < sizeof pages ? left : sizeof pages;
        TRY(task.space->residency(address, {pages, n}));
        TRY(arch::copy_out(out.address(), pages, n));
        if (task.killed()) return err::intr;
        address += n * page_size;
        out = out + n;
        left -= n;
    }
    return {};
}
} // namespace linux_abi::sys
