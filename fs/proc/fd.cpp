// /proc/pid/fd and /proc/pid/fdinfo.
#include "fs/proc/items.h"
#include "kernel/file/current.h"
#include "kernel/process/mapping.h"
#include "kernel/vfs/anonymous.h"
#include "lib/numbers.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace proc {
namespace {
Result<Ref<File>> file_of(const Context& c) {
    auto files = files_of(*c.task);
    if (!files) return err::noent;
    auto file = files->get(c.number, true);
    return file ? file : Result<Ref<File>>{err::noent};
}

Result<vfs::Path> place_file(const Context& c) {
    auto file = TRY(file_of(c));
    if (auto* path = file->path()) return *path;
    if (auto* inode = file->inode()) return vfs::anonymous_path(*inode);
    return err::nxio;
}
Result<String> name_file(const Context& c) {
    auto file = TRY(file_of(c));
    TextWriter out;
    process::print_name(out, *file);
    return String::create(out.text());
}
Result<> print_fdinfo(Writer& out, const Context& c) {
    auto file = TRY(file_of(c));
    u32 flags = file->flags;
    if (auto files = files_of(*c.task))
        if (auto on_exec = files->close_on_exec(c.number); on_exec && *on_exec) flags |= O_CLOEXEC;
    u64 position = file->seekable() ? *file->position.lock() : 0;
    print(out, "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\n", position, flags, file->path() ? file->path()->mount->id : 0);
    if (file->inode()) print(out, "ino:\t{}\n", file->inode()->number());
    file->print_info(out);
    return {};
}

constexpr Item readable{
    .name = "", .mode = S_IFLNK | 0500, .place = place_file, .target = name_file, .restricted = true};
constexpr Item writable{
    .name = "", .mode = S_IFLNK | 0300, .place = place_file, .target = name_file, .restricted = true};
constexpr Item both{.name = "", .mode = S_IFLNK | 0700, .place = place_file, .target = name_file, .restricted = true};
constexpr Item neither{.name = "", .mode = S_IFLNK, .place = place_file, .target = name_file, .restricted = true};
constexpr Item info{.name = "", .mode = S_IFREG | 0444, .try_print = print_fdinfo, .restricted = true, .at_open = true};

const Item& link_for(const File& f) {
    if (f.readable()) return f.writable() ? both : readable;
    return f.writable() ? writable : neither;
}

class FdDirectory final : public pseudo::NumberDirectory {
public:
    FdDirectory(vfs::Superblock& sb, const Context& c, u64 number, bool infos)
        : NumberDirectory{sb, number, S_IFDIR | (infos ? 0555u : 0500u), c, {}, infos}, infos_{infos} {}

protected:
    /// A process always finds its own descriptors, also when it hides from its user.
    vfs::Protection unpublished_protection() override {
        vfs::Protection p = Inode::unpublished_protection();
        auto* who = file::credentials();
        if (who && context_.process.get() == &Task::current().process()) p.uid = who->fsuid;
        return p;
    }

private:
    Result<Ref<vfs::Inode>> find(u32 fd) override {
        if (fd > 0x7fff'ffff) return err::noent;
        Context c = context_;
        c.number = static_cast<int>(fd);
        auto file = TRY(file_of(c));
        return pseudo::make_item(superblock(), infos_ ? info : link_for(*file), c, entry(fd).inode);
    }
    Result<u32> next(u32 from) override {
        auto files = files_of(*context_.task);
        if (!files) return err::noent;
        return static_cast<u32>(TRY(files->next_open(static_cast<int>(from))));
    }
    Entry entry(u32 fd) const override { return {(number() << 24) + fd, infos_ ? u32{S_IFREG} : u32{S_IFLNK}}; }
    u32 link_count() const override { return 2; }
    const bool infos_;
};
} // namespace

Result<Ref<vfs::Inode>> make_fd_directory(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<FdDirectory>(sb, c, number, false));
}
Result<Ref<vfs::Inode>> make_fdinfo_directory(vfs::Superblock& sb, const Context& c, u64 number) {
    return TRY(make_ref<FdDirectory>(sb, c, number, true));
}
} // namespace proc
