// The mounts that one view sees, as a tree.
#pragma once
#include "kernel/vfs/path.h"
#include "kernel/views/namespaces.h"

namespace vfs {
/// The table of all mounts. By init(). err::nomem.
Result<> init_mount_table();

class Mount : public RefCounted<Mount>, public ListLink<>, public ListLink<struct ChildTag> {
public:
    Ref<Superblock> superblock;
    Ref<Dentry> root;           // of this mount: the superblock's root, or below it for a bind mount
    std::atomic<u32> flags = 0; // MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME...
    int id = 0;
    String source;                // first field of /proc/mounts
    std::atomic<u32> writers = 0; // files open for writing: no remount to read-only meanwhile

    ~Mount();
    static void operator delete(void* memory);
    bool read_only() const; // the mount or the whole file system
    /// Where it is mounted; a null path for the root of a tree, and after an unmount.
    Path mounted_on() const;
    /// The mount on top of `here`, which lies in this mount; null if there is none.
    Ref<Mount> mounted_at(const Dentry& here) const;
    /// The same for readers (epoch::Reading); goes with DentryCache::moves. The root of what is found: top().
    Mount* mounted_on_rcu(const Dentry& here) const;
    Dentry* top() const { return top_; }
    /// mounted_on() for readers.
    RcuPath place_rcu() const {
        return {below_.load(std::memory_order_relaxed), place_.load(std::memory_order_relaxed)};
    }
    /// The tree it is part of; null after an unmount. Compare only.
    const MountTree* tree() const { return tree_.load(std::memory_order_relaxed); }

private:
    friend class MountTree;
    Mount() = default;
    static Result<Ref<Mount>> create(Ref<Superblock>, Ref<Dentry> root, std::string_view source, u32 flags);
    void attach(MountTree&, const Path& where);
    void detach();

    std::atomic<const MountTree*> tree_ = nullptr;
    const Mount* copied_from_ = nullptr; // by MountTree::clone(); only compared
    Mount* copy_ = nullptr;              // while its tree is being copied
    Dentry* top_ = nullptr;              // root, also when that reference is gone
    // In the table of all mounts, by the place each stands on.
    std::atomic<Mount*> next_ = nullptr;
    std::atomic<Mount*> below_ = nullptr;
    std::atomic<Dentry*> place_ = nullptr;
    mutable Spinlock<Rank::dentry> lock_;
    Path mounted_on_;                       // under lock_
    List<Mount, struct ChildTag> children_; // mounted on places in this mount; under lock_
};

/// umount2(2)'s flags; the UAPI headers do not have them.
enum UnmountFlags : unsigned { unmount_force = 1, unmount_detach = 2, unmount_expire = 4, unmount_no_follow = 8 };

/// The mounts of a view. Walks cross mount points under the parent mount's short lock, and only where a dentry says
/// that something is mounted; changes hold the tree's mutex.
class MountTree : public RefCounted<MountTree> {
public:
    /// A tree whose "/" is the root of `superblock`.
    static Result<Ref<MountTree>> create(Ref<Superblock> superblock, std::string_view source, u32 flags);
    /// Detaches everything: dentries and superblocks go as their last user does.
    ~MountTree();
    /// A copy for unshare(CLONE_NEWNS).
    Result<Ref<MountTree>> clone();
    /// The place in a clone that corresponds to a place in this tree; unchanged when there is none.
    Path counterpart(const Path& in_original);
    Path root();
    /// As a mount namespace: what /proc/pid/ns shows. Changed at boot only.
    u64 number = namespaces::next_number();

    Result<> mount(const Path& where, Ref<Superblock>, std::string_view source, u32 flags);
    /// Bind `what` (a file or directory of this tree) at `where`; `recursive`: with the mounts below it. Flags are
    /// those of the mounts that are shown. err::inval: it is of another tree.
    Result<> bind(const Path& where, const Path& what, bool recursive);
    /// The same for what another tree has: what a container is given of its host's.
    Result<> graft(const Path& where, const Path& what, bool recursive);
    /// MS_* bits of the mount whose root `where` is (else err::inval), with `recursive` of the mounts below it too.
    /// Read-only while something is open for writing: err::busy, and nothing is changed.
    Result<> change_flags(const Path& where, u32 set, u32 clear, bool recursive);
    /// `where` is the root of a mount, else err::inval. `this_mount_only`: MS_BIND, the file system stays as it is.
    Result<> remount(const Path& where, u32 flags, std::string_view options, bool this_mount_only);
    Result<> unmount(const Path& where, unsigned flags); // UnmountFlags; err::busy, err::inval
    Result<> move(const Path& from, const Path& to);
    /// pivot_root(2) of who has this root: `new_root` takes its place, and it moves to `put_old`.
    Result<> pivot(const Path& root, const Path& new_root, const Path& put_old);
    /// Visits every mount, parents first; the lock is held. visit(const Mount&).
    template <class F>
    void for_each(F visit) {
        auto mounts = mounts_.lock();
        for (Mount& m : mounts->all) visit(static_cast<const Mount&>(m));
    }

    /// Notified after each change; `changes` counts them. Who watches keeps the tree.
    WaitQueue changed;
    std::atomic<u64> changes = 0;

private:
    void notify_changed() {
        changes.fetch_add(1, std::memory_order_release);
        changed.notify_all();
    }
    struct Mounts {
        List<Mount> all; // each holds a reference; parents before children
        Ref<Mount> root;
        usize count = 0;
    };
    struct Copy {
        Mount* original;
        Ref<Mount> made;
        Path place; // in another copy; null for the first
    };
    Result<> add(Mounts&, const Path& where, Ref<Mount>);
    void remove(Mounts&, Mount&);
    void remove_with_all_below(Mounts&, Mount&);
    bool contains(const Mount& m) const { return m.tree() == this; }
    Result<> check_place(const Path& where, const Dentry& root) const;
    static bool is_below(const Mount& below, const Mount& above);
    static bool reaches(Path from, const Path& above);
    static Mount* next_below(Mount&, const Mount& top, bool skip_children);
    static Result<Vector<Copy>> copy_mounts(Mount& top, Ref<Dentry> root, bool recursive, usize most);
    Result<> attach_copies(Mounts&, Vector<Copy>&);
    Guarded<Mounts, Mutex<Rank::mount>> mounts_;
};
/// The topmost mount that is stacked on a place, or the place itself.
Path topmost(Path);
/// The one root dentry of a superblock, while it is mounted somewhere.
Result<Ref<Dentry>> root_dentry(Superblock&);
/// MS_* bits that belong to a mount (the others to its file system).
extern const u32 mount_flag_mask;
/// "rw,nosuid,nodev": the options of a mount, for /proc/mounts.
void print_mount_options(Writer&, const Mount&);
/// One mount as /proc/mounts or /proc/self/mountinfo shows it to a process whose root is `root`. Nothing when it is not
/// below that root.
void print_mounts_line(Writer&, const Mount&, const Path& root);
void print_mountinfo_line(Writer&, const Mount&, const Path& root);
} // namespace vfs
