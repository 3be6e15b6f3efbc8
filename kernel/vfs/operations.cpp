// Making, removing and renaming names.
#include "kernel/vfs/operations.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/permission.h"
#include "kernel/vfs/walk.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace vfs {
namespace {
/// Walks to the directory that `path` wants a new name in, and calls make(directory, name, d) under its lock with the
/// name's negative dentry. Linux's order of errors: EEXIST before EROFS before EACCES.
template <class Make>
Result<> create_name(const Walker& walker, std::string_view path, bool directory, Make make) {
    PathWalk walk{walker, 0};
    TRY(walk.begin(path));
    TRY(walk.to_parent());
    if (walk.last() != PathWalk::Last::name) return err::exist;
    if (walk.name().size() > name_max) return err::nametoolong;
    Path& parent = walk.at();
    Holding hold{parent.inode().directory()->lock};
    auto d = TRY(look_up_locked(*parent.dentry, walk.name()));
    if (d->inode()) return err::exist;
    if (walk.trailing_slash() && !directory) return err::noent;
    TRY(may_create(parent, *walker.credentials));
    TRY(make(parent, walk.name(), *d));
    notify_name(parent.inode(), walk.name(), IN_CREATE | (directory ? IN_ISDIR : 0));
    return {};
}

Result<> create_inode(const Walker& walker, std::string_view path, u32 mode, u64 device, std::string_view target) {
    return create_name(walker, path, S_ISDIR(mode), [&](Path& parent, std::string_view name, Dentry& d) -> Result<> {
        NewInode wanted = new_inode(parent, *walker.credentials, mode, walker.umask);
        wanted.device = device;
        wanted.symlink_target = target;
        DentryCache::fill(d, TRY(parent.inode().directory()->create(name, wanted)));
        return {};
    });
}

/// An empty directory has been removed. Who watches it hears of that when nobody uses it any more: names that are known
/// not to be in it do not.
void forget_directory(Dentry& d) {
    DentryCache::mark_unlinked(d);
    if (d.inode()->watched()) DentryCache::drop_children(d);
}

/// unlink(2) and rmdir(2).
Result<> remove(const Walker& walker, std::string_view path, bool directory) {
    PathWalk walk{walker, 0};
    TRY(walk.begin(path));
    TRY(walk.to_parent());
    switch (walk.last()) {
    case PathWalk::Last::name: break;
    case PathWalk::Last::dot: return directory ? Result<>{err::inval} : Result<>{err::isdir};
    case PathWalk::Last::dot_dot: return directory ? Result<>{err::notempty} : Result<>{err::isdir};
    case PathWalk::Last::here: return directory ? Result<>{err::busy} : Result<>{err::isdir};
    }
    if (walk.name().size() > name_max) return err::nametoolong;
    Path& parent = walk.at();
    Directory& dir = *parent.inode().directory();
    Holding hold{dir.lock};
    auto d = TRY(look_up_locked(*parent.dentry, walk.name()));
    if (!d->inode()) return err::noent;
    Inode& victim = *d->inode();
    if (!directory && walk.trailing_slash())
        return victim.is_directory() ? Result<>{err::isdir} : Result<>{err::notdir};
    TRY(may_remove(parent, *d, *walker.credentials, directory));
    if (directory) {
        // Nothing may be created in it while it goes.
        Mutex<Rank::directory>& inside = victim.directory()->lock;
        inside.lock_second();
        auto gone = dir.rmdir(walk.name(), victim);
        if (gone) forget_directory(*d);
        inside.unlock_second();
        TRY(gone);
    } else {
        TRY(dir.unlink(walk.name(), victim));
        DentryCache::mark_unlinked(*d);
        notify_inode(victim, IN_ATTRIB); // how many names it has
    }
    d = nullptr; // it is gone before its name is
    notify_name(parent.inode(), walk.name(), IN_DELETE | (directory ? IN_ISDIR : 0));
    return {};
}

/// The locks of a rename: both directories (the ancestor first, else by address), and of a cross-directory rename the
/// file system's, which keeps the tree's shape still.
class RenameLocks {
public:
    RenameLocks(const Path& from, const Path& to)
        : first_{from.inode().directory()}, second_{to.inode().directory()}, superblock_{from.inode().superblock()} {
        if (first_ == second_) {
            first_->lock.lock();
            return;
        }
        superblock_.rename_lock.lock();
        if (DentryCache::is_below(*from.dentry, *to.dentry) ||
            (!DentryCache::is_below(*to.dentry, *from.dentry) && second_ < first_))
            std::swap(first_, second_);
        first_->lock.lock();
        second_->lock.lock_second();
    }
    ~RenameLocks() {
        if (first_ != second_) second_->lock.unlock_second();
        first_->lock.unlock();
        if (first_ != second_) superblock_.rename_lock.unlock();
    }
    RenameLocks(const RenameLocks&) = delete;

private:
    Directory *first_, *second_;
    Superblock& superblock_;
};

/// What rename(2) checks once both names are known and locked.
Result<> check_rename(const PathWalk& from, const Path& from_dir, const Dentry& moved, const PathWalk& to,
                      const Path& to_dir, const Dentry& target, const Credentials& who, unsigned flags) {
    if (!moved.inode()) return err::noent;
    bool exchange = flags & RENAME_EXCHANGE;
    bool directory = moved.inode()->is_directory();
    if (flags & RENAME_NOREPLACE && target.inode()) return err::exist;
    if (exchange && !target.inode()) return err::noent;
    if (!directory && (from.trailing_slash() || (!exchange && to.trailing_slash()))) return err::notdir;
    if (exchange && to.trailing_slash() && !target.inode()->is_directory()) return err::notdir;
    if (DentryCache::is_below(*to_dir.dentry, moved)) return err::inval; // into itself
    if (DentryCache::is_below(*from_dir.dentry, target))
        return exchange ? Result<>{err::inval} : Result<>{err::notempty};
    TRY(may_remove(from_dir, moved, who, directory));
    if (!target.inode())
        TRY(may_create(to_dir, who));
    else
        TRY(may_remove(to_dir, target, who, exchange ? target.inode()->is_directory() : directory));
    // A directory that changes its parent is written to: its "..".
    if (from_dir.dentry != to_dir.dentry) {
        if (directory) TRY(check_mode(*moved.inode(), who, may_write));
        if (exchange && target.inode()->is_directory()) TRY(check_mode(*target.inode(), who, may_write));
    }
    return {};
}

void rename_dentries(Dentry& moved, Dentry& target, bool exchange) {
    auto done = exchange ? DentryCache::exchange(moved, target) : DentryCache::move(moved, target);
    if (done) return;
    // Memory is short: forget both names; the next lookups ask the file system.
    DentryCache::unhash(moved);
    if (exchange)
        DentryCache::unhash(target);
    else
        DentryCache::mark_unlinked(target);
}
/// `moved` has another name, and `replaced`, if there was one, has lost one.
void notify_renamed(Inode& from, std::string_view name, Inode& to, std::string_view new_name, Inode& moved,
                    Inode* replaced) {
    u32 kind = moved.is_directory() ? IN_ISDIR : 0, within = &from == &to ? renamed_within : 0;
    u32 cookie = next_cookie();
    notify_name(from, name, IN_MOVED_FROM | kind | within, cookie);
    notify_name(to, new_name, IN_MOVED_TO | kind, cookie);
    if (replaced) notify_inode(*replaced, IN_ATTRIB);
    notify_inode(moved, IN_MOVE_SELF);
}
} // namespace

Result<> make_node(const Walker& walker, std::string_view path, u32 mode, u64 device) {
    if (!(mode & S_IFMT)) mode |= S_IFREG;
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    if (S_ISDIR(mode)) return err::perm;
    if (!is_device && !S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) return err::inval;
    if (is_device && !walker.credentials->can_everywhere(CAP_MKNOD)) return err::perm;
    return create_inode(walker, path, mode & (S_IFMT | 07777), is_device ? device : 0, {});
}

Result<Path> make_socket(const Walker& walker, std::string_view path, u32 mode) {
    Path made;
    TRY(create_name(walker, path, false, [&](Path& parent, std::string_view name, Dentry& d) -> Result<> {
        NewInode wanted = new_inode(parent, *walker.credentials, S_IFSOCK | (mode & 07777), walker.umask);
        DentryCache::fill(d, TRY(parent.inode().directory()->create(name, wanted)));
        made = {parent.mount, Ref<Dentry>::share(&d)};
        return {};
    }));
    return made;
}

Result<> make_directory(const Walker& walker, std::string_view path, u32 mode) {
    return create_inode(walker, path, S_IFDIR | (mode & 01777), 0, {});
}

Result<> make_symlink(const Walker& walker, std::string_view path, std::string_view target) {
    if (target.empty()) return err::noent;
    if (target.size() >= path_max) return err::nametoolong;
    return create_inode(walker, path, S_IFLNK | 0777, 0, target);
}

Result<> make_link(const Path& target, const Walker& walker, std::string_view path) {
    Inode& inode = target.inode();
    return create_name(walker, path, false, [&](Path& parent, std::string_view name, Dentry& d) -> Result<> {
        if (parent.mount != target.mount) return err::xdev;
        TRY(may_link(inode, *walker.credentials));
        if (inode.is_directory() || inode.unchangeable()) return err::perm;
        u32 links = inode.links();
        if (links == 0 && !inode.linkable.load(std::memory_order_relaxed)) return err::noent;
        if (links >= max_links) return err::mlink;
        TRY(parent.inode().directory()->link(name, inode));
        DentryCache::fill(d, Ref<Inode>::share(&inode));
        notify_inode(inode, IN_ATTRIB); // how many names it has
        return {};
    });
}

Result<> unlink(const Walker& walker, std::string_view path) { return remove(walker, path, false); }
Result<> remove_directory(const Walker& walker, std::string_view path) { return remove(walker, path, true); }

Result<> rename(const Walker& from_walker, std::string_view from, const Walker& to_walker, std::string_view to,
                unsigned flags) {
    if (flags & ~unsigned{RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT}) return err::inval;
    if (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) return err::inval;
    if (flags & RENAME_WHITEOUT) return err::inval; // only union file systems make whiteouts
    PathWalk source{from_walker, 0}, goal{to_walker, 0};
    TRY(source.begin(from));
    TRY(source.to_parent());
    TRY(goal.begin(to));
    TRY(goal.to_parent());
    Path &from_dir = source.at(), &to_dir = goal.at();
    if (from_dir.mount != to_dir.mount) return err::xdev;
    if (source.last() != PathWalk::Last::name) return err::busy;
    if (goal.last() != PathWalk::Last::name)
        return flags & RENAME_NOREPLACE ? Result<>{err::exist} : Result<>{err::busy};
    if (source.name().size() > name_max || goal.name().size() > name_max) return err::nametoolong;

    RenameLocks locks{from_dir, to_dir};
    auto moved = TRY(look_up_locked(*from_dir.dentry, source.name()));
    auto target = TRY(look_up_locked(*to_dir.dentry, goal.name()));
    TRY(check_rename(source, from_dir, *moved, goal, to_dir, *target, *from_walker.credentials, flags));
    Inode* replaced = target->inode();
    if (replaced == moved->inode()) return {}; // two names of one inode: nothing happens
    bool exchange = flags & RENAME_EXCHANGE;
    bool lock_victim = replaced && replaced->is_directory() && !exchange;
    if (lock_victim) replaced->directory()->lock.lock_second();
    auto done = from_dir.inode().directory()->rename(source.name(), *moved->inode(), *to_dir.inode().directory(),
                                                     goal.name(), replaced, flags);
    if (done) rename_dentries(*moved, *target, exchange);
    if (done && lock_victim && replaced->watched()) DentryCache::drop_children(*target);
    if (lock_victim) replaced->directory()->lock.unlock_second();
    TRY(done);
    if (!file::anybody_watches()) [[likely]]
        return {};
    notify_renamed(from_dir.inode(), source.name(), to_dir.inode(), goal.name(), *moved->inode(),
                   exchange ? nullptr : replaced);
    if (exchange) notify_renamed(to_dir.inode(), goal.name(), from_dir.inode(), source.name(), *replaced, nullptr);
    return {};
}

Result<Ref<const LinkText>> read_link(const Path& link) {
    Inode& inode = link.inode();
    if (!inode.is_symlink()) return err::inval;
    touch_access(link);
    return inode.symlink()->target();
}
} // namespace vfs
