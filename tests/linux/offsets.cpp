// qemu-user: checks some offsets itself
// Offsets and lengths at the ends of their range, for every call that takes them; and bytes that a destination does not
// take, which must stay where they were.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static constexpr int64_t last = INT64_MAX;
/// Behind it is nothing: how much of it can be read is the same everywhere. It lies low: the lengths that are tried do
/// not lead out of user space, where the call would be refused at once.
static constexpr size_t buf_size = 5000;
static char* make_buf() {
    constexpr size_t page = 4096, all = 2 * page;
    void* p = mmap(reinterpret_cast<void*>(0x20000000), all + page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(p != MAP_FAILED && mprotect(p, all, PROT_READ | PROT_WRITE) == 0);
    return static_cast<char*>(p) + all - buf_size;
}
static char* const buf = make_buf();

static void say(const char* call, int64_t a, int64_t b, long result) {
    auto number = [](char* to, int64_t n) {
        snprintf(to, 32, n > last - 100'000 ? "max-%lld" : "%lld",
                 static_cast<long long>(n > last - 100'000 ? last - n : n));
    };
    char x[32], y[32];
    number(x, a), number(y, b);
    printf("%s(%s, %s): ", call, x, y);
    if (result < 0)
        printf("%s\n", strerror(errno));
    else
        printf("%ld\n", result);
}

/// A call with an offset and a length.
struct Call {
    const char* name;
    long (*run)(int file, int64_t offset, int64_t n);
};
static long sys(long number, auto... arguments) { return syscall(number, arguments...); }
static iovec vector_of(int64_t n) { return {buf, static_cast<size_t>(n)}; }
static int other_file() { return memfd_create("other", MFD_CLOEXEC); }
static int pipes[2];

static const Call calls[] = {
    {"pread", [](int f, int64_t at, int64_t n) { return sys(SYS_pread64, f, buf, n, at); }},
    {"pwrite", [](int f, int64_t at, int64_t n) { return sys(SYS_pwrite64, f, buf, n, at); }},
    {"preadv",
     [](int f, int64_t at, int64_t n) {
         iovec v = vector_of(n);
         return sys(SYS_preadv, f, &v, 1L, at, 0L);
     }},
    {"pwritev2",
     [](int f, int64_t at, int64_t n) {
         iovec v = vector_of(n);
         return sys(SYS_pwritev2, f, &v, 1L, at, 0L, 0L);
     }},
    {"read at the position",
     [](int f, int64_t at, int64_t n) {
         long moved = sys(SYS_lseek, f, at, SEEK_SET);
         return moved < 0 ? moved : sys(SYS_read, f, buf, n);
     }},
    {"write at the position",
     [](int f, int64_t at, int64_t n) {
         long moved = sys(SYS_lseek, f, at, SEEK_SET);
         return moved < 0 ? moved : sys(SYS_write, f, buf, n);
     }},
    {"lseek set and cur",
     [](int f, int64_t at, int64_t n) {
         long moved = sys(SYS_lseek, f, at, SEEK_SET);
         return moved < 0 ? moved : sys(SYS_lseek, f, n, SEEK_CUR);
     }},
    {"lseek end", [](int f, int64_t at, int64_t) { return sys(SYS_lseek, f, at, SEEK_END); }},
    {"lseek data", [](int f, int64_t at, int64_t) { return sys(SYS_lseek, f, at, SEEK_DATA); }},
    {"lseek hole", [](int f, int64_t at, int64_t) { return sys(SYS_lseek, f, at, SEEK_HOLE); }},
    {"sendfile",
     [](int f, int64_t at, int64_t n) {
         int to = other_file();
         long moved = sys(SYS_sendfile, to, f, &at, n);
         int why = errno;
         close(to);
         errno = why;
         return moved;
     }},
    {"splice from",
     [](int f, int64_t at, int64_t n) {
         long moved = sys(SYS_splice, f, &at, pipes[1], nullptr, n, SPLICE_F_NONBLOCK);
         int why = errno;
         while (read(pipes[0], buf, buf_size) > 0) {}
         errno = why;
         return moved;
     }},
    {"splice to",
     [](int f, int64_t at, int64_t n) {
         CHECK(write(pipes[1], "abc", 3) == 3);
         long moved = sys(SYS_splice, pipes[0], nullptr, f, &at, n, SPLICE_F_NONBLOCK);
         int why = errno;
         while (read(pipes[0], buf, buf_size) > 0) {}
         errno = why;
         return moved;
     }},
    {"copy_file_range from",
     [](int f, int64_t at, int64_t n) {
         int to = other_file();
         int64_t there = 0;
         long moved = sys(SYS_copy_file_range, f, &at, to, &there, n, 0L);
         int why = errno;
         close(to);
         errno = why;
         return moved;
     }},
    {"copy_file_range to",
     [](int f, int64_t at, int64_t n) {
         int from = other_file();
         CHECK(pwrite(from, "abc", 3, 0) == 3);
         int64_t here = 0;
         long moved = sys(SYS_copy_file_range, from, &here, f, &at, n, 0L);
         int why = errno;
         close(from);
         errno = why;
         return moved;
     }},
    {"fallocate, kept size",
     [](int f, int64_t at, int64_t n) {
         return sys(SYS_fallocate, f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n);
     }},
    {"sync_file_range", [](int f, int64_t at, int64_t n) { return sys(SYS_sync_file_range, f, at, n, 0L); }},
    {"fadvise", [](int f, int64_t at, int64_t n) { return sys(SYS_fadvise64, f, at, n, POSIX_FADV_WILLNEED); }},
    {"readahead", [](int f, int64_t at, int64_t n) { return sys(SYS_readahead, f, at, n); }},
    {"lock",
     [](int f, int64_t at, int64_t n) {
         struct flock l{F_WRLCK, SEEK_SET, at, n, 0};
         return static_cast<long>(fcntl(f, F_SETLK, &l));
     }},
    {"lock from the position",
     [](int f, int64_t at, int64_t n) {
         CHECK(lseek(f, 100, SEEK_SET) == 100);
         struct flock l{F_RDLCK, SEEK_CUR, at, n, 0};
         return static_cast<long>(fcntl(f, F_GETLK, &l));
     }},
};

static void ends_of_the_range() {
    CHECK(pipe2(pipes, O_NONBLOCK) == 0);
    for (const Call& call : calls) {
        for (int64_t at : {int64_t{0}, int64_t{5}, int64_t{-1}, INT64_MIN, last, last - 1, last - 100, last - 5000})
            for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{99}, int64_t{101}, int64_t{5000}, last, last - 5,
                              int64_t{-1}, INT64_MIN}) {
                bool huge = n > 5000 || n < 0;
                // A write there would make a file as large as its last page's index: that is another test's matter.
                bool writes = strstr(call.name, "write") || strstr(call.name, " to");
                if (writes && at > 5 && !huge && at <= last - n) continue;
                int file = memfd_create("ends", MFD_CLOEXEC);
                CHECK(pwrite(file, "0123456789", 10, 0) == 10);
                say(call.name, at, n, call.run(file, at, n));
                close(file);
            }
    }
    close(pipes[0]), close(pipes[1]);
    int file = memfd_create("size", MFD_CLOEXEC);
    for (int64_t size : {int64_t{-1}, INT64_MIN}) say("ftruncate", size, 0, ftruncate(file, size));
    close(file);
}

/// A vector is cut to what a call moves at most before its end is looked at; memory that is no user's is refused whole.
static void vectors_and_memory() {
    int file = memfd_create("vectors", MFD_CLOEXEC);
    CHECK(pwrite(file, "0123456789", 10, 0) == 10);
    auto far = reinterpret_cast<void*>(UINTPTR_MAX - 4095);
    FAILS(EFAULT, sys(SYS_pread64, file, far, 10L, 0L));
    FAILS(EFAULT, sys(SYS_pread64, file, buf, static_cast<long>(INT64_MAX), 0L));
    FAILS(EFAULT, sys(SYS_pread64, file, buf, -1L, 0L));
    FAILS(EFAULT, sys(SYS_write, file, far, 1L));
    iovec v[2] = {{buf, 5}, {buf, SIZE_MAX}};
    FAILS(EINVAL, preadv(file, v, 2, 0));
    v[1] = {far, 5};
    FAILS(EFAULT, preadv(file, v, 2, 0));
    v[1] = {buf, INT64_MAX};
    FAILS(EFAULT, preadv(file, v, 2, 0));
    iovec many[40];
    for (iovec& one : many) one = {buf, 1ul << 30};
    FAILS(EINVAL, sys(SYS_preadv, file, many, 40L, last - (1l << 30), 0L));
    CHECK(preadv(file, many, 40, 3) == 7);
    close(file);
}

static int available(int fd) {
    int n = -1;
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}
static bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

/// In a child, as the limit cannot be raised again by everybody.
static void bytes_stay_behind() {
    pid_t child = start([] {
        signal(SIGXFSZ, SIG_IGN);
        int p[2], file = memfd_create("limited", MFD_CLOEXEC);
        CHECK(pipe(p) == 0);
        rlimit limit{1000, 1000};
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        CHECK(write(p[1], buf, 4096) == 4096 && write(p[1], "tail", 4) == 4);
        loff_t at = 1000;
        FAILS(EFBIG, splice(p[0], nullptr, file, &at, 4096, 0));
        CHECK(at == 1000 && available(p[0]) == 4100 && readable(p[0]));
        at = 400;
        CHECK(splice(p[0], nullptr, file, &at, 4096, 0) == 600 && at == 1000 && available(p[0]) == 3500);
        FAILS(EFBIG, splice(p[0], nullptr, file, &at, 4096, 0));
        CHECK(read(p[0], buf, buf_size) == 3500 && !memcmp(buf + 3496, "tail", 4));
        CHECK(write(p[1], "abc", 3) == 3);
        FAILS(EINVAL, splice(p[0], nullptr, open("/dev/null", O_WRONLY | O_APPEND), nullptr, 1, 0));
        CHECK(available(p[0]) == 3);
        // A closed write end is the end, not a reason to wait.
        CHECK(read(p[0], buf, 3) == 3 && close(p[1]) == 0);
        CHECK(splice(p[0], nullptr, open("/dev/null", O_WRONLY), nullptr, 1, SPLICE_F_NONBLOCK) == 0);
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/// A stream is no source for what may not take all of it.
static void streams_are_not_sent() {
    int p[2], q[2], file = memfd_create("sent", MFD_CLOEXEC);
    CHECK(pipe(p) == 0 && pipe(q) == 0 && write(p[1], "abc", 3) == 3);
    FAILS(EINVAL, sendfile(file, p[0], nullptr, 3));
    FAILS(EINVAL, sendfile(q[1], p[0], nullptr, 3));
    off_t at = 0;
    FAILS(ESPIPE, sendfile(file, p[0], &at, 3));
    CHECK(available(p[0]) == 3);
    FAILS(EINVAL, sendfile(file, file, nullptr, static_cast<size_t>(-1)));
    FAILS(EBADF, sendfile(p[0], file, nullptr, 1));
}

/// The length is cut to what is there before the ranges are compared.
static void copies_within_a_file() {
    int file = memfd_create("within", MFD_CLOEXEC);
    CHECK(pwrite(file, buf, 100, 0) == 100);
    loff_t from = 0, to = 200;
    CHECK(copy_file_range(file, &from, file, &to, 1000, 0) == 100 && from == 100 && to == 300);
    from = 0, to = 50;
    FAILS(EINVAL, copy_file_range(file, &from, file, &to, 1000, 0));
    from = 0, to = 65536;
    FAILS(EOVERFLOW, copy_file_range(file, &from, file, &to, SIZE_MAX, 0));
    from = 400, to = 350;
    CHECK(copy_file_range(file, &from, file, &to, 1000, 0) == 0);
}

static volatile sig_atomic_t signal_code, signal_from;
static void note(int, siginfo_t* info, void*) {
    signal_code = info->si_code;
    signal_from = info->si_pid;
}
/// SIGXFSZ and SIGPIPE come from the process itself.
static void signals_of_writes() {
    pid_t child = start([] {
        struct sigaction action{};
        action.sa_sigaction = note;
        action.sa_flags = SA_SIGINFO;
        CHECK(sigaction(SIGXFSZ, &action, nullptr) == 0 && sigaction(SIGPIPE, &action, nullptr) == 0);
        rlimit limit{10, 10};
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        signal_code = -99;
        FAILS(EFBIG, pwrite(memfd_create("limited", 0), "x", 1, 10));
        CHECK(signal_code == SI_USER && signal_from == getpid());
        int p[2];
        CHECK(pipe(p) == 0 && close(p[0]) == 0);
        signal_code = -99;
        CHECK(write(p[1], "", 0) == 0);
        FAILS(EPIPE, write(p[1], "x", 1));
        CHECK(signal_code == SI_USER && signal_from == getpid());
        return failures;
    });
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static long preadv2(int fd, const iovec* v, int n, long at, int flags) {
    return sys(SYS_preadv2, fd, v, static_cast<long>(n), at, 0L, flags);
}
static long pwritev2(int fd, const iovec* v, int n, long at, int flags) {
    return sys(SYS_pwritev2, fd, v, static_cast<long>(n), at, 0L, flags);
}
static void not_waiting() {
    constexpr int RWF_NOWAIT = 8;
    int p[2];
    CHECK(pipe(p) == 0);
    iovec v{buf, 3};
    FAILS(EAGAIN, preadv2(p[0], &v, 1, -1, RWF_NOWAIT));
    CHECK(pwritev2(p[1], &v, 1, -1, RWF_NOWAIT) == 3 && preadv2(p[0], &v, 1, -1, RWF_NOWAIT) == 3);
    FAILS(ESPIPE, preadv2(p[0], &v, 1, 0, RWF_NOWAIT));
    int file = memfd_create("now", 0);
    FAILS(EOPNOTSUPP, preadv2(file, &v, 1, 0, RWF_NOWAIT));
    FAILS(EOPNOTSUPP, preadv2(file, &v, 1, 0, 0x40000000));
    FAILS(EINVAL, preadv2(file, &v, 1, -2, 0));
}

int main() {
    ends_of_the_range();
    vectors_and_memory();
    bytes_stay_behind();
    streams_are_not_sent();
    copies_within_a_file();
    signals_of_writes();
    not_waiting();
    return finish("offsets");
}
