#include "abi/linux/sys/ioctl.h"
#include "kernel/device/tty/terminal.h"
#include "kernel/process/file_owner.h"
#include "kernel/socket/socket.h"
#include "kernel/vfs/operations.h"
#include <asm/ioctls.h>
#include <limits>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>

namespace linux_abi {
namespace {
static_assert(TCGETS == 0x5401 && TIOCGWINSZ == 0x5413 && FIONREAD == 0x541b && FIOCLEX == 0x5451);

Result<i64> set_flag(File& file, u32 flag, uptr argument) {
    if (TRY(copy_in(UserPtr<const int>{argument})))
        file.flags |= flag;
    else
        file.flags &= ~flag;
    return 0;
}

/// Of a regular file: what lies between the position and the end.
Result<i64> bytes_left(File& file, uptr argument) {
    auto* inode = file.inode();
    if (!inode || !inode->is_regular()) return file.ioctl(FIONREAD, argument);
    u64 at = *file.position.lock(), size = inode->attributes().size;
    TRY(copy_out(UserPtr<int>{argument}, static_cast<int>(size - at)));
    return 0;
}

/// FICLONE, FICLONERANGE: no file system here shares blocks between files. The errors are in Linux's order.
Result<i64> clone_file(Task& task, File& to, int from) {
    auto source = TRY(task.files->hold(from));
    vfs::Inode *a = source->inode(), *b = to.inode();
    if (!a || !b || &a->superblock() != &b->superblock()) return err::xdev;
    if (a->is_directory() || b->is_directory()) return err::isdir;
    if (!a->is_regular() || !b->is_regular()) return err::inval;
    if (!source->readable() || !to.writable() || to.flags & O_APPEND) return err::badf;
    return err::opnotsupp;
}
/// The inode flags of regular files and directories; others have none.
Result<i64> inode_flags(Task& task, File& file, u32 request, uptr argument) {
    auto* inode = file.inode();
    const vfs::Path* path = file.path();
    if (!path || !(inode->is_regular() || inode->is_directory()) || !inode->known_flags())
        return file.ioctl(request, argument);
    if (request == FS_IOC_GETFLAGS)
        TRY(copy_out(UserPtr<u32>{argument}, inode->attributes().flags));
    else
        TRY(vfs::change_flags(*path, task.credentials(), TRY(copy_in(UserPtr<const u32>{argument}))));
    return 0;
}

/// Of sockets: who gets SIGIO, as fcntl(2)'s F_SETOWN and F_GETOWN say it.
bool is_owner_request(u32 request) { return request >= FIOSETOWN && request <= SIOCGPGRP; }
Result<i64> owner_request(Task& task, File& file, u32 request, uptr argument) {
    if (request == FIOSETOWN || request == SIOCSPGRP) {
        int who = TRY(copy_in(UserPtr<const int>{argument}));
        if (who == std::numeric_limits<int>::min()) return err::inval;
        bool group = who < 0;
        TRY(process::set_file_owner(file, task, {group ? F_OWNER_PGRP : F_OWNER_PID, group ? -who : who}));
        return 0;
    }
    auto owner = process::file_owner(file, task.pids());
    TRY(copy_out(UserPtr<int>{argument}, owner.type == F_OWNER_PGRP ? -owner.number : owner.number));
    return 0;
}
} // namespace

namespace sys {
Result<i64> ioctl(Task& task, Fd fd, Choice<ioctl_requests> asked, uptr argument) {
    auto request = static_cast<u32>(asked.value);
    int number = static_cast<int>(fd);
    auto file = TRY(task.files->hold(number));
    switch (request) {
    case FIOCLEX: TRY(task.files->set_close_on_exec(number, true)); return 0;
    case FIONCLEX: TRY(task.files->set_close_on_exec(number, false)); return 0;
    case FIONBIO: return set_flag(*file, O_NONBLOCK, argument);
    case FIOASYNC: {
        bool on = TRY(copy_in(UserPtr<const int>{argument})), is_on = file->flags & FASYNC;
        if (on != is_on && !TRY(process::notify_owner(*file, number, on))) return err::notty;
        return 0;
    }
    case FIONREAD: return bytes_left(*file, argument);
    case FIOQSIZE: {
        auto* inode = file->inode();
        if (!inode || !(inode->is_regular() || inode->is_directory() || inode->is_symlink())) return err::notty;
        TRY(copy_out(UserPtr<i64>{argument}, static_cast<i64>(inode->attributes().size)));
        return 0;
    }
    case FS_IOC_GETFLAGS:
    case FS_IOC_SETFLAGS: return inode_flags(task, *file, request, argument);
    case FICLONE: return clone_file(task, *file, static_cast<int>(argument));
    case FICLONERANGE: {
        auto range = TRY(copy_in(UserPtr<const file_clone_range>{argument}));
        return clone_file(task, *file, static_cast<int>(range.src_fd));
    }
    default:
        if (is_owner_request(request) && sockets::of(*file)) return owner_request(task, *file, request, argument);
        return file->ioctl(request, argument);
    }
}

Result<> vhangup(Task& task) {
    if (!task.credentials().can_everywhere(CAP_SYS_TTY_CONFIG)) return err::perm;
    if (auto terminal = tty::controlling_terminal()) (*terminal)->hang_up_files();
    return {};
}
} // namespace sys
} // namespace linux_abi
