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
/// Of a file, as exec by `who` sees them; none if it has no such attribute, or one for another user namespace.
/// err::inval: the attribute makes no sense.
Result<FileCapabilities> file_capabilities(Inode&, const Credentials& who);
struct CapabilityValue {
    std::array<std::byte, XATTR_CAPS_SZ> bytes{};
    usize size = 0;
};
/// What is kept of a value that somebody sets: with the kernel's ID of the root user for whom it counts, or in the
/// shorter layout if that is the machine's. err::inval.
Result<CapabilityValue> check_capability_value(std::span<const std::byte>, const Credentials&);
/// What somebody in a user namespace with maps is shown. err::overflow: it is for a namespace beside.
Result<CapabilityValue> shown_capability_value(Inode&, const Credentials&);
} // namespace vfs
