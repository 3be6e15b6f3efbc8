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

/// With a root ID of 0 in the layouts that have none.
Result<Revision> read(Inode& inode, Value& value) {
    usize size = TRY(inode.get_xattr(XATTR_NAME_CAPS, std::as_writable_bytes(std::span{&value, 1})));
    Revision revision = revision_of(value.magic_etc);
    if (size < sizeof value.magic_etc || size != revision.size) return err::inval;
    return revision;
}
/// What the machine's root has set counts everywhere; what another root has, in its namespace.
bool counts_for(const Credentials& who, u32 root) { return root == 0 || Kuid{root} == who.root(); }

CapabilityValue layout(Value value, u32 root) {
    CapabilityValue made{.size = root ? XATTR_CAPS_SZ_3 : XATTR_CAPS_SZ_2};
    u32 revision = root ? VFS_CAP_REVISION_3 : VFS_CAP_REVISION_2;
    value.magic_etc = revision | (value.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
    value.rootid = root;
    std::memcpy(made.bytes.data(), &value, made.size);
    return made;
}
} // namespace

Result<FileCapabilities> file_capabilities(Inode& inode, const Credentials& who) {
    Value value{};
    auto read_revision = read(inode, value);
    if (!read_revision) {
        bool none = read_revision.error() == Errno::nodata || read_revision.error() == Errno::opnotsupp;
        return none ? Result<FileCapabilities>{FileCapabilities{}} : std::unexpected(read_revision.error());
    }
    Revision revision = *read_revision;
    if (!counts_for(who, value.rootid)) return FileCapabilities{};
    FileCapabilities made{.effective = (value.magic_etc & VFS_CAP_FLAGS_EFFECTIVE) != 0, .present = true};
    for (usize i = 0; i < revision.words; i++) {
        made.permitted |= CapabilitySet{value.data[i].permitted} << 32 * i;
        made.inheritable |= CapabilitySet{value.data[i].inheritable} << 32 * i;
    }
    made.permitted &= all_capabilities;
    made.inheritable &= all_capabilities;
    return made;
}

Result<CapabilityValue> check_capability_value(std::span<const std::byte> bytes, const Credentials& who) {
    Value value{};
    if (bytes.size() != XATTR_CAPS_SZ_2 && bytes.size() != XATTR_CAPS_SZ_3) return err::inval;
    std::memcpy(&value, bytes.data(), bytes.size());
    u32 magic = value.magic_etc & ~u32{VFS_CAP_FLAGS_EFFECTIVE};
    if (magic != (bytes.size() == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3)) return err::inval;
    if (value.rootid == no_root) return err::inval;
    return layout(value, static_cast<u32>(TRY(who.kuid(value.rootid))));
}

Result<CapabilityValue> shown_capability_value(Inode& inode, const Credentials& who) {
    Value value{};
    TRY(read(inode, value));
    u32 root = who.users->id_of(Kuid{value.rootid});
    if (root != ids::none && root != 0) return layout(value, root);
    if (!counts_for(who, value.rootid)) return err::overflow;
    return layout(value, 0);
}
} // namespace vfs
