// The mounts that one view sees, as a tree.
#pragma once
#include "kernel/vfs/path.h"

namespace vfs {
class Mount : public RefCounted<Mount>, public ListLink<> {
public:
    Ref<Superblock> superblock;
    Ref<Dentry> root;       // of this mount: the superblock's root, or below it for a bind mount
    std::atomic<u32> flags; // MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME...
    int id = 0;
    String source; // first field of /proc/mounts

    /// Where it is mounted; null path for the root of a tree, and after an unmount. Under Rank::mount.
    Path mounted_on;
    MountTree* tree = nullptr;
};

/// The mounts of a view. Lookups cross mount points through a hash without a lock (kernel/vfs/mount.cpp).
class MountTree : public RefCounted<MountTree> {
public:
    /// A tree whose "/" is the root of `superblock`.
    static Result<Ref<MountTree>> create(Ref<Superblock> superblock, std::string_view source, u32 flags);
    /// Detaches everything: dentries and superblocks go as their last user does.
    ~MountTree();
    /// A copy for unshare(CLONE_NEWNS).
    Result<Ref<MountTree>> clone();
    Path root();

    Result<> mount(const Path& where, Ref<Superblock>, std::string_view source, u32 flags);
    /// Bind `what` (a file or directory, possibly of another tree) at `where`; `recursive`: with the mounts below it.
    Result<> bind(const Path& where, const Path& what, bool recursive, u32 flags);
    Result<> remount(const Path& where, u32 flags, std::string_view options);
    Result<> unmount(const Path& where, unsigned flags); // MNT_DETACH...; err::busy, err::inval
    Result<> move(const Path& from, const Path& to);
    /// pivot_root(2).
    Result<> pivot(const Path& new_root, const Path& put_old);
    /// Visits every mount in /proc/mounts order, as seen from `root`; the lock is held.
    template <class F>
    void for_each(F visit);

private:
    struct Mounts {
        List<Mount> all;
        Ref<Mount> root;
    };
    Guarded<Mounts, Mutex<Rank::mount>> mounts_;
};
} // namespace vfs
