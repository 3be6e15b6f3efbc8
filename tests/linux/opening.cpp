// qemu-user: opens files with rules of its own
// Opening files: which error comes first, names in folders that everybody may write to, access modes, and what a
// memfd is.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <grp.h>
#include <initializer_list>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

static constexpr unsigned nobody = 1000;
extern char** environ;

static void make(const char* name, mode_t mode = 0644) {
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    CHECK(fd >= 0 && fchmod(fd, mode) == 0);
    close(fd);
}
static void drop_user() {
    CHECK(setgroups(0, nullptr) == 0 && setresgid(nobody, nobody, nobody) == 0 &&
          setresuid(nobody, nobody, nobody) == 0);
}
static void as_user(auto body) {
    pid_t child = start([&] {
        drop_user();
        body();
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
static int opened(const char* name, int flags) {
    int fd = open(name, flags, 0600);
    if (fd >= 0) close(fd);
    return fd;
}

static void errors() {
    make("file"), make("empty");
    CHECK(mkdir("dir", 0755) == 0 && symlink("dir", "to-dir") == 0 && symlink("file", "to-file") == 0);
    CHECK(mkfifo("fifo", 0600) == 0);
    // Protections that must be kept.
    FAILS(ENOTDIR, opened("to-dir", O_TMPFILE | O_RDWR | O_NOFOLLOW));
    CHECK(opened("to-dir", O_TMPFILE | O_RDWR) >= 0);
    FAILS(ENOTDIR, opened("file", O_TMPFILE | O_RDWR));
    // Not for what cannot do it.
    FAILS(EINVAL, opened("dir", O_RDONLY | O_DIRECT));
    FAILS(EINVAL, opened(".", O_RDONLY | O_DIRECT | O_DIRECTORY));
    FAILS(EINVAL, opened("/dev/null", O_RDONLY | O_DIRECT));
    FAILS(EINVAL, opened("/proc/version", O_RDONLY | O_DIRECT));
    FAILS(EINVAL, opened("fifo", O_RDWR | O_DIRECT));
    // The way is looked at before what it leads to.
    FAILS(ENOTDIR, opened("file/..", O_RDONLY | O_CREAT | O_EXCL));
    FAILS(ENOTDIR, opened("file/.", O_RDONLY | O_CREAT));
    FAILS(EEXIST, opened("dir/..", O_RDONLY | O_CREAT | O_EXCL));
    FAILS(EISDIR, opened("dir/..", O_RDONLY | O_CREAT));
    FAILS(ENOTDIR, opened("file/x/", O_RDONLY | O_CREAT));
    FAILS(ENOTDIR, mkdir("file/..", 0700));
    FAILS(EEXIST, mkdir("dir/..", 0700));
    FAILS(ENOTDIR, mknod("file/.", S_IFREG, 0));
    FAILS(ENOTDIR, symlink("x", "file/.."));
    FAILS(ENOTDIR, rmdir("file/."));
    FAILS(EINVAL, rmdir("dir/."));
    FAILS(ENOTDIR, unlink("file/.."));
    FAILS(EISDIR, unlink("dir/.."));
    FAILS(ENOTDIR, rename("file/.", "x"));
    FAILS(ENOTDIR, rename("empty", "file/.."));
    FAILS(EBUSY, rename("dir/.", "x"));
    FAILS(ENOTDIR, link("empty", "file/.."));
    CHECK(chmod("dir", 0600) == 0);
    CHECK(chmod(".", 0755) == 0);
    as_user([] {
        FAILS(EACCES, mkdir("dir/..", 0700));
        FAILS(EACCES, rmdir("dir/."));
        FAILS(EACCES, opened("dir/..", O_RDONLY | O_CREAT | O_EXCL));
    });
    CHECK(chmod("dir", 0755) == 0);
}

/// Neither for reading nor for writing: what ioctl() alone needs.
static void access_mode_three() {
    char byte = 0;
    int fd = open("file", 3);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == 3);
    FAILS(EBADF, read(fd, &byte, 1));
    FAILS(EBADF, write(fd, &byte, 1));
    FAILS(EBADF, pread(fd, &byte, 1, 0));
    FAILS(EACCES, mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
    FAILS(EINVAL, ftruncate(fd, 0));
    close(fd);
    FAILS(EINVAL, opened("fifo", 3));
    CHECK(chmod("empty", 0444) == 0);
    as_user([] { FAILS(EACCES, opened("empty", 3)); });
}

/// 0 where the setting is off; Linux's own default is, distributions switch it on.
static int setting(const char* name) {
    char path[80], value = '0';
    snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, &value, 1) == 1);
    close(fd);
    return value - '0';
}
/// A call that a setting forbids from a level on.
static void forbidden(bool now, int error, auto call) {
    if (now)
        FAILS(error, call());
    else
        CHECK(call() >= 0);
}

static void folders_of_everybody() {
    int links = setting("hardlinks"), symlinks = setting("symlinks"), fifos = setting("fifos"),
        regular = setting("regular");
    CHECK(mkdir("all", 0755) == 0 && mkdir("group", 0755) == 0);
    for (const char* folder : {"all", "group"}) {
        char name[40];
        auto in = [&](const char* what) { return snprintf(name, sizeof name, "%s/%s", folder, what), name; };
        make(in("file"), 0666);
        CHECK(chown(in("file"), nobody, nobody) == 0);
        CHECK(mkfifo(in("fifo"), 0666) == 0 && chmod(in("fifo"), 0666) == 0 && chown(in("fifo"), nobody, nobody) == 0);
        CHECK(symlink("file", in("link")) == 0 && lchown(in("link"), nobody, nobody) == 0);
        make(in("own"), 0666);
    }
    CHECK(chmod("all", 01777) == 0 && chmod("group", 01770) == 0);
    // What somebody else put there, root.
    forbidden(regular, EACCES, [] { return opened("all/file", O_CREAT | O_WRONLY); });
    forbidden(regular, EACCES, [] { return opened("all/file", O_CREAT | O_RDONLY); });
    forbidden(regular >= 2, EACCES, [] { return opened("group/file", O_CREAT | O_WRONLY); });
    forbidden(fifos, EACCES, [] { return opened("all/fifo", O_CREAT | O_RDWR); });
    forbidden(fifos >= 2, EACCES, [] { return opened("group/fifo", O_CREAT | O_RDWR); });
    CHECK(opened("all/own", O_CREAT | O_WRONLY) >= 0 && opened("all/new", O_CREAT | O_WRONLY) >= 0);
    CHECK(opened("all/file", O_WRONLY) >= 0 && opened("all/fifo", O_RDWR) >= 0);
    FAILS(EEXIST, opened("all/file", O_CREAT | O_EXCL | O_WRONLY));
    forbidden(symlinks, EACCES, [] { return opened("all/link", O_RDONLY); });
    forbidden(symlinks, EACCES, [] { return chmod("all/link", 0666); });
    CHECK(opened("group/link", O_RDONLY) >= 0);
    CHECK(opened("all/link", O_PATH | O_NOFOLLOW) >= 0);
    FAILS(ELOOP, opened("all/link", O_RDONLY | O_NOFOLLOW));
    // Links on the way are no matter.
    CHECK(symlink("..", "all/up") == 0 && lchown("all/up", nobody, nobody) == 0 &&
          opened("all/up/file", O_RDONLY) >= 0);
    CHECK(symlink("all/link", "to-link") == 0);
    forbidden(symlinks, EACCES, [] { return opened("to-link", O_RDONLY); });
    // The owner, and the owner of the folder.
    as_user([] { CHECK(opened("all/link", O_RDONLY) >= 0 && opened("all/file", O_CREAT | O_WRONLY) >= 0); });
    as_user([] { CHECK(opened("all/own", O_CREAT | O_WRONLY) >= 0); });
    CHECK(symlink("own", "all/roots") == 0);
    as_user([] { CHECK(opened("all/roots", O_RDONLY) >= 0); });

    // Hard links to what one neither owns nor could write to.
    make("readable", 0644), make("secret", 0600), make("open", 0666), make("runs", 04777);
    CHECK(mkfifo("pipe", 0666) == 0 && chmod("pipe", 0666) == 0);
    CHECK(chmod(".", 0777) == 0);
    as_user([&] {
        for (const char* name : {"readable", "secret", "runs", "pipe", "to-file"})
            forbidden(links, EPERM, [&] { return linkat(AT_FDCWD, name, AT_FDCWD, "linked", 0); }), unlink("linked");
        CHECK(link("open", "linked") == 0 && unlink("linked") == 0);
        make("mine", 0000);
        CHECK(link("mine", "linked") == 0 && unlink("linked") == 0);
    });
    CHECK(link("secret", "linked") == 0);
}

/// A file of memory has a name that says so, and may be executed while it is open for writing.
static void memory_files() {
    auto look = [](const char* what, unsigned flags) {
        errno = 0;
        int fd = static_cast<int>(syscall(SYS_memfd_create, "look", flags));
        struct stat s{};
        if (fd >= 0) fstat(fd, &s);
        printf("%s: %s mode %o seals %x\n", what, strerror(errno), s.st_mode, fd < 0 ? 0 : fcntl(fd, F_GET_SEALS));
        return fd;
    };
    constexpr unsigned no_execution = 8, execution = 16;
    look("plain", 0), look("sealable", MFD_ALLOW_SEALING), look("executable", execution);
    look("executable, sealable", execution | MFD_ALLOW_SEALING), look("both", execution | no_execution),
        look("unknown", 0x100);
    int fd = look("not executable", no_execution);
    FAILS(EPERM, fchmod(fd, 0700));
    CHECK(fchmod(fd, 0600) == 0);
    fd = look("sealed later", MFD_ALLOW_SEALING);
    CHECK(fcntl(fd, F_ADD_SEALS, 0x20) == 0 && fcntl(fd, F_GET_SEALS) == 0x3e);
    FAILS(EPERM, fchmod(fd, 0600));
    CHECK(fchmod(fd, 0711) == 0);
    FAILS(EPERM, write(fd, "x", 1));

    char path[40], link[80]{};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK(readlink(path, link, sizeof link - 1) > 0);
    printf("%s\n", link);
    auto run = [&](int program, const char* label) {
        pid_t child = start([&] {
            syscall(SYS_execveat, program, "", (const char*[]){"sh", "-c", "exit 7", nullptr}, environ, AT_EMPTY_PATH);
            printf("%s: %s\n", label, strerror(errno));
            return 1;
        });
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        printf("%s: status %x\n", label, status);
    };
    int program = memfd_create("program", 0), script = memfd_create("script", 0),
        from = open("/proc/self/exe", O_RDONLY);
    static char bytes[65536];
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
        CHECK(write(program, bytes, static_cast<size_t>(n)) == n);
    CHECK(dprintf(script, "#!/proc/self/fd/%d\n", program) > 0);
    run(program, "program");
    run(script, "script");
    snprintf(path, sizeof path, "/proc/self/fd/%d", program);
    int writer = open(path, O_RDWR);
    CHECK(writer >= 0);
    run(program, "opened again for writing");
    close(writer);
    run(memfd_create("not", no_execution), "not executable");
}

/// Lines of #! at their greatest length.
static void long_scripts() {
    for (size_t length : {253, 254, 255, 256, 257, 300}) {
        for (bool blank : {false, true}) {
            static char text[400];
            int n = snprintf(text, sizeof text, "#!/proc/self/exe%s", blank ? " " : "");
            while (static_cast<size_t>(n) < length) text[n++] = 'a';
            text[n++] = '\n';
            int fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
            CHECK(write(fd, text, static_cast<size_t>(n)) == n);
            close(fd);
            pid_t child = start([] {
                execl("./script", "script", nullptr);
                printf("%s ", strerror(errno));
                return 1;
            });
            int status = -1;
            CHECK(waitpid(child, &status, 0) == child);
            printf("line of %zu%s: %x\n", length, blank ? " with an argument" : "", status);
        }
    }
}

int main(int argc, char** argv) {
    if (argc > 1) { // started by one of the programs above
        if (argc >= 3 && !strcmp(argv[1], "-c")) return 7;
        if (!strncmp(argv[1], "aaaa", 4)) return printf("argument of %zu ", strlen(argv[1])), fflush(stdout), 0;
        return argc;
    }
    umask(022);
    errors();
    access_mode_three();
    folders_of_everybody();
    memory_files();
    long_scripts();
    return finish("opening");
}
