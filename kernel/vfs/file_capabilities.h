// The extended attribute security.capability: what a program may do whoever starts it, capabilities(7).
#pragma once
#include "kernel/credentials/credentials.h"
#include "kernel/vfs/inode.h"
#include <array>
#include <linux/capability.h>

namespace vfs {
struct FileCapabilities {
    CapabilitySet permitted = 0, inheritable = 0;
    bool effective = false; // all that exec gives is effective at once
    bool present = false;
};
/// Of a file, as exec sees them; none if it has no such attribute, or one for another user namespace. err::inval: the
/// attribute makes no sense.
Result<FileCapabilities> file_capabilities(Inode&);
/// What is kept of a value that somebody sets: a root id of 0 says nothing, so the shorter layout does. err::inval.
struct CapabilityValue {
    std::array<std::byte, XATTR_CAPS_SZ> bytes{};
    usize size = 0;
};
Result<CapabilityValue> check_capability_value(std::span<const std::byte>);
} // namespace vfs
