// The one table of Linux's system calls: handler, number on x86-64, number on riscv64 (asm-generic), and what differs
// from Linux. A call without a row answers ENOSYS. The numbers are checked against the UAPI headers
// (tools/syscalls.py).
#pragma once
#include "abi/linux/call.h"

namespace linux_abi {
inline constexpr Syscall syscalls[] = {
    //                                  x86-64  riscv64
    // Files and descriptors (sys/file.h)

    // Names and directories (sys/directory.h)

    // Mounts and file systems (sys/mount.h)

    // Pipes, polling, events, terminals (sys/poll.h, sys/event.h)

    // Memory (sys/memory.h)

    // Processes (sys/process.h)

    // Identity and limits (sys/identity.h)

    // Signals (sys/signal.h)

    // Time and scheduling (sys/time.h, sys/sched.h)

    // Futexes, the system (sys/futex.h, sys/system.h)
};
} // namespace linux_abi
