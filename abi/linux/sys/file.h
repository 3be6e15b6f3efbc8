// Open files and descriptors: read, write, fcntl, and what fills or empties files.
#pragma once
#include "abi/linux/arguments.h"
#include "lib/result.h"
#include <asm/fcntl.h>
#include <linux/uio.h>

class Task;

namespace linux_abi {
inline constexpr std::array open_flags{
    FlagName{O_WRONLY, "O_WRONLY"},       FlagName{O_RDWR, "O_RDWR"},         FlagName{O_CREAT, "O_CREAT"},
    FlagName{O_EXCL, "O_EXCL"},           FlagName{O_NOCTTY, "O_NOCTTY"},     FlagName{O_TRUNC, "O_TRUNC"},
    FlagName{O_APPEND, "O_APPEND"},       FlagName{O_NONBLOCK, "O_NONBLOCK"}, FlagName{O_SYNC, "O_SYNC"},
    FlagName{O_DSYNC, "O_DSYNC"},         FlagName{O_TMPFILE, "O_TMPFILE"},   FlagName{O_DIRECTORY, "O_DIRECTORY"},
    FlagName{O_NOFOLLOW, "O_NOFOLLOW"},   FlagName{O_CLOEXEC, "O_CLOEXEC"},   FlagName{O_PATH, "O_PATH"},
    FlagName{O_LARGEFILE, "O_LARGEFILE"}, FlagName{O_NOATIME, "O_NOATIME"},   FlagName{O_DIRECT, "O_DIRECT"},
};
using OpenFlags = Bits<open_flags>;
inline constexpr std::array fcntl_commands{
    FlagName{F_DUPFD, "F_DUPFD"}, FlagName{F_GETFD, "F_GETFD"},   FlagName{F_SETFD, "F_SETFD"},
    FlagName{F_GETFL, "F_GETFL"}, FlagName{F_SETFL, "F_SETFL"},   FlagName{F_GETLK, "F_GETLK"},
    FlagName{F_SETLK, "F_SETLK"}, FlagName{F_SETLKW, "F_SETLKW"}, FlagName{1030, "F_DUPFD_CLOEXEC"},
};

namespace sys {
Result<int> open(Task&, UserPath, OpenFlags, u32 mode);
Result<int> openat(Task&, DirFd, UserPath, OpenFlags, u32 mode);
Result<int> openat2(Task&, DirFd, UserPath, UserPtr<const std::byte> how, usize size);
Result<int> creat(Task&, UserPath, u32 mode);
Result<> close(Task&, Fd);
Result<> close_range(Task&, u32 first, u32 last, u32 flags);
Result<int> memfd_create(Task&, UserPath name, u32 flags);

Result<usize> read(Task&, Fd, UserSpan<std::byte>);
Result<usize> write(Task&, Fd, UserSpan<const std::byte>);
Result<usize> pread64(Task&, Fd, UserSpan<std::byte>, i64 offset);
Result<usize> pwrite64(Task&, Fd, UserSpan<const std::byte>, i64 offset);
Result<usize> readv(Task&, Fd, UserSpan<const iovec>);
Result<usize> writev(Task&, Fd, UserSpan<const iovec>);
Result<usize> preadv(Task&, Fd, UserSpan<const iovec>, i64 offset, u64 high);
Result<usize> pwritev(Task&, Fd, UserSpan<const iovec>, i64 offset, u64 high);
Result<usize> preadv2(Task&, Fd, UserSpan<const iovec>, i64 offset, u64 high, u32 flags);
Result<usize> pwritev2(Task&, Fd, UserSpan<const iovec>, i64 offset, u64 high, u32 flags);
Result<u64> lseek(Task&, Fd, i64 offset, int whence);

Result<usize> sendfile(Task&, Fd out, Fd in, UserPtr<i64> offset, usize n);
Result<usize> copy_file_range(Task&, Fd in, UserPtr<i64> in_at, Fd out, UserPtr<i64> out_at, usize n, u32 flags);
Result<usize> splice(Task&, Fd in, UserPtr<i64> in_at, Fd out, UserPtr<i64> out_at, usize n, u32 flags);
Result<usize> tee(Task&, Fd in, Fd out, usize n, u32 flags);
Result<usize> vmsplice(Task&, Fd, UserSpan<const iovec>, u32 flags);

Result<int> dup(Task&, Fd);
Result<int> dup2(Task&, Fd, Fd to);
Result<int> dup3(Task&, Fd, Fd to, u32 flags);
Result<i64> fcntl(Task&, Fd, Choice<fcntl_commands>, u64 argument);
Result<> flock_(Task&, Fd, u32 operation);

Result<> truncate(Task&, UserPath, i64 size);
Result<> ftruncate(Task&, Fd, i64 size);
Result<> fallocate(Task&, Fd, int mode, i64 offset, i64 size);
Result<> fadvise64(Task&, Fd, i64 offset, i64 size, int advice);
Result<> readahead(Task&, Fd, i64 offset, usize n);
Result<> fsync(Task&, Fd);
Result<> fdatasync(Task&, Fd);
Result<> sync(Task&);
Result<> syncfs(Task&, Fd);
Result<> sync_file_range(Task&, Fd, i64 offset, i64 size, u32 flags);
} // namespace sys
} // namespace linux_abi
