// open, read, write, seek, links, rename, permissions, directories, timestamps: the errors of the manual pages.
#include "tests/linux/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

namespace {
long rename2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
    return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

void opening() {
    FAILS(ENOENT, open("nothing", O_RDONLY));
    FAILS(ENOENT, open("", O_RDONLY));
    FAILS(ENOENT, open("nothing/x", O_CREAT | O_WRONLY, 0600));
    FAILS(EFAULT, open(reinterpret_cast<const char*>(1), O_RDONLY));
    int fd = open("f", O_CREAT | O_EXCL | O_RDWR, 0644);
    CHECK(fd >= 0);
    FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_RDWR, 0644));
    FAILS(ENOTDIR, open("f", O_DIRECTORY));
    FAILS(ENOTDIR, open("f/x", O_RDONLY));
    FAILS(EISDIR, open(".", O_WRONLY));
    FAILS(EISDIR, open(".", O_RDWR));
    CHECK(write(fd, "0123456789", 10) == 10);
    char buf[100] = {};
    CHECK(pread(fd, buf, 4, 3) == 4 && !memcmp(buf, "3456", 4));
    CHECK(pwrite(fd, "ab", 2, 8) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(lseek(fd, -3, SEEK_END) == 7 && read(fd, buf, 100) == 3 && !memcmp(buf, "7ab", 3));
    FAILS(EINVAL, lseek(fd, -100, SEEK_SET));
    FAILS(EINVAL, lseek(fd, 0, 99));
    CHECK(lseek(fd, 1000, SEEK_SET) == 1000 && write(fd, "!", 1) == 1);
    CHECK(pread(fd, buf, 5, 500) == 5 && !memcmp(buf, "\0\0\0\0\0", 5));
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_size == 1001 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0644);
    CHECK(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5);
    FAILS(EINVAL, ftruncate(fd, -1));
    CHECK(pread(fd, buf, 100, 5) == 0);
    FAILS(EINVAL, pread(fd, buf, 1, -1));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    FAILS(EFAULT, write(fd, reinterpret_cast<void*>(8), 10));
    close(fd);
    FAILS(EBADF, write(fd, "x", 1));
    FAILS(EBADF, close(fd));
    fd = open("f", O_RDONLY);
    FAILS(EBADF, write(fd, "x", 1));
    FAILS(EINVAL, ftruncate(fd, 0));
    close(fd);
    fd = open("f", O_WRONLY | O_APPEND);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 8);
    CHECK((fcntl(fd, F_GETFL) & O_APPEND) != 0);
    close(fd);
    fd = open("f", O_WRONLY | O_TRUNC);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
    close(fd);
    char too_long[5000];
    memset(too_long, 'a', sizeof too_long);
    too_long[4999] = 0;
    FAILS(ENAMETOOLONG, open(too_long, O_RDONLY));
    too_long[256] = 0;
    FAILS(ENAMETOOLONG, open(too_long, O_RDONLY));
    too_long[255] = 0;
    FAILS(ENOENT, open(too_long, O_RDONLY));
}

void vectors() {
    int fd = open("v", O_CREAT | O_RDWR, 0600);
    char a[] = "abc", b[] = "defgh";
    iovec out[] = {{a, 3}, {nullptr, 0}, {b, 5}};
    CHECK(writev(fd, out, 3) == 8);
    char c[2], d[10];
    iovec in[] = {{c, 2}, {d, 10}};
    CHECK(preadv(fd, in, 2, 1) == 7 && !memcmp(c, "bc", 2) && !memcmp(d, "defgh", 5));
    FAILS(EINVAL, writev(fd, out, -1));
    FAILS(EINVAL, writev(fd, out, IOV_MAX + 1));
    FAILS(EFAULT, readv(fd, reinterpret_cast<iovec*>(16), 1));
    int to = open("copy", O_CREAT | O_RDWR, 0600);
    off_t from = 2;
    CHECK(sendfile(to, fd, &from, 100) == 6 && from == 8);
    CHECK(pread(to, d, 10, 0) == 6 && !memcmp(d, "cdefgh", 6));
    close(fd);
    close(to);
}

void names() {
    close(open("a", O_CREAT | O_WRONLY, 0600));
    struct stat st, other;
    CHECK(link("a", "b") == 0 && stat("a", &st) == 0 && st.st_nlink == 2 && stat("b", &other) == 0);
    CHECK(st.st_ino == other.st_ino);
    FAILS(EEXIST, link("a", "b"));
    FAILS(ENOENT, link("nothing", "c"));
    CHECK(unlink("a") == 0 && stat("b", &st) == 0 && st.st_nlink == 1);
    FAILS(ENOENT, unlink("a"));
    FAILS(EISDIR, unlink("."));
    CHECK(mkdir("d", 0755) == 0);
    FAILS(EEXIST, mkdir("d", 0755));
    FAILS(EPERM, link("d", "e"));
    FAILS(ENOTDIR, rmdir("b"));
    close(open("d/f", O_CREAT | O_WRONLY, 0600));
    FAILS(ENOTEMPTY, rmdir("d"));
    FAILS(EINVAL, rmdir("d/."));
    FAILS(EINVAL, rename("d", "d/x"));
    FAILS(EBUSY, rename("d", "d/.."));
    FAILS(EISDIR, rename("b", "d"));
    FAILS(ENOTDIR, rename("d", "b"));
    CHECK(mkdir("empty", 0700) == 0 && rename("d", "empty") == 0 && access("empty/f", F_OK) == 0);
    FAILS(ENOENT, rename("d", "x"));
    CHECK(rename2(AT_FDCWD, "empty", AT_FDCWD, "b", RENAME_EXCHANGE) == 0 && access("b/f", F_OK) == 0);
    FAILS(EEXIST, rename2(AT_FDCWD, "empty", AT_FDCWD, "b", RENAME_NOREPLACE));
    CHECK(symlink("b/f", "s") == 0);
    char target[10];
    CHECK(readlink("s", target, 10) == 3 && !memcmp(target, "b/f", 3));
    CHECK(readlink("s", target, 2) == 2);
    FAILS(EINVAL, readlink("b", target, 10));
    FAILS(EINVAL, syscall(SYS_readlinkat, AT_FDCWD, "s", target, 0)); // the C library asks for one byte
    CHECK(lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3);
    CHECK(stat("s", &st) == 0 && S_ISREG(st.st_mode));
    FAILS(ELOOP, open("s", O_RDONLY | O_NOFOLLOW));
    CHECK(symlink("loop2", "loop1") == 0 && symlink("loop1", "loop2") == 0);
    FAILS(ELOOP, open("loop1", O_RDONLY));
    FAILS(ENOENT, symlink("", "x"));
    int dir = open("b", O_DIRECTORY | O_RDONLY);
    CHECK(faccessat(dir, "f", R_OK, 0) == 0);
    FAILS(EBADF, openat(1234, "f", O_RDONLY));
    CHECK(unlinkat(dir, "f", 0) == 0);
    FAILS(EISDIR, unlinkat(AT_FDCWD, "b", 0));
    CHECK(unlinkat(AT_FDCWD, "b", AT_REMOVEDIR) == 0);
    FAILS(ENOENT, openat(dir, "f", O_CREAT | O_WRONLY, 0600));
    close(dir);
}

void directories() {
    CHECK(mkdir("many", 0755) == 0);
    for (int i = 0; i < 500; i++) {
        char name[40];
        snprintf(name, sizeof name, "many/file-%d", i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    DIR* d = opendir("many");
    int files = 0, dots = 0;
    long sum = 0;
    while (dirent* e = readdir(d)) {
        if (e->d_name[0] == '.')
            dots += e->d_type == DT_DIR;
        else {
            files += e->d_type == DT_REG;
            sum += atoi(e->d_name + 5);
        }
    }
    CHECK(files == 500 && dots == 2 && sum == 499 * 500 / 2);
    // Removing while reading misses nothing.
    rewinddir(d);
    while (dirent* e = readdir(d))
        if (e->d_name[0] != '.') unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    CHECK(rmdir("many") == 0);
    char buf[8];
    int fd = open(".", O_RDONLY);
    FAILS(EINVAL, syscall(SYS_getdents64, fd, buf, sizeof buf));
    FAILS(EISDIR, read(fd, buf, 1));
    CHECK(fchdir(fd) == 0);
    close(fd);
    char cwd[PATH_MAX], small[2];
    CHECK(getcwd(cwd, sizeof cwd) != nullptr);
    CHECK(getcwd(small, sizeof small) == nullptr && errno == ERANGE);
}

void attributes() {
    int fd = open("t", O_CREAT | O_RDWR, 0600);
    timespec times[2] = {{1'000'000'000, 5}, {1'234'567'890, 123'456'789}};
    struct stat st;
    CHECK(futimens(fd, times) == 0 && fstat(fd, &st) == 0);
    CHECK(st.st_mtim.tv_sec == 1'234'567'890 && st.st_mtim.tv_nsec == 123'456'789 &&
          st.st_atim.tv_sec == 1'000'000'000);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    CHECK(futimens(fd, times) == 0 && fstat(fd, &st) == 0);
    CHECK(st.st_atim.tv_sec == 1'000'000'000 && st.st_mtim.tv_sec > 1'600'000'000);
    times[0].tv_nsec = 1'000'000'000;
    FAILS(EINVAL, futimens(fd, times));
    CHECK(fchmod(fd, 04711) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 04711);
    CHECK(st.st_blksize > 0 && st.st_nlink == 1);
    struct statx sx;
    CHECK(syscall(SYS_statx, AT_FDCWD, "t", 0, STATX_BASIC_STATS, &sx) == 0 && sx.stx_size == 0 &&
          (sx.stx_mode & 07777) == 04711);
    CHECK(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0 && sx.stx_nlink == 1);
    struct statfs fs;
    CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
    FAILS(ENOENT, statfs("nothing", &fs));
    close(fd);
}

void descriptors() {
    int fd = open("t", O_RDWR);
    int copy = dup(fd);
    CHECK(copy > fd && lseek(fd, 7, SEEK_SET) == 7 && lseek(copy, 0, SEEK_CUR) == 7);
    CHECK(dup2(fd, 100) == 100 && dup2(100, 100) == 100);
    FAILS(EINVAL, dup3(fd, fd, 0));
    FAILS(EBADF, dup2(999, 5));
    FAILS(EBADF, dup2(fd, 1 << 30));
    CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 200) == 200 && fcntl(200, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(200, F_SETFD, 0) == 0 && fcntl(200, F_GETFD) == 0);
    FAILS(EINVAL, fcntl(fd, 9999));
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    CHECK(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
    close(copy);
    close(100);
    close(200);
    close(fd);
}
} // namespace

int main() {
    umask(0);
    opening();
    vectors();
    names();
    directories();
    attributes();
    descriptors();
    return finish("files");
}
