#include "abi/linux/sys/mount.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/handles.h"
#include <cstddef>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

namespace linux_abi::sys {
namespace {
constexpr u64 magic_mask = 0xffff0000, magic = 0xc0ed0000; // MS_MGC_MSK, MS_MGC_VAL: of old programs
constexpr u64 propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

/// A string that may be missing.
struct OptionalText {
    PathName text;
    Result<> load(UserPath from) {
        auto loaded = from ? text.load(from) : Result<>{};
        return loaded || loaded.error() != Errno::nametoolong ? loaded : err::inval;
    }
    std::string_view view() const { return text.view(); }
};

/// A file system's own options: a page, or as much of it as can be read, up to its first null byte.
struct Options {
    Vector<char> page;
    usize size = 0;
    Result<> load(UserPath from) {
        if (!from) return {};
        TRY(page.resize(page_size));
        usize n = arch::copy_in_partial(page.data(), from.address(), page.size() - 1);
        if (!n) return err::fault;
        size = std::string_view{page.data(), n}.find('\0');
        if (size == std::string_view::npos) size = n;
        return {};
    }
    std::string_view view() const { return {page.data(), size}; }
};

Result<> may_mount(Task& task) { return task.credentials().can(CAP_SYS_ADMIN) ? Result<>{} : Result<>{err::perm}; }

u32 mount_flags(u64 flags) {
    u64 kept = flags & vfs::mount_flag_mask;
    if (!(kept & (MS_NOATIME | MS_STRICTATIME))) kept |= MS_RELATIME;
    return static_cast<u32>(kept);
}

/// Mounts are never propagated: private is what all of them are.
Result<> change_propagation(const vfs::Path& where, u64 flags) {
    u64 kind = flags & propagation;
    if (flags & ~(propagation | MS_REC | MS_SILENT) || !std::has_single_bit(kind)) return err::inval;
    if (where.dentry != where.mount->root) return err::inval;
    return kind == MS_SHARED ? Result<>{err::inval} : Result<>{};
}

Result<> mount_new(Task& task, const vfs::Path& where, std::string_view source, std::string_view type_name, u64 flags,
                   std::string_view data) {
    if (type_name.empty()) return err::inval;
    auto* type = vfs::find_filesystem(type_name);
    if (!type) return err::nodev;
    if (!task.view().is_root() && !type->mountable_in_container) return err::perm;
    const Credentials& who = task.credentials();
    auto sb = TRY(type->mount({source, data, flags, task.view(), who.fsuid, who.fsgid}));
    return task.mounts->mount(where, std::move(sb), source.empty() ? "none" : source, mount_flags(flags));
}
} // namespace

Result<> mount(Task& task, UserPath source_at, UserPath target, UserPath type_at, u64 flags, UserPath data_at) {
    if ((flags & magic_mask) == magic) flags &= ~magic_mask;
    constexpr u64 of_the_kernel = u64{1} << 31; // MS_NOUSER
    OptionalText source, type;
    Options data;
    TRY(source.load(source_at));
    TRY(type.load(type_at));
    TRY(data.load(data_at));
    auto where = TRY(place(task, at_cwd, target, 0));
    if (flags & of_the_kernel) return err::inval;
    TRY(may_mount(task));
    vfs::MountTree& tree = *task.mounts;
    if (flags & MS_REMOUNT) return tree.remount(where, mount_flags(flags), data.view(), flags & MS_BIND);
    if (flags & propagation && !(flags & MS_BIND)) return change_propagation(where, flags);
    if (flags & MS_BIND || flags & MS_MOVE) {
        if (source.view().empty()) return err::noent;
        auto walker = task.walker();
        auto what = TRY(vfs::resolve(walker, source.view(), vfs::walk_follow));
        return flags & MS_BIND ? tree.bind(where, what, flags & MS_REC) : tree.move(what, where);
    }
    return mount_new(task, where, source.view(), type.view(), flags, data.view());
}

Result<> umount2(Task& task, UserPath target, u32 flags) {
    constexpr u32 known = vfs::unmount_force | vfs::unmount_detach | vfs::unmount_expire | vfs::unmount_no_follow;
    if (flags & ~known || flags & vfs::unmount_expire) return err::inval;
    auto where = TRY(place(task, at_cwd, target, 0, !(flags & vfs::unmount_no_follow)));
    TRY(may_mount(task));
    return task.mounts->unmount(where, flags);
}

namespace {
/// Calls visit() with the root and working directory of every task that a namespace sees.
template <class F>
void for_each_places(PidNamespace& pids, F visit) {
    for (Pid pid = 1; auto process = process::next(pids, pid); pid = (*process)->pid(pids) + 1)
        for (Pid tid = 0; auto task = process::thread_after(**process, pids, tid); tid = (*task)->tid(pids))
            if (auto fs = (*task)->share(&Task::fs)) visit(*fs);
}
} // namespace

Result<> pivot_root(Task& task, UserPath new_root, UserPath put_old) {
    TRY(may_mount(task));
    auto to = TRY(place(task, at_cwd, new_root, 0, true, vfs::walk_directory));
    auto old = TRY(place(task, at_cwd, put_old, 0, true, vfs::walk_directory));
    vfs::Path before = task.fs->root();
    TRY(task.mounts->pivot(before, to, old));
    for_each_places(task.pids(), [&](vfs::FsContext& fs) {
        if (fs.root() == before) fs.set_root(to);
        if (fs.cwd() == before) fs.set_cwd(to);
    });
    return {};
}

Result<> chroot(Task& task, UserPath path) {
    auto to = TRY(place(task, at_cwd, path, 0, true, vfs::walk_directory));
    TRY(vfs::check_access(to, task.credentials(), 1));
    if (!task.credentials().can(CAP_SYS_CHROOT)) return err::perm;
    task.fs->set_root(std::move(to));
    return {};
}
Result<> chdir(Task& task, UserPath path) {
    auto to = TRY(place(task, at_cwd, path, 0, true, vfs::walk_directory));
    TRY(vfs::check_access(to, task.credentials(), 1));
    task.fs->set_cwd(std::move(to));
    return {};
}
Result<> fchdir(Task& task, Fd fd) {
    auto file = TRY(task.files->get(static_cast<int>(fd), true));
    if (!file->path() || !file->path()->inode().is_directory()) return err::notdir;
    TRY(vfs::check_access(*file->path(), task.credentials(), 1));
    task.fs->set_cwd(*file->path());
    return {};
}

Result<usize> getcwd(Task& task, UserPtr<std::byte> to, usize size) {
    vfs::Path cwd = task.fs->cwd(), root = task.fs->root();
    if (cwd.dentry->unlinked()) return err::noent;
    vfs::PathText text;
    if (auto below = text.load(cwd, root)) {
        usize n = below->size();
        if (n >= size) return err::range;
        TRY(arch::copy_out(to.address(), below->data(), n));
        TRY(arch::clear_user(to.address() + n, 1));
        return n + 1;
    }
    constexpr std::string_view unreachable = "(unreachable)";
    Vector<char> whole;
    TRY(whole.resize(vfs::path_max + unreachable.size() + 1));
    BufferWriter out{whole};
    vfs::print_path(out, cwd, root, unreachable);
    usize n = out.text().size() + 1;
    if (out.dropped() || n > vfs::path_max) return err::nametoolong;
    if (n > size) return err::range;
    whole[n - 1] = 0;
    TRY(arch::copy_out(to.address(), whole.data(), n));
    return n;
}

Result<u32> umask(Task& task, u32 mask) { return task.fs->umask.exchange(mask & 0777); }

namespace {
Result<> put_statfs(UserPtr<struct statfs> to, const vfs::Path& at) {
    // ST_VALID, ST_RELATIME, ST_NOSYMFOLLOW; the others equal MS_*
    constexpr u32 valid = 0x20, relatime = 0x1000, no_symlinks = 0x2000;
    vfs::Superblock& sb = at.inode().superblock();
    vfs::Statistics s = sb.statistics();
    u32 mount = at.mount->flags;
    struct statfs made{};
    made.f_type = static_cast<decltype(made.f_type)>(s.type);
    made.f_bsize = static_cast<decltype(made.f_bsize)>(s.block_size);
    made.f_blocks = s.blocks;
    made.f_bfree = made.f_bavail = s.free_blocks;
    made.f_files = s.files;
    made.f_ffree = s.free_files;
    made.f_namelen = s.name_length;
    made.f_frsize = made.f_bsize;
    made.f_fsid.val[0] = static_cast<int>(sb.device());
    made.f_flags = static_cast<decltype(made.f_flags)>(
        valid | (mount & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)) |
        (mount & MS_RELATIME ? relatime : 0) | (mount & MS_NOSYMFOLLOW ? no_symlinks : 0));
    return copy_out_zeroed(to, made);
}
} // namespace

Result<> statfs_(Task& task, UserPath path, UserPtr<struct statfs> to) {
    return put_statfs(to, TRY(place(task, at_cwd, path, 0)));
}
Result<> fstatfs(Task& task, Fd fd, UserPtr<struct statfs> to) {
    return put_statfs(to, TRY(place_of(*TRY(task.files->get(static_cast<int>(fd), true)))));
}

namespace {
constexpr u32 longest_handle = 128; // MAX_HANDLE_SZ
/// struct file_handle, which is the C library's, with what vfs has to put into it.
struct Handle {
    u32 bytes;
    int type;
    vfs::FileHandle handle;
};
constexpr usize head = offsetof(Handle, handle);
} // namespace

Result<> name_to_handle_at(Task& task, DirFd dirfd, UserPath path, UserPtr<std::byte> to, UserPtr<int> mount_id,
                           u32 flags) {
    if (flags & ~u32{AT_SYMLINK_FOLLOW | AT_EMPTY_PATH}) return err::inval;
    auto at = TRY(place(task, dirfd, path, flags, false));
    Handle made{
        .bytes = sizeof(vfs::FileHandle), .type = vfs::FileHandle::type, .handle = TRY(vfs::handle_of(at.inode()))};
    u32 room = TRY(copy_in(to.as<const u32>()));
    if (room > longest_handle) return err::inval;
    bool fits = room >= made.bytes;
    if (!fits) made.type = 0xff; // FILEID_INVALID; the size says how much room it takes
    TRY(copy_out(mount_id, at.mount->id));
    TRY(arch::copy_out(to.address(), &made, fits ? sizeof made : head));
    return fits ? Result<>{} : err::overflow;
}
Result<int> open_by_handle_at(Task& task, DirFd dirfd, UserPtr<const std::byte> from, u32 flags) {
    if (!task.credentials().can_everywhere(CAP_DAC_READ_SEARCH)) return err::perm;
    u32 size = TRY(copy_in(from.as<const u32>()));
    if (!size || size > longest_handle) return err::inval;
    vfs::Path in;
    if (dirfd == at_cwd)
        in = task.fs->cwd();
    else
        in = TRY(place_of(*TRY(task.files->get(static_cast<int>(dirfd), true))));
    Handle handle{};
    TRY(arch::copy_in(&handle, from.address(), std::min<usize>(head + size, sizeof handle)));
    if (size < sizeof(vfs::FileHandle)) return err::stale;
    auto at = TRY(vfs::place_of_handle(in, handle.handle));
    auto file = TRY(vfs::open_path(at, task.credentials(), (flags & ~u32{O_CREAT | O_EXCL}) | O_LARGEFILE));
    return task.install(std::move(file), flags & O_CLOEXEC);
}
} // namespace linux_abi::sys
