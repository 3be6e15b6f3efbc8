// The open file of regular files and directories, which passes operations on to the inode.
#pragma once
#include "kernel/file/file.h"
#include "kernel/vfs/path.h"

namespace vfs {
/// Inode::open()'s default; breaks leases. err::nxio: neither a directory nor with a page cache (sockets). err::txtbsy.
Result<Ref<File>> open_inode(const Path& path, u32 flags);
/// A regular file with a page cache that is open for writing without keeping anybody from executing it:
/// memfd_create(2).
Result<Ref<File>> open_uncounted(const Path& path, u32 flags);

/// An open file with a place in the tree: base of regular files and directories, and of what /proc opens.
class PlacedFile : public File {
public:
    PlacedFile(const Path& path, u32 file_flags);
    ~PlacedFile() override;
    vfs::Inode* inode() override { return &place_.inode(); }
    /// Not what is always ready: regular files and directories.
    bool pollable() override;
    const vfs::Path* path() override { return &place_; }
    void print_name(Writer&) override;
    LockList* locks() override;
    Result<> sync_filesystem() override;
    Result<> flush(FileTable&) override;

protected:
    vfs::Path place_;

private:
    std::atomic<u32> errors_seen_ = 0; // of the superblock
};
} // namespace vfs
