// qemu-user: leaves limits and /proc to the Linux below it
// Resource limits as getrlimit(2) says: who may not fork, what a signal ends, and files that are being run.
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t got;
static void note(int) { got = got + 1; }

static void limit(int resource, rlim_t soft, rlim_t hard) {
    rlimit l{soft, hard};
    CHECK(setrlimit(resource, &l) == 0);
}
static void soften(int resource, rlim_t soft) {
    rlimit l;
    CHECK(getrlimit(resource, &l) == 0);
    l.rlim_cur = soft;
    CHECK(setrlimit(resource, &l) == 0);
}

/// Runs a part in a process of its own; returns how that ended.
template <class F>
static int apart(F part) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        part();
        fflush(stdout);
        _exit(failures != 0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void* nothing(void*) {
    usleep(50'000);
    return nullptr;
}

/// The user of the part exists nowhere else, so that its processes can be counted.
static void become(uid_t uid) {
    CHECK(setgroups(0, nullptr) == 0);
    CHECK(setresgid(uid, uid, uid) == 0);
    CHECK(setresuid(uid, uid, uid) == 0);
}

static void processes() {
    // Root is not held to it.
    limit(RLIMIT_NPROC, 1, 1000);
    CHECK(apart([] {}) == 0);
    limit(RLIMIT_NPROC, 3, 3);
    become(54321);
    int block[2];
    CHECK(pipe(block) == 0);
    pid_t children[2];
    for (pid_t& c : children) {
        c = fork();
        CHECK(c >= 0);
        if (c == 0) {
            char end;
            close(block[1]);
            _exit(read(block[0], &end, 1) == 0 ? 0 : 1);
        }
    }
    FAILS(EAGAIN, fork());
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, nothing, nullptr) == EAGAIN);
    close(block[1]);
    int status;
    // A zombie counts until it is waited for.
    siginfo_t info;
    CHECK(waitid(P_PID, static_cast<id_t>(children[0]), &info, WEXITED | WNOWAIT) == 0);
    CHECK(waitid(P_PID, static_cast<id_t>(children[1]), &info, WEXITED | WNOWAIT) == 0);
    FAILS(EAGAIN, fork());
    for (pid_t c : children) CHECK(waitpid(c, &status, 0) == c && status == 0);
    for (int i = 0; i < 20; i++) CHECK(apart([] {}) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK(pthread_create(&thread, nullptr, nothing, nullptr) == 0);
        CHECK(pthread_join(thread, nullptr) == 0);
        if (i == 1) usleep(1000);
    }
}

/// setuid(2) to a user with too many processes works; the exec that follows does not.
static void processes_and_exec() {
    int block[2], ready[2];
    CHECK(pipe(block) == 0 && pipe(ready) == 0);
    pid_t first = fork();
    char end;
    if (first == 0) {
        become(54322);
        close(block[1]);
        _exit(write(ready[1], "x", 1) == 1 && read(block[0], &end, 1) == 0 ? 0 : 1);
    }
    CHECK(read(ready[0], &end, 1) == 1);
    pid_t second = fork();
    if (second == 0) {
        limit(RLIMIT_NPROC, 1, 1);
        become(54322);
        FAILS(EAGAIN, execl("/bin/true", "true", nullptr));
        close(block[1]);
        _exit(failures != 0);
    }
    int status;
    CHECK(waitpid(second, &status, 0) == second && status == 0);
    close(block[1]);
    CHECK(waitpid(first, &status, 0) == first && status == 0);
}

static void copy_self(const char* to) {
    int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    char bytes[65536];
    ssize_t n;
    while ((n = read(in, bytes, sizeof bytes)) > 0) CHECK(write(out, bytes, static_cast<size_t>(n)) == n);
    close(in);
    close(out);
}

/// execve(2), open(2): ETXTBSY.
static void busy_text() {
    copy_self("program");
    int writer = open("program", O_WRONLY);
    CHECK(writer >= 0);
    FAILS(ETXTBSY, execl("./program", "program", "nothing", nullptr));
    int script = open("script", O_CREAT | O_WRONLY, 0755);
    CHECK(write(script, "#!./program nothing\n", 20) == 20);
    FAILS(ETXTBSY, execl("./script", "script", nullptr));
    close(script);
    FAILS(ETXTBSY, execl("./script", "script", nullptr)); // the interpreter is
    // A mapping that writes keeps the file open for writing.
    void* map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, writer, 0);
    CHECK(map == MAP_FAILED);
    close(writer);
    writer = open("program", O_RDWR);
    map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    CHECK(map != MAP_FAILED);
    close(writer);
    FAILS(ETXTBSY, execl("./program", "program", "nothing", nullptr));
    CHECK(munmap(map, 4096) == 0);

    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ready[1], 1);
        execl("./program", "program", "sleep", nullptr);
        _exit(127);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    FAILS(ETXTBSY, open("program", O_WRONLY));
    FAILS(ETXTBSY, open("program", O_RDWR));
    FAILS(ETXTBSY, open("program", O_RDONLY | O_TRUNC));
    FAILS(ETXTBSY, truncate("program", 0));
    int fd = open("program", O_RDONLY);
    CHECK(fd >= 0);
    map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED && munmap(map, 4096) == 0);
    close(fd);
    CHECK(rename("program", "other") == 0); // names are free to change
    FAILS(ETXTBSY, open("other", O_WRONLY));
    CHECK(kill(child, SIGKILL) == 0);
    siginfo_t info;
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    fd = open("other", O_WRONLY); // a zombie runs nothing
    CHECK(fd >= 0);
    close(fd);
    CHECK(waitpid(child, nullptr, 0) == child);
    CHECK(apart([] { execl("./other", "program", "nothing", nullptr), _exit(127); }) == 0);
    unlink("other");
    unlink("script");
}

static void file_size() {
    signal(SIGXFSZ, note);
    soften(RLIMIT_FSIZE, 10);
    int fd = open("file", O_CREAT | O_RDWR | O_TRUNC, 0644);
    CHECK(write(fd, "0123456", 7) == 7 && got == 0);
    CHECK(write(fd, "0123456", 7) == 3 && got == 0);
    FAILS(EFBIG, write(fd, "x", 1));
    CHECK(got == 1);
    FAILS(EFBIG, pwrite(fd, "x", 1, 10));
    CHECK(got == 2);
    CHECK(pwrite(fd, "xyz", 3, 8) == 2 && got == 2);
    FAILS(EFBIG, ftruncate(fd, 11));
    FAILS(EFBIG, truncate("file", 11));
    CHECK(got == 4);
    FAILS(EFBIG, posix_fallocate(fd, 0, 11) == 0 ? 0 : (errno = EFBIG, -1));
    CHECK(got == 5);
    CHECK(ftruncate(fd, 10) == 0 && ftruncate(fd, 0) == 0);
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "more than ten bytes", 19) == 19); // only files
    signal(SIGXFSZ, SIG_DFL);
    (void)!pwrite(fd, "x", 1, 10);
    _exit(99);
}

static void burn() { for (volatile unsigned i = 0;; i = i + 1); }
static void cpu_time() {
    signal(SIGXCPU, note);
    limit(RLIMIT_CPU, 1, 60);
    while (got == 0);
    rusage use;
    getrusage(RUSAGE_SELF, &use);
    long ms = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
    // Linux counts for the limit by ticks, for getrusage() exactly: 842 ms have been seen.
    if (ms < 500 || ms > 2500) printf("%ld ms\n", ms), failures++;
    rlimit l;
    CHECK(getrlimit(RLIMIT_CPU, &l) == 0 && l.rlim_cur == 2 && l.rlim_max == 60);
    // A child starts from nothing, with the same limit.
    CHECK(apart([] {
              limit(RLIMIT_CPU, 1, 60);
              signal(SIGXCPU, SIG_DFL);
              burn();
          }) == SIGXCPU);
    CHECK(apart([] {
              limit(RLIMIT_CPU, 1, 1);
              signal(SIGXCPU, SIG_IGN);
              burn();
          }) == SIGKILL);
}

static void memory() {
    size_t chunk = 64 << 20;
    limit(RLIMIT_AS, 512 << 20, 512 << 20);
    void* first = mmap(nullptr, chunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(first != MAP_FAILED);
    CHECK(mmap(nullptr, 512 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mremap(first, chunk, 512 << 20, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    CHECK(munmap(first, chunk) == 0);
    limit(RLIMIT_DATA, 32 << 20, 32 << 20);
    CHECK(mmap(nullptr, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == ENOMEM);
    first = mmap(nullptr, chunk, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(first != MAP_FAILED);
    FAILS(ENOMEM, mprotect(first, chunk, PROT_READ | PROT_WRITE));
    CHECK(sbrk(64 << 20) == reinterpret_cast<void*>(-1) && errno == ENOMEM);
    become(54323);
    soften(RLIMIT_MEMLOCK, 8192);
    char* page = static_cast<char*>(mmap(nullptr, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(mlock(page, 8192) == 0);
    FAILS(ENOMEM, mlock(page, 12288));
    CHECK(munlock(page, 8192) == 0);
    soften(RLIMIT_MEMLOCK, 0);
    FAILS(EPERM, mlock(page, 4096));
}

__attribute__((noinline)) static unsigned deep(unsigned n) {
    char room[4096];
    memset(room, static_cast<int>(n), sizeof room);
    __asm__ volatile("" ::"r"(room) : "memory");
    unsigned below = n == 0 ? 0 : deep(n - 1) + 1;
    __asm__ volatile("" ::"r"(room) : "memory");
    return below;
}
static void stack() {
    CHECK(apart([] { CHECK(deep(400) == 400); }) == 0);
    int status = apart([] {
        limit(RLIMIT_STACK, 512 << 10, RLIM_INFINITY);
        limit(RLIMIT_CORE, 0, 0);
        CHECK(deep(40) == 40);
        deep(400);
        _exit(98);
    });
    if (status != SIGSEGV) printf("stack: ended with %#x\n", status), failures++;
}

static void priorities() {
    limit(RLIMIT_NICE, 0, 0);
    limit(RLIMIT_RTPRIO, 0, 0);
    become(54324);
    CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0);
    FAILS(EACCES, setpriority(PRIO_PROCESS, 0, 4));
    sched_param fifo{};
    fifo.sched_priority = 1;
    // musl has no sched_setscheduler(2).
    FAILS(EPERM, syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo));
    rlimit l{6, 6};
    FAILS(EPERM, setrlimit(RLIMIT_NICE, &l));
    l = {7, 6};
    FAILS(EINVAL, setrlimit(RLIMIT_NICE, &l));
}

static void descriptors() {
    limit(RLIMIT_NOFILE, 20, 30);
    int fds[40], n = 0;
    while ((fds[n] = dup(0)) >= 0) n++;
    FAILS(EMFILE, dup(0));
    CHECK(fds[n - 1] == 19);
    int pair[2] = {-7, -7};
    FAILS(EMFILE, pipe(pair));
    CHECK(pair[0] == -7 && pair[1] == -7);
    close(fds[--n]);
    FAILS(EMFILE, pipe(pair)); // one is too few, and stays free
    CHECK(pair[0] == -7 && pair[1] == -7);
    CHECK(dup(0) == 19);
    FAILS(EBADF, dup2(0, 20));
    FAILS(EINVAL, fcntl(0, F_DUPFD, 20));
    FAILS(EMFILE, open("/dev/null", O_RDONLY));
    FAILS(EMFILE, open("new", O_RDONLY | O_CREAT, 0644));
    soften(RLIMIT_NOFILE, 21);
    CHECK(dup2(0, 20) == 20);
    unlink("new");
}

static void queued_signals() {
    become(54325);
    soften(RLIMIT_SIGPENDING, 3);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &one, nullptr);
    sigval value{};
    for (int i = 0; i < 3; i++) CHECK(sigqueue(getpid(), SIGRTMIN, value) == 0);
    FAILS(EAGAIN, sigqueue(getpid(), SIGRTMIN, value));
    CHECK(kill(getpid(), SIGRTMIN) == 0); // its bit is set already
    timespec none{};
    for (int i = 0; i < 3; i++) CHECK(sigtimedwait(&one, nullptr, &none) == SIGRTMIN);
    CHECK(sigqueue(getpid(), SIGRTMIN, value) == 0);
}

int main(int count, char** arguments) {
    if (count > 1 && !strcmp(arguments[1], "nothing")) return 0;
    if (count > 2) return 0; // as the script's interpreter
    if (count > 1) {
        (void)!write(1, "r", 1);
        pause();
    }
    struct {
        const char* name;
        void (*part)();
        int ends;
    } parts[] = {{"processes", processes, 0},
                 {"processes_and_exec", processes_and_exec, 0},
                 {"busy_text", busy_text, 0},
                 {"file_size", file_size, SIGXFSZ},
                 {"cpu_time", cpu_time, 0},
                 {"memory", memory, 0},
                 {"stack", stack, 0},
                 {"priorities", priorities, 0},
                 {"descriptors", descriptors, 0},
                 {"queued_signals", queued_signals, 0}};
    for (auto& p : parts) {
        int status = apart(p.part) & ~0x80; // with or without a core
        if (status != p.ends) printf("%s: status %#x\n", p.name, status), failures++;
    }
    return finish("limits");
}
