// What the file system calls do, without their numbers and user pointers: walk a path, check permissions, act.
#pragma once
#include "kernel/credentials/credentials.h"
#include "kernel/vfs/mount.h"

namespace vfs {
/// Who walks, and from where. Made by Task::walker() for system calls; the container code and boot make their own.
struct Walker {
    Path root, start; // start: the working directory, or what dirfd names
    Ref<const Credentials> credentials;
    u32 umask = 022;
    /// Holds the places above that are null; of the current task, which keeps it.
    FsContext* fs = nullptr;
    Path root_place() const { return root ? root : fs->root(); }
    Path start_place() const { return start ? start : fs->cwd(); }
};
enum WalkFlags : u32 {
    walk_follow = 1,      // follow a symbolic link in the last component
    walk_directory = 2,   // err::notdir unless a directory
    walk_no_symlinks = 4, // openat2's RESOLVE_*
    walk_beneath = 8,
    walk_in_root = 16,
    walk_no_mounts = 32,
    walk_no_magic_links = 64,
    walk_empty = 128,    // "" is the start itself: AT_EMPTY_PATH
    walk_real_ids = 256, // access(2)
};
inline constexpr usize path_max = 4096, name_max = 255;
inline constexpr unsigned max_symlinks = 40;
inline constexpr u32 max_links = 1'000'000;
/// A flag of open() that stands with O_*: for exec, checks for execution instead of reading (an unused bit of O_*).
inline constexpr u32 open_for_execution = 0x20;

/// What stands behind FIFOs: pipes (kernel/ipc/pipe.h). Set once at boot.
class FifoOpener {
public:
    /// The file of a FIFO; waits for the other end as fifo(7) says. err::nxio, err::restartsys.
    virtual Result<Ref<File>> open(const Path&, u32 flags) = 0;

protected:
    ~FifoOpener() = default;
};
void set_fifo_opener(FifoOpener&);

/// The place a path names. err::noent, notdir, acces, loop, nametoolong, xdev.
Result<Path> resolve(const Walker&, std::string_view path, u32 flags);

struct OpenHow {
    u32 flags = 0; // O_*
    u32 mode = 0;
    u32 walk = 0; // further WalkFlags
};
/// open(2) with all its rules: O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE; devices, FIFOs and
/// magic links are opened as such. May wait (a FIFO's other end).
Result<Ref<File>> open(const Walker&, std::string_view path, const OpenHow&);
/// Opens a place that has been found already (exec, /proc/pid/fd). Permissions are checked.
Result<Ref<File>> open_path(const Path&, const Credentials&, u32 flags);

Result<> make_node(const Walker&, std::string_view path, u32 mode, u64 device); // mknod: regular, FIFO, socket, devices
/// bind(2): a socket's inode, and where it is. err::exist.
Result<Path> make_socket(const Walker&, std::string_view path, u32 mode);
Result<> make_directory(const Walker&, std::string_view path, u32 mode);
Result<> make_symlink(const Walker&, std::string_view path, std::string_view target);
Result<> make_link(const Path& target, const Walker&, std::string_view path);
Result<> unlink(const Walker&, std::string_view path);
Result<> remove_directory(const Walker&, std::string_view path);
Result<> rename(const Walker& from_dir, std::string_view from, const Walker& to_dir, std::string_view to,
                unsigned flags);
Result<Ref<const LinkText>> read_link(const Path&);

/// access(2). `may`: 4 read, 2 write, 1 execute/search; `real`: by the real ids.
Result<> check_access(const Path&, const Credentials&, unsigned may, bool real = false);
Result<> change_mode(const Path&, const Credentials&, u32 mode);
/// FS_IOC_SETFLAGS: FS_*_FL. err::opnotsupp: the file system does not know one of them.
Result<> change_flags(const Path&, const Credentials&, u32 flags);
Result<> change_owner(const Path&, const Credentials&, Kuid, Kgid); // no_user, no_group: leave
Result<> change_times(const Path&, const Credentials&, const Timestamp* access, const Timestamp* modification,
                      bool both_now);
Result<> truncate(const Path&, const Credentials&, u64 size);

/// The wall clock's time, for timestamps.
Timestamp now();
} // namespace vfs
