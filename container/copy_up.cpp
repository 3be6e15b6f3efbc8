#include "container/copy_up.h"
#include "core/sched/thread.h"
#include "kernel/file/file.h"
#include "kernel/vfs/page_cache.h"
#include <linux/fcntl.h>
#include <linux/stat.h>

namespace container {
namespace {
class Names final : public DirectorySink {
public:
    bool entry(std::string_view name, u64, unsigned, u64) override {
        if (name == "." || name == "..") return true;
        auto made = String::create(name);
        if (!made || !all.push(std::move(*made))) short_of_memory = true;
        return !short_of_memory;
    }
    Vector<String> all;
    bool short_of_memory = false;
};

Result<Vector<String>> names_in(const vfs::Walker& directory) {
    auto file = TRY(vfs::open(directory, ".", {O_RDONLY | O_DIRECTORY, 0, 0}));
    Names names;
    for (u64 at = 0, before = ~u64{0}; at != before;) {
        before = at;
        TRY(file->read_directory(names, &at));
        if (names.short_of_memory) return err::nomem;
    }
    return std::move(names.all);
}

/// Holes stay holes.
Result<> copy_contents(vfs::Inode& from_inode, vfs::Inode& to_inode) {
    if (!from_inode.pages() || !to_inode.pages()) return err::inval;
    vfs::PageCache &from = *from_inode.pages(), &to = *to_inode.pages();
    struct Chunk {
        std::byte bytes[64 * KiB];
    };
    auto chunk = TRY(make<Chunk>());
    u64 at = 0;
    while (true) {
        auto data = from.seek(at, false);
        if (!data && data.error() == Errno::nxio) break;
        at = TRY(data);
        Sink sink{chunk->bytes};
        usize n = TRY(from.read(sink, at));
        if (!n) break;
        for (Source source{std::span<const std::byte>{chunk->bytes, n}}; !source.done();)
            TRY(to.write(source, at, false, &at));
        if (Thread::current().interrupted()) return err::intr;
    }
    return to.resize(from.size());
}

class Copier {
public:
    Copier(Ref<const Credentials> who) : who_{std::move(who)} {}

    Result<> run(const vfs::Path& from, const vfs::Path& to) {
        TRY(left_.push({from, to}));
        while (!left_.empty()) {
            Pair next = std::move(left_.back());
            left_.pop();
            vfs::Walker there = walker(next.from), here = walker(next.to);
            auto names = TRY(names_in(there));
            for (const String& name : names) TRY(copy(there, here, name));
        }
        return {};
    }

private:
    struct Pair {
        vfs::Path from, to;
    };
    vfs::Walker walker(const vfs::Path& directory) const { return {directory, directory, who_, 0}; }

    Result<> copy(const vfs::Walker& there, const vfs::Walker& here, std::string_view name) {
        vfs::Path from = TRY(vfs::resolve(there, name, 0));
        auto attributes = from.inode().attributes();
        u32 mode = attributes.mode;
        if (S_ISDIR(mode))
            TRY(vfs::make_directory(here, name, 0700));
        else if (S_ISLNK(mode))
            TRY(vfs::make_symlink(here, name, TRY(vfs::read_link(from))->view()));
        else
            TRY(vfs::make_node(here, name, mode, attributes.device));
        vfs::Path to = TRY(vfs::resolve(here, name, 0));
        if (S_ISREG(mode)) TRY(copy_contents(from.inode(), to.inode()));
        TRY(vfs::change_owner(to, *who_, attributes.uid, attributes.gid));
        if (S_ISLNK(mode)) return {};
        TRY(vfs::change_mode(to, *who_, mode & 07777));
        if (S_ISDIR(mode)) return left_.push({std::move(from), std::move(to)});
        return vfs::change_times(to, *who_, &attributes.access, &attributes.modification, false);
    }

    const Ref<const Credentials> who_;
    Vector<Pair> left_; // directories to be copied
};
} // namespace

Result<> copy_up(const vfs::Path& from, const vfs::Path& to, Ref<const Credentials> who) {
    return Copier{std::move(who)}.run(from, to);
}
} // namespace container
