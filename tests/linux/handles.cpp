// File handles: name_to_handle_at(2) names a file of a tmpfs, and who may pass over directories opens it by that.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace {
struct Handle {
    unsigned bytes;
    int type;
    unsigned char data[128];
};

Handle handle_of(int dirfd, const char* name, int flags = 0) {
    Handle h = {};
    int mount = -1;
    h.bytes = sizeof h.data;
    CHECK(CALL(name_to_handle_at, dirfd, name, &h, &mount, flags) == 0 && mount >= 0);
    return h;
}
bool same(const Handle& a, const Handle& b) {
    return a.bytes == b.bytes && a.type == b.type && memcmp(a.data, b.data, a.bytes) == 0;
}
ino_t number(int fd) {
    struct stat s = {};
    CHECK(fstat(fd, &s) == 0);
    return s.st_ino;
}
void make(const char* name) { CHECK(close(open(name, O_CREAT | O_WRONLY, 0644)) == 0); }

void made() {
    Handle small = {};
    int mount = -1, other = -1;
    FAILS(EOVERFLOW, CALL(name_to_handle_at, AT_FDCWD, "file", &small, &mount, 0));
    printf("a handle of tmpfs takes %u bytes\n", small.bytes);
    Handle full = handle_of(AT_FDCWD, "file");
    CHECK(full.bytes == small.bytes && mount >= 0);
    int fd = open("file", O_RDONLY), folder = open("folder", O_RDONLY);
    CHECK(same(full, handle_of(fd, "", AT_EMPTY_PATH)) && same(full, handle_of(AT_FDCWD, "hard-link")));
    CHECK(!same(full, handle_of(AT_FDCWD, "link")) && same(full, handle_of(AT_FDCWD, "link", AT_SYMLINK_FOLLOW)));
    CHECK(!same(full, handle_of(folder, "", AT_EMPTY_PATH)));
    small.bytes = full.bytes;
    CHECK(CALL(name_to_handle_at, folder, "../file", &small, &other, 0) == 0 && same(full, small) && mount == other);
    small.bytes = 129;
    FAILS(EINVAL, CALL(name_to_handle_at, AT_FDCWD, "file", &small, &mount, 0));
    FAILS(EFAULT, CALL(name_to_handle_at, AT_FDCWD, "file", 8, &mount, 0));
    FAILS(EFAULT, CALL(name_to_handle_at, AT_FDCWD, "file", &full, 8, 0));
    FAILS(ENOENT, CALL(name_to_handle_at, AT_FDCWD, "", &full, &mount, 0));
    FAILS(ENOTDIR, CALL(name_to_handle_at, fd, "file", &full, &mount, 0));
    close(fd);
    close(folder);
}

void opened() {
    Handle file = handle_of(AT_FDCWD, "file"), folder = handle_of(AT_FDCWD, "folder"),
           link = handle_of(AT_FDCWD, "link");
    Handle below = handle_of(AT_FDCWD, "folder/below");
    int here = open(".", O_RDONLY), there = open("folder/below", O_RDONLY);
    int fd = open("file", O_RDWR);
    int again = CALL(open_by_handle_at, AT_FDCWD, &file, O_RDWR | O_APPEND);
    CHECK(again >= 0 && number(again) == number(fd) && fcntl(again, F_GETFD) == 0 && fcntl(again, F_GETFL) & O_APPEND);
    CHECK(write(again, "text", 4) == 4);
    char text[8];
    CHECK(read(fd, text, sizeof text) == 4);
    close(again);
    again = CALL(open_by_handle_at, there, &folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(again >= 0 && fcntl(again, F_GETFD) == FD_CLOEXEC && close(openat(again, "below", O_RDONLY)) == 0);
    close(again);
    again = CALL(open_by_handle_at, here, &below, O_PATH);
    CHECK(again >= 0 && number(again) == number(there));
    close(again);
    FAILS(EISDIR, CALL(open_by_handle_at, here, &folder, O_RDWR));
    FAILS(ELOOP, CALL(open_by_handle_at, here, &link, O_RDONLY));
    FAILS(EBADF, CALL(open_by_handle_at, -1, &file, O_RDONLY));
    FAILS(EFAULT, CALL(open_by_handle_at, here, 8, O_RDONLY));
    // A name that is gone, and another file system.
    CHECK(unlink("folder/below") == 0 && close(there) == 0);
    FAILS(ESTALE, CALL(open_by_handle_at, here, &below, O_RDONLY));
    int proc = open("/proc", O_RDONLY);
    FAILS(ESTALE, CALL(open_by_handle_at, proc, &file, O_RDONLY));
    pid_t child = start([&] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        CHECK(same(file, handle_of(AT_FDCWD, "file")));
        FAILS(EPERM, CALL(open_by_handle_at, here, &file, O_RDONLY));
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(here);
    close(fd);
    close(proc);
}
} // namespace

int main() {
    if (unshare(CLONE_NEWNS) == 0) CHECK(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    CHECK(chmod(".", 0755) == 0 && mkdir("memory", 0755) == 0);
    CHECK(mount("memory", "memory", "tmpfs", 0, nullptr) == 0 && chdir("memory") == 0);
    make("file");
    CHECK(mkdir("folder", 0755) == 0 && link("file", "hard-link") == 0 && symlink("file", "link") == 0);
    make("folder/below");
    made();
    opened();
    CHECK(chdir("..") == 0 && umount2("memory", MNT_DETACH) == 0);
    return finish("handles");
}
