// qemu-user: locks all memory of a call at once
// vmsplice(2): memory into a pipe, one place of it for each page; a pipe's content into memory; where it waits.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace {
constexpr size_t page = 4096;
char* memory; // 40 pages and one that cannot be touched
char got[64 * page];

struct Pipe {
    int read, write;
    explicit Pipe(int flags = 0) {
        int p[2];
        CHECK(pipe2(p, flags) == 0);
        read = p[0];
        write = p[1];
    }
    ~Pipe() {
        close(read);
        close(write);
    }
    int available() const {
        int n = -1;
        ioctl(read, FIONREAD, &n);
        return n;
    }
};

ssize_t give(int fd, const void* from, size_t n, unsigned flags = 0) {
    iovec v{const_cast<void*>(from), n};
    return vmsplice(fd, &v, 1, flags);
}

void into() {
    Pipe p;
    CHECK(give(p.write, memory + 100, 200) == 200 && p.available() == 200);
    CHECK(read(p.read, got, sizeof got) == 200 && !memcmp(got, memory + 100, 200));
    // Pieces of several pages and segments arrive in order; an empty one is nothing.
    iovec v[] = {{memory + 10, 5000}, {nullptr, 0}, {memory + 20'000, 3}, {memory + 30'000, 10'000}};
    CHECK(vmsplice(p.write, v, 4, SPLICE_F_GIFT | SPLICE_F_MOVE | SPLICE_F_MORE) == 15'003);
    CHECK(read(p.read, got, sizeof got) == 15'003);
    CHECK(!memcmp(got, memory + 10, 5000) && !memcmp(got + 5000, memory + 20'000, 3) &&
          !memcmp(got + 5003, memory + 30'000, 10'000));
    // As much as there are places for, and no wait for more.
    CHECK(give(p.write, memory, 40 * page) == 16 * page);
    FAILS(EAGAIN, give(p.write, memory, 1, SPLICE_F_NONBLOCK));
    CHECK(read(p.read, got, sizeof got) == 16 * page && !memcmp(got, memory, 16 * page));
    CHECK(give(p.write, memory + 1, 40 * page - 1) == 16 * page - 1);
    CHECK(read(p.read, got, sizeof got) == 16 * page - 1 && !memcmp(got, memory + 1, 16 * page - 1));
    for (int i = 0; i < 8; i++) CHECK(give(p.write, memory + page - 1, 2) == 2); // two places each
    FAILS(EAGAIN, give(p.write, memory, 1, SPLICE_F_NONBLOCK));
    CHECK(p.available() == 16 && read(p.read, got, sizeof got) == 16);
    // Later writes are not merged into what was given.
    CHECK(give(p.write, "abc", 3) == 3 && write(p.write, "def", 3) == 3 && read(p.read, got, 10) == 6 &&
          !memcmp(got, "abcdef", 6));
    // Up to what cannot be read.
    CHECK(give(p.write, memory + 39 * page + 7, 2 * page) == page - 7 && read(p.read, got, sizeof got) == page - 7);
    FAILS(EFAULT, give(p.write, memory + 40 * page, 10));
    CHECK(p.available() == 0);
}

void out_of() {
    Pipe p;
    char to[100] = {};
    CHECK(write(p.write, "abc", 3) == 3 && give(p.write, "defghi", 6) == 6);
    iovec v[] = {{to, 4}, {to + 50, 3}};
    CHECK(vmsplice(p.read, v, 2, 0) == 7 && !memcmp(to, "abcd", 4) && !memcmp(to + 50, "efg", 3));
    CHECK(give(p.read, to, sizeof to) == 2 && !memcmp(to, "hi", 2)); // what there is
    FAILS(EAGAIN, give(p.read, to, 1, SPLICE_F_NONBLOCK));
    CHECK(write(p.write, "xyz", 3) == 3);
    FAILS(EFAULT, give(p.read, memory + 40 * page, 10));
    CHECK(p.available() == 3);
    close(p.write);
    CHECK(give(p.read, to, sizeof to) == 3 && give(p.read, to, sizeof to) == 0);
    p.write = -1;

    Pipe packets{O_DIRECT};
    CHECK(write(packets.write, "one", 3) == 3 && write(packets.write, "two", 3) == 3);
    CHECK(give(packets.read, to, 4) == 4 && !memcmp(to, "onet", 4) && packets.available() == 2);
    CHECK(read(packets.read, to, 10) == 2 && !memcmp(to, "wo", 2));
}

void refusals() {
    Pipe p;
    iovec v{memory, 10};
    FAILS(EINVAL, vmsplice(p.write, &v, 1, 16));
    FAILS(EBADF, vmsplice(-1, &v, 1, 0));
    FAILS(EINVAL, vmsplice(p.write, &v, 1025, 0));
    FAILS(EFAULT, vmsplice(p.write, reinterpret_cast<iovec*>(8), 1, 0));
    v.iov_len = SIZE_MAX;
    FAILS(EINVAL, vmsplice(p.write, &v, 1, 0));
    v.iov_len = 0;
    CHECK(vmsplice(p.write, &v, 1, 0) == 0 && vmsplice(p.write, nullptr, 0, 0) == 0);
    int file = memfd_create("file", 0), path = open("/", O_PATH);
    FAILS(EBADF, give(file, memory, 10));
    CHECK(give(file, memory, 0) == 0);
    FAILS(EBADF, give(path, memory, 10));
    close(file);
    close(path);
    // Nobody reads.
    static volatile int broken;
    signal(SIGPIPE, [](int) { broken = broken + 1; });
    Pipe gone;
    close(gone.read);
    FAILS(EPIPE, give(gone.write, memory, 10));
    CHECK(broken == 1);
    gone.read = -1;
}

void waiting() {
    int status;
    for (int flags : {0, O_NONBLOCK}) { // of the file: it is the call's flag that counts
        Pipe p{flags};
        pid_t takes = start([&] {
            char to[4];
            return give(p.read, to, 4) != 4 || memcmp(to, "four", 4);
        });
        CHECK(until_asleep(takes));
        CHECK(give(p.write, "four", 4) == 4);
        CHECK(waitpid(takes, &status, 0) == takes && status == 0);
        CHECK(give(p.write, memory, 16 * page) == 16 * page);
        pid_t gives = start([&] { return give(p.write, memory, 3 * page) != page; });
        CHECK(until_asleep(gives));
        CHECK(read(p.read, got, page) == page);
        CHECK(waitpid(gives, &status, 0) == gives && status == 0);
    }
    // A FIFO that is open for both is written to.
    CHECK(mkfifo("fifo", 0600) == 0);
    int both = open("fifo", O_RDWR);
    CHECK(give(both, "word", 4) == 4 && read(both, got, 10) == 4 && !memcmp(got, "word", 4));
    close(both);
    unlink("fifo");
}

/// A poller hears of what was given and of what was taken.
void polling() {
    Pipe p;
    pollfd r{p.read, POLLIN, 0}, w{p.write, POLLOUT, 0};
    CHECK(give(p.write, memory, 16 * page) == 16 * page);
    CHECK(poll(&r, 1, 0) == 1 && poll(&w, 1, 0) == 0);
    pid_t child = start([&] { return poll(&w, 1, 10'000) != 1; });
    CHECK(until_asleep(child));
    CHECK(give(p.read, got, sizeof got) == 16 * page && !memcmp(got, memory, 16 * page));
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0 && poll(&w, 1, 0) == 1);
}
} // namespace

int main() {
    memory = static_cast<char*>(mmap(nullptr, 41 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t i = 0; i < 40 * page; i++) memory[i] = static_cast<char>(i * 7 + i / page);
    CHECK(mprotect(memory + 40 * page, page, PROT_NONE) == 0);
    into();
    out_of();
    refusals();
    waiting();
    polling();
    return finish("vmsplice");
}
