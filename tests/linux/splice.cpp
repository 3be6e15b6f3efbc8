// qemu-user: leaves the offset of a splice that fails unread
// sendfile, splice and tee with pipes: what is moved, what is shared, where they wait.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char buf[300000], expected[300000];
static volatile int broken;

static int available(int fd) {
    int n = -1;
    ioctl(fd, FIONREAD, &n);
    return n;
}
static void make_pipe(int (&p)[2], int flags = 0) { CHECK(pipe2(p, flags) == 0); }
static void close_pipe(const int (&p)[2]) {
    close(p[0]);
    close(p[1]);
}
static bool reads(int fd, const char* text) {
    memset(buf, 0, 100);
    ssize_t n = read(fd, buf, sizeof buf);
    return n == static_cast<ssize_t>(strlen(text)) && !memcmp(buf, text, strlen(text));
}

/// A file of the tmpfs that memfd_create gives: on Linux and here one of the page cache.
static int new_file(size_t size) {
    int fd = memfd_create("spliced", 0);
    for (size_t i = 0; i < size; i++) expected[i] = static_cast<char>(i * 7 + i / 4096);
    CHECK(write(fd, expected, size) == static_cast<ssize_t>(size));
    return fd;
}

static void file_to_pipe() {
    int p[2], fd = new_file(200'000);
    make_pipe(p);
    // One round: as many pages as the pipe takes.
    off_t at = 100;
    CHECK(sendfile(p[1], fd, &at, 200'000) == 65536 - 100 && at == 65536);
    CHECK(available(p[0]) == 65536 - 100);
    CHECK(read(p[0], buf, sizeof buf) == 65536 - 100 && !memcmp(buf, expected + 100, 65536 - 100));
    loff_t from = 199'990;
    CHECK(splice(fd, &from, p[1], nullptr, 100, 0) == 10 && from == 200'000);
    CHECK(splice(fd, &from, p[1], nullptr, 100, 0) == 0 && from == 200'000);
    CHECK(lseek(fd, 5, SEEK_SET) == 5);
    CHECK(splice(fd, nullptr, p[1], nullptr, 3, 0) == 3 && lseek(fd, 0, SEEK_CUR) == 8);
    CHECK(write(p[1], "end", 3) == 3);
    CHECK(read(p[0], buf, 16) == 16 && !memcmp(buf, expected + 199'990, 10) && !memcmp(buf + 10, expected + 5, 3));
    CHECK(!memcmp(buf + 13, "end", 3) && available(p[0]) == 0);

    // Each piece takes a page of the pipe's capacity.
    for (int i = 0; i < 16; i++) {
        from = i;
        CHECK(splice(fd, &from, p[1], nullptr, 1, SPLICE_F_NONBLOCK) == 1);
    }
    from = 0;
    FAILS(EAGAIN, splice(fd, &from, p[1], nullptr, 1, SPLICE_F_NONBLOCK));
    CHECK(from == 0);
    CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
    at = 0;
    FAILS(EAGAIN, sendfile(p[1], fd, &at, 1));
    FAILS(EAGAIN, write(p[1], "x", 1)); // nor is it merged into a page of the file
    CHECK(available(p[0]) == 16);
    CHECK(read(p[0], buf, 100) == 16 && !memcmp(buf, expected, 16));
    CHECK(sendfile(p[1], fd, &at, 1 << 20) == 65536);
    CHECK(fcntl(p[0], F_SETPIPE_SZ, 1 << 17) == 1 << 17);
    CHECK(sendfile(p[1], fd, &at, 1 << 20) == 65536);
    CHECK(read(p[0], buf, sizeof buf) == 131072 && !memcmp(buf, expected, 131072));
    close_pipe(p);
    close(fd);
}

/// The pipe holds the file's pages: what is written to them later is read, and truncation leaves them.
static void pages_are_shared() {
    int p[2], fd = new_file(3 * 4096);
    make_pipe(p);
    off_t at = 0;
    CHECK(sendfile(p[1], fd, &at, 3 * 4096) == 3 * 4096);
    CHECK(pwrite(fd, "later", 5, 4096) == 5);
    CHECK(ftruncate(fd, 4096) == 0);
    CHECK(ftruncate(fd, 3 * 4096) == 0);
    CHECK(pwrite(fd, "other", 5, 8192) == 5); // another page by now
    memcpy(expected + 4096, "later", 5);
    CHECK(read(p[0], buf, 4096) == 4096 && !memcmp(buf, expected, 4096));
    CHECK(read(p[0], buf, 4096) == 4096 && !memcmp(buf, expected + 4096, 4096));
    CHECK(read(p[0], buf, 4096) == 4096 && !memcmp(buf, expected + 8192, 4096));
    // What the pipe's writers put behind must not reach the file.
    at = 0;
    CHECK(sendfile(p[1], fd, &at, 10) == 10 && write(p[1], "written", 7) == 7);
    CHECK(pread(fd, buf, 20, 0) == 20 && !memcmp(buf, expected, 20));
    CHECK(read(p[0], buf, 100) == 17 && !memcmp(buf + 10, "written", 7));
    // A hole is zeros.
    CHECK(ftruncate(fd, 1 << 20) == 0);
    at = 100'000;
    CHECK(sendfile(p[1], fd, &at, 5000) == 5000);
    close(fd);
    CHECK(read(p[0], buf, 6000) == 5000);
    int other = 0;
    for (int i = 0; i < 5000; i++) other += buf[i] != 0;
    CHECK(other == 0);
    close_pipe(p);
}

static void pipe_to_pipe() {
    int a[2], b[2];
    make_pipe(a);
    make_pipe(b);
    CHECK(write(a[1], "hello, world", 12) == 12);
    CHECK(splice(a[0], nullptr, b[1], nullptr, 5, 0) == 5);
    CHECK(available(a[0]) == 7 && available(b[0]) == 5);
    CHECK(write(b[1], "!", 1) == 1 && write(a[1], "?", 1) == 1);
    CHECK(reads(b[0], "hello!"));
    CHECK(splice(a[0], nullptr, b[1], nullptr, 100, 0) == 8);
    CHECK(write(b[1], "more", 4) == 4);
    CHECK(reads(b[0], ", world?more"));
    FAILS(EAGAIN, splice(a[0], nullptr, b[1], nullptr, 5, SPLICE_F_NONBLOCK));
    // As far as there is room.
    memset(buf, 'x', 65536);
    CHECK(write(a[1], buf, 65536) == 65536 && write(b[1], "y", 1) == 1);
    CHECK(splice(a[0], nullptr, b[1], nullptr, 100'000, 0) == 15 * 4096);
    CHECK(available(a[0]) == 4096 && available(b[0]) == 15 * 4096 + 1);
    FAILS(EAGAIN, splice(a[0], nullptr, b[1], nullptr, 1, SPLICE_F_NONBLOCK));
    CHECK(fcntl(a[0], F_SETFL, O_NONBLOCK) == 0);
    FAILS(EAGAIN, splice(a[0], nullptr, b[1], nullptr, 1, 0));
    CHECK(read(b[0], buf, 1) == 1 && *buf == 'y');
    close(a[1]);
    CHECK(splice(a[0], nullptr, b[1], nullptr, 100'000, 0) == 4096);
    CHECK(read(b[0], buf, 65536) == 65536);
    CHECK(splice(a[0], nullptr, b[1], nullptr, 1, 0) == 0); // no writers
    close(a[0]);
    close_pipe(b);
}

static void tees() {
    int a[2], b[2];
    make_pipe(a);
    make_pipe(b);
    CHECK(write(a[1], "shared", 6) == 6);
    CHECK(tee(a[0], b[1], 100, 0) == 6);
    CHECK(available(a[0]) == 6 && available(b[0]) == 6);
    CHECK(write(a[1], " in a", 5) == 5 && write(b[1], " in b", 5) == 5);
    CHECK(reads(b[0], "shared in b"));
    CHECK(tee(a[0], b[1], 3, 0) == 3);
    CHECK(reads(a[0], "shared in a"));
    CHECK(write(a[1], "next", 4) == 4); // the page may be in use in b
    CHECK(reads(b[0], "sha"));
    CHECK(reads(a[0], "next"));
    FAILS(EAGAIN, tee(a[0], b[1], 1, SPLICE_F_NONBLOCK));
    // Pages of a file, in both.
    int fd = new_file(20'000);
    off_t at = 0;
    CHECK(sendfile(a[1], fd, &at, 20'000) == 20'000);
    CHECK(tee(a[0], b[1], 10'000, 0) == 10'000);
    CHECK(read(a[0], buf, sizeof buf) == 20'000 && !memcmp(buf, expected, 20'000));
    CHECK(read(b[0], buf, sizeof buf) == 10'000 && !memcmp(buf, expected, 10'000));
    close(fd);
    close(a[1]);
    CHECK(tee(a[0], b[1], 1, 0) == 0);
    close(a[0]);
    close_pipe(b);
}

static void pipe_to_file() {
    int p[2], fd = memfd_create("to", 0);
    make_pipe(p);
    CHECK(write(p[1], "into the file", 13) == 13);
    loff_t to = 3;
    CHECK(splice(p[0], nullptr, fd, &to, 4, 0) == 4 && to == 7);
    CHECK(splice(p[0], nullptr, fd, nullptr, 100, 0) == 9 && lseek(fd, 0, SEEK_CUR) == 9);
    memset(buf, 1, 10);
    CHECK(pread(fd, buf, 100, 0) == 9 && !memcmp(buf, " the file", 9));
    close(fd);
    close_pipe(p);
}

static void errors() {
    int a[2], b[2], fd = new_file(10), appending;
    make_pipe(a);
    make_pipe(b);
    loff_t at = 0;
    CHECK(splice(-1, nullptr, -1, nullptr, 0, 0) == 0);
    CHECK(tee(-1, -1, 0, 0) == 0);
    FAILS(EINVAL, splice(fd, nullptr, a[1], nullptr, 1, 16));
    FAILS(EINVAL, tee(a[0], b[1], 1, 16));
    FAILS(EINVAL, tee(-1, -1, 0, 16));
    FAILS(EBADF, splice(-1, nullptr, a[1], nullptr, 1, 0));
    FAILS(EBADF, splice(fd, nullptr, -1, nullptr, 1, 0));
    FAILS(EBADF, splice(fd, nullptr, a[0], nullptr, 1, 0));
    FAILS(EBADF, splice(a[1], nullptr, fd, nullptr, 1, 0));
    FAILS(EBADF, tee(a[1], b[1], 1, 0));
    FAILS(EBADF, tee(a[0], b[0], 1, 0));
    FAILS(EINVAL, splice(fd, nullptr, fd, nullptr, 1, 0));
    FAILS(EINVAL, tee(fd, b[1], 1, 0));
    FAILS(EINVAL, tee(a[0], fd, 1, 0));
    FAILS(ESPIPE, splice(fd, nullptr, a[1], &at, 1, 0));
    FAILS(ESPIPE, splice(a[0], &at, fd, nullptr, 1, 0));
    FAILS(ESPIPE, splice(a[0], nullptr, b[1], &at, 1, 0));
    FAILS(EINVAL, splice(a[0], nullptr, a[1], nullptr, 1, 0));
    FAILS(EINVAL, tee(a[0], a[1], 1, 0));
    appending = open("appending", O_CREAT | O_WRONLY | O_APPEND, 0600);
    FAILS(EINVAL, splice(a[0], nullptr, appending, nullptr, 1, 0));
    close(appending);

    // Without a reader.
    struct sigaction action{};
    action.sa_handler = [](int) { broken = broken + 1; };
    sigaction(SIGPIPE, &action, nullptr);
    close(b[0]);
    CHECK(write(a[1], "x", 1) == 1);
    FAILS(EPIPE, splice(fd, &at, b[1], nullptr, 1, 0));
    CHECK(broken == 1);
    FAILS(EPIPE, splice(a[0], nullptr, b[1], nullptr, 1, 0));
    CHECK(broken == 2);
    FAILS(EPIPE, tee(a[0], b[1], 1, 0));
    CHECK(broken == 3);
    off_t from = 0;
    FAILS(EPIPE, sendfile(b[1], fd, &from, 1));
    CHECK(broken == 4);
    close(b[1]);
    close_pipe(a);
    close(fd);
}

/// Each of the calls waits for the other side.
static void waiting() {
    int a[2], b[2], status;
    make_pipe(a);
    make_pipe(b);
    pid_t child = fork();
    if (child == 0) {
        close(a[1]);
        bool right = tee(a[0], b[1], 100, 0) == 5 && splice(a[0], nullptr, b[1], nullptr, 100, 0) == 5;
        memset(buf, 'f', 65536);
        right = right && write(b[1], buf, 14 * 4096) == 14 * 4096;
        int fd = new_file(10);
        off_t at = 0;
        right = right && sendfile(b[1], fd, &at, 10) == 10;
        _exit(right ? 0 : 1);
    }
    CHECK(until_asleep(child));
    CHECK(write(a[1], "bytes", 5) == 5);
    CHECK(until_asleep(child)); // the pipe is full
    CHECK(read(b[0], buf, 10) == 10 && !memcmp(buf, "bytesbytes", 10));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(available(b[0]) == 14 * 4096 + 10);
    close_pipe(a);
    close_pipe(b);
}

/// A megabyte from a file through three pipes into a file.
static void chain() {
    int a[2], b[2], c[2], status, from = memfd_create("from", 0), to = memfd_create("to", 0);
    constexpr size_t size = 1 << 20;
    for (size_t done = 0; done < size; done += sizeof buf) {
        for (size_t i = 0; i < sizeof buf; i++) buf[i] = static_cast<char>((done + i) * 31 + (done + i) / 4096);
        CHECK(write(from, buf, sizeof buf) == sizeof buf);
    }
    CHECK(ftruncate(from, size) == 0);
    make_pipe(a);
    make_pipe(b);
    make_pipe(c);
    auto pump = [&](int in, int out, size_t piece) {
        pid_t child = fork();
        if (child) return child;
        for (auto* p : {a, b, c})
            for (int i = 0; i < 2; i++)
                if (p[i] != in && p[i] != out) close(p[i]);
        ssize_t n;
        while ((n = splice(in, nullptr, out, nullptr, piece, 0)) > 0) {}
        _exit(n == 0 ? 0 : 1);
    };
    lseek(from, 0, SEEK_SET);
    pid_t children[] = {pump(from, a[1], 50'000), pump(a[0], b[1], 3333), pump(b[0], c[1], 70'000)};
    close_pipe(a);
    close_pipe(b);
    close(c[1]);
    while (splice(c[0], nullptr, to, nullptr, 10'001, 0) > 0) {}
    for (pid_t child : children) CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(lseek(to, 0, SEEK_END) == size);
    auto* x = static_cast<char*>(mmap(nullptr, size, PROT_READ, MAP_SHARED, from, 0));
    auto* y = static_cast<char*>(mmap(nullptr, size, PROT_READ, MAP_SHARED, to, 0));
    CHECK(!memcmp(x, y, size));
    close(c[0]);
}

/// What a terminal's master reads goes into a pipe as into memory.
static void terminal_to_pipe() {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlocked = 0, number = -1, p[2];
    CHECK(ioctl(master, TIOCSPTLCK, &unlocked) == 0 && ioctl(master, TIOCGPTN, &number) == 0);
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    int slave = open(path, O_RDWR | O_NOCTTY);
    make_pipe(p);
    CHECK(write(slave, "first", 5) == 5 && sendfile(p[1], master, nullptr, 100) == 5 && reads(p[0], "first"));
    CHECK(write(slave, "second", 6) == 6 && splice(master, nullptr, p[1], nullptr, 100, 0) == 6);
    CHECK(reads(p[0], "second"));
    close_pipe(p);
    close(slave);
    close(master);
}

int main() {
    terminal_to_pipe();
    file_to_pipe();
    pages_are_shared();
    pipe_to_pipe();
    tees();
    pipe_to_file();
    errors();
    waiting();
    chain();
    return finish("splice");
}
