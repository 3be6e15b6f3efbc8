// qemu-user: has no openat2
// Calls that take a directory and a name: what openat2 may not leave, the *at forms, links, access, roots, handles.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

namespace {
int here;

long open_as(int at, const char* name, unsigned long flags, unsigned long mode, unsigned long resolve) {
    open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    long fd = CALL(openat2, at, name, &how, sizeof how);
    if (fd >= 0) close(static_cast<int>(fd));
    return fd;
}
long resolved(const char* name, unsigned long resolve) { return open_as(here, name, O_RDONLY, 0, resolve); }

void confined() {
    CHECK(mkdir("in", 0755) == 0 && mkdir("in/deep", 0755) == 0 &&
          close(open("in/file", O_CREAT | O_WRONLY, 0644)) == 0);
    CHECK(symlink("../file", "in/deep/up") == 0 && symlink("/file", "in/deep/root") == 0);
    CHECK(symlink("../../..", "in/deep/out") == 0 && symlink("file", "in/link") == 0);
    int outside = here;
    here = open("in", O_RDONLY | O_DIRECTORY);
    CHECK(resolved("file", RESOLVE_BENEATH) >= 0 && resolved("deep/up", RESOLVE_BENEATH) >= 0);
    CHECK(resolved("deep/../file", RESOLVE_BENEATH) >= 0);
    FAILS(EXDEV, resolved("..", RESOLVE_BENEATH));
    FAILS(EXDEV, resolved("deep/../../in/file", RESOLVE_BENEATH));
    FAILS(EXDEV, resolved("/etc", RESOLVE_BENEATH));
    FAILS(EXDEV, resolved("deep/root", RESOLVE_BENEATH));
    FAILS(EXDEV, resolved("deep/out", RESOLVE_BENEATH));
    CHECK(resolved("/file", RESOLVE_IN_ROOT) >= 0 && resolved("deep/root", RESOLVE_IN_ROOT) >= 0);
    CHECK(resolved("../../file", RESOLVE_IN_ROOT) >= 0 && resolved("deep/out/file", RESOLVE_IN_ROOT) >= 0);
    FAILS(ENOENT, resolved("/etc/passwd", RESOLVE_IN_ROOT));
    FAILS(ELOOP, resolved("link", RESOLVE_NO_SYMLINKS));
    FAILS(ELOOP, resolved("deep/up", RESOLVE_NO_SYMLINKS));
    CHECK(resolved("link", RESOLVE_NO_MAGICLINKS) >= 0);
    FAILS(ELOOP, resolved("/proc/self/fd/1", RESOLVE_NO_MAGICLINKS));
    CHECK(resolved("deep/up", RESOLVE_NO_XDEV) >= 0);
    FAILS(EXDEV, resolved("/proc/self", RESOLVE_NO_XDEV));
    FAILS(EINVAL, resolved("file", RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    FAILS(EINVAL, resolved("file", 1ul << 40));
    FAILS(EINVAL, open_as(here, "file", 1ul << 40, 0, 0));
    FAILS(EINVAL, open_as(here, "file", O_RDONLY, 0600, 0)); // a mode for nothing that is made
    FAILS(EINVAL, open_as(here, "new", O_CREAT | O_RDWR, 0200000, 0));
    CHECK(open_as(here, "new", O_CREAT | O_RDWR | O_EXCL, 0600, 0) >= 0);
    struct {
        open_how how;
        long more;
    } longer = {{.flags = O_RDONLY}, 0};
    long fd = CALL(openat2, here, "file", &longer, sizeof longer);
    CHECK(fd >= 0 && close(static_cast<int>(fd)) == 0);
    longer.more = 1;
    FAILS(E2BIG, CALL(openat2, here, "file", &longer, sizeof longer));
    FAILS(EINVAL, CALL(openat2, here, "file", &longer, sizeof longer.how - 1));
    close(here);
    here = outside;
}

ino_t inode(const char* name, int flags = AT_SYMLINK_NOFOLLOW) {
    struct stat s = {};
    CHECK(fstatat(here, name, &s, flags) == 0);
    return s.st_ino;
}

void links() {
    CHECK(CALL(mkdirat, here, "d", 02777) == 0);
    FAILS(EEXIST, CALL(mkdirat, here, "d", 0700));
    FAILS(ENOENT, CALL(mkdirat, here, "none/d", 0700));
    FAILS(EBADF, CALL(mkdirat, -1, "e", 0700));
    struct stat s = {};
    CHECK(stat("d", &s) == 0);
    printf("mkdirat: mode %o\n", s.st_mode);
    int d = open("d", O_RDONLY | O_DIRECTORY);
    long fd = CALL(openat, d, "f", O_CREAT | O_EXCL | O_RDWR, 0600);
    CHECK(fd >= 0);
    CHECK(CALL(symlinkat, "d/f", here, "s") == 0);
    FAILS(EEXIST, CALL(symlinkat, "d/f", here, "s"));
    FAILS(ENOENT, CALL(symlinkat, "", here, "t"));
    char text[10];
    CHECK(CALL(readlinkat, here, "s", text, sizeof text) == 3 && memcmp(text, "d/f", 3) == 0);
    CHECK(CALL(linkat, d, "f", here, "hard", 0) == 0 && inode("hard") == inode("d/f"));
    CHECK(CALL(linkat, here, "s", here, "hard-link", 0) == 0 && inode("hard-link") == inode("s"));
    CHECK(CALL(linkat, here, "s", here, "hard-file", AT_SYMLINK_FOLLOW) == 0 && inode("hard-file") == inode("d/f"));
    CHECK(CALL(linkat, fd, "", here, "hard-fd", AT_EMPTY_PATH) == 0 && inode("hard-fd") == inode("d/f"));
    FAILS(ENOENT, CALL(linkat, fd, "", here, "x", 0));
    FAILS(EEXIST, CALL(linkat, d, "f", here, "hard", 0));
    FAILS(EPERM, CALL(linkat, here, "d", here, "x", 0));
    FAILS(EINVAL, CALL(linkat, d, "f", here, "x", AT_REMOVEDIR));
    CHECK(CALL(renameat2, here, "hard-fd", d, "moved", 0) == 0 && inode("d/moved") == inode("d/f"));
#ifdef __NR_renameat
    CHECK(CALL(renameat, d, "moved", here, "back") == 0 && inode("back") == inode("d/f"));
    FAILS(ENOENT, CALL(renameat, d, "moved", here, "back"));
    CHECK(CALL(renameat, here, "back", here, "hard") == 0 &&
          inode("back") == inode("hard")); // one file: nothing is done
#else
    CHECK(CALL(unlinkat, d, "moved", 0) == 0);
#endif
    CHECK(CALL(newfstatat, fd, "", &s, AT_EMPTY_PATH) == 0 && s.st_ino == inode("d/f"));
    CHECK(CALL(newfstatat, here, "s", &s, 0) == 0 && S_ISREG(s.st_mode));
    CHECK(CALL(newfstatat, here, "s", &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(s.st_mode) && s.st_size == 3);
    FAILS(ENOENT, CALL(newfstatat, fd, "", &s, 0));
    FAILS(EINVAL, CALL(newfstatat, here, "s", &s, AT_SYMLINK_FOLLOW));
    FAILS(ENOTEMPTY, CALL(unlinkat, here, "d", AT_REMOVEDIR));
    FAILS(ENOTDIR, CALL(unlinkat, d, "f", AT_REMOVEDIR));
    FAILS(EISDIR, CALL(unlinkat, here, "d", 0));
    CHECK(CALL(unlinkat, d, "f", 0) == 0 && CALL(unlinkat, here, "d", AT_REMOVEDIR) == 0);
    FAILS(ENOENT, CALL(linkat, d, "f", d, "g", 0));
    FAILS(ENOENT, CALL(openat, d, "f", O_CREAT | O_RDWR, 0600)); // the folder is gone
    close(static_cast<int>(fd));
    close(d);
#ifdef __NR_creat
    fd = CALL(creat, "hard", 0600);
    CHECK(fd >= 0 && (fcntl(static_cast<int>(fd), F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(write(static_cast<int>(fd), "x", 1) == 1 && fstat(static_cast<int>(fd), &s) == 0 && s.st_size == 1);
    close(static_cast<int>(fd));
    fd = CALL(creat, "hard", 0600);
    CHECK(fd >= 0 && stat("hard", &s) == 0 && s.st_size == 0);
    close(static_cast<int>(fd));
    FAILS(EISDIR, CALL(creat, ".", 0600));
#endif
}

void accessible() {
    CHECK(close(open("a", O_CREAT | O_WRONLY, 0600)) == 0 && symlink("none", "broken") == 0);
    int fd = open("a", O_PATH);
    CHECK(CALL(faccessat2, here, "a", R_OK | W_OK, AT_EACCESS) == 0 && CALL(faccessat2, here, "a", F_OK, 0) == 0);
    FAILS(EACCES, CALL(faccessat2, here, "a", X_OK, 0)); // the superuser too needs one bit
    CHECK(CALL(faccessat2, here, "broken", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(CALL(faccessat2, fd, "", R_OK, AT_EMPTY_PATH) == 0);
    FAILS(ENOENT, CALL(faccessat2, here, "broken", F_OK, 0));
    FAILS(ENOENT, CALL(faccessat2, fd, "", R_OK, 0));
    FAILS(EINVAL, CALL(faccessat2, here, "a", 8, 0));
    FAILS(EINVAL, CALL(faccessat2, here, "a", R_OK, AT_NO_AUTOMOUNT));
    pid_t child = start([&] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 0, 0) == 0); // real and effective differ
        FAILS(EACCES, CALL(faccessat2, here, "a", R_OK, 0));
        FAILS(EACCES, CALL(faccessat, here, "a", R_OK));
        CHECK(CALL(faccessat2, here, "a", R_OK, AT_EACCESS) == 0);
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(fd);
}

void roots() {
    pid_t child = start([&] {
        failures = 0;
        CHECK(mkdir("root", 0755) == 0 && mkdir("root/etc", 0755) == 0);
        CHECK(close(open("root/mark", O_CREAT | O_WRONLY, 0600)) == 0);
        int old = open("/", O_RDONLY | O_DIRECTORY);
        FAILS(ENOTDIR, CALL(chroot, "root/mark"));
        FAILS(ENOENT, CALL(chroot, "none"));
        FAILS(ENOENT, CALL(chroot, ""));
        CHECK(CALL(chroot, "root") == 0 && access("/mark", F_OK) == 0);
        CHECK(access("mark", F_OK) != 0 && access("root/mark", F_OK) == 0); // the working directory stays
        char text[200];
        FAILS(ENOENT, readlink("/proc/self/exe", text, sizeof text));
        CHECK(CALL(getcwd, text, sizeof text) > 13 && memcmp(text, "(unreachable)", 13) == 0);
        CHECK(chdir("/etc/../..") == 0 && CALL(getcwd, text, sizeof text) == 2 && strcmp(text, "/") == 0);
        CHECK(fchdir(old) == 0 && access("proc", F_OK) == 0); // a descriptor leads out: who keeps one is not confined
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, CALL(chroot, "/etc"));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void file_systems() {
    struct statfs by_name = {}, by_fd = {};
    int proc = open("/proc/version", O_RDONLY), path = open("/proc", O_PATH);
    CHECK(CALL(statfs, "/proc/version", &by_name) == 0 && CALL(fstatfs, proc, &by_fd) == 0);
    CHECK(by_fd.f_type == by_name.f_type && by_fd.f_bsize == by_name.f_bsize);
    printf("proc: type %lx, block %lu, blocks %llu, longest name %lu\n", (unsigned long)by_fd.f_type,
           (unsigned long)by_fd.f_bsize, (unsigned long long)by_fd.f_blocks, (unsigned long)by_fd.f_namelen);
    CHECK(CALL(fstatfs, path, &by_fd) == 0 && by_fd.f_type == by_name.f_type);
    FAILS(EBADF, CALL(fstatfs, -1, &by_fd));
    FAILS(EFAULT, CALL(fstatfs, proc, nullptr));
    int ends[2];
    CHECK(pipe(ends) == 0 && CALL(fstatfs, ends[0], &by_fd) == 0);
    printf("pipe: type %lx\n", (unsigned long)by_fd.f_type);

    // Handles: refused where the file system has none, and to whom may not pass over directories.
    alignas(8) char handle[136] = {}; // a file_handle, with 128 bytes of the file system's
    unsigned& bytes = reinterpret_cast<unsigned&>(handle);
    int mount;
    bytes = 128;
    FAILS(EINVAL, CALL(name_to_handle_at, here, "a", handle, &mount, AT_STATX_FORCE_SYNC));
    FAILS(ENOENT, CALL(name_to_handle_at, here, "none", handle, &mount, 0));
    FAILS(EOPNOTSUPP, CALL(name_to_handle_at, here, "/proc/version", handle, &mount, 0));
    FAILS(ESTALE, CALL(open_by_handle_at, proc, handle, O_RDONLY));
    bytes = 0;
    FAILS(EINVAL, CALL(open_by_handle_at, proc, handle, O_RDONLY));
    bytes = 128;
    pid_t child = start([&] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, CALL(open_by_handle_at, here, handle, O_RDONLY));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    for (int fd : {proc, path, ends[0], ends[1]}) close(fd);
}
} // namespace

int main() {
    umask(022);
    here = open(".", O_RDONLY | O_DIRECTORY);
    confined();
    links();
    accessible();
    roots();
    file_systems();
    return finish("names");
}
