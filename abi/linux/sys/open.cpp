// open and its kin, close, descriptors.
#include "abi/linux/sys/file.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/memfd.h"
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/openat2.h>

namespace linux_abi::sys {
namespace {
constexpr u32 known_open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NDELAY | O_NONBLOCK |
                                 O_SYNC | O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW |
                                 O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE;
constexpr u32 path_only_flags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr u32 all_modes = 07777;

Result<int> open_file(Task& task, DirFd dirfd, UserPath path, const vfs::OpenHow& how) {
    [[clang::uninitialized]] Walked at;
    TRY(at.load(task, dirfd, path));
    if (how.walk & vfs::walk_in_root) at.walker = TRY(task.walker(static_cast<int>(dirfd))); // an absolute path's too
    auto file = TRY(vfs::open(at.walker, at.name.view(), how));
    return task.install(std::move(file), how.flags & O_CLOEXEC);
}

/// open(2) ignores what it does not know; every 64-bit program gets O_LARGEFILE.
Result<int> open_classic(Task& task, DirFd dirfd, UserPath path, u32 flags, u32 mode) {
    flags &= known_open_flags;
    if (!(flags & O_PATH)) flags |= O_LARGEFILE;
    bool makes = flags & (O_CREAT | __O_TMPFILE);
    return open_file(task, dirfd, path, {.flags = flags, .mode = makes ? mode & all_modes : 0});
}
} // namespace

Result<int> open(Task& task, UserPath path, OpenFlags flags, u32 mode) {
    return open_classic(task, at_cwd, path, flags.bits, mode);
}
Result<int> openat(Task& task, DirFd dirfd, UserPath path, OpenFlags flags, u32 mode) {
    return open_classic(task, dirfd, path, flags.bits, mode);
}
Result<int> creat(Task& task, UserPath path, u32 mode) {
    return open_classic(task, at_cwd, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

Result<int> openat2(Task& task, DirFd dirfd, UserPath path, UserPtr<const std::byte> how_at, usize size) {
    auto how = TRY(copy_in_extensible<open_how>(how_at.as<const open_how>(), size, sizeof(open_how)));
    constexpr u64 known_resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
                                  RESOLVE_IN_ROOT | RESOLVE_CACHED;
    if (how.flags & ~u64{known_open_flags} || how.resolve & ~known_resolve) return err::inval;
    if (how.resolve & RESOLVE_BENEATH && how.resolve & RESOLVE_IN_ROOT) return err::inval;
    auto flags = static_cast<u32>(how.flags);
    if (flags & (O_CREAT | __O_TMPFILE) ? how.mode & ~u64{all_modes} : how.mode) return err::inval;
    if (flags & O_PATH && flags & ~path_only_flags) return err::inval;
    // Every walk may have to ask the file system: the caller is to try again without.
    if (how.resolve & RESOLVE_CACHED) return err::again;
    static constexpr struct {
        u64 resolve;
        u32 walk;
    } meaning[] = {{RESOLVE_NO_XDEV, vfs::walk_no_mounts},
                   {RESOLVE_NO_MAGICLINKS, vfs::walk_no_magic_links},
                   {RESOLVE_NO_SYMLINKS, vfs::walk_no_symlinks | vfs::walk_no_magic_links},
                   {RESOLVE_BENEATH, vfs::walk_beneath},
                   {RESOLVE_IN_ROOT, vfs::walk_in_root}};
    vfs::OpenHow wanted{.flags = flags, .mode = static_cast<u32>(how.mode)};
    for (const auto& m : meaning)
        if (how.resolve & m.resolve) wanted.walk |= m.walk;
    if (!(flags & O_PATH)) wanted.flags |= O_LARGEFILE;
    return open_file(task, dirfd, path, wanted);
}

Result<> close(Task& task, Fd fd) { return task.files->close(static_cast<int>(fd)); }

Result<> close_range(Task& task, u32 first, u32 last, u32 flags) {
    if (flags & ~u32{CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC} || first > last) return err::inval;
    if (flags & CLOSE_RANGE_UNSHARE && task.files->ref_count() > 1) {
        auto own = TRY(task.files->clone());
        Holding hold{task.shares_lock};
        std::swap(task.files, own);
    }
    return task.files->close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
}

Result<int> memfd_create(Task& task, UserPath name_at, u32 flags) {
    constexpr usize longest = 249;
    constexpr u32 no_execution = 8, execution = 16; // MFD_NOEXEC_SEAL, MFD_EXEC: of Linux 6.3
    if (flags & ~u32{MFD_CLOEXEC | MFD_ALLOW_SEALING | no_execution | execution}) return err::inval;
    if (flags & no_execution && flags & execution) return err::inval;
    PathName name;
    if (auto loaded = name.load(name_at); !loaded)
        return loaded.error() == Errno::nametoolong ? Result<int>{err::inval} : std::unexpected(loaded.error());
    if (name.view().size() > longest) return err::inval;
    u32 mode = flags & no_execution ? 0666 : 0777;
    u32 seals = flags & no_execution ? vfs::seal_execution : flags & MFD_ALLOW_SEALING ? 0 : u32{F_SEAL_SEAL};
    auto file = TRY(vfs::make_memory_file(name.view(), task.credentials(), mode, seals));
    return task.install(std::move(file), flags & MFD_CLOEXEC);
}

Result<int> dup(Task& task, Fd fd) {
    auto file = TRY(task.files->get(static_cast<int>(fd), true));
    return task.install(std::move(file), false);
}

Result<int> dup2(Task& task, Fd fd, Fd to) {
    auto file = TRY(task.files->get(static_cast<int>(fd), true));
    if (fd != to) TRY(task.files->install_at(static_cast<int>(to), std::move(file), false, task.descriptor_limit()));
    return static_cast<int>(to);
}

Result<int> dup3(Task& task, Fd fd, Fd to, u32 flags) {
    if (flags & ~u32{O_CLOEXEC} || fd == to) return err::inval;
    auto file = TRY(task.files->get(static_cast<int>(fd), true));
    TRY(task.files->install_at(static_cast<int>(to), std::move(file), flags & O_CLOEXEC, task.descriptor_limit()));
    return static_cast<int>(to);
}
} // namespace linux_abi::sys
