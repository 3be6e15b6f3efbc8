// What a file system provides: inodes in a superblock. Every operation has a default that answers as Linux does for a
// file system without it, so that a small file system stays small.
#pragma once
#include "core/wait/mutex.h"
#include "kernel/file/file.h"
#include "kernel/vfs/link_text.h"
#include "kernel/views/ids.h"
#include "lib/intrusive.h"
#include "lib/string.h"

struct Credentials;
class Process;
class View;
namespace inotify {
class Watch;
struct WatchTag;
} // namespace inotify

namespace vfs {
class Dentry;
class ErrorSequence;
class PageCache;
class Superblock;
struct Path;

struct Timestamp {
    i64 seconds = 0;
    u32 nanoseconds = 0;
};

/// What stat(2) and statx(2) show.
struct Attributes {
    u64 number = 0;
    u32 mode = 0; // S_IF* and permissions
    Kuid uid{0};
    Kgid gid{0};
    u32 links = 1;
    u64 size = 0, blocks = 0; // blocks of 512 bytes
    u32 block_size = 4096;
    u64 device = 0; // of the node, for S_IFCHR and S_IFBLK: makedev()'s encoding
    u32 flags = 0;  // FS_*_FL: ioctl_iflags(2)
    Timestamp access, modification, change, birth;
};
/// What chmod, chown, utimens and truncation change: only the members that are set.
struct AttributeChange {
    enum : u32 {
        mode_bit = 1,
        uid_bit = 2,
        gid_bit = 4,
        size_bit = 8,
        access_bit = 16,
        modification_bit = 32,
        change_bit = 64,
        flags_bit = 128
    };
    u32 set = 0;
    u32 mode = 0, flags = 0;
    Kuid uid{0};
    Kgid gid{0};
    u64 size = 0;
    Timestamp access, modification, change;
};
/// What a new inode starts with: owner and final mode (umask and set-group-ID rule already applied).
struct NewInode {
    u32 mode; // S_IF* included
    Kuid uid;
    Kgid gid;
    u64 device = 0;
    std::string_view symlink_target = {};
    u32 flags = 0; // FS_*_FL
};

/// The part of Attributes that permission checks look at: read without a lock where the file system can.
struct Protection {
    u32 mode = 0; // S_IF* and permissions
    Kuid uid{0};
    Kgid gid{0};
};

/// The names in a directory: a base of its inode beside Inode. The VFS calls these with `lock` held; it has checked
/// permissions and mount flags, and names are valid (1..255 bytes, no '/', not "." or "..").
class Directory {
public:
    virtual Result<Ref<Inode>> lookup(std::string_view name) = 0; // err::noent
    /// Entries from position `at` on; "." and ".." are the VFS's (positions 0 and 1; the first entry's is 2).
    virtual Result<> read(DirectorySink&, u64* at) = 0;
    // Changes: err::perm where the file system makes none.
    virtual Result<Ref<Inode>> create(std::string_view name, const NewInode&); // every type
    virtual Result<> link(std::string_view name, Inode& target);
    virtual Result<> unlink(std::string_view name, Inode& target); // not a directory
    virtual Result<> rmdir(std::string_view name, Inode& target);  // err::notempty; the target's lock is held, too
    /// `replaced` is null when nothing stands at the new name. `flags`: RENAME_EXCHANGE; NOREPLACE is checked before.
    /// Both directories' locks are held.
    virtual Result<> rename(std::string_view name, Inode& moved, Directory& to, std::string_view new_name,
                            Inode* replaced, unsigned flags);
    virtual Result<Ref<Inode>> create_unnamed(const NewInode&); // O_TMPFILE, without the lock; err::opnotsupp
    /// True: names must be looked up anew each time (/proc): the dentry cache does not keep them.
    virtual bool volatile_names() const { return false; }
    /// The process whose directory it is (/proc/pid), else null.
    virtual Process* described_process() { return nullptr; }

    Mutex<Rank::directory> lock;

protected:
    ~Directory() = default;
};

/// Where a symbolic link leads: a base of its inode beside Inode.
class Symlink {
public:
    virtual Result<Ref<const LinkText>> target() = 0;
    /// For magic links (/proc/pid/exe, fd/N, cwd, root): the place itself; else null.
    virtual Result<Path> jump();
    virtual bool is_magic() const { return false; }

protected:
    ~Symlink() = default;
};

/// A file, directory, symbolic link, FIFO, socket or device of a file system: what all of them have. What each kind has
/// besides is reached through directory(), symlink() and pages().
class Inode : public RefCounted<Inode> {
public:
    virtual ~Inode();
    /// Inodes in memory, of all file systems.
    static inline constinit CpuCounter count;
    static void operator delete(void* memory);
    Superblock& superblock() const { return *superblock_; }
    u64 number() const { return number_; }
    /// S_IFMT bits; never changes.
    u32 type() const { return type_; }
    bool is_directory() const; // then directory() is not null
    bool is_symlink() const;   // then symlink() is not null
    bool is_regular() const;

    virtual Attributes attributes() = 0;
    /// What publish() said last, else of attributes().
    Protection protection() { return is_published() ? published() : unpublished_protection(); }
    /// The file system keeps published() right, and has no permission() of its own: walks need not ask it. These two
    /// are also for readers without a reference (epoch::Reading), to whom an inode that is gone still answers.
    bool is_published() const { return mode_.load(std::memory_order_relaxed) != 0; }
    Protection published() const {
        return {mode_.load(std::memory_order_relaxed), Kuid{uid_.load(std::memory_order_relaxed)},
                Kgid{gid_.load(std::memory_order_relaxed)}};
    }
    /// Its mode has set-id bits, or it has file capabilities: what a write takes away. As publish() said last.
    bool carries_privileges() const { return privileged_.load(std::memory_order_relaxed); }
    /// FS_*_FL that may be changed; 0: the file system knows none.
    virtual u32 known_flags() const { return 0; }
    // Flags that bind the superuser too, as publish() said last. Who may not write to a file may not in any way change
    // it, its attributes and its names; what may only grow keeps all of them as well.
    bool immutable() const;
    bool append_only() const;
    bool unchangeable() const { return immutable() || append_only(); } // but for what is appended
    /// Reading leaves the access time alone.
    bool keeps_access_time() const;
    /// A file was read: sets the access time, with `relative` only where it is not after the others or a day old.
    virtual void accessed(bool relative) { (void)relative; }
    /// How many names the inode has; 0: deleted.
    virtual u32 links() { return attributes().links; }
    virtual Result<> change(const AttributeChange&); // err::perm
    /// Writes back what the file system keeps of the inode itself, but for its pages: fsync(2). With `data_only` what
    /// it takes to find them again. Called without locks.
    virtual Result<> sync(bool data_only) { return (void)data_only, Result<>{}; }

    // By kind; each is null for the others.
    virtual Directory* directory() { return nullptr; }
    virtual Symlink* symlink() { return nullptr; }
    /// Of a regular file; null when its content is not kept in memory: then open() is the file system's own.
    virtual PageCache* pages() { return nullptr; }

    /// A new open file. The default serves directories, and regular files by their page cache; devices, FIFOs and
    /// sockets are opened by the VFS through kernel/device and kernel/ipc/pipe.h. `path` is where it was found.
    virtual Result<Ref<File>> open(const Path& path, u32 flags);

    // Extended attributes; err::opnotsupp.
    virtual Result<usize> get_xattr(std::string_view name, std::span<std::byte> to);
    virtual Result<> set_xattr(std::string_view name, std::span<const std::byte> value, int flags);
    virtual Result<usize> list_xattr(std::span<char> to);
    virtual Result<> remove_xattr(std::string_view name);

    /// A further check besides the mode bits (/proc/pid). err::acces.
    virtual Result<> permission(const Credentials&, unsigned may) { return (void)may, Result<>{}; }

    /// What anybody who watches the inode wants to know: IN_*. Also for readers without a reference.
    u32 watched() const { return watched_.load(std::memory_order_relaxed); }
    /// Locks on byte ranges and whole files (fcntl, flock), leases, watches, and what a FIFO or bound socket hangs
    /// here: made on demand.
    struct Attachments;
    Attachments* attachments(); // null when memory is short

protected:
    Inode(Superblock& superblock, u64 number, u32 mode);
    /// `capabilities`: it has the attribute security.capability.
    void publish(const Protection&, bool capabilities, u32 flags);
    u32 published_flags() const { return flags_.load(std::memory_order_relaxed); }
    virtual Protection unpublished_protection();

    u32 type_;
    Ref<Superblock> superblock_;
    u64 number_;

private:
    friend class PageCache;
    friend class WatchList;
    std::atomic<u32> mode_ = 0, uid_ = 0, gid_ = 0, flags_ = 0;
    std::atomic<Attachments*> attachments_ = nullptr;

protected:
    /// What the file system keeps of the inode, and its page cache.
    Mutex<Rank::inode> lock_;

private:
    std::atomic<u32> watched_ = 0;
    std::atomic<bool> privileged_ = false;

public:
    /// Has no name, but link(2) may give it one: O_TMPFILE without O_EXCL.
    std::atomic<bool> linkable = false;
};

/// What statfs(2) shows.
struct Statistics {
    u64 type = 0; // the magic number of linux/magic.h
    u64 block_size = 4096, blocks = 0, free_blocks = 0, files = 0, free_files = 0;
    u32 name_length = 255;
};

/// A mounted file system (a tmpfs instance, proc of one view). Kept alive by its mounts, inodes and open files.
class Superblock : public RefCounted<Superblock> {
public:
    virtual ~Superblock();
    virtual Result<Ref<Inode>> root() = 0;
    virtual Statistics statistics() = 0;
    virtual std::string_view type_name() const = 0; // "tmpfs": for /proc/mounts
    virtual void print_options(Writer&) {}          // ",size=64k,mode=755"
    /// A read-write view of the present content in O(1): later changes on either side do not show on the other.
    /// Nothing is copied now. err::opnotsupp: this file system cannot.
    virtual Result<Ref<Superblock>> snapshot(Inode& new_root);
    /// Its inodes can be named by handles: no number is ever used for another one.
    virtual bool has_handles() const { return false; }
    u32 device() const { return device_; } // st_dev: a number of its own, major 0
    /// For inodes that keep no times of their own.
    const Timestamp created;
    const u32 block_size; // st_blksize, of what has none of its own
    /// Writes back whatever is not where it belongs: syncfs(2).
    virtual Result<> sync() { return {}; }
    /// What went wrong on the way; null: nothing is ever written back.
    virtual ErrorSequence* write_errors() { return nullptr; }
    /// remount: new options. err::inval: one cannot be changed.
    virtual Result<> reconfigure(std::string_view options);
    /// How many mounts show this file system. Its unused dentries go when the last one does.
    std::atomic<u32> mounts = 0;
    /// Shared by changes of what files hold, and by whatever else the file system changes; its snapshots hold it alone.
    /// Page faults share it by lock_nested(): they may come from a user copy inside of a change.
    RwMutex<Rank::snapshot> gate;
    /// One at a time moves directories from one parent to another.
    Mutex<Rank::rename> rename_lock;
    /// The root of its dentries while it is mounted; see vfs::root_dentry().
    Guarded<Ref<Dentry>, Spinlock<Rank::dentry>> root_dentry;
    /// Its dentries in the cache. The lock is taken within a bucket's.
    struct {
        Spinlock<Rank::dentry> lock;
        List<Dentry, struct CachedTag> list;
        usize count = 0;
    } cached;
    /// inotify's watches of its inodes, the youngest last.
    Guarded<List<inotify::Watch, inotify::WatchTag>, Spinlock<Rank::device>> watches;
    /// Read-only as a whole, whatever the mount says.
    std::atomic<bool> read_only = false;

protected:
    explicit Superblock(u32 block_size = 4096);

private:
    u32 device_;
};

struct MountRequest {
    std::string_view source, options; // options: comma-separated, as mount(8)'s -o without the generic ones
    unsigned long flags;              // MS_*
    View& view;                       // whose processes and names proc shows, and whose IDs the options name
    Kuid uid{0};                      // who mounts
    Kgid gid{0};
};
/// A kind of file system: a constinit constant, listed in boot/manifest.cpp.
struct FilesystemType {
    std::string_view name;
    bool needs_device = false; // "nodev" in /proc/filesystems when false
    bool mountable_in_container = false;
    /// Memory is charged to the current thread's account.
    Result<Ref<Superblock>> (*mount)(const MountRequest&);
};
/// All types of the manifest; set once at boot.
std::span<const FilesystemType* const> filesystem_types();
void set_filesystem_types(std::span<const FilesystemType* const>);
const FilesystemType* find_filesystem(std::string_view name);
} // namespace vfs
