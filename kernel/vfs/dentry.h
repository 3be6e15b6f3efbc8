// The dentry cache as the rest of kernel/vfs sees it. Names are hashed with their parent's address. Lookups take no
// locks; changes lock a group of buckets. The cache holds a reference to each hashed dentry.
#pragma once
#include "core/sync/epoch.h"
#include "kernel/vfs/path.h"

namespace vfs {
struct DentryCache {
    /// The cached child, or null. Negative dentries too.
    static Ref<Dentry> find(const Dentry& parent, std::string_view name);
    /// The same for readers (epoch::Reading). Wrong when something moved meanwhile: see `moves`.
    static Dentry* find_rcu(const Dentry& parent, std::string_view name);
    /// A cached name of an inode of this number, or null. Looks at all names there are.
    static Ref<Dentry> find_inode(Superblock&, u64 number);
    /// A dentry for a superblock's root. Unhashed.
    static Result<Ref<Dentry>> make_root(Ref<Inode>);
    /// A new, unhashed child. `inode` null: negative.
    static Result<Ref<Dentry>> make(Dentry& parent, std::string_view name, Ref<Inode> inode);
    /// Puts a dentry where find() sees it. The caller holds the directory's lock, and no other is there.
    static void hash(Dentry&);
    static void unhash(Dentry&);
    /// A negative dentry becomes positive: the name was created.
    static void fill(Dentry&, Ref<Inode>);
    /// The name is gone: unhashed and marked.
    static void mark_unlinked(Dentry&);
    /// Marks a dentry of O_TMPFILE as deleted, or undoes it.
    static void set_unlinked(Dentry&, bool);
    /// rename: `moved` gets the parent and the name of `to`, which is unhashed (and marked when it was positive).
    /// err::nomem before anything changed.
    static Result<> move(Dentry& moved, Dentry& to);
    static Result<> exchange(Dentry& a, Dentry& b);
    /// Forgets the unused dentries of a superblock whose last mount has gone.
    static void drop_unused(Superblock&);
    /// Forgets the names below a directory that is gone, none of which stands for anything.
    static void drop_children(const Dentry& parent);
    /// Makes the whole chain up to the root findable: a mount point must be met again by walks.
    static void pin(Dentry&);
    /// Whether `below` is `above` or lies below it.
    static bool is_below(const Dentry& below, const Dentry& above);
    /// Calls take(name) with the name held still, and returns the parent.
    template <class Take>
    static Ref<Dentry> prepend_name(const Dentry& d, Take take) {
        Holding hold{tree_lock};
        take(d.name());
        return Ref<Dentry>::share(d.parent_.load(std::memory_order_relaxed));
    }
    /// The same for readers, without a lock.
    template <class Take>
    static Dentry* parent_rcu(const Dentry& d, Take take) {
        take(d.name());
        return d.parent_.load(std::memory_order_acquire);
    }
    /// Drops at most `n` that nobody uses, looking at so many buckets.
    static usize shrink(usize n, usize most_buckets);
    /// Looks at the `n` oldest of a superblock and drops those that nobody uses or has used lately.
    static void shrink_own(Superblock&, usize n);
    static CacheUse use();

    /// Counts what could lead readers astray: renames, and mounts that come, go or move.
    static SeqCount moves;

private:
    /// Guards parents and names against renames, for those who walk upwards.
    static Spinlock<Rank::dentry> tree_lock;
    template <class Unwanted>
    static usize sweep(usize bucket, usize most, Unwanted unwanted);
    static void take_out(Dentry&, std::atomic<Dentry*>& link);
    using Name = Dentry::Name;
    static Result<Name*> copy_name(const Dentry&);
    static void forget(const Dentry&, const Name* old_name);
};
} // namespace vfs
