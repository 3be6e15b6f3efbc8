#include "kernel/vfs/handles.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"

namespace vfs {
namespace {
constexpr u32 generation = 0; // no number is used twice
} // namespace

Result<FileHandle> handle_of(const Path& at) {
    Inode& inode = at.inode();
    if (!inode.superblock().has_handles()) return err::opnotsupp;
    return FileHandle{generation, static_cast<u32>(inode.number()), static_cast<u32>(inode.number() >> 32)};
}

Result<Path> place_of_handle(const Path& in, const FileHandle& handle) {
    Superblock& sb = *in.mount->superblock;
    if (!sb.has_handles() || handle.generation != generation) return err::stale;
    auto found = DentryCache::find_inode(sb, u64{handle.high} << 32 | handle.low);
    if (!found || !DentryCache::is_below(*found, *in.mount->root)) return err::stale;
    return Path{in.mount, std::move(found)};
}
} // namespace vfs
