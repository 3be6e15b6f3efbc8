// Files without a name: pipes, sockets, epoll.
#pragma once
#include "kernel/vfs/path.h"

namespace vfs {
/// Once, from vfs::init().
Result<> init_anonymous();
/// The inode of a file without a place ("pipe:[7]"), which fstat(2) shows; the caller owns it.
Result<Ref<Inode>> make_anonymous_inode(u32 mode = 0600);
/// The inode of a device that was opened without a node, as the machine's console: /proc/pid/fd/N opens it anew.
Result<Ref<Inode>> make_anonymous_device(u32 mode, u64 device);
/// A place for an inode of make_anonymous_inode(): what /proc/pid/fd/N of a pipe leads to, for stat(2) and open(2).
Result<Path> anonymous_path(Inode&);
bool is_anonymous(const Path&);

/// Base of what has such an inode and nothing else of a file system: epoll, eventfd and their kind.
class AnonymousFile : public File {
public:
    Inode* inode() final { return inode_.get(); }
    void print_name(Writer& out) override { print(out, "anon_inode:[{}]", label_); }

protected:
    /// `file_flags`: O_NONBLOCK.
    AnonymousFile(std::string_view label, Ref<Inode> inode, u32 file_flags) : label_{label}, inode_{std::move(inode)} {
        flags = O_RDWR | file_flags;
    }

private:
    std::string_view label_;
    Ref<Inode> inode_;
};
} // namespace vfs
