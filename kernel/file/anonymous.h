// Base of files that have no place in the tree: epoll, eventfd and their kind.
#pragma once
#include "kernel/file/file.h"
#include "kernel/vfs/inode.h"

class AnonymousFile : public File {
public:
    vfs::Inode* inode() final { return inode_.get(); }
    void print_name(Writer& out) final { print(out, "anon_inode:[{}]", label_); }

protected:
    AnonymousFile(std::string_view label, Ref<vfs::Inode> inode) : label_{label}, inode_{std::move(inode)} {}

private:
    std::string_view label_;
    Ref<vfs::Inode> inode_;
};

namespace file {
/// An inode for one, owned by the current task.
Result<Ref<vfs::Inode>> anonymous_inode();
} // namespace file
