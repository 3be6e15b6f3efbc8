// inotify(7).
#include "kernel/vfs/inotify.h"
#include "abi/linux/sys/event.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/permission.h"
#include <linux/fcntl.h>

namespace linux_abi::sys {
namespace {
constexpr u32 known_bits = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |
                           IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT;
} // namespace

Result<int> inotify_init1(Task& task, u32 flags) {
    if (flags & ~u32{IN_CLOEXEC | IN_NONBLOCK}) return err::inval;
    auto user = TRY(User::of(*task.view().users, task.credentials().euid));
    return task.install(TRY(inotify::create(std::move(user), flags & IN_NONBLOCK)), flags & IN_CLOEXEC);
}
Result<int> inotify_init(Task& task) { return inotify_init1(task, 0); }

Result<int> inotify_add_watch(Task& task, Fd fd, UserPath path, u32 mask) {
    if (mask & ~known_bits || !mask) return err::inval;
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    auto* instance = inotify::instance_of(*file);
    if ((mask & IN_MASK_ADD && mask & IN_MASK_CREATE) || !instance) return err::inval;
    auto at = TRY(place(task, at_cwd, path, 0, !(mask & IN_DONT_FOLLOW), mask & IN_ONLYDIR ? vfs::walk_directory : 0));
    TRY(vfs::check_inode(at, task.credentials(), vfs::may_read));
    return instance->add(at.inode(), mask);
}

Result<> inotify_rm_watch(Task& task, Fd fd, int number) {
    auto file = TRY(task.files->hold(static_cast<int>(fd)));
    auto* instance = inotify::instance_of(*file);
    return instance ? instance->remove(number) : err::inval;
}
} // namespace linux_abi::sys
