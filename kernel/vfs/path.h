// Names in the file tree: dentries cache them, mounts join file systems, a path is a dentry seen through a mount.
#pragma once
#include "core/sync/seqcount.h"
#include "kernel/vfs/inode.h"
#include <array>

namespace vfs {
/// A name in a directory and the inode behind it (none: the name is known not to exist). Cached while unused, dropped
/// when the cache is full. The tree of dentries of a superblock is its own: snapshots have new ones.
/// Walks find hashed dentries without locks or references (core/sync/epoch.h): what they look at is atomic, and memory
/// goes through epoch::retire().
class Dentry : public RefCounted<Dentry>, public ListLink<struct CachedTag> {
public:
    /// Null: negative. A dentry that somebody holds never changes from positive to negative.
    Inode* inode() const { return inode_.load(std::memory_order_acquire); }
    /// Null for the root of a superblock.
    Ref<Dentry> parent() const;
    /// Stable only while the parent's directory lock is held, or the rename lock.
    std::string_view name() const { return name_.load(std::memory_order_acquire)->view(); }
    bool is_root() const { return !parent_.load(std::memory_order_relaxed); }   // of its superblock
    bool unlinked() const { return unlinked_.load(std::memory_order_relaxed); } // " (deleted)"
    /// Something is mounted here, in some mount tree.
    bool is_mount_point() const { return mounts_.load(std::memory_order_acquire) != 0; }
    Superblock& superblock() const { return *superblock_; }
    ~Dentry();
    static void last_ref_gone(Dentry*); // takes a chain of parents apart without recursion

private:
    friend struct DentryCache;
    friend class Mount;
    /// A name never changes: a rename gives the dentry another.
    struct Name {
        u64 hash; // with the parent's address
        u8 size;
        char text[];
        std::string_view view() const { return {text, size}; }
    };
    static constexpr usize short_size = 31;
    Dentry() = default;
    static void operator delete(void* memory);
    Name* short_name() { return reinterpret_cast<Name*>(short_); }

    std::atomic<Dentry*> next_ = nullptr;   // in the bucket; written under its lock, kept when it is taken out
    std::atomic<const Name*> name_;         // short_, or an object of its own
    std::atomic<Dentry*> parent_ = nullptr; // owns a reference; changed by renames, under the tree lock
    std::atomic<Inode*> inode_ = nullptr;   // owns a reference
    std::atomic<u32> mounts_ = 0;
    bool hashed_ = false; // then the cache holds a reference; under the bucket's lock
    mutable std::atomic<bool> recent_ = false;
    std::atomic<bool> unlinked_ = false;
    Superblock* superblock_ = nullptr; // kept alive by the inode, or the parent's
    alignas(Name) std::byte short_[sizeof(Name) + short_size - 7];
};

/// A file system's place in the tree. Flags are enforced by the VFS: MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME...
class Mount;
class MountTree;

void drop_mount(Mount*); // one reference
} // namespace vfs

/// Mount is incomplete here.
template <>
inline void Ref<vfs::Mount>::drop(vfs::Mount* p) {
    if (p) vfs::drop_mount(p);
}

namespace vfs {
struct Path {
    Ref<Mount> mount;
    Ref<Dentry> dentry;
    Inode& inode() const { return *dentry->inode(); }
    explicit operator bool() const { return static_cast<bool>(dentry); }
    friend bool operator==(const Path& a, const Path& b) { return a.mount == b.mount && a.dentry == b.dentry; }
    Path() = default;
    Path(Ref<Mount> m, Ref<Dentry> d) : mount{std::move(m)}, dentry{std::move(d)} {}
    Path(const Path&); // out of line: Mount is incomplete here
    Path(Path&&) noexcept = default;
    Path& operator=(const Path& o) { return *this = Path{o}; }
    Path& operator=(Path&&) noexcept = default;
    ~Path() = default;
};

/// A place as a walk sees it that has no reference to it: epoch::Reading.
struct RcuPath {
    Mount* mount = nullptr;
    Dentry* dentry = nullptr;
};

/// Where lookups of a process start and end: shared by CLONE_FS. ".." stops at `root`.
class FsContext : public RefCounted<FsContext> {
public:
    static Result<Ref<FsContext>> create(Path root, Path cwd, u32 umask);
    Result<Ref<FsContext>> clone();
    Path root();
    Path cwd();
    void set_root(Path);
    void set_cwd(Path);
    std::atomic<u32> umask = 022;

    // Tasks that have it, so that exec knows who else does. err::again: one of them is in exec, and no more may come.
    Result<> join();
    void leave() { users_.fetch_sub(1, std::memory_order_release); }
    /// While a task is in exec: nobody joins its working directory, root and umask.
    class Closed {
    public:
        Closed() = default;
        explicit Closed(Ref<FsContext>);
        Closed(Closed&&) noexcept = default;
        Closed& operator=(Closed o) noexcept {
            std::swap(of_, o.of_);
            return *this;
        }
        ~Closed();
        u32 users() const { return of_ ? static_cast<u32>(of_->users_.load(std::memory_order_acquire)) : 0; }

    private:
        Ref<FsContext> of_;
    };

    /// For readers: the root or the working directory, right unless `changes` says to retry.
    RcuPath find_rcu(bool root) const {
        const Raw& raw = root ? raw_root_ : raw_cwd_;
        return {raw.mount.load(std::memory_order_relaxed), raw.dentry.load(std::memory_order_relaxed)};
    }
    SeqCount changes;

private:
    struct Places {
        Path root, cwd;
    };
    struct Raw {
        std::atomic<Mount*> mount;
        std::atomic<Dentry*> dentry;
        void set(const Path& p) {
            mount.store(p.mount.get(), std::memory_order_relaxed);
            dentry.store(p.dentry.get(), std::memory_order_relaxed);
        }
    };
    void set(Path Places::* which, Raw&, Path&);
    Raw raw_root_, raw_cwd_;     // copies of places_
    std::atomic<u64> users_ = 0; // above 32 bits: tasks in exec
    Guarded<Places, Spinlock<Rank::dentry>> places_;
};

/// Prints the path from `root` ("/a/b"; with " (deleted)" when unlinked). What does not lie below it is printed from
/// the top of its own tree, behind `unreachable`.
void print_path(Writer&, const Path&, const Path& root, std::string_view unreachable = {});
/// The bare path without those marks, at most 4,095 bytes. err::noent: unlinked or not below `root`; err::nametoolong.
Result<String> path_text(const Path&, const Path& root);
/// The same; short paths need no memory of the heap.
class PathText {
public:
    PathText() {} // not zeroed
    Result<std::string_view> load(const Path&, const Path& root);

private:
    std::array<char, 256> short_;
    Vector<char> long_;
};

/// Sets up the dentry cache. Once, before the first mount. err::nomem.
Result<> init();
/// Entries in the dentry cache, and how many of them nobody uses: /proc/sys/fs/dentry-state.
struct CacheUse {
    u64 entries, unused;
};
CacheUse cache_use();
/// Drops unused dentries, at most `n`: memory is short. Returns how many went.
usize shrink_cache(usize n);
} // namespace vfs
