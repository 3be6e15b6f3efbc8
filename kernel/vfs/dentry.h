// The dentry cache as the rest of kernel/vfs sees it. Names are hashed with their parent's address; each bucket group has
// its own lock, so that lookups on different CPUs do not meet. The cache holds a reference to each hashed dentry.
#pragma once
#include "kernel/vfs/path.h"

namespace vfs {
struct DentryCache {
    /// The cached child, or null. Negative dentries too.
    static Ref<Dentry> find(const Dentry& parent, std::string_view name);
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
    /// Makes the whole chain up to the root findable: a mount point must be met again by walks.
    static void pin(Dentry&);
    /// Whether `below` is `above` or lies below it.
    static bool is_below(const Dentry& below, const Dentry& above);

private:
    struct Name;
    static Result<Name> make_name(std::string_view);
    static void set_name(Dentry&, Name&&);
};
} // namespace vfs
