// Character devices by number, and the table that open(2) of a device node asks.
#pragma once
#include "kernel/file/file.h"

namespace vfs {
struct Path;
}

namespace device {
/// makedev(major, minor) in the kernel's 64-bit encoding (as stat shows it).
constexpr u64 number(u32 major, u32 minor) {
    return (u64{minor} & 0xff) | (u64{major} & 0xfff) << 8 | (u64{minor} & ~u64{0xff}) << 12 |
           (u64{major} & ~u64{0xfff}) << 32;
}
constexpr u32 major(u64 device) { return static_cast<u32>((device >> 8 & 0xfff) | (device >> 32 & ~u64{0xfff})); }
constexpr u32 minor(u64 device) { return static_cast<u32>((device & 0xff) | (device >> 12 & 0xffff'ff00)); }

/// A driver's front: opens minors of one major. A constant, or an object that lives for ever.
class CharacterDevice {
public:
    /// `path` is the node's place (for print_name). err::nxio: no such minor.
    virtual Result<Ref<File>> open(u64 device, const vfs::Path& path, u32 flags) = 0;
    virtual std::string_view name() const = 0; // /proc/devices

protected:
    ~CharacterDevice() = default;
};
/// err::busy: taken. Major up to 511.
Result<> register_character(u32 major, CharacterDevice&);
/// err::nxio: no driver; err::perm: not for containers.
Result<Ref<File>> open_character(u64 device, const vfs::Path& path, u32 flags);
void print_devices(Writer&); // /proc/devices
/// The default devices of the OCI specification, and terminals: all that a container may open or make nodes for.
constexpr bool allowed_in_container(u64 device) {
    u32 n = minor(device);
    switch (major(device)) {
    case 1: return n == 3 || n == 5 || n == 7 || n == 8 || n == 9; // null zero full random urandom
    case 5: return n <= 2;                                         // tty console ptmx
    default: return major(device) >= 136 && major(device) <= 143;  // pts
    }
}
} // namespace device
