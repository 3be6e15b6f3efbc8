#include "abi/linux/sys/places.h"
#include "kernel/vfs/anonymous.h"
#include <linux/fcntl.h>

namespace linux_abi {
Result<> Walked::load(Task& task, DirFd dirfd, UserPath path) {
    TRY(name.load(path));
    bool relative = !name.view().starts_with('/') && dirfd != at_cwd;
    walker = relative ? TRY(task.walker(static_cast<int>(dirfd))) : task.walker();
    return {};
}

Result<vfs::Path> place_of(File& file) {
    if (auto* path = file.path()) return *path;
    if (auto* inode = file.inode()) return vfs::anonymous_path(*inode);
    return err::badf;
}

Result<vfs::Path> place(Task& task, DirFd dirfd, UserPath path, u32 flags, bool follow, u32 more_walk) {
    [[clang::uninitialized]] PathName name;
    TRY(name.load(path));
    return place(task, dirfd, name.view(), flags, follow, more_walk);
}

Result<vfs::Path> place(Task& task, DirFd dirfd, std::string_view name, u32 flags, bool follow, u32 more_walk) {
    if (name.empty()) {
        if (!(flags & AT_EMPTY_PATH)) return err::noent;
        if (dirfd == at_cwd) return task.fs->cwd();
        return place_of(*TRY(task.files->get(static_cast<int>(dirfd), true)));
    }
    bool relative = !name.starts_with('/') && dirfd != at_cwd;
    auto walker = relative ? TRY(task.walker(static_cast<int>(dirfd))) : task.walker();
    if (flags & AT_SYMLINK_NOFOLLOW) follow = false;
    if (flags & AT_SYMLINK_FOLLOW) follow = true;
    return vfs::resolve(walker, name, (follow ? u32{vfs::walk_follow} : 0u) | more_walk);
}
} // namespace linux_abi
