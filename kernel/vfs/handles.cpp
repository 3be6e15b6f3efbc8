#include "kernel/vfs/handles.h"
#include "kernel/vfs/dentry.h"
#include "kernel/vfs/mount.h"

namespace vfs {
namespace {
constexpr u32 generation = 0;     // no number is used twice
constexpr int number_only = 0x81; // FILEID_INO64_GEN: leads nowhere
} // namespace

Result<FileHandle> handle_of(Inode& inode) {
    if (!inode.superblock().has_handles()) return err::opnotsupp;
    return FileHandle{generation, static_cast<u32>(inode.number()), static_cast<u32>(inode.number() >> 32)};
}

void print_handle(Writer& out, Inode& inode) {
    auto handle = handle_of(inode);
    int type = handle ? FileHandle::type : number_only;
    u32 low = static_cast<u32>(inode.number()), high = static_cast<u32>(inode.number() >> 32);
    u32 words[] = {low, high, generation};
    if (handle) words[0] = handle->generation, words[1] = handle->low, words[2] = handle->high;
    print(out, "fhandle-bytes:{:x} fhandle-type:{:x} f_handle:", sizeof words, type);
    for (std::byte b : std::as_bytes(std::span{words})) print(out, "{:02x}", static_cast<u8>(b));
}

Result<Path> place_of_handle(const Path& in, const FileHandle& handle) {
    Superblock& sb = *in.mount->superblock;
    if (!sb.has_handles() || handle.generation != generation) return err::stale;
    auto found = DentryCache::find_inode(sb, u64{handle.high} << 32 | handle.low);
    if (!found || !DentryCache::is_below(*found, *in.mount->root)) return err::stale;
    return Path{in.mount, std::move(found)};
}
} // namespace vfs
