// qemu-user: makes the calls in pieces of its own
// Calls as long as a user likes: who is killed in one is dead soon, and the others on the processor go on meanwhile.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static constexpr size_t huge = size_t{1} << 31;

static double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
static char* sparse(size_t n, int access = PROT_READ | PROT_WRITE) {
    void* p = mmap(nullptr, n, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}
static void make_areas(int n) {
    for (int i = 0; i < n; i++) mmap(nullptr, 4096, i & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void read_whole(const char* path) {
    static char buffer[65536];
    int fd = open(path, O_RDONLY);
    while (read(fd, buffer, sizeof buffer) > 0) {}
    close(fd);
}
static int zero() { return open("/dev/zero", O_RDWR); }
static int null() { return open("/dev/null", O_RDWR); }
static int random_bytes() { return open("/dev/urandom", O_RDWR); }

// Each stays in the kernel until it is killed, or long enough to be seen there.
static void write_random() {
    char* from = sparse(huge, PROT_READ);
    while (write(random_bytes(), from, huge) > 0) {}
}
static void read_random() {
    char* to = sparse(huge);
    while (read(random_bytes(), to, huge) > 0) madvise(to, huge, MADV_DONTNEED);
}
static void read_zeros() {
    int fd = memfd_create("hole", 0); // one page, again and again
    char* to = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK(ftruncate(fd, 4096) == 0);
    static iovec pieces[1024];
    for (iovec& piece : pieces) piece = {to, 4096};
    for (;;) CHECK(readv(zero(), pieces, 1024) > 0);
}
static void send_random() {
    while (sendfile(null(), random_bytes(), nullptr, 0x7ffff000) > 0) {}
}
static void send_zeros() {
    while (sendfile(random_bytes(), zero(), nullptr, 0x7ffff000) > 0) {}
}
static void send_hole() {
    int fd = memfd_create("hole", 0);
    CHECK(ftruncate(fd, huge) == 0);
    for (off_t at = 0; sendfile(null(), fd, &at, huge) > 0; at = 0) {}
}
static void look_at_residency() { // each byte of the answer in the same page
    size_t pages = size_t{1} << 22;
    char* memory = sparse(pages * 4096, PROT_NONE);
    unsigned char* answer = reinterpret_cast<unsigned char*>(sparse(pages));
    while (mincore(memory, pages * 4096, answer) == 0) madvise(answer, pages, MADV_DONTNEED);
}
static void read_other_memory() {
    iovec from{sparse(huge, PROT_READ), huge}, to{sparse(huge), huge};
    while (process_vm_readv(getpid(), &to, 1, &from, 1, 0) > 0) madvise(to.iov_base, huge, MADV_DONTNEED);
}
static void read_maps() {
    make_areas(30'000);
    for (;;) read_whole("/proc/self/maps");
}
static void read_smaps() {
    make_areas(30'000);
    for (;;) read_whole("/proc/self/smaps");
}
static void read_rollup() {
    make_areas(30'000);
    for (;;) read_whole("/proc/self/smaps_rollup");
}

/// Everybody shares one processor with the call.
static void kill_in(const char* name, void (*call)(), int signal = SIGKILL) {
    pid_t child = start([call] {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing is left behind by a test that is itself killed
        call();
        pause(); // it has ended early: fine
    });
    double latest = 0, before = now();
    for (int i = 0; i < 30; i++) {
        usleep(10'000);
        double after = now();
        if (after - before > latest) latest = after - before;
        before = after;
    }
    kill(child, signal);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == signal);
    double took = now() - before;
    if (took > 10) printf("%s: dead only %.1f s after the signal\n", name, took), failures++;
    if (latest > 5) printf("%s: who slept for 10 ms woke after %.1f s\n", name, latest), failures++;
}

static volatile sig_atomic_t caught;

/// A signal that is caught ends the call with what it has done so far.
static void partial() {
    struct sigaction action{};
    action.sa_handler = [](int) { caught = 1; };
    sigaction(SIGALRM, &action, nullptr);
    auto alarm_in = [](int ms) {
        caught = 0;
        itimerval soon{{}, {0, ms * 1000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
    };
    char* memory = sparse(huge);
    alarm_in(100);
    ssize_t n = write(random_bytes(), memory, huge);
    CHECK(n > 0 && (caught || n == 0x7ffff000));
    alarm_in(100);
    n = sendfile(null(), random_bytes(), nullptr, 0x7ffff000);
    CHECK(n > 0 && (caught || n == 0x7ffff000));
    alarm_in(0);
    munmap(memory, huge);
}

/// A text of any size is whole, whatever the size of the pieces that it is read in, and costs time by its length.
static void texts() {
    pid_t child = start([] {
        make_areas(20'000);
        double before = now();
        FILE* maps = fopen("/proc/self/maps", "r");
        char line[512];
        unsigned long last = 0, from, to;
        int lines = 0;
        while (fgets(line, sizeof line, maps)) {
            CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2 && from >= last && to > from);
            last = to;
            lines++;
        }
        CHECK(lines >= 20'000);
        fclose(maps);
        int fd = open("/proc/self/maps", O_RDONLY);
        static char all[8 << 20], part[3000];
        size_t size = 0;
        for (ssize_t n; (n = read(fd, all + size, sizeof all - size)) > 0;) size += static_cast<size_t>(n);
        CHECK(size > 20'000 * 40);
        for (size_t at : {size / 2, size_t{100}, size - 2000}) { // also backwards
            ssize_t n = pread(fd, part, 1000, static_cast<off_t>(at));
            CHECK(n == 1000 && memcmp(part, all + at, 1000) == 0);
        }
        CHECK(pread(fd, part, 1000, static_cast<off_t>(size)) == 0);
        close(fd);
        double took = now() - before;
        if (took > 30) printf("texts took %.0f s\n", took), failures++;
        return failures;
    });
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main() {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    kill_in("write urandom", write_random);
    kill_in("read urandom", read_random);
    kill_in("read zero", read_zeros);
    kill_in("sendfile from urandom", send_random);
    kill_in("sendfile to urandom", send_zeros);
    kill_in("sendfile of a hole", send_hole);
    kill_in("mincore", look_at_residency);
    kill_in("process_vm_readv", read_other_memory);
    kill_in("maps", read_maps);
    kill_in("smaps", read_smaps);
    kill_in("smaps_rollup", read_rollup);
    kill_in("smaps, SIGINT", read_smaps, SIGINT);
    kill_in("process_vm_readv, SIGINT", read_other_memory, SIGINT);
    partial();
    texts();
    return finish("long_calls");
}
