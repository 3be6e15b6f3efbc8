// open(2).
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/open_file.h"
#include "kernel/vfs/page_cache.h"
#include "kernel/vfs/permission.h"
#include "kernel/vfs/walk.h"
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

namespace vfs {
namespace {
/// O_PATH: a place, and nothing that can be done with its content.
class PathOnly final : public PlacedFile {
public:
    using PlacedFile::PlacedFile;
    Result<> flush(FileTable&) override { return {}; }
    LockList* locks() override { return nullptr; }
    Result<> sync(const SyncRange&) override { return err::badf; }
    Result<> sync_filesystem() override { return err::badf; }
};

constinit FifoOpener* fifos = nullptr;

constexpr u32 only_for_open = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | open_for_execution;

unsigned wanted_access(u32 flags) {
    if (flags & open_for_execution) return may_execute;
    static constexpr unsigned by_mode[] = {may_read, may_write, may_read | may_write, may_read | may_write};
    return by_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? may_write : 0);
}

/// What may be opened how, whatever the permissions say.
Result<> check_type(const Path& at, u32 flags, unsigned may) {
    u32 type = at.inode().type();
    u32 mount = at.mount->flags.load(std::memory_order_relaxed);
    if (S_ISLNK(type)) return err::loop;
    if (S_ISDIR(type)) {
        if (may & may_write || flags & O_CREAT) return err::isdir;
        if (may & may_execute) return err::acces;
    }
    if ((S_ISCHR(type) || S_ISBLK(type)) && mount & MS_NODEV) return err::acces;
    if (flags & open_for_execution && (!S_ISREG(type) || mount & MS_NOEXEC)) return err::acces;
    return {};
}

Result<Ref<File>> open_by_type(const Path& at, u32 flags) {
    Inode& inode = at.inode();
    u32 type = inode.type();
    if (S_ISCHR(type)) return device::open_character(inode.attributes().device, at, flags);
    if (S_ISFIFO(type)) return fifos ? fifos->open(at, flags) : err::nxio;
    if (S_ISBLK(type) || S_ISSOCK(type)) return err::nxio;
    return inode.open(at, flags);
}

/// O_TRUNC.
Result<> cut_open(const Path& at, const Credentials& who) {
    u32 taken = drop_privileges(at.inode(), &who).value_or(0);
    TRY(at.inode().change({.set = AttributeChange::size_bit, .size = 0}));
    notify(at, IN_MODIFY | taken);
    return {};
}

/// A place has been found, or its inode was `created` for us: then permissions do not matter any more.
Result<Ref<File>> open_found(const Path& at, const Credentials& who, u32 flags, bool created) {
    if (flags & O_PATH) return TRY(make_ref<PathOnly>(at, flags));
    Inode& inode = at.inode();
    unsigned may = wanted_access(flags);
    if (!S_ISREG(inode.type())) flags &= ~u32{O_TRUNC};
    if (!created) {
        TRY(check_type(at, flags, may));
        TRY(check_inode(at, who, may));
    }
    bool only_reads = (flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY;
    if (inode.append_only() && !only_reads && (!(flags & O_APPEND) || flags & O_TRUNC)) return err::perm;
    if (flags & O_NOATIME && !owns(inode, who)) return err::perm;
    bool truncate = flags & O_TRUNC && !created;
    PageCache* pages = inode.pages();
    if (truncate && pages) TRY(pages->opens.begin_writing());
    auto file = open_by_type(at, flags);
    if (file && flags & O_DIRECT && !pages) file = err::inval;
    if (file) {
        (*file)->notifies = true;
        file::tell(**file, IN_OPEN);
    }
    if (truncate) {
        if (auto cut = file ? cut_open(at, who) : Result<>{}; !cut) file = std::unexpected(cut.error());
        if (pages) pages->opens.end_writing();
    }
    if (file) (*file)->flags.fetch_and(~only_for_open, std::memory_order_relaxed);
    return file;
}

/// O_TMPFILE: an inode without a name in the directory.
Result<Ref<File>> open_unnamed(const Walker& walker, std::string_view path, const OpenHow& how) {
    if ((how.flags & O_ACCMODE) == O_RDONLY) return err::inval;
    u32 follow = how.flags & O_NOFOLLOW ? 0u : u32{walk_follow};
    Path dir = TRY(resolve(walker, path, how.walk | walk_directory | follow));
    TRY(may_create(dir, *walker.credentials));
    auto inode = TRY(dir.inode().directory()->create_unnamed(
        new_inode(dir, *walker.credentials, S_IFREG | (how.mode & 07777), walker.umask)));
    inode->linkable = !(how.flags & O_EXCL);
    char name[24];
    BufferWriter text{name};
    print(text, "#{}", inode->number());
    auto d = TRY(DentryCache::make(*dir.dentry, text.text(), std::move(inode)));
    DentryCache::set_unlinked(*d, true);
    return open_found({dir.mount, std::move(d)}, *walker.credentials, how.flags & ~u32{O_TMPFILE | O_CREAT}, true);
}

struct Found {
    Path at;
    bool created = false;
};

/// With O_CREAT: the last component, made if it is not there. An existing symbolic link is returned as it is.
Result<Found> find_or_create(PathWalk& walk, const Walker& walker, const OpenHow& how) {
    if (walk.trailing_slash()) return err::isdir;
    if (walk.name().size() > name_max) return err::nametoolong;
    Path& dir = walk.at();
    Ref<Dentry> d = DentryCache::find(*dir.dentry, walk.name());
    if (!d || !d->inode()) {
        Directory& directory = *dir.inode().directory();
        Holding hold{directory.lock};
        d = TRY(look_up_locked(*dir.dentry, walk.name()));
        if (!d->inode()) {
            TRY(may_create(dir, *walker.credentials));
            auto wanted = new_inode(dir, *walker.credentials, S_IFREG | (how.mode & 07777), walker.umask);
            DentryCache::fill(*d, TRY(directory.create(walk.name(), wanted)));
            notify_name(dir.inode(), walk.name(), IN_CREATE);
            return Found{{dir.mount, std::move(d)}, true};
        }
    }
    if (how.flags & O_EXCL) return err::exist;
    return Found{TRY(walk.cross(std::move(d))), false};
}

Result<Found> find(PathWalk& walk, const Walker& walker, const OpenHow& how) {
    bool follow = !(how.flags & O_NOFOLLOW);
    while (true) {
        TRY(walk.to_parent());
        if (walk.last() != PathWalk::Last::name) {
            Path at = TRY(walk.finish_last());
            return how.flags & O_EXCL ? Result<Found>{err::exist} : Found{std::move(at), false};
        }
        Found found = TRY(find_or_create(walk, walker, how));
        if (found.created) return found;
        Inode& inode = found.at.inode();
        if (!inode.is_symlink() || !follow) {
            if (!inode.is_directory()) TRY(may_open_existing(walk.at().inode(), inode, *walker.credentials));
            return found;
        }
        TRY(walk.follow_at_end(found.at));
    }
}
} // namespace

void set_fifo_opener(FifoOpener& opener) { fifos = &opener; }

Result<Ref<File>> open(const Walker& walker, std::string_view path, const OpenHow& how) {
    u32 flags = how.flags;
    if (flags & O_PATH) flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
    if (flags & __O_TMPFILE) {
        if (!(flags & O_DIRECTORY) || flags & O_CREAT) return err::inval;
        return open_unnamed(walker, path, how);
    }
    if (!(flags & O_CREAT)) {
        u32 more = (flags & O_NOFOLLOW ? 0u : u32{walk_follow}) | (flags & O_DIRECTORY ? u32{walk_directory} : 0u);
        return open_found(TRY(resolve(walker, path, how.walk | more)), *walker.credentials, flags, false);
    }
    if (flags & O_DIRECTORY) return err::inval;
    PathWalk walk{walker, how.walk};
    TRY(walk.begin(path));
    Found found = TRY(find(walk, walker, how));
    return open_found(found.at, *walker.credentials, flags, found.created);
}

Result<Ref<File>> open_path(const Path& at, const Credentials& who, u32 flags) {
    return open_found(at, who, flags, false);
}
} // namespace vfs
