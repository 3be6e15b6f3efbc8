// File handles: names of inodes that outlive the process that made them, name_to_handle_at(2).
#pragma once
#include "kernel/vfs/path.h"

namespace vfs {
/// The part of a struct file_handle that is the file system's.
struct FileHandle {
    static constexpr int type = 1; // a 32-bit generation, and the inode's number in two halves
    u32 generation, low, high;
};
/// err::opnotsupp: its file system has none.
Result<FileHandle> handle_of(Inode&);
/// "fhandle-bytes:c fhandle-type:1 f_handle:00...": for /proc/pid/fdinfo. Where there is none, one that leads nowhere.
void print_handle(Writer&, Inode&);
/// The place in the mount of `in` that the handle names. Found by the dentry cache, so that no handle leads to where
/// no walk from the mount's root does. err::stale: it is not there, or nobody has come by lately.
Result<Path> place_of_handle(const Path& in, const FileHandle&);
} // namespace vfs
