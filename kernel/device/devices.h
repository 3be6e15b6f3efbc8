// The kernel's own character devices.
#pragma once
#include "kernel/vfs/device.h"

namespace device {
CharacterDevice& memory_devices();                            // major 1: null, zero, full, random, urandom, kmsg
CharacterDevice& terminal_devices();                          // major 5: tty, console, ptmx
CharacterDevice& pty_devices();                               // major 136: pts/N
Result<Ref<File>> open_log(const vfs::Path& path, u32 flags); // kmsg
} // namespace device
