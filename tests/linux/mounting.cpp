// qemu-user: knows other mounts than the processor's own programs
// Mounts, roots, and the names that files have for who has another root; reading folders.
#include "tests/linux/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long pivot_root(const char* to, const char* old) { return syscall(SYS_pivot_root, to, old); }
static void make(const char* name) { close(open(name, O_CREAT | O_WRONLY, 0644)); }
static bool there(const char* name) { return access(name, F_OK) == 0; }
static void mount_memory(const char* where, unsigned long flags = 0) {
    CHECK(mkdir(where, 0755) == 0 || errno == EEXIST);
    CHECK(mount("memory", where, "tmpfs", flags, nullptr) == 0);
}
static void in_child(auto body) {
    pid_t child = start([&] {
        body();
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/// pivot_root() is about the root of who calls it, and of all that have the same.
static void roots() {
    mount_memory("root");
    in_child([] {
        CHECK(chroot("root") == 0 && chdir("/") == 0);
        mount_memory("/next");
        make("/next/marker");
        CHECK(mkdir("/next/old", 0755) == 0 && mkdir("/plain", 0755) == 0);
        int channel[2], answer[2];
        char byte = 0;
        CHECK(pipe(channel) == 0 && pipe(answer) == 0);
        pid_t other = start([&] {
            CHECK(read(channel[0], &byte, 1) == 1);
            CHECK(there("/marker") && there("marker") && !there("/next"));
            CHECK(write(answer[1], &byte, 1) == 1);
            return failures;
        });
        FAILS(EBUSY, pivot_root("/", "/"));
        FAILS(EBUSY, pivot_root("/next", "/plain"));
        FAILS(EBUSY, pivot_root("/plain", "/plain"));
        FAILS(EINVAL, pivot_root("/next/old", "/next/old"));
        FAILS(ENOENT, pivot_root("/none", "/next"));
        FAILS(ENOTDIR, pivot_root("/next", "/next/marker"));
        CHECK(pivot_root("/next", "/next/old") == 0);
        CHECK(there("/marker") && there("/old/plain") && there("marker"));
        CHECK(write(channel[1], &byte, 1) == 1 && read(answer[0], &byte, 1) == 1);
        int status = -1;
        CHECK(waitpid(other, &status, 0) == other && status == 0);
        CHECK(umount2("/old", MNT_DETACH) == 0 && !there("/old/plain"));

        // Without a folder for the old one, as container engines do it.
        mount_memory("/third");
        CHECK(chdir("/third") == 0);
        make("within");
        CHECK(pivot_root(".", ".") == 0);
        CHECK(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0);
        CHECK(there("/within") && there("within") && !there("/third"));
    });
    CHECK(there("root/within") && umount2("root", MNT_DETACH) == 0 && !there("root/within"));
}

/// What is mounted on "." lies on top of it; unmounting "." takes the topmost.
static void stacks() {
    mount_memory("stack");
    in_child([] {
        CHECK(chdir("stack") == 0);
        make("first");
        mount_memory(".");
        CHECK(there("first") && !there("../stack/first"));
        make("../stack/second");
        mount_memory(".");
        CHECK(!there("../stack/second"));
        CHECK(umount2(".", 0) == 0 && there("../stack/second"));
        CHECK(umount2(".", 0) == 0 && there("../stack/first"));
        FAILS(EBUSY, umount2(".", 0));
        CHECK(umount2(".", MNT_DETACH) == 0 && !there("../stack/first") && there("first"));
        FAILS(EINVAL, umount2(".", MNT_DETACH));
    });
    // Mounts of mounts: each round doubles them.
    mount_memory("many");
    CHECK(mkdir("many/a", 0755) == 0);
    for (int i = 0; i < 13; i++) CHECK(mount("many", "many/a", nullptr, MS_BIND | MS_REC, nullptr) == 0);
    CHECK(umount2("many", MNT_DETACH) == 0);
    FAILS(EINVAL, umount2("many", MNT_DETACH));
    // A tree with branches keeps its shape.
    mount_memory("tree");
    mount_memory("tree/a");
    mount_memory("tree/a/b");
    mount_memory("tree/c");
    CHECK(mkdir("tree/d", 0755) == 0 && mkdir("tree/d/e", 0755) == 0 && mkdir("copy", 0755) == 0);
    mount_memory("tree/d/e");
    make("tree/a/b/file"), make("tree/c/file"), make("tree/d/e/file");
    CHECK(mount("tree", "copy", nullptr, MS_BIND | MS_REC, nullptr) == 0);
    CHECK(there("copy/a/b/file") && there("copy/c/file") && there("copy/d/e/file"));
    CHECK(mount("tree/d", "copy", nullptr, MS_BIND | MS_REC, nullptr) == 0 && there("copy/e/file") && !there("copy/a"));
    CHECK(umount2("copy", MNT_DETACH) == 0 && there("copy/a/b/file") && umount2("copy", MNT_DETACH) == 0);
    CHECK(umount2("tree", MNT_DETACH) == 0 && !there("tree/a"));
}

static void flags() {
    constexpr unsigned long no_symlinks = 256, shown = 0x2000; // MS_NOSYMFOLLOW, ST_NOSYMFOLLOW
    mount_memory("flags", no_symlinks | MS_NODEV);
    struct statfs s;
    CHECK(statfs("flags", &s) == 0 &&
          (static_cast<unsigned long>(s.f_flags) & (shown | MS_NODEV)) == (shown | MS_NODEV));
    CHECK(statfs(".", &s) == 0 && !(static_cast<unsigned long>(s.f_flags) & shown));
    CHECK(umount("flags") == 0);
}

/// Names of what lies outside of one's root.
static void names() {
    CHECK(mkdir("jail", 0755) == 0 && mkdir("jail/proc", 0755) == 0);
    make("jail/file");
    CHECK(mount("proc", "jail/proc", "proc", 0, nullptr) == 0);
    make("outside");
    in_child([] {
        char text[PATH_MAX]{}, expected[PATH_MAX];
        int outside = open("outside", O_RDONLY), memory = memfd_create("memory", 0);
        CHECK(getcwd(expected, sizeof expected - 20) != nullptr);
        CHECK(chroot("jail") == 0);
        auto link_of = [&](int fd) {
            char path[40];
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            ssize_t n = readlink(path, text, sizeof text - 1);
            text[n < 0 ? 0 : n] = 0;
            return text;
        };
        CHECK(syscall(SYS_getcwd, text, sizeof text) > 0 && !strncmp(text, "(unreachable)/", 14));
        CHECK(!strcmp(text + 13, expected));
        CHECK(!strcmp(strcat(expected, "/outside"), link_of(outside)));
        CHECK(!strcmp(link_of(memory), "/memory:memory (deleted)") || !strcmp(text, "/memfd:memory (deleted)"));
        CHECK(chdir("/") == 0);
        int file = open("/file", O_RDWR);
        CHECK(ftruncate(file, 4096) == 0 && !strcmp(link_of(file), "/file"));
        CHECK(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0) != MAP_FAILED);
        void* shared = mmap(nullptr, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(shared != MAP_FAILED);
        FILE* maps = fopen("/proc/self/maps", "r");
        bool named = false, anonymous = false;
        while (fgets(text, sizeof text, maps)) {
            named |= strstr(text, " /file\n") != nullptr;
            unsigned long at = 0;
            if (sscanf(text, "%lx", &at) == 1 && at == reinterpret_cast<unsigned long>(shared))
                anonymous = strstr(text, " /dev/zero (deleted)\n") != nullptr;
        }
        CHECK(named && anonymous);
    });
    CHECK(umount("jail/proc") == 0);
}

/// A descriptor's link in /proc is nothing to mount on, were it open itself.
static void links() {
    make("here");
    int file = open("here", O_RDONLY);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int link = open(path, O_PATH | O_NOFOLLOW);
    snprintf(path, sizeof path, "/proc/self/fd/%d", link);
    FAILS(ENOENT, mount("here", path, "", MS_BIND, nullptr));
    close(link);
    close(file);
}

static void handles() {
    alignas(8) char handle[200]{};
    int id;
    FAILS(EINVAL, syscall(SYS_name_to_handle_at, AT_FDCWD, ".", handle, &id, 0x10000000));
    FAILS(EBADF, syscall(SYS_name_to_handle_at, 99, "x", handle, &id, 0));
    FAILS(ENOENT, syscall(SYS_name_to_handle_at, AT_FDCWD, "none", handle, &id, 0));
    FAILS(EFAULT, syscall(SYS_name_to_handle_at, AT_FDCWD, reinterpret_cast<char*>(8), handle, &id, 0));
    FAILS(EFAULT, syscall(SYS_open_by_handle_at, AT_FDCWD, reinterpret_cast<char*>(8), O_RDONLY));
    FAILS(EINVAL, syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY)); // of no bytes
    handle[0] = 8;
    FAILS(EBADF, syscall(SYS_open_by_handle_at, 99, handle, O_RDONLY));
    handle[0] = static_cast<char>(129);
    FAILS(EINVAL, syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
}

/// Entries that have been written count, whatever comes behind them.
static void folders() {
    CHECK(mkdir("folder", 0755) == 0);
    for (int i = 0; i < 40; i++) {
        char name[40];
        snprintf(name, sizeof name, "folder/entry-with-a-name-%d", i);
        make(name);
    }
    auto* memory = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(mprotect(memory + 4096, 4096, PROT_NONE) == 0);
    int fd = open("folder", O_RDONLY), seen = 0;
    FAILS(EFAULT, syscall(SYS_getdents64, fd, memory + 4096, 4096));
    for (long n; (n = syscall(SYS_getdents64, fd, memory + 4096 - 300, 4096)) > 0;) {
        CHECK(n <= 300);
        for (long at = 0; at < n; seen++) {
            unsigned short length;
            memcpy(&length, memory + 4096 - 300 + at + 16, 2);
            at += length;
        }
    }
    CHECK(seen == 42);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    FAILS(EINVAL, syscall(SYS_getdents64, fd, memory, 0x80000000u));
    FAILS(EINVAL, syscall(SYS_getdents64, fd, memory, 10));
}

/// A node for a block device can be made.
static void nodes() {
    struct stat s;
    CHECK(mknod("block", S_IFBLK | 0600, 0x803) == 0 && stat("block", &s) == 0 && S_ISBLK(s.st_mode) &&
          s.st_rdev == 0x803);
}

int main() {
    if (unshare(CLONE_NEWNS) == 0) CHECK(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    CHECK(chmod(".", 0755) == 0);
    roots();
    stacks();
    flags();
    names();
    links();
    handles();
    folders();
    nodes();
    return finish("mounting");
}
