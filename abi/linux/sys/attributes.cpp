// chmod, chown, utime; extended attributes.
#include "abi/linux/sys/directory.h"
#include "abi/linux/sys/places.h"
#include "kernel/vfs/xattr.h"
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>

namespace linux_abi::sys {
namespace {
constexpr i64 time_now = (1l << 30) - 1, time_omit = (1l << 30) - 2; // UTIME_NOW, UTIME_OMIT: not in the UAPI headers
constexpr u32 ns_per_second = 1'000'000'000, us_per_second = 1'000'000;

Result<vfs::Path> open_place(Task& task, Fd fd) { return place_of(*TRY(task.files->get(static_cast<int>(fd)))); }

Result<> change_owner(Task& task, const vfs::Path& at, u32 uid, u32 gid) {
    const Credentials& who = task.credentials();
    if (at.mount->read_only()) return err::rofs; // even of who cannot be named
    return vfs::change_owner(at, who, TRY(who.kuid(uid)), TRY(who.kgid(gid)));
}
} // namespace

Result<> fchmodat2(Task& task, DirFd dirfd, UserPath path, u32 mode, u32 flags) {
    if (flags & ~u32{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) return err::inval;
    return vfs::change_mode(TRY(place(task, dirfd, path, flags)), task.credentials(), mode);
}
Result<> fchmodat(Task& task, DirFd dirfd, UserPath path, u32 mode) { return fchmodat2(task, dirfd, path, mode, 0); }
Result<> chmod(Task& task, UserPath path, u32 mode) { return fchmodat2(task, at_cwd, path, mode, 0); }
Result<> fchmod(Task& task, Fd fd, u32 mode) {
    return vfs::change_mode(TRY(open_place(task, fd)), task.credentials(), mode);
}

Result<> fchownat(Task& task, DirFd dirfd, UserPath path, u32 uid, u32 gid, u32 flags) {
    if (flags & ~u32{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) return err::inval;
    auto at = TRY(place(task, dirfd, path, flags));
    return change_owner(task, at, uid, gid);
}
Result<> chown(Task& task, UserPath path, u32 uid, u32 gid) { return fchownat(task, at_cwd, path, uid, gid, 0); }
Result<> lchown(Task& task, UserPath path, u32 uid, u32 gid) {
    return fchownat(task, at_cwd, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}
Result<> fchown(Task& task, Fd fd, u32 uid, u32 gid) { return change_owner(task, TRY(open_place(task, fd)), uid, gid); }

Result<> utimensat(Task& task, DirFd dirfd, UserPath path, UserPtr<const __kernel_timespec[2]> times_at, u32 flags) {
    if (flags & ~u32{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) return err::inval;
    vfs::Timestamp stamps[2];
    bool set[2] = {true, true}, both_now = !times_at;
    if (times_at) {
        __kernel_timespec times[2];
        TRY(arch::copy_in(times, times_at.address(), sizeof times));
        if (times[0].tv_nsec == time_omit && times[1].tv_nsec == time_omit) return {};
        both_now = times[0].tv_nsec == time_now && times[1].tv_nsec == time_now;
        for (unsigned i = 0; i < 2; i++) {
            i64 ns = times[i].tv_nsec;
            set[i] = ns != time_omit;
            if (ns == time_now)
                stamps[i] = vfs::now();
            else if (set[i] && (ns < 0 || ns >= ns_per_second))
                return err::inval;
            else
                stamps[i] = {times[i].tv_sec, static_cast<u32>(ns)};
        }
    }
    // A null path means the descriptor itself: futimens(3).
    if (!path && dirfd != at_cwd && flags) return err::inval;
    auto at = !path && dirfd != at_cwd ? TRY(open_place(task, Fd{static_cast<int>(dirfd)}))
                                       : TRY(place(task, dirfd, path, flags));
    return vfs::change_times(at, task.credentials(), set[0] ? &stamps[0] : nullptr, set[1] ? &stamps[1] : nullptr,
                             both_now);
}

Result<> futimesat(Task& task, DirFd dirfd, UserPath path, UserPtr<const __kernel_old_timeval[2]> times_at) {
    vfs::Timestamp stamps[2];
    if (times_at) {
        __kernel_old_timeval times[2];
        TRY(arch::copy_in(times, times_at.address(), sizeof times));
        for (unsigned i = 0; i < 2; i++) {
            if (times[i].tv_usec < 0 || times[i].tv_usec >= us_per_second) return err::inval;
            stamps[i] = {times[i].tv_sec, static_cast<u32>(times[i].tv_usec) * 1000};
        }
    }
    auto at = !path && dirfd != at_cwd ? TRY(open_place(task, Fd{static_cast<int>(dirfd)}))
                                       : TRY(place(task, dirfd, path, 0));
    return vfs::change_times(at, task.credentials(), &stamps[0], &stamps[1], !times_at);
}
Result<> utimes(Task& task, UserPath path, UserPtr<const __kernel_old_timeval[2]> times) {
    return futimesat(task, at_cwd, path, times);
}
Result<> utime(Task& task, UserPath path, UserPtr<const utimbuf> times_at) {
    vfs::Timestamp stamps[2];
    if (times_at) {
        auto times = TRY(copy_in(times_at));
        stamps[0].seconds = times.actime;
        stamps[1].seconds = times.modtime;
    }
    return vfs::change_times(TRY(place(task, at_cwd, path, 0)), task.credentials(), &stamps[0], &stamps[1], !times_at);
}

namespace {
/// The name of an attribute. err::range: empty or too long.
struct XattrName {
    PathName text;
    Result<> load(UserPath from) {
        auto loaded = text.load(from);
        if (!loaded) return loaded.error() == Errno::nametoolong ? Result<>{err::range} : loaded;
        return text.view().empty() || text.view().size() > XATTR_NAME_MAX ? Result<>{err::range} : Result<>{};
    }
};

Result<> set_attribute(Task& task, Result<vfs::Path> at, UserPath name_at, UserSpan<const std::byte> value, int flags) {
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) return err::inval;
    XattrName name;
    TRY(name.load(name_at));
    if (value.size > XATTR_SIZE_MAX) return err::toobig;
    Vector<std::byte> copy;
    TRY(copy.resize(value.size));
    TRY(arch::copy_in(copy.data(), value.data.address(), value.size));
    return vfs::set_xattr(TRY(std::move(at)), task.credentials(), name.text.view(), copy, flags);
}
Result<usize> get_attribute(Task& task, Result<vfs::Path> at, UserPath name_at, UserSpan<std::byte> to) {
    XattrName name;
    TRY(name.load(name_at));
    Vector<std::byte> value;
    TRY(value.resize(to.size < XATTR_SIZE_MAX ? to.size : XATTR_SIZE_MAX));
    usize n = TRY(vfs::get_xattr(TRY(std::move(at)), task.credentials(), name.text.view(), value));
    if (to.size) TRY(arch::copy_out(to.data.address(), value.data(), n));
    return n;
}
Result<usize> list_attributes(Task& task, Result<vfs::Path> at, UserSpan<std::byte> to) {
    Vector<char> names = TRY(vfs::list_xattr(TRY(std::move(at)), task.credentials()));
    if (!to.size) return names.size();
    if (names.size() > to.size) return err::range;
    TRY(arch::copy_out(to.data.address(), names.data(), names.size()));
    return names.size();
}
Result<> remove_attribute(Task& task, Result<vfs::Path> at, UserPath name_at) {
    XattrName name;
    TRY(name.load(name_at));
    return vfs::remove_xattr(TRY(std::move(at)), task.credentials(), name.text.view());
}
Result<vfs::Path> followed(Task& task, UserPath path) { return place(task, at_cwd, path, 0); }
Result<vfs::Path> itself(Task& task, UserPath path) { return place(task, at_cwd, path, AT_SYMLINK_NOFOLLOW); }
} // namespace

Result<> setxattr(Task& task, UserPath path, UserPath name, UserSpan<const std::byte> value, int flags) {
    return set_attribute(task, followed(task, path), name, value, flags);
}
Result<> lsetxattr(Task& task, UserPath path, UserPath name, UserSpan<const std::byte> value, int flags) {
    return set_attribute(task, itself(task, path), name, value, flags);
}
Result<> fsetxattr(Task& task, Fd fd, UserPath name, UserSpan<const std::byte> value, int flags) {
    return set_attribute(task, open_place(task, fd), name, value, flags);
}
Result<usize> getxattr(Task& task, UserPath path, UserPath name, UserSpan<std::byte> value) {
    return get_attribute(task, followed(task, path), name, value);
}
Result<usize> lgetxattr(Task& task, UserPath path, UserPath name, UserSpan<std::byte> value) {
    return get_attribute(task, itself(task, path), name, value);
}
Result<usize> fgetxattr(Task& task, Fd fd, UserPath name, UserSpan<std::byte> value) {
    return get_attribute(task, open_place(task, fd), name, value);
}
Result<usize> listxattr(Task& task, UserPath path, UserSpan<std::byte> to) {
    return list_attributes(task, followed(task, path), to);
}
Result<usize> llistxattr(Task& task, UserPath path, UserSpan<std::byte> to) {
    return list_attributes(task, itself(task, path), to);
}
Result<usize> flistxattr(Task& task, Fd fd, UserSpan<std::byte> to) {
    return list_attributes(task, open_place(task, fd), to);
}
Result<> removexattr(Task& task, UserPath path, UserPath name) {
    return remove_attribute(task, followed(task, path), name);
}
Result<> lremovexattr(Task& task, UserPath path, UserPath name) {
    return remove_attribute(task, itself(task, path), name);
}
Result<> fremovexattr(Task& task, Fd fd, UserPath name) { return remove_attribute(task, open_place(task, fd), name); }
} // namespace linux_abi::sys
