// What is known of a file beside its bytes, through every call that sets it: owner, mode, times, extended attributes,
// and the making of nodes.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <utime.h>

namespace {
constexpr unsigned other = 1234, group = 4321, same = ~0u;

struct stat about(const char* name) {
    struct stat s = {};
    CHECK(lstat(name, &s) == 0);
    return s;
}
void say(const char* what, const char* name) {
    struct stat s = about(name);
    printf("%s: owner %u group %u mode %o\n", what, s.st_uid, s.st_gid, s.st_mode);
}
void make(const char* name, mode_t mode) {
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK(fd >= 0 && fchmod(fd, mode) == 0 && close(fd) == 0);
}
/// Runs the body without privileges, as the user and group.
void as_other(auto body) {
    pid_t child = start([&] {
        failures = 0;
        gid_t groups[] = {group};
        CHECK(CALL(setgroups, 1, groups) == 0 && CALL(setresgid, other, other, other) == 0);
        CHECK(CALL(setresuid, other, other, other) == 0);
        body();
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void owners() {
    make("file", 06755);
    CHECK(symlink("file", "link") == 0);
    int fd = open("file", O_RDONLY), path = open("file", O_PATH);
    CHECK(CALL(fchown, fd, other, same) == 0);
    say("fchown of the owner alone", "file");
    CHECK(chmod("file", 02745) == 0 && CALL(fchown, fd, same, group) == 0);
    say("fchown, no program of the group's", "file");
    CHECK(chmod("file", 06777) == 0 && CALL(fchownat, AT_FDCWD, "file", same, same, 0) == 0);
    say("fchownat of nothing", "file");
    CHECK(CALL(fchownat, AT_FDCWD, "link", 7, 8, AT_SYMLINK_NOFOLLOW) == 0);
    say("fchownat of the link", "link");
    say("what it names", "file");
    CHECK(CALL(fchownat, fd, "", 9, 10, AT_EMPTY_PATH) == 0);
    say("fchownat by descriptor", "file");
    FAILS(EBADF, CALL(fchown, path, 1, 1));
    CHECK(CALL(fchownat, path, "", 11, 12, AT_EMPTY_PATH) == 0);
    say("fchownat of an O_PATH", "file");
    FAILS(EINVAL, CALL(fchownat, AT_FDCWD, "file", 1, 1, AT_REMOVEDIR));
    FAILS(ENOENT, CALL(fchownat, AT_FDCWD, "", 1, 1, 0));
    FAILS(ENOENT, CALL(fchownat, AT_FDCWD, "none", 1, 1, 0));
    FAILS(EBADF, CALL(fchownat, -1, "file", 1, 1, 0));
    FAILS(ENOTDIR, CALL(fchownat, fd, "file", 1, 1, 0));
    CHECK(mkdir("folder", 0) == 0 && chmod("folder", 06755) == 0 && chown("folder", 1, 1) == 0);
    say("a directory keeps its bits", "folder");
#ifdef __NR_chown
    CHECK(CALL(chown, "link", 21, 22) == 0 && CALL(lchown, "link", 23, 24) == 0);
    say("chown through the link", "file");
    say("lchown of the link", "link");
    FAILS(ENOENT, CALL(chown, "none", 1, 1));
    FAILS(ENOTDIR, CALL(lchown, "file/x", 1, 1));
#endif
    struct stat before = about("file");
    CHECK(eventually([&] {
        CHECK(CALL(fchown, fd, same, same) == 0);
        struct stat now = about("file");
        return now.st_ctim.tv_sec > before.st_ctim.tv_sec || now.st_ctim.tv_nsec > before.st_ctim.tv_nsec;
    }));

    CHECK(chown("file", other, other) == 0 && chmod("file", 06711) == 0);
    make("roots", 06711);
    make("roots-too", 0711);
    as_other([&] {
        int own = open("file", O_WRONLY);
        FAILS(EPERM, CALL(fchown, own, 0, same));
        FAILS(EPERM, CALL(fchown, own, same, 0));
        FAILS(EPERM, CALL(fchownat, AT_FDCWD, "roots", other, same, 0));
        FAILS(EPERM, CALL(fchownat, AT_FDCWD, "roots", same, group, 0));
        CHECK(CALL(fchownat, AT_FDCWD, "file", other, group, 0) == 0);
        say("given to a group of one's own", "file");
        FAILS(EPERM, CALL(fchownat, AT_FDCWD, "roots", same, same, 0)); // it would take the set-user-ID bit away
        CHECK(CALL(fchownat, AT_FDCWD, "roots-too", same, same, 0) == 0);
        say("nothing asked of another's file", "roots-too");
    });
    close(fd);
    close(path);
}

void modes() {
    make("mode", 0600);
    int fd = open("mode", O_RDWR), path = open("mode", O_PATH);
    CHECK(CALL(fchmodat, AT_FDCWD, "mode", 0170000 | 04751) == 0);
    say("fchmodat with bits of a type", "mode");
    CHECK(CALL(fchmod, fd, 0640) == 0);
    FAILS(EBADF, CALL(fchmod, path, 0600));
    FAILS(EBADF, CALL(fchmodat, -1, "mode", 0600));
    FAILS(ENOENT, CALL(fchmodat, AT_FDCWD, "", 0600));
    FAILS(ENOTDIR, CALL(fchmodat, AT_FDCWD, "mode/", 0600));
    CHECK(chown("mode", other, 0) == 0);
    as_other([&] {
        CHECK(CALL(fchmodat, AT_FDCWD, "mode", 06777) == 0);
        say("set-group-ID for a group that is not one's own", "mode");
        FAILS(EPERM, CALL(fchmodat, AT_FDCWD, "roots", 0777));
    });
    close(fd);
    close(path);
}

bool times_are(const char* name, long access, long access_ns, long change, long change_ns) {
    struct stat s = about(name);
    bool good = s.st_atim.tv_sec == access && s.st_atim.tv_nsec == access_ns && s.st_mtim.tv_sec == change &&
                s.st_mtim.tv_nsec == change_ns;
    if (!good)
        printf("%s: %lld.%09ld %lld.%09ld\n", name, (long long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
               (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    return good;
}
bool is_now(const timespec& t) {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return t.tv_sec >= now.tv_sec - 60 && t.tv_sec <= now.tv_sec;
}

void times() {
    make("timed", 0644);
    CHECK(symlink("timed", "timed-link") == 0);
    int fd = open("timed", O_RDONLY), path = open("timed", O_PATH);
    timespec both[2] = {{100, 5}, {200, 999'999'999}};
    CHECK(CALL(utimensat, AT_FDCWD, "timed", both, 0) == 0 && times_are("timed", 100, 5, 200, 999'999'999));
    timespec one[2] = {{300, 7}, {0, UTIME_OMIT}};
    CHECK(CALL(utimensat, fd, nullptr, one, 0) == 0 && times_are("timed", 300, 7, 200, 999'999'999));
    timespec before[2] = {{-5, 1}, {-6, 2}};
    CHECK(CALL(utimensat, AT_FDCWD, "timed-link", before, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(times_are("timed-link", -5, 1, -6, 2) && times_are("timed", 300, 7, 200, 999'999'999));
    timespec none[2] = {{99, UTIME_OMIT}, {99, UTIME_OMIT}};
    CHECK(CALL(utimensat, AT_FDCWD, "timed", none, 0) == 0 && times_are("timed", 300, 7, 200, 999'999'999));
    timespec now[2] = {{99, UTIME_OMIT}, {99, UTIME_NOW}};
    CHECK(CALL(utimensat, AT_FDCWD, "timed", now, 0) == 0);
    CHECK(about("timed").st_atim.tv_sec == 300 && is_now(about("timed").st_mtim));
    CHECK(CALL(utimensat, AT_FDCWD, "timed", both, 0) == 0 && CALL(utimensat, AT_FDCWD, "timed", nullptr, 0) == 0);
    CHECK(is_now(about("timed").st_atim) && is_now(about("timed").st_mtim));
    timespec wrong[2] = {{1, 1'000'000'000}, {1, 1}};
    FAILS(EINVAL, CALL(utimensat, AT_FDCWD, "timed", wrong, 0));
    FAILS(EINVAL, CALL(utimensat, AT_FDCWD, "timed", both, AT_REMOVEDIR));
    FAILS(EINVAL, CALL(utimensat, fd, nullptr, both, AT_SYMLINK_NOFOLLOW));
    FAILS(EFAULT, CALL(utimensat, AT_FDCWD, nullptr, both, 0));
    FAILS(EBADF, CALL(utimensat, path, nullptr, both, 0));
    FAILS(ENOENT, CALL(utimensat, AT_FDCWD, "", both, 0));
    CHECK(CALL(utimensat, path, "", both, AT_EMPTY_PATH) == 0 && times_are("timed", 100, 5, 200, 999'999'999));
#ifdef __NR_utime
    utimbuf old = {11, 12};
    CHECK(CALL(utime, "timed-link", &old) == 0 && times_are("timed", 11, 0, 12, 0));
    timeval pair[2] = {{13, 5}, {14, 999'999}};
    CHECK(CALL(utimes, "timed-link", pair) == 0 && times_are("timed", 13, 5000, 14, 999'999'000));
    pair[0].tv_sec = 15;
    CHECK(CALL(futimesat, AT_FDCWD, "timed", pair) == 0 && times_are("timed", 15, 5000, 14, 999'999'000));
    pair[0].tv_sec = 16;
    CHECK(CALL(futimesat, fd, nullptr, pair) == 0 && times_are("timed", 16, 5000, 14, 999'999'000));
    CHECK(CALL(utime, "timed", nullptr) == 0 && is_now(about("timed").st_atim));
    CHECK(CALL(utimes, "timed", nullptr) == 0 && is_now(about("timed").st_mtim));
    pair[1].tv_usec = 1'000'000;
    FAILS(EINVAL, CALL(utimes, "timed", pair));
    pair[1].tv_usec = -1;
    FAILS(EINVAL, CALL(futimesat, AT_FDCWD, "timed", pair));
    FAILS(ENOENT, CALL(utime, "none", &old));
#endif
    make("writable", 0666);
    as_other([&] {
        timespec now_twice[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
        CHECK(CALL(utimensat, AT_FDCWD, "writable", nullptr, 0) == 0);
        CHECK(CALL(utimensat, AT_FDCWD, "writable", now_twice, 0) == 0);
        FAILS(EPERM, CALL(utimensat, AT_FDCWD, "writable", both, 0));
        FAILS(EPERM, CALL(utimensat, AT_FDCWD, "writable", now, 0));
        FAILS(EACCES, CALL(utimensat, AT_FDCWD, "timed", nullptr, 0));
        CHECK(CALL(utimensat, AT_FDCWD, "timed", none, 0) == 0);
    });
    close(fd);
    close(path);
}

/// The names in a list, sorted by the caller's eye: each must be there once.
bool lists(const char* list, long size, const char* name) {
    int found = 0;
    for (const char* at = list; at < list + size; at += strlen(at) + 1) found += strcmp(at, name) == 0;
    return found == 1;
}

void extended() {
    make("x", 0644);
    CHECK(symlink("x", "x-link") == 0);
    int fd = open("x", O_RDONLY), path = open("x", O_PATH);
    char value[64] = {}, list[256];
    CHECK(CALL(setxattr, "x-link", "user.a", "first", 5ul, XATTR_CREATE) == 0);
    FAILS(EEXIST, CALL(setxattr, "x", "user.a", "second", 6ul, XATTR_CREATE));
    FAILS(ENODATA, CALL(setxattr, "x", "user.none", "second", 6ul, XATTR_REPLACE));
    FAILS(EINVAL, CALL(setxattr, "x", "user.a", "second", 6ul, 4));
    CHECK(CALL(fsetxattr, fd, "user.b", "", 0ul, 0) == 0);
    CHECK(CALL(lsetxattr, "x", "user.c", "third", 5ul, 0) == 0);
    FAILS(EPERM, CALL(lsetxattr, "x-link", "user.c", "third", 5ul, 0)); // only files and directories have user.*
    CHECK(CALL(lsetxattr, "x-link", "trusted.link", "link", 4ul, 0) == 0);
    FAILS(EBADF, CALL(fsetxattr, path, "user.b", "", 0ul, 0));
    FAILS(ERANGE, CALL(setxattr, "x", "", "v", 1ul, 0));
    FAILS(EOPNOTSUPP, CALL(setxattr, "x", "strange.a", "v", 1ul, 0));
    static char too_long[65537];
    FAILS(E2BIG, CALL(setxattr, "x", "user.a", too_long, sizeof too_long, 0));

    CHECK(CALL(getxattr, "x-link", "user.a", value, sizeof value) == 5 && memcmp(value, "first", 5) == 0);
    CHECK(CALL(getxattr, "x", "user.a", nullptr, 0ul) == 5);
    FAILS(ERANGE, CALL(getxattr, "x", "user.a", value, 4ul));
    CHECK(CALL(fgetxattr, fd, "user.b", value, sizeof value) == 0);
    CHECK(CALL(lgetxattr, "x", "user.c", value, sizeof value) == 5 && memcmp(value, "third", 5) == 0);
    CHECK(CALL(lgetxattr, "x-link", "trusted.link", value, sizeof value) == 4 && memcmp(value, "link", 4) == 0);
    FAILS(ENODATA, CALL(getxattr, "x-link", "trusted.link", value, sizeof value));
    FAILS(ENODATA, CALL(fgetxattr, fd, "user.none", value, sizeof value));
    FAILS(EBADF, CALL(fgetxattr, path, "user.a", value, sizeof value));

    long size = CALL(listxattr, "x-link", list, sizeof list);
    CHECK(size == 21 && lists(list, size, "user.a") && lists(list, size, "user.b") && lists(list, size, "user.c"));
    CHECK(CALL(flistxattr, fd, nullptr, 0ul) == 21 && CALL(llistxattr, "x", list, 21ul) == 21);
    FAILS(ERANGE, CALL(listxattr, "x", list, 20ul));
    size = CALL(llistxattr, "x-link", list, sizeof list);
    CHECK(size == 13 && lists(list, size, "trusted.link"));
    as_other([&] {
        char seen[64];
        CHECK(CALL(getxattr, "x", "user.a", seen, sizeof seen) == 5);
        FAILS(EACCES, CALL(setxattr, "x", "user.a", "mine", 4ul, 0));
        FAILS(EACCES, CALL(removexattr, "x", "user.a"));
        FAILS(ENODATA, CALL(lgetxattr, "x-link", "trusted.link", seen, sizeof seen));
        FAILS(EPERM, CALL(lsetxattr, "x-link", "trusted.link", "mine", 4ul, 0));
        CHECK(CALL(llistxattr, "x-link", seen, sizeof seen) == 0); // trusted.* is not for everybody's eyes
    });
    CHECK(CALL(removexattr, "x-link", "user.a") == 0 && CALL(fremovexattr, fd, "user.b") == 0);
    CHECK(CALL(lremovexattr, "x", "user.c") == 0 && CALL(lremovexattr, "x-link", "trusted.link") == 0);
    FAILS(ENODATA, CALL(removexattr, "x", "user.a"));
    FAILS(ENODATA, CALL(fremovexattr, fd, "user.b"));
    FAILS(EPERM, CALL(lremovexattr, "x-link", "user.c"));
    CHECK(CALL(listxattr, "x", list, sizeof list) == 0 && CALL(llistxattr, "x-link", list, sizeof list) == 0);
    close(fd);
    close(path);
}

void nodes() {
    umask(027);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(CALL(mknodat, here, "node", S_IFREG | 04666, 0) == 0);
    say("a regular file", "node");
    CHECK(CALL(mknodat, AT_FDCWD, "plain", 0666, 0) == 0);
    say("no type is a regular file", "plain");
    CHECK(CALL(mknodat, here, "null", S_IFCHR | 0666, makedev(1, 3)) == 0);
    say("a device", "null");
    CHECK(about("null").st_rdev == makedev(1, 3));
    CHECK(CALL(mknodat, here, "fifo", S_IFIFO | 0666, 0) == 0 &&
          CALL(mknodat, here, "socket", S_IFSOCK | 0666, 0) == 0);
    say("a FIFO", "fifo");
    say("a socket", "socket");
    FAILS(EPERM, CALL(mknodat, here, "x-folder", S_IFDIR | 0777, 0));
    FAILS(EINVAL, CALL(mknodat, here, "x-link-2", S_IFLNK | 0777, 0));
    FAILS(EEXIST, CALL(mknodat, here, "node", S_IFREG | 0666, 0));
    FAILS(ENOENT, CALL(mknodat, here, "none/x", S_IFREG | 0666, 0));
    FAILS(ENOENT, CALL(mknodat, here, "", S_IFREG | 0666, 0));
#ifdef __NR_mknod
    CHECK(CALL(mknod, "fifo2", S_IFIFO | 0640, 0) == 0);
    say("mknod", "fifo2");
    FAILS(EEXIST, CALL(mknod, "fifo2", S_IFIFO | 0640, 0));
#endif
    CHECK(chmod(".", 0777) == 0);
    as_other([&] {
        FAILS(EPERM, CALL(mknodat, AT_FDCWD, "null2", S_IFCHR | 0666, makedev(1, 3)));
        CHECK(CALL(mknodat, AT_FDCWD, "fifo3", S_IFIFO | 0666, 0) == 0);
        say("a FIFO of the user's", "fifo3");
    });
    close(here);
}
} // namespace

int main() {
    umask(0);
    owners();
    modes();
    times();
    extended();
    nodes();
    return finish("attributes");
}
