#include "kernel/vfs/file_capabilities.h"
#include <cstring>
#include <linux/xattr.h>

namespace vfs {
namespace {
/// The newest layout; older ones are shorter. All words are little-endian, as our processors are.
using Value = vfs_ns_cap_data;
constexpr u32 no_root = ~0u;

/// The bytes of a value of this revision, of which there are `words` for each set. 0: unknown.
struct Revision {
    usize size, words;
};
Revision revision_of(u32 magic) {
    switch (magic & VFS_CAP_REVISION_MASK) {
    case VFS_CAP_REVISION_1: return {XATTR_CAPS_SZ_1, VFS_CAP_U32_1};
    case VFS_CAP_REVISION_2: return {XATTR_CAPS_SZ_2, VFS_CAP_U32_2};
    case VFS_CAP_REVISION_3: return {XATTR_CAPS_SZ_3, VFS_CAP_U32_3};
    default: return {0, 0};
    }
}
} // namespace

Result<FileCapabilities> file_capabilities(Inode& inode) {
    Value value{};
    auto size = inode.get_xattr(XATTR_NAME_CAPS, std::as_writable_bytes(std::span{&value, 1}));
    if (!size) {
        bool none = size.error() == Errno::nodata || size.error() == Errno::opnotsupp;
        return none ? Result<FileCapabilities>{FileCapabilities{}} : std::unexpected(size.error());
    }
    Revision revision = revision_of(value.magic_etc);
    if (*size < sizeof value.magic_etc || *size != revision.size) return err::inval;
    if (revision.size == XATTR_CAPS_SZ_3 && value.rootid != 0) return FileCapabilities{};
    FileCapabilities made{.effective = (value.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) != 0, .present = true};
    for (usize i = 0; i < revision.words; i++) {
        made.permitted |= CapabilitySet{value.data[i].permitted} << 32 * i;
        made.inheritable |= CapabilitySet{value.data[i].inheritable} << 32 * i;
    }
    made.permitted &= all_capabilities;
    made.inheritable &= all_capabilities;
    return made;
}

Result<CapabilityValue> check_capability_value(std::span<const std::byte> bytes) {
    Value value{};
    if (bytes.size() != XATTR_CAPS_SZ_2 && bytes.size() != XATTR_CAPS_SZ_3) return err::inval;
    std::memcpy(&value, bytes.data(), bytes.size());
    u32 magic = value.magic_etc & ~u32{VFS_CAP_FLAGS_EFFECTIVE};
    if (magic != (bytes.size() == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3)) return err::inval;
    if (value.rootid == no_root) return err::inval;
    CapabilityValue kept{.size = bytes.size()};
    if (value.rootid == 0) {
        value.magic_etc = VFS_CAP_REVISION_2 | (value.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
        kept.size = XATTR_CAPS_SZ_2;
    }
    std::memcpy(kept.bytes.data(), &value, kept.size);
    return kept;
}
} // namespace vfs
