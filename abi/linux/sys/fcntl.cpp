// fcntl and flock.
#include "abi/linux/sys/file.h"
#include "abi/linux/sys/places.h"
#include "kernel/process/file_owner.h"
#include "kernel/vfs/locks.h"
#include "kernel/vfs/permission.h"
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

namespace linux_abi::sys {
namespace {
constexpr u32 changeable_flags = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
constexpr u64 to_the_end = ~u64{0};
constexpr i64 last_offset = ~u64{0} >> 1;

vfs::FileLock::Setter setter(Task& task) {
    return {&task.pids(), task.process().pid(), task.process().pid(PidNamespace::root())};
}

/// The range of a struct flock. err::inval, err::overflow: it leaves the offsets there are.
Result<vfs::FileLock> lock_range(File& f, const struct flock& l, Task& task, bool of_description) {
    i64 base = 0, start, end;
    if (l.l_whence == SEEK_CUR)
        base = static_cast<i64>(*f.position.lock());
    else if (l.l_whence == SEEK_END)
        base = f.inode() ? static_cast<i64>(f.inode()->attributes().size) : 0;
    else if (l.l_whence != SEEK_SET)
        return err::inval;
    if (__builtin_add_overflow(base, l.l_start, &start)) return err::overflow;
    if (start < 0) return err::inval;
    if (l.l_len < 0) {
        end = start - 1;
        start += l.l_len;
        if (start < 0) return err::inval;
    } else if (l.l_len > 0) {
        if (__builtin_add_overflow(start, l.l_len - 1, &end)) return err::overflow;
    } else {
        end = last_offset;
    }
    return vfs::FileLock{.kind = of_description ? vfs::LockKind::description : vfs::LockKind::process,
                         .exclusive = l.l_type == F_WRLCK,
                         .owner =
                             of_description ? static_cast<const void*>(&f) : static_cast<const void*>(task.files.get()),
                         .pid = of_description ? -1 : task.process().pid(),
                         .first = static_cast<u64>(start),
                         .last = end == last_offset ? to_the_end : static_cast<u64>(end),
                         .setter = setter(task)};
}

Result<i64> lock_command(Task& task, File& f, int command, UserPtr<struct flock> at) {
    bool of_description = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    auto l = TRY(copy_in(at));
    if (of_description && l.l_pid != 0) return err::inval;
    auto* locks = f.locks();
    if (!locks) return err::inval;
    if (command == F_GETLK || command == F_OFD_GETLK) {
        if (l.l_type != F_RDLCK && l.l_type != F_WRLCK) return err::inval;
        auto holder = locks->conflict(TRY(lock_range(f, l, task, of_description)));
        if (!holder) {
            l.l_type = F_UNLCK;
        } else {
            l.l_type = holder->exclusive ? F_WRLCK : F_RDLCK;
            l.l_whence = SEEK_SET;
            l.l_start = static_cast<i64>(holder->first);
            l.l_len = holder->last == to_the_end ? 0 : static_cast<i64>(holder->last - holder->first + 1);
            l.l_pid = holder->pid;
        }
        TRY(copy_out_zeroed(at, l));
        return 0;
    }
    auto wanted = TRY(lock_range(f, l, task, of_description));
    if (l.l_type == F_UNLCK) {
        TRY(locks->unlock(wanted));
        return 0;
    }
    if (l.l_type != F_RDLCK && l.l_type != F_WRLCK) return err::inval;
    if (l.l_type == F_RDLCK ? !f.readable() : !f.writable()) return err::badf;
    TRY(locks->set(wanted, command == F_SETLKW || command == F_OFD_SETLKW));
    return 0;
}

Result<i64> set_flags(Task& task, File& f, int fd, u32 wanted) {
    u32 old = f.flags.load();
    if ((wanted ^ old) & O_APPEND && f.inode() && f.inode()->append_only()) return err::perm;
    if (wanted & O_NOATIME && !(old & O_NOATIME) && f.inode() && !vfs::owns(*f.inode(), task.credentials()))
        return err::perm;
    if ((wanted ^ old) & FASYNC) { // who cannot tell keeps quiet, as on Linux
        TRY(process::notify_owner(f, fd, wanted & FASYNC));
        old = f.flags.load();
    }
    while (!f.flags.compare_exchange_weak(old, (old & ~changeable_flags) | (wanted & changeable_flags)));
    return 0;
}
/// F_SETOWN: a process, or as a negative number a group.
Result<i64> set_owner(Task& task, File& f, int number) {
    if (number == INT_MIN) return err::inval;
    TRY(process::set_file_owner(f, task, {number < 0 ? F_OWNER_PGRP : F_OWNER_PID, number < 0 ? -number : number}));
    return 0;
}
Result<i64> set_owner_by_type(Task& task, File& f, UserPtr<const f_owner_ex> from) {
    auto wanted = TRY(copy_in(from));
    if (wanted.type != F_OWNER_TID && wanted.type != F_OWNER_PID && wanted.type != F_OWNER_PGRP) return err::inval;
    if (wanted.pid < 0) return err::srch;
    TRY(process::set_file_owner(f, task, {wanted.type, wanted.pid}));
    return 0;
}
Result<i64> show_owner(Task& task, File& f, UserPtr<f_owner_ex> to) {
    auto owner = process::file_owner(f, task.pids());
    TRY(copy_out(to, f_owner_ex{owner.type, owner.number}));
    return 0;
}
/// F_SETLEASE: of a regular file that is one's own.
Result<i64> set_lease(Task& task, File& f, int fd, u32 type) {
    static_assert(F_RDLCK == 0 && F_WRLCK == 1 && F_UNLCK == 2);
    static constexpr vfs::LeaseKind kinds[] = {vfs::LeaseKind::read, vfs::LeaseKind::write, vfs::LeaseKind::none};
    auto* inode = f.inode();
    if (type >= std::size(kinds) || !inode) return err::inval;
    if (inode->protection().uid != task.credentials().fsuid && !task.credentials().can_everywhere(CAP_LEASE))
        return err::acces;
    if (!inode->is_regular()) return err::inval;
    TRY(process::set_lease(f, task, fd, kinds[type]));
    return 0;
}
Result<i64> get_lease(File& f) {
    static constexpr i64 types[] = {F_UNLCK, F_RDLCK, F_WRLCK};
    if (!vfs::LeaseList::in_use() || !f.inode()) return F_UNLCK;
    return types[static_cast<usize>(TRY(vfs::leases_of(f))->of(f))];
}
} // namespace

Result<i64> fcntl(Task& task, Fd fd, Choice<fcntl_commands> command, u64 argument) {
    int number = static_cast<int>(fd);
    FileTable& files = *task.files;
    auto file = TRY(files.hold(number, true));
    switch (command.value) { // those that O_PATH files know
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return files.install(file.share(), command.value == F_DUPFD_CLOEXEC, task.descriptor_limit(),
                             static_cast<int>(argument));
    case F_GETFD: return TRY(files.close_on_exec(number)) ? FD_CLOEXEC : 0;
    case F_SETFD: TRY(files.set_close_on_exec(number, argument & FD_CLOEXEC)); return 0;
    case F_GETFL: return file->flags.load();
    }
    if (file->path_only()) return err::badf;
    switch (command.value) {
    case F_SETFL: return set_flags(task, *file, number, static_cast<u32>(argument));
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: return lock_command(task, *file, command.value, UserPtr<struct flock>{argument});
    case F_SETOWN: return set_owner(task, *file, static_cast<int>(argument));
    case F_GETOWN: {
        auto owner = process::file_owner(*file, task.pids());
        return owner.type == F_OWNER_PGRP ? -owner.number : owner.number;
    }
    case F_SETOWN_EX: return set_owner_by_type(task, *file, UserPtr<const f_owner_ex>{argument});
    case F_GETOWN_EX: return show_owner(task, *file, UserPtr<f_owner_ex>{argument});
    case F_SETSIG: TRY(process::set_file_signal(*file, static_cast<int>(argument))); return 0;
    case F_GETSIG: return process::file_signal(*file);
    case F_SETLEASE: return set_lease(task, *file, number, static_cast<u32>(argument));
    case F_GETLEASE: return get_lease(*file);
    case F_NOTIFY:
        if (!file->inode()) return err::notdir;
        TRY(process::watch_directory(*file, task, number, static_cast<u32>(argument)));
        return 0;
    default: return file->control(command.value, argument);
    }
}

Result<> flock_(Task& task, Fd fd, u32 operation) {
    constexpr u32 shared = 1, exclusive = 2, no_wait = 4, unlock = 8; // LOCK_*, of <asm-generic/fcntl.h>
    static_assert(LOCK_SH == shared && LOCK_EX == exclusive && LOCK_NB == no_wait && LOCK_UN == unlock);
    if (operation & LOCK_MAND) return {}; // as on Linux, which has given up what it meant
    u32 kind = operation & ~no_wait;
    if (kind != shared && kind != exclusive && kind != unlock) return err::inval;
    auto file = TRY(task.files->get(static_cast<int>(fd)));
    auto* locks = file->locks();
    if (!locks) return err::inval;
    vfs::FileLock wanted{.kind = vfs::LockKind::whole,
                         .exclusive = kind == exclusive,
                         .owner = file.get(),
                         .first = 0,
                         .last = to_the_end,
                         .setter = setter(task)};
    if (kind == unlock) return locks->unlock(wanted);
    return locks->set(wanted, !(operation & no_wait));
}
} // namespace linux_abi::sys
