// Names in the file tree: dentries cache them, mounts join file systems, a path is a dentry seen through a mount.
#pragma once
#include "kernel/vfs/inode.h"

namespace vfs {
/// A name in a directory and the inode behind it (none: the name is known not to exist). Cached while unused, dropped
/// under memory pressure. The tree of dentries of a superblock is its own: snapshots have new ones.
class Dentry : public RefCounted<Dentry> {
public:
    Inode* inode() const { return inode_.get(); }
    Ref<Dentry> parent() const;
    std::string_view name() const;
    bool is_root() const;               // of its superblock
    bool unlinked() const;              // " (deleted)"
    static void last_ref_gone(Dentry*); // to the cache
    // The rest is the cache's: kernel/vfs/dentry.cpp.
    struct Impl;

private:
    friend struct DentryCache;
    Ref<Inode> inode_;
    Impl* impl_ = nullptr;
};

/// A file system's place in the tree. Flags are enforced by the VFS: MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME...
class Mount;
class MountTree;

struct Path {
    Ref<Mount> mount;
    Ref<Dentry> dentry;
    Inode& inode() const { return *dentry->inode(); }
    friend bool operator==(const Path&, const Path&) = default;
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

private:
    struct Places {
        Path root, cwd;
    };
    Guarded<Places, Spinlock<Rank::dentry>> places_;
};

/// Prints the path from `root` ("/a/b"; with " (deleted)" when unlinked; "(unreachable)" before it when not below
/// root).
void print_path(Writer&, const Path&, const Path& root);
} // namespace vfs
