// The one table of Linux's system calls: handler, number on x86-64, number on riscv64 (asm-generic), and what differs
// from Linux. A call without a row answers ENOSYS. The numbers are checked against the UAPI headers
// (tools/syscalls.py).
#pragma once
#include "abi/linux/call.h"
#include "abi/linux/sys/directory.h"
#include "abi/linux/sys/event.h"
#include "abi/linux/sys/file.h"
#include "abi/linux/sys/ioctl.h"
#include "abi/linux/sys/mount.h"
#include "abi/linux/sys/poll.h"

namespace linux_abi {
inline constexpr Syscall syscalls[] = {
    //                                  x86-64  riscv64
    // Files and descriptors (sys/file.h)
    on<sys::open>                       (   2, none),
    on<sys::openat>                     ( 257,   56),
    on<sys::openat2>                    ( 437,  437, "RESOLVE_CACHED is EAGAIN"),
    on<sys::creat>                      (  85, none),
    on<sys::close>                      (   3,   57),
    on<sys::close_range>                ( 436,  436),
    on<sys::memfd_create>               ( 319,  279, "no huge pages"),
    on<sys::read>                       (   0,   63),
    on<sys::write>                      (   1,   64),
    on<sys::pread64>                    (  17,   67),
    on<sys::pwrite64>                   (  18,   68),
    on<sys::readv>                      (  19,   65),
    on<sys::writev>                     (  20,   66),
    on<sys::preadv>                     ( 295,   69),
    on<sys::pwritev>                    ( 296,   70),
    on<sys::preadv2>                    ( 327,  286, "RWF_NOWAIT and RWF_APPEND are EOPNOTSUPP"),
    on<sys::pwritev2>                   ( 328,  287, "RWF_NOWAIT and RWF_APPEND are EOPNOTSUPP"),
    on<sys::lseek>                      (   8,   62),
    on<sys::sendfile>                   (  40,   71),
    on<sys::copy_file_range>            ( 326,  285),
    on<sys::splice>                     ( 275,   76, "SPLICE_F_NONBLOCK looks at the input only"),
    on<sys::dup>                        (  32,   23),
    on<sys::dup2>                       (  33, none),
    on<sys::dup3>                       ( 292,   24),
    on<sys::fcntl>                      (  72,   25, "no leases, no directory notification"),
    on<sys::flock_>                     (  73,   32),
    on<sys::truncate>                   (  76,   45),
    on<sys::ftruncate>                  (  77,   46),
    on<sys::fallocate>                  ( 285,   47),
    on<sys::fadvise64>                  ( 221,  223),
    on<sys::readahead>                  ( 187,  213),
    on<sys::fsync>                      (  74,   82),
    on<sys::fdatasync>                  (  75,   83),
    on<sys::sync>                       ( 162,   81),
    on<sys::syncfs>                     ( 306,  267),
    on<sys::sync_file_range>            ( 277,   84),

    // Names and directories (sys/directory.h)
    on<sys::stat_>                      (   4, none),
    on<sys::lstat>                      (   6, none),
    on<sys::fstat>                      (   5,   80),
    on<sys::newfstatat>                 ( 262,   79),
    on<sys::statx_>                     ( 332,  291),
    on<sys::access>                     (  21, none),
    on<sys::faccessat>                  ( 269,   48),
    on<sys::faccessat2>                 ( 439,  439),
    on<sys::readlink>                   (  89, none),
    on<sys::readlinkat>                 ( 267,   78),
    on<sys::getdents>                   (  78, none),
    on<sys::getdents64>                 ( 217,   61),
    on<sys::mkdir>                      (  83, none),
    on<sys::mkdirat>                    ( 258,   34),
    on<sys::mknod>                      ( 133, none),
    on<sys::mknodat>                    ( 259,   33),
    on<sys::rmdir>                      (  84, none),
    on<sys::unlink>                     (  87, none),
    on<sys::unlinkat>                   ( 263,   35),
    on<sys::rename>                     (  82, none),
    on<sys::renameat>                   ( 264, none),
    on<sys::renameat2>                  ( 316,  276, "RENAME_WHITEOUT is EINVAL"),
    on<sys::link>                       (  86, none),
    on<sys::linkat>                     ( 265,   37),
    on<sys::symlink>                    (  88, none),
    on<sys::symlinkat>                  ( 266,   36),
    on<sys::chmod>                      (  90, none),
    on<sys::fchmod>                     (  91,   52),
    on<sys::fchmodat>                   ( 268,   53),
    on<sys::fchmodat2>                  ( 452,  452),
    on<sys::chown>                      (  92, none),
    on<sys::lchown>                     (  94, none),
    on<sys::fchown>                     (  93,   55),
    on<sys::fchownat>                   ( 260,   54),
    on<sys::utime>                      ( 132, none),
    on<sys::utimes>                     ( 235, none),
    on<sys::futimesat>                  ( 261, none),
    on<sys::utimensat>                  ( 280,   88),
    on<sys::setxattr>                   ( 188,    5),
    on<sys::lsetxattr>                  ( 189,    6),
    on<sys::fsetxattr>                  ( 190,    7),
    on<sys::getxattr>                   ( 191,    8),
    on<sys::lgetxattr>                  ( 192,    9),
    on<sys::fgetxattr>                  ( 193,   10),
    on<sys::listxattr>                  ( 194,   11),
    on<sys::llistxattr>                 ( 195,   12),
    on<sys::flistxattr>                 ( 196,   13),
    on<sys::removexattr>                ( 197,   14),
    on<sys::lremovexattr>               ( 198,   15),
    on<sys::fremovexattr>               ( 199,   16),

    // Mounts and file systems (sys/mount.h)
    on<sys::mount>                      ( 165,   40, "no propagation between mounts: MS_SHARED is EINVAL; MS_SLAVE and MS_UNBINDABLE act as MS_PRIVATE"),
    on<sys::umount2>                    ( 166,   39, "MNT_EXPIRE is EINVAL"),
    on<sys::pivot_root>                 ( 155,   41, "moves the root and working directory of the caller only"),
    on<sys::chroot>                     ( 161,   51),
    on<sys::chdir>                      (  80,   49),
    on<sys::fchdir>                     (  81,   50),
    on<sys::getcwd>                     (  79,   17),
    on<sys::umask>                      (  95,  166),
    on<sys::statfs_>                    ( 137,   43),
    on<sys::fstatfs>                    ( 138,   44),
    on<sys::name_to_handle_at>          ( 303, none, "EOPNOTSUPP"),
    on<sys::open_by_handle_at>          ( 304, none, "EOPNOTSUPP"),

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
