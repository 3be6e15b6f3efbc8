// Every part that boot plugs in: the one list of each kind.
#pragma once
#include "drivers/bus/device.h"
#include "kernel/process/abi.h"
#include "kernel/socket/family.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/inode.h"

namespace boot {
struct CharacterDevices {
    u32 major;
    device::CharacterDevice& (*devices)();
};
struct Manifest {
    std::span<const Abi* const> abis; // asked in this order whether an image is theirs
    std::span<const vfs::FilesystemType* const> filesystems;
    std::span<const sockets::Family* const> families;
    std::span<const CharacterDevices> devices;
    std::span<const bus::Driver* const> drivers; // asked in this order whether a device is theirs
};
extern const Manifest manifest;
} // namespace boot
