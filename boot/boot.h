// The boot's stages after the kernel's core runs.
#pragma once
#include "boot/command_line.h"

namespace boot {
/// In a thread of its own: file systems, drivers, the host world's files, its first process.
void start_system(const CommandLine&);
} // namespace boot
