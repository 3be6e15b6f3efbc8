// The one table of Linux's system calls: handler, number on x86-64, number on riscv64 (asm-generic), and what differs
// from Linux. A call without a row answers ENOSYS. The numbers are checked against the UAPI headers
// (tools/syscalls.py).
#pragma once
#include "abi/linux/call.h"
#include "abi/linux/sys/event.h"
#include "abi/linux/sys/ioctl.h"
#include "abi/linux/sys/poll.h"

namespace linux_abi {
inline constexpr Syscall syscalls[] = {
    //                                  x86-64  riscv64
    // Files and descriptors (sys/file.h)

    // Names and directories (sys/directory.h)

    // Mounts and file systems (sys/mount.h)

    // Pipes, polling, events, terminals (sys/poll.h, sys/event.h, sys/ioctl.h)
    on<sys::pipe>                      (   22,   none),
    on<sys::pipe2>                     (  293,     59, "O_NOTIFICATION_PIPE is refused"),
    on<sys::poll>                      (    7,   none),
    on<sys::ppoll>                     (  271,     73),
    on<sys::select>                    (   23,   none),
    on<sys::pselect6>                  (  270,     72),
    on<sys::epoll_create>              (  213,   none),
    on<sys::epoll_create1>             (  291,     20),
    on<sys::epoll_ctl>                 (  233,     21),
    on<sys::epoll_wait>                (  232,   none),
    on<sys::epoll_pwait>               (  281,     22),
    on<sys::epoll_pwait2>              (  441,    441),
    on<sys::eventfd>                   (  284,   none),
    on<sys::eventfd2>                  (  290,     19),
    on<sys::timerfd_create>            (  283,     85, "a blocked read does not notice that the wall clock was set"),
    on<sys::timerfd_settime>           (  286,     86),
    on<sys::timerfd_gettime>           (  287,     87),
    on<sys::signalfd>                  (  282,   none),
    on<sys::signalfd4>                 (  289,     74),
    on<sys::ioctl>                     (   16,     29, "terminals, and what every file knows"),
    on<sys::vhangup>                   (  153,     58),

    // Memory (sys/memory.h)

    // Processes (sys/process.h)

    // Identity and limits (sys/identity.h)

    // Signals (sys/signal.h)

    // Time and scheduling (sys/time.h, sys/sched.h)

    // Futexes, the system (sys/futex.h, sys/system.h)
};
} // namespace linux_abi
