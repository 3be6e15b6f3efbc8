// What exec knows of a program before it becomes the task's.
#pragma once
#include "kernel/process/exec/elf.h"

namespace exec {
/// What an ABI looks at to claim a program: Abi::claims().
struct Image {
    const elf::Image& elf;
    bool host_note = false; // marked for the Host ABI
};
} // namespace exec
