// From a descriptor and a path to a place in the tree, for the *at calls.
#pragma once
#include "abi/linux/sys/path.h"
#include "kernel/process/task.h"

namespace linux_abi {
/// A path of the caller's, and who walks it from where.
struct Walked {
    PathName name;
    vfs::Walker walker;
    /// err::fault, err::nametoolong, err::badf, err::notdir. An absolute path needs no good `dirfd`.
    Result<> load(Task&, DirFd, UserPath);
};
inline constexpr DirFd at_cwd{-100};

/// The place that (dirfd, path, flags) means. AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW and AT_EMPTY_PATH are looked at;
/// which are allowed is the caller's to check. `follow`: what no flag means.
Result<vfs::Path> place(Task&, DirFd, UserPath, u32 flags, bool follow = true, u32 more_walk = 0);
/// The same with the path copied in already.
Result<vfs::Path> place(Task&, DirFd, std::string_view path, u32 flags, bool follow, u32 more_walk = 0);
/// The place of an open file; one without a place gets one for its inode.
Result<vfs::Path> place_of(File&);
} // namespace linux_abi
