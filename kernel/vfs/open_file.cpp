#include "kernel/vfs/open_file.h"
#include "kernel/file/current.h"
#include "kernel/vfs/attachments.h"
#include "kernel/vfs/backed_cache.h"
#include "kernel/vfs/memfd.h"
#include "kernel/vfs/mount.h"
#include "kernel/vfs/notify.h"
#include "kernel/vfs/permission.h"
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace vfs {
PlacedFile::PlacedFile(const Path& path, u32 file_flags) : place_{path} {
    flags = file_flags;
    if (auto* errors = place_.inode().superblock().write_errors()) errors_seen_ = errors->sample();
}

bool PlacedFile::pollable() { return !place_.inode().is_regular() && !place_.inode().is_directory(); }

PlacedFile::~PlacedFile() {
    if (LockList::in_use() == 0) return;
    if (auto* list = locks()) {
        list->drop_owner(LockKind::description, this);
        list->drop_owner(LockKind::whole, this);
    }
}

/// Printed from the root of the file's own mount tree; who prints for a process with another root uses path().
void PlacedFile::print_name(Writer& out) {
    Path root = place_;
    for (Path up = place_.mount->mounted_on(); up; up = root.mount->mounted_on()) root = up;
    root.dentry = root.mount->root;
    print_path(out, place_, root);
}

LockList* PlacedFile::locks() {
    auto* there = place_.inode().attachments();
    return there ? &there->locks : nullptr;
}

Result<> PlacedFile::flush(FileTable& table) {
    // POSIX: closing any descriptor of a file drops all the process's fcntl locks on it.
    if (LockList::in_use() == 0) return {};
    if (auto* list = locks()) list->drop_owner(LockKind::process, &table);
    return {};
}

Result<> PlacedFile::sync_filesystem() {
    Superblock& superblock = place_.inode().superblock();
    auto done = superblock.sync();
    auto* errors = superblock.write_errors();
    auto error = errors ? errors->check(errors_seen_) : Result<>{};
    return done ? error : done;
}

namespace {
/// Where `offset` leads from `base`: lseek(2).
Result<u64> moved(u64 base, i64 offset) {
    i64 to;
    if (__builtin_add_overflow(static_cast<i64>(base), offset, &to) || to < 0) return err::inval;
    return static_cast<u64>(to);
}

class RegularFile final : public PlacedFile {
public:
    enum class Counted : u8 { no, reader, writer };
    /// `counted`: as what of the inode; the caller has begun it.
    RegularFile(const Path& path, u32 file_flags, PageCache& pages, Counted counted)
        : PlacedFile{path, file_flags}, pages_{pages}, backed_{pages.backed()}, counted_{counted} {
        writes_back = backed_;
        if (backed_) errors_seen_ = backed_->errors.sample();
        if (counted_ == Counted::writer) place_.mount->writers.fetch_add(1, std::memory_order_relaxed);
    }
    ~RegularFile() override {
        drop_lease(place_.inode(), *this);
        if (counted_ == Counted::writer) place_.mount->writers.fetch_sub(1, std::memory_order_relaxed);
        end_count(pages_, counted_);
    }
    static void end_count(PageCache& pages, Counted counted) {
        if (counted == Counted::reader) pages.opens.end_reading();
        if (counted == Counted::writer) pages.opens.end_writing();
    }

    bool seekable() const override { return true; }
    Result<usize> read(Sink& to, u64* at) override {
        auto n = pages_.read(to, *at);
        if (!n) return n;
        *at += *n;
        if (!(flags.load(std::memory_order_relaxed) & O_NOATIME)) touch_access(place_);
        return n;
    }
    Result<usize> write(Source& from, u64* at) override {
        Inode& inode = place_.inode();
        bool append = from.append || flags.load(std::memory_order_relaxed) & O_APPEND;
        if (from.done()) return usize{0};
        if (u32 taken = TRY(drop_privileges(inode, file::credentials()))) notify(place_, taken);
        if (u64 limit = file::size_limit(); limit != ~u64{0}) {
            u64 start = append ? pages_.size() : *at;
            TRY(file::check_size(start + 1));
            from.limit(limit - start);
        }
        return pages_.write(from, *at, append, at);
    }
    Result<> end_write(const Source& from, u64 first, u64 end) override {
        using Sync = Source::Sync;
        Sync wanted = from.sync;
        u32 f = flags.load(std::memory_order_relaxed);
        if (f & O_DSYNC) wanted = std::max(wanted, Sync::data);
        if ((f & O_SYNC) == O_SYNC) wanted = Sync::all;
        if (wanted != Sync::no)
            return sync({wanted == Sync::all ? SyncRange::Scope::all : SyncRange::Scope::data, first, end});
        backed_->balance();
        return {};
    }
    Result<u64> seek(u64 at, i64 offset, int whence) override {
        u64 base = 0;
        switch (whence) {
        case SEEK_SET: break;
        case SEEK_CUR: base = at; break;
        case SEEK_END: base = pages_.size(); break;
        default:
            if (offset < 0) return err::nxio;
            return pages_.seek(static_cast<u64>(offset), whence == SEEK_HOLE);
        }
        return moved(base, offset);
    }
    Result<Ref<MemoryObject>> memory_object() override {
        touch_access(place_);
        return pages_.object();
    }
    Result<> truncate(u64 size) override {
        if (!writable()) return err::inval;
        Inode& inode = place_.inode();
        if (inode.append_only()) return err::perm;
        TRY(file::check_size(size));
        u32 taken = TRY(drop_privileges(inode, file::credentials()));
        TRY(inode.change({.set = AttributeChange::size_bit, .size = size}));
        notify(place_, IN_MODIFY | taken);
        return {};
    }
    Result<> allocate(int mode, u64 offset, u64 size) override {
        if (!writable()) return err::badf;
        Inode& inode = place_.inode();
        if (inode.immutable() || (inode.append_only() && mode & ~FALLOC_FL_KEEP_SIZE)) return err::perm;
        TRY(file::check_size(offset + size));
        if (u32 taken = TRY(drop_privileges(inode, file::credentials()))) notify(place_, taken);
        TRY(pages_.allocate(mode, offset, size));
        file::tell(*this, IN_MODIFY);
        return {};
    }
    Result<> sync(const SyncRange& range) override {
        if (!backed_) return {};
        u64 end = range.end > PageCache::max_size ? ~u64{0} : page_up(range.end) >> page_shift;
        backed_->write_back(range.first >> page_shift, end);
        using Scope = SyncRange::Scope;
        auto done = range.scope == Scope::pages ? Result<>{} : place_.inode().sync(range.scope == Scope::data);
        auto error = backed_->errors.check(errors_seen_);
        return done ? error : done;
    }
    Result<> flush(FileTable& table) override {
        TRY(PlacedFile::flush(table));
        return backed_ && backed_->flushed_by_close() && writable() ? sync({SyncRange::Scope::data}) : Result<>{};
    }
    Result<i64> control(int command, u64 argument) override {
        if (command == F_GET_SEALS) return TRY(pages_.seals());
        if (command != F_ADD_SEALS) return PlacedFile::control(command, argument);
        constexpr u64 known =
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | seal_execution;
        if (argument & ~known) return err::inval;
        if (!writable()) return err::perm;
        TRY(pages_.add_seals(static_cast<u32>(argument)));
        return 0;
    }

private:
    PageCache& pages_; // of the inode
    BackedCache* const backed_;
    std::atomic<u32> errors_seen_ = 0; // of backed_
    const Counted counted_;
};

class DirectoryFile final : public PlacedFile {
public:
    DirectoryFile(const Path& path, u32 file_flags) : PlacedFile{path, file_flags} {}
    ~DirectoryFile() override { drop_watches(nullptr); }
    Result<> flush(FileTable& table) override {
        drop_watches(&table);
        return PlacedFile::flush(table);
    }
    bool seekable() const override { return true; }
    Result<usize> read(Sink&, u64*) override { return err::isdir; }
    Result<> sync(const SyncRange& range) override {
        return place_.inode().sync(range.scope == SyncRange::Scope::data);
    }
    Result<u64> seek(u64 at, i64 offset, int whence) override {
        if (whence != SEEK_SET && whence != SEEK_CUR) return err::inval;
        return moved(whence == SEEK_CUR ? at : 0, offset);
    }
    Result<> read_directory(DirectorySink& to, u64* at) override {
        Holding hold{directory_.lock};
        if (place_.dentry->unlinked()) return err::noent;
        auto done = list(to, at);
        file::tell(*this, IN_ACCESS);
        if (!(flags.load(std::memory_order_relaxed) & O_NOATIME)) touch_access(place_);
        return done;
    }

private:
    Result<> list(DirectorySink& to, u64* at) {
        Inode& inode = place_.inode();
        if (*at == 0) {
            if (!to.entry(".", inode.number(), 4, 1)) return {};
            *at = 1;
        }
        if (*at == 1) {
            auto up = place_.dentry->parent();
            if (!to.entry("..", up ? up->inode()->number() : inode.number(), 4, 2)) return {};
            *at = 2;
        }
        return directory_.read(to, at);
    }
    void drop_watches(const FileTable* table) {
        if (place_.inode().watched()) place_.inode().attachments()->watches.drop(*this, table);
    }
    Directory& directory_ = *place_.inode().directory();
};
} // namespace

Result<Ref<File>> open_uncounted(const Path& path, u32 flags) {
    return TRY(make_ref<RegularFile>(path, flags, *path.inode().pages(), RegularFile::Counted::no));
}

Result<Ref<File>> open_inode(const Path& path, u32 flags) {
    Inode& inode = path.inode();
    if (inode.is_directory()) return TRY(make_ref<DirectoryFile>(path, flags));
    PageCache* pages = inode.pages();
    if (!pages) return err::nxio;
    using Counted = RegularFile::Counted;
    static constexpr Counted by_mode[] = {Counted::reader, Counted::writer, Counted::writer, Counted::no};
    Counted counted = by_mode[flags & O_ACCMODE];
    if (counted == Counted::writer) TRY(pages->opens.begin_writing());
    if (counted == Counted::reader) pages->opens.begin_reading();
    auto file = make_ref<RegularFile>(path, flags, *pages, counted);
    if (!file) {
        RegularFile::end_count(*pages, counted);
        return std::unexpected(file.error());
    }
    TRY(break_leases(inode, (flags & O_ACCMODE) != O_RDONLY, !(flags & O_NONBLOCK)));
    return *file;
}
} // namespace vfs
