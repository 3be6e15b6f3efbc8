// The kernel's command line: words before `--` are ours, everything after it is init's.
#pragma once
#include "core/log/log.h"
#include "lib/result.h"
#include <optional>
#include <string_view>

namespace boot {
struct CommandLine {
    std::string_view init = "/init";            // init=PATH: the first program, in the initramfs
    LogLevel console_level = LogLevel::warning; // loglevel=0..7; `quiet` is 3, `debug` 7
    std::optional<std::string_view> trace;      // trace=all, or names of system calls separated by commas
    std::optional<std::string_view> ktest; // ktest: run the in-kernel tests; ktest=TEXT: those with TEXT in their name
    unsigned watchdog_ms = 0; // watchdog=N: report what keeps a CPU longer (check kernels under QEMU's -icount)
    std::optional<std::string_view> ip; // ip=: the host world's network, as nfsroot.rst has it
    std::string_view init_arguments;    // what follows `--`, unsplit, without the device words that stand last
    std::string_view device_words;      // those: QEMU's microvm adds them at the end, behind everything
    std::string_view words;             // all before `--`
};
/// Words we do not know are left alone: bootloaders and QEMU add some.
CommandLine parse_command_line(std::string_view);

/// Calls visit(value) for each virtio_mmio.device=VALUE: a device that cannot be found otherwise.
void each_device_word(const CommandLine&, void (*visit)(std::string_view value));

/// The first word of `rest`, which loses it; empty at the end. A word may be quoted with "" to hold blanks.
std::string_view next_word(std::string_view& rest);
} // namespace boot
