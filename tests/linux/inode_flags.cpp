// The flags of files that chattr(1) sets, which bind the superuser too: on tmpfs, where Linux has them since 6.6.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>

namespace {
// Of linux/fs.h, which does not go together with every C library's headers.
constexpr unsigned secure_removal = 1, immutable = 0x10, append_only = 0x20, no_dump = 0x40, no_access_time = 0x80;
constexpr unsigned long get_flags = _IOR('f', 1, long), set_flags = _IOW('f', 2, long);

unsigned flags_of(int fd) {
    unsigned flags = ~0u;
    CHECK(CALL(ioctl, fd, get_flags, &flags) == 0);
    return flags;
}
long set(int fd, unsigned flags) { return CALL(ioctl, fd, set_flags, &flags); }
int made(const char* name) {
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0644);
    CHECK(fd >= 0 && write(fd, "text", 4) == 4);
    return fd;
}

void changes() {
    int fd = made("file");
    CHECK(flags_of(fd) == 0);
    CHECK(set(fd, immutable | append_only | no_dump | no_access_time) == 0);
    CHECK(flags_of(fd) == (immutable | append_only | no_dump | no_access_time));
    FAILS(EOPNOTSUPP, set(fd, secure_removal));
    CHECK(set(fd, 0) == 0 && flags_of(fd) == 0);
    FAILS(EFAULT, CALL(ioctl, fd, get_flags, 8));
    FAILS(EFAULT, CALL(ioctl, fd, set_flags, 8));
    int path = open("file", O_PATH), folder = open(".", O_RDONLY);
    FAILS(EBADF, CALL(ioctl, path, get_flags, 8));
    CHECK(flags_of(folder) == 0);
    CHECK(mkfifo("fifo", 0644) == 0);
    int fifo = open("fifo", O_RDWR), proc = open("/proc/version", O_RDONLY);
    unsigned flags;
    FAILS(ENOTTY, CALL(ioctl, fifo, get_flags, &flags));
    FAILS(ENOTTY, CALL(ioctl, proc, get_flags, &flags));

    // Only the owner changes them, and those that bind the superuser need a capability.
    CHECK(chown("file", 1, 1) == 0 && mkdir("folder", 0755) == 0);
    int roots = open("folder", O_RDONLY);
    pid_t child = start([&] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, set(fd, immutable));
        FAILS(EPERM, set(fd, append_only | secure_removal));
        CHECK(set(fd, no_dump) == 0);
        FAILS(EPERM, set(roots, no_dump));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(flags_of(fd) == no_dump && set(roots, no_dump | no_access_time) == 0);

    // What is made in a directory has its flags, but for those that bind.
    int below = made("folder/file");
    CHECK(mkdir("folder/folder", 0755) == 0);
    int folder_below = open("folder/folder", O_RDONLY);
    CHECK(flags_of(below) == (no_dump | no_access_time) && flags_of(folder_below) == (no_dump | no_access_time));
    for (int d : {fd, path, folder, fifo, proc, roots, below, folder_below}) close(d);
}

#ifdef STATX_ATTR_IMMUTABLE
void shown() {
    int fd = made("shown");
    struct statx s = {};
    CHECK(set(fd, immutable | append_only | no_dump) == 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s) == 0);
    constexpr unsigned all = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
    CHECK((s.stx_attributes & all) == all && (s.stx_attributes_mask & all) == all);
    CHECK(set(fd, append_only) == 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s) == 0);
    CHECK((s.stx_attributes & all) == STATX_ATTR_APPEND);
    CHECK(set(fd, 0) == 0);
    close(fd);
}
#else
void shown() {}
#endif

/// The calls that every flag of the two forbids.
void refused_to_both(int fd, const char* name) {
    struct utimbuf times = {1, 1};
    FAILS(EPERM, chmod(name, 0600));
    FAILS(EPERM, fchown(fd, 1, 1));
    CHECK(chown(name, ~0u, ~0u) == 0);
    FAILS(EPERM, utime(name, &times));
    FAILS(EPERM, unlink(name));
    FAILS(EPERM, rename(name, "new"));
    FAILS(EPERM, rename("other", name));
    FAILS(EPERM, link(name, "new"));
    FAILS(EPERM, truncate(name, 1));
    FAILS(EPERM, setxattr(name, "user.a", "x", 1, 0));
    FAILS(EPERM, setxattr(name, "trusted.a", "x", 1, 0));
    FAILS(EPERM, removexattr(name, "user.b"));
    FAILS(EPERM, open(name, O_WRONLY));
    FAILS(EPERM, open(name, O_RDWR));
    FAILS(EPERM, open(name, O_WRONLY | O_TRUNC | O_APPEND));
    int reader = open(name, O_RDONLY);
    CHECK(reader >= 0 && close(reader) == 0);
}

void immutable_files() {
    int fd = made("fixed"), other = made("other");
    CHECK(setxattr("fixed", "user.b", "x", 1, 0) == 0 && set(fd, immutable) == 0);
    refused_to_both(fd, "fixed");
    FAILS(EPERM, utime("fixed", nullptr));
    FAILS(EPERM, open("fixed", O_WRONLY | O_APPEND));
    FAILS(EPERM, access("fixed", W_OK));
    FAILS(EPERM, CALL(fallocate, fd, 0, 0l, 10l));
    FAILS(EPERM, CALL(copy_file_range, other, nullptr, fd, nullptr, 1l, 0));
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "TEXT", 4) == 4); // who has it open may go on, on tmpfs
    CHECK(set(fd, 0) == 0 && utime("fixed", nullptr) == 0);
    close(fd);
    close(other);

    CHECK(mkdir("sealed", 0755) == 0 && close(made("sealed/old")) == 0);
    int folder = open("sealed", O_RDONLY), old = open("sealed/old", O_RDWR);
    CHECK(set(folder, immutable) == 0);
    FAILS(EPERM, mkdir("sealed/new", 0755));
    FAILS(EPERM, open("sealed/new", O_CREAT | O_WRONLY, 0644));
    FAILS(EPERM, unlink("sealed/old"));
    FAILS(EPERM, rename("sealed/old", "old"));
    FAILS(EPERM, rmdir("sealed"));
    CHECK(pwrite(old, "x", 1, 0) == 1 && truncate("sealed/old", 1) == 0);
    CHECK(set(folder, append_only) == 0);
    CHECK(close(open("sealed/new", O_CREAT | O_WRONLY, 0644)) == 0);
    FAILS(EPERM, unlink("sealed/new"));
    FAILS(EPERM, rename("sealed/new", "new"));
    CHECK(set(folder, 0) == 0 && unlink("sealed/new") == 0);
    close(folder);
    close(old);
}

void append_only_files() {
    int fd = made("log");
    CHECK(setxattr("log", "user.b", "x", 1, 0) == 0 && set(fd, append_only) == 0);
    refused_to_both(fd, "log");
    CHECK(utime("log", nullptr) == 0 && access("log", W_OK) == 0);
    int writer = open("log", O_RDWR | O_APPEND);
    CHECK(writer >= 0 && write(writer, "more", 4) == 4);
    FAILS(EPERM, ftruncate(writer, 0));
    FAILS(EPERM, fcntl(writer, F_SETFL, 0));
    FAILS(EPERM, fcntl(fd, F_SETFL, O_APPEND));
    CHECK(fcntl(writer, F_SETFL, O_APPEND | O_NONBLOCK) == 0);
    CHECK(CALL(fallocate, writer, 1, 0l, 10l) == 0); // FALLOC_FL_KEEP_SIZE
    FAILS(EPERM, CALL(fallocate, writer, 3, 0l, 10l));
    CHECK(mmap(nullptr, 1, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, writer, 0) != MAP_FAILED);
    struct stat s;
    CHECK(fstat(fd, &s) == 0 && s.st_size == 8);
    CHECK(set(fd, 0) == 0 && ftruncate(writer, 0) == 0);
    close(fd);
    close(writer);
}

void access_times() {
    int fd = made("quiet");
    struct timespec past[2] = {{1000, 0}, {2000, 0}};
    char byte;
    struct stat s;
    CHECK(set(fd, no_access_time) == 0 && futimens(fd, past) == 0);
    CHECK(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &s) == 0 && s.st_atim.tv_sec == 1000);
    CHECK(set(fd, 0) == 0);
    CHECK(pread(fd, &byte, 1, 0) == 1 && fstat(fd, &s) == 0 && s.st_atim.tv_sec != 1000);
    close(fd);
}
} // namespace

int main() {
    if (unshare(CLONE_NEWNS) == 0) CHECK(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    CHECK(mkdir("memory", 0755) == 0 && mount("memory", "memory", "tmpfs", 0, nullptr) == 0);
    CHECK(chdir("memory") == 0);
    changes();
    shown();
    immutable_files();
    append_only_files();
    access_times();
    CHECK(chdir("..") == 0 && umount2("memory", MNT_DETACH) == 0);
    return finish("inode_flags");
}
