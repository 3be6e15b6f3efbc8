// inotify(7): what each operation on files tells, in which order, and to which watches.
// qemu-user: executes no programs of its processor
#include "tests/linux/inotify.h"
#include <dirent.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>

namespace {
void swap_bytes(int fd) {
    char bytes[4];
    iovec vector{bytes, 2};
    CHECK(pread(fd, bytes, 4, 0) == 4 && pwrite(fd, bytes, 4, 0) == 4 && preadv(fd, &vector, 1, 0) == 2 &&
          pwritev(fd, &vector, 1, 0) == 2);
}

void content() {
    auto both = {"d", "d/file"};
    scene("open and close", both, [] { close(open("d/file", O_RDONLY)); });
    scene("open for writing", both, [] { close(open("d/file", O_WRONLY)); });
    scene("open for both", both, [] { close(open("d/file", O_RDWR)); });
    scene("open for neither", both, [] { close(open("d/file", 3)); });
    scene("O_PATH", both, [] { close(open("d/file", O_PATH)); });
    scene("a failed open", both, [] { FAILS(EEXIST, open("d/file", O_CREAT | O_EXCL | O_RDWR, 0600)); });
    scene("open that truncates", both, [] { close(open("d/file", O_WRONLY | O_TRUNC)); });
    scene("open that makes", {"d"}, [] { close(open("d/new", O_CREAT | O_WRONLY | O_TRUNC, 0600)); });
    scene("open that would make", both, [] { close(open("d/file", O_CREAT | O_RDONLY, 0600)); });
    scene("O_TMPFILE", {"d"}, [] {
        int fd = open("d", O_TMPFILE | O_RDWR, 0600);
        CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    });
    scene("O_TMPFILE with a name", {"d"}, [] {
        int fd = open("d", O_TMPFILE | O_RDWR, 0600);
        CHECK(linkat(AT_FDCWD, PathOf{fd}.text, AT_FDCWD, "d/new", AT_SYMLINK_FOLLOW) == 0);
        CHECK(write(fd, "x", 1) == 1 && close(fd) == 0);
    });
    scene("read and write", both, [] {
        int fd = open("d/file", O_RDWR);
        char byte;
        CHECK(read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1);
        CHECK(read(fd, &byte, 0) == 0 && write(fd, &byte, 0) == 0);
        CHECK(lseek(fd, 0, SEEK_END) == 7 && read(fd, &byte, 1) == 0);
        close(fd);
    });
    scene("positions and vectors", both, [] {
        int fd = open("d/file", O_RDWR);
        swap_bytes(fd);
        close(fd);
    });
    scene("memory that is mapped", both, [] {
        int fd = open("d/file", O_RDWR);
        auto* at = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        CHECK(close(fd) == 0);
        at[0] = 'x';
        CHECK(msync(at, 4096, MS_SYNC) == 0 && unlink("d/other") == 0 && munmap(at, 4096) == 0);
    });
    scene("truncations", both, [] {
        int fd = open("d/file", O_RDWR);
        CHECK(truncate("d/file", 3) == 0 && ftruncate(fd, 5) == 0 && ftruncate(fd, 5) == 0);
        CHECK(fallocate(fd, 0, 0, 100) == 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000) == 0);
        CHECK(fsync(fd) == 0);
        close(fd);
    });
    scene("duplicates", both, [] {
        int fd = open("d/file", O_RDONLY), copy = dup(fd);
        close(fd);
        CHECK(unlink("d/other") == 0);
        close(copy);
    });
}

void transfers() {
    auto two = {"d", "d/file", "e"};
    scene("sendfile", two, [] {
        int in = open("d/file", O_RDONLY), out = open("e/file", O_WRONLY);
        CHECK(sendfile(out, in, nullptr, 100) == 7 && sendfile(out, in, nullptr, 100) == 0);
        close(in), close(out);
    });
    scene("copy_file_range", two, [] {
        int in = open("d/file", O_RDONLY), out = open("e/file", O_WRONLY);
        CHECK(copy_file_range(in, nullptr, out, nullptr, 100, 0) == 7);
        CHECK(copy_file_range(in, nullptr, out, nullptr, 100, 0) == 0);
        close(in), close(out);
    });
    scene("a large copy", {"d", "e"}, [](Instance& instance) {
        int in = open("d/file", O_RDWR), out = open("e/file", O_WRONLY);
        CHECK(ftruncate(in, 300'000) == 0);
        instance.events();
        CHECK(copy_file_range(in, nullptr, out, nullptr, 300'000, 0) == 300'000);
        printf("%s-\n", instance.events().get());
        CHECK(lseek(in, 0, SEEK_SET) == 0 && sendfile(out, in, nullptr, 300'000) == 300'000);
        close(in), close(out);
    });
    scene("splice", two, [] {
        int in = open("d/file", O_RDONLY), out = open("e/file", O_WRONLY), ends[2];
        CHECK(pipe(ends) == 0 && splice(in, nullptr, ends[1], nullptr, 7, 0) == 7);
        CHECK(splice(ends[0], nullptr, out, nullptr, 7, 0) == 7);
        close(in), close(out), close(ends[0]), close(ends[1]);
    });
    scene("a FIFO", {"d"}, [](Instance& instance) {
        CHECK(mkfifo("d/fifo", 0600) == 0);
        instance.watch("d/fifo");
        int in = open("d/fifo", O_RDONLY | O_NONBLOCK), out = open("d/fifo", O_WRONLY);
        char bytes[2];
        CHECK(write(out, "xy", 2) == 2 && read(in, bytes, 2) == 2 && read(in, bytes, 2) == -1);
        CHECK(utimensat(AT_FDCWD, "d/fifo", nullptr, 0) == 0);
        close(out), close(in);
    });
    scene("a pipe", {}, [](Instance& instance) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        instance.watch(PathOf{ends[0]}.text, IN_ALL_EVENTS, "pipe");
        char byte;
        CHECK(write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1);
        close(ends[1]), close(ends[0]);
    });
    scene("pipes that are joined", {}, [](Instance& instance) {
        int in[2], out[2];
        CHECK(pipe(in) == 0 && pipe(out) == 0);
        instance.watch(PathOf{in[0]}.text, IN_MODIFY | IN_ACCESS, "from");
        instance.watch(PathOf{out[0]}.text, IN_MODIFY | IN_ACCESS, "to");
        CHECK(write(in[1], "x", 1) == 1 && tee(in[0], out[1], 1, 0) == 1);
        CHECK(splice(in[0], nullptr, out[1], nullptr, 1, 0) == 1);
        iovec memory{const_cast<char*>("y"), 1};
        CHECK(vmsplice(out[1], &memory, 1, 0) == 1);
        for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    });
    scene("memory with a descriptor", {}, [](Instance& instance) {
        int fd = static_cast<int>(CALL(memfd_create, "name", 0));
        PathOf path{fd};
        instance.watch(path.text, IN_ALL_EVENTS, "memory");
        CHECK(write(fd, "x", 1) == 1); // who has made it tells nobody
        close(open(path.text, O_RDONLY));
        close(fd);
    });
    scene("a device", {"/dev/null"}, [] {
        int fd = open("/dev/null", O_RDWR);
        CHECK(write(fd, "x", 1) == 1);
        char byte;
        CHECK(read(fd, &byte, 1) == 0);
        close(fd);
    });
}

void attributes() {
    auto both = {"d", "d/file"};
    scene("a lease that is in the way", {"d"}, [] {
        signal(SIGIO, SIG_IGN);
        int fd = open("d/file", O_RDONLY);
        CHECK(fcntl(fd, F_SETLEASE, F_RDLCK) == 0);
        FAILS(EAGAIN, open("d/file", O_WRONLY | O_NONBLOCK));
        close(fd);
    });
    scene("a FIFO that nobody reads", {"d"}, [] {
        CHECK(mkfifo("d/fifo", 0600) == 0);
        FAILS(ENXIO, open("d/fifo", O_WRONLY | O_NONBLOCK));
    });
    scene("flags of an inode", both, [] {
        int fd = open("d/file", O_RDONLY), flags = 0;
        CHECK(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0);
        flags |= FS_NODUMP_FL;
        CHECK(ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0);
        close(fd);
    });
    scene("chmod", both, [] { CHECK(chmod("d/file", 0600) == 0 && chmod("d/file", 0600) == 0); });
    scene("fchmod of what is open", both, [] {
        int fd = open("d/file", O_RDONLY);
        CHECK(fchmod(fd, 0600) == 0);
        close(fd);
    });
    scene("chown", both, [] { CHECK(chown("d/file", 1, 1) == 0); });
    scene("chown to nobody else", both, [] { CHECK(chown("d/file", -1u, -1u) == 0); });
    scene("chown of a set-user-ID file", both, [] {
        CHECK(chmod("d/file", 04755) == 0 && unlink("d/other") == 0);
        CHECK(chown("d/file", -1u, -1u) == 0);
    });
    scene("extended attributes", both, [] {
        CHECK(setxattr("d/file", "user.a", "x", 1, 0) == 0 && unlink("d/other") == 0);
        char value;
        CHECK(getxattr("d/file", "user.a", &value, 1) == 1 && removexattr("d/file", "user.a") == 0);
        FAILS(ENODATA, removexattr("d/file", "user.a"));
    });
    auto times = [](long access, long modification) {
        return [=] {
            timespec times[2] = {{1, access}, {1, modification}};
            CHECK(utimensat(AT_FDCWD, "d/file", times, 0) == 0);
        };
    };
    scene("both times", both, times(0, 0));
    scene("the access time", both, times(0, UTIME_OMIT));
    scene("the modification time", both, times(UTIME_OMIT, 0));
    scene("neither time", both, times(UTIME_OMIT, UTIME_OMIT));
    scene("both times now", both, [] { CHECK(utimensat(AT_FDCWD, "d/file", nullptr, 0) == 0); });
    scene("the access time now", both, times(UTIME_NOW, UTIME_OMIT));
    scene("a link", both, [] { CHECK(link("d/file", "d/link") == 0 && link("d/file", "e/link") == 0); });
    scene("what only looks", both, [] {
        struct stat st;
        CHECK(stat("d/file", &st) == 0 && access("d/file", R_OK) == 0 && access("d", R_OK) == 0);
        CHECK(symlink("file", "d/link") == 0);
        char text[8];
        CHECK(readlink("d/link", text, sizeof text) == 4);
    });
    // A write and a truncation take set-user-ID away from who has no privileges.
    auto unprivileged = [](auto body) {
        return [=] {
            CHECK(chmod(".", 0777) == 0 && chown("d/file", 1000, 1000) == 0 && chmod("d/file", 06777) == 0);
            int before = failures;
            CHECK(exit_of(start([&] {
                      CHECK(setgid(1000) == 0 && setuid(1000) == 0);
                      body();
                      return failures - before;
                  })) == 0);
            struct stat st;
            CHECK(stat("d/file", &st) == 0);
            printf("mode %o\n", st.st_mode);
        };
    };
    scene("a write to a set-user-ID file", both, unprivileged([] {
              int fd = open("d/file", O_WRONLY);
              CHECK(write(fd, "x", 1) == 1 && close(fd) == 0);
          }));
    scene("truncate of a set-user-ID file", both, unprivileged([] { CHECK(truncate("d/file", 1) == 0); }));
    scene("O_TRUNC of a set-user-ID file", both, unprivileged([] { close(open("d/file", O_WRONLY | O_TRUNC)); }));
    scene("a combination, told to who wants one of it", {"d", "d/file"},
          unprivileged([] { CHECK(truncate("d/file", 1) == 0); }), IN_MODIFY);
}

void names() {
    scene("mkdir and rmdir", {"d", "d/sub"}, [] { CHECK(rmdir("d/sub") == 0 && mkdir("d/sub", 0755) == 0); });
    scene("unlink", {"d", "d/file"}, [] { CHECK(unlink("d/file") == 0); });
    scene("unlink of one of two names", {"d", "d/file"}, [] {
        CHECK(link("d/file", "e/link") == 0 && unlink("d/file") == 0 && chmod("e/link", 0600) == 0);
        CHECK(unlink("e/link") == 0);
    });
    scene("unlink of an open file", {"d", "d/file"}, [] {
        int fd = open("d/file", O_RDWR);
        CHECK(unlink("d/file") == 0 && write(fd, "x", 1) == 1 && fchmod(fd, 0600) == 0);
        close(fd);
    });
    scene("unlink of an open file with another name", {"d", "d/file"}, [] {
        CHECK(link("d/file", "e/link") == 0);
        int fd = open("d/file", O_RDWR);
        CHECK(unlink("d/file") == 0 && write(fd, "x", 1) == 1 && unlink("e/link") == 0);
        close(fd);
    });
    scene("symlink, mknod and bind", {"d"}, [] {
        CHECK(symlink("nowhere", "d/symlink") == 0 && mknod("d/node", S_IFREG | 0600, 0) == 0);
        CHECK(mkfifo("d/fifo", 0600) == 0);
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un name{AF_UNIX, "d/socket"};
        CHECK(bind(s, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        close(s);
        CHECK(unlink("d/symlink") == 0 && unlink("d/socket") == 0);
    });
    scene("rename within", {"d", "d/file"}, [] { CHECK(rename("d/file", "d/new") == 0); });
    scene("rename to elsewhere", {"d", "d/file", "e"}, [] { CHECK(rename("d/file", "e/new") == 0); });
    scene("rename out", {"d", "d/file"}, [] { CHECK(rename("d/file", "e/new") == 0); });
    scene("rename in", {"d"}, [] { CHECK(rename("e/file", "d/new") == 0); });
    scene("rename over", {"d", "d/file", "e/file", "e"}, [] { CHECK(rename("d/file", "e/file") == 0); });
    scene("rename over what is open", {"d", "e/file"}, [] {
        int fd = open("e/file", O_RDONLY);
        CHECK(rename("d/file", "e/file") == 0);
        close(fd);
    });
    scene("rename of a directory", {"d", "d/sub", "e"}, [] { CHECK(rename("d/sub", "e/new") == 0); });
    scene("rename over a directory", {"d", "d/sub", "e"}, [] { CHECK(rename("e", "d/sub") == 0); });
    scene("rename of what has two names", {"d", "d/file"},
          [] { CHECK(link("d/file", "d/link") == 0 && rename("d/file", "d/link") == 0); });
    scene("exchange", {"d", "d/file", "e", "e/file"},
          [] { CHECK(CALL(renameat2, AT_FDCWD, "d/file", AT_FDCWD, "e/file", RENAME_EXCHANGE) == 0); });
    scene("exchange with a directory", {"d", "d/sub", "d/file"},
          [] { CHECK(CALL(renameat2, AT_FDCWD, "d/file", AT_FDCWD, "d/sub", RENAME_EXCHANGE) == 0); });
    scene("two renames", {"d", "e"}, [] { CHECK(rename("d/file", "e/a") == 0 && rename("d/other", "e/b") == 0); });
    scene("a watched file goes on after a rename", {"d", "d/file", "e"},
          [] { CHECK(rename("d/file", "e/new") == 0 && chmod("e/new", 0600) == 0); });
}

void directories() {
    scene("a directory is read", {"d", "d/sub"}, [] {
        DIR* dir = opendir("d/sub");
        while (readdir(dir)) {}
        closedir(dir);
    });
    scene("a directory that does not fit", {"d/sub"}, [] {
        int fd = open("d/sub", O_RDONLY);
        char small[8];
        FAILS(EINVAL, CALL(getdents64, fd, small, sizeof small));
        close(fd);
    });
    scene("a directory's attributes", {"d", "d/sub"},
          [] { CHECK(chmod("d/sub", 0700) == 0 && chown("d/sub", 1, 1) == 0 && chmod("d", 0700) == 0); });
    scene("what is two below", {"d"}, [] {
        make_file("d/sub/new", "x");
        CHECK(unlink("d/sub/new") == 0);
    });
    scene("a removed directory that is open", {"d", "d/sub"}, [] {
        int fd = open("d/sub", O_RDONLY);
        CHECK(rmdir("d/sub") == 0 && fchmod(fd, 0700) == 0);
        close(fd);
    });
    scene("a removed working directory", {"d", "d/sub"}, [] {
        CHECK(chdir("d/sub") == 0 && rmdir("../sub") == 0);
        make_file("../new");
        CHECK(chdir("../..") == 0);
    });
    scene("a removed directory whose missing names somebody has asked for", {"d", "d/sub"}, [] {
        for (const char* name : {"d/sub/a", "d/sub/b", "d/sub/c"}) FAILS(ENOENT, access(name, F_OK));
        make_file("d/sub/x");
        CHECK(unlink("d/sub/x") == 0 && rmdir("d/sub") == 0);
    });
    scene("the watched directory goes with what is in it", {"e", "e/file"},
          [] { CHECK(unlink("e/file") == 0 && rmdir("e") == 0); });
}

void programs() {
    scene("a program runs", {"d"}, [](Instance& instance) {
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        CHECK(n > 0);
        self[n] = 0;
        CHECK(link(self, "d/program") == 0 || symlink(self, "d/program") == 0);
        int in = open(self, O_RDONLY), out = open("d/copy", O_CREAT | O_WRONLY, 0755);
        while (sendfile(out, in, nullptr, 1 << 20) > 0) {}
        close(in), close(out);
        instance.events();
        CHECK(exit_of(start([] { execl("d/copy", "copy", "child", nullptr); })) == 7);
    });
}
} // namespace

int main(int count, char**) {
    if (count > 1) return 7;
    umask(022);
    content();
    transfers();
    attributes();
    names();
    directories();
    programs();
    return finish("inotify_events");
}
