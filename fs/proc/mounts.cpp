// /proc/pid/mounts and mountinfo.
#include "fs/proc/items.h"
#include <linux/eventpoll.h>

namespace proc {
namespace {
Result<> print_mounts(const Context& c, auto line) {
    auto tree = mounts_of(*c.task);
    auto fs = fs_of(*c.task);
    if (!tree || !fs) return err::inval;
    vfs::Path root = fs->root();
    tree->for_each([&](const vfs::Mount& m) { line(m, root); });
    return {};
}

/// Readable always; a change since the last look is told once, as an error and priority data.
class MountsFile final : public pseudo::TextFile {
public:
    MountsFile(const vfs::Path& path, u32 file_flags, const Item& item, const Context& context, Ref<vfs::MountTree> of)
        : TextFile{path, file_flags, item, context}, tree_{std::move(of)}, seen_{tree_->changes.load()} {}
    bool pollable() override { return true; }
    u32 poll() override {
        u64 now = tree_->changes.load(std::memory_order_acquire);
        u32 changed = seen_.exchange(now) == now ? 0 : EPOLLERR | EPOLLPRI;
        return EPOLLIN | EPOLLRDNORM | changed;
    }
    WaitQueue& changed() override { return tree_->changed; }

private:
    const Ref<vfs::MountTree> tree_;
    std::atomic<u64> seen_;
};
} // namespace

Result<> print_mount_table(Writer& out, const Context& c) {
    return print_mounts(c, [&](const vfs::Mount& m, const vfs::Path& root) { vfs::print_mounts_line(out, m, root); });
}
Result<> print_mountinfo(Writer& out, const Context& c) {
    return print_mounts(c,
                        [&](const vfs::Mount& m, const vfs::Path& root) { vfs::print_mountinfo_line(out, m, root); });
}

Result<Ref<File>> open_mounts(const vfs::Path& path, u32 flags, const Item& item, const Context& c) {
    auto tree = mounts_of(*c.task);
    return tree ? pseudo::open_text<MountsFile>(path, flags, item, c, std::move(tree)) : err::inval;
}
} // namespace proc
