// Every allocation of many system calls fails once: the call answers with an error that says so, descriptors and memory
// are as before, and the next try works. Needs /proc/self/fail-nth (a check kernel).
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {
constexpr int descriptors = 256, most_failures = 2000;
int bad, control_fd = -1;
const char* current = "";
int current_n;

void complain(const char* what, int error) {
    printf("%s, allocation %d: %s (errno %d: %s)\n", current, current_n, what, error, strerror(error));
    bad++;
}
void arm(int fd, int n) {
    char text[12];
    int size = snprintf(text, sizeof text, "%d", n);
    if (pwrite(fd, text, static_cast<size_t>(size), 0) != size) complain("cannot arm", errno);
}
int left(int fd) {
    char text[12] = {};
    return pread(fd, text, sizeof text - 1, 0) > 0 ? atoi(text) : -1;
}
unsigned long open_descriptors() {
    unsigned long sum = 0;
    for (int fd = 0; fd < descriptors; fd++)
        if (fcntl(fd, F_GETFD) >= 0) sum = sum * 31 + static_cast<unsigned long>(fd) + 1;
    return sum;
}
/// What a call may say when memory is short.
bool expected(int error) { return error == ENOMEM || error == EAGAIN || error == ENOSPC || error == ENFILE; }

/// Calls once; 0 or an errno. Both ends of what succeeded are undone by the operation itself.
struct Operation {
    const char* name;
    int (*call)();
};
int done(long result) { return result < 0 ? errno : 0; }
int closed(int fd) {
    int error = done(fd);
    if (fd >= 0) close(fd);
    return error;
}
/// In a child that arms itself: what cannot be undone. The status of the child: 0, an errno, or 128 for its death.
template <class F>
int in_child(int n, bool* fired, F f) {
    int report[2];
    if (pipe(report)) return errno;
    pid_t child = fork();
    if (child == 0) {
        close(report[0]);
        int own = open("/proc/self/fail-nth", O_RDWR);
        dup2(own, 100);
        fcntl(report[1], F_DUPFD, 101);
        arm(100, n);
        int error = f();
        char yes = left(100) == 0;
        (void)!write(101, &yes, 1);
        _exit(error);
    }
    close(report[1]);
    char yes = 1; // an exec that failed too late says nothing
    (void)!read(report[0], &yes, 1);
    close(report[0]);
    int status = 0;
    waitpid(child, &status, 0);
    *fired = yes;
    return WIFSIGNALED(status) ? 128 : WEXITSTATUS(status);
}

void* thread_body(void*) { return nullptr; }

int make_pipe() {
    int ends[2] = {-1, -1};
    int error = done(pipe2(ends, O_CLOEXEC));
    if (error) return ends[0] != -1 || ends[1] != -1 ? EINVAL : error;
    if (write(ends[1], "x", 1) != 1) error = errno;
    close(ends[0]);
    close(ends[1]);
    return error;
}
int create_file() {
    int fd = open("new", O_CREAT | O_EXCL | O_RDWR, 0644);
    int error = done(fd);
    if (fd < 0 && access("new", F_OK) == 0) return unlink("new"), error; // made, but not opened: as on Linux
    if (fd < 0) return error;
    if (write(fd, "text", 4) != 4) error = errno;
    close(fd);
    unlink("new");
    return error;
}
int watch_file() {
    int epoll = epoll_create1(0);
    if (epoll < 0) return errno;
    int event = eventfd(0, 0);
    int error = done(event);
    epoll_event wanted{};
    if (!error) error = done(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted));
    close(epoll);
    if (event >= 0) close(event);
    return error;
}
int timer_file() {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    if (fd < 0) return errno;
    itimerspec soon{};
    soon.it_value.tv_sec = 100;
    int error = done(timerfd_settime(fd, 0, &soon, nullptr));
    close(fd);
    return error;
}
int signal_file() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return closed(signalfd(-1, &set, 0));
}
int memory_file() {
    int fd = static_cast<int>(syscall(SYS_memfd_create, "name", 0));
    if (fd < 0) return errno;
    int error = done(ftruncate(fd, 100'000));
    if (!error) error = done(pwrite(fd, "x", 1, 70'000));
    close(fd);
    return error;
}
int directories() {
    if (mkdir("dir", 0755)) return errno;
    int error = done(symlink("somewhere/else", "dir/link"));
    if (!error) error = done(link("file", "dir/hard"));
    if (!error) error = done(rename("dir/hard", "dir/moved"));
    unlink("dir/link");
    unlink("dir/hard");
    unlink("dir/moved");
    if (rmdir("dir") && !error) error = errno;
    return error;
}
int list_directory() {
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
    if (fd < 0) return errno;
    char entries[4096];
    int error = done(syscall(SYS_getdents64, fd, entries, sizeof entries));
    close(fd);
    return error;
}
int read_proc(const char* path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return errno;
    char text[512];
    int error = done(read(fd, text, sizeof text));
    close(fd);
    return error;
}
int map_memory() {
    constexpr size_t size = 64 << 12;
    auto* area = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (area == MAP_FAILED) return errno;
    int error = done(mprotect(area + (8 << 12), 8 << 12, PROT_NONE));
    if (!error) error = done(madvise(area, 4 << 12, MADV_WILLNEED));
    if (!error) error = done(mlock(area + (32 << 12), 4 << 12));
    if (!error) {
        void* moved = mremap(area + (48 << 12), 16 << 12, 128 << 12, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED)
            error = errno;
        else
            munmap(moved, 128 << 12);
    }
    if (munmap(area + (16 << 12), 4096) && !error) error = errno; // splits an area
    if (munmap(area, size)) munmap(area, size);                   // what cannot be done now can be done later
    return error;
}
int map_file() {
    int fd = open("file", O_RDWR);
    if (fd < 0) return errno;
    void* map = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int error = map == MAP_FAILED ? errno : 0;
    close(fd);
    if (!error) munmap(map, 8192);
    return error;
}
int fork_child() {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) return errno;
    int status;
    waitpid(child, &status, 0);
    return status ? EINVAL : 0;
}
int make_thread() {
    pthread_t thread;
    int error = pthread_create(&thread, nullptr, thread_body, nullptr);
    if (!error) pthread_join(thread, nullptr);
    return error;
}
int make_terminal() {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (master < 0) return errno;
    int zero = 0, slave = -1, error = 0;
    ioctl(master, TIOCSPTLCK, &zero);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    error = done(slave);
    if (!error && write(slave, "text", 4) != 4) error = errno;
    close(master);
    if (slave >= 0) close(slave);
    return error;
}
int locks() {
    int fd = open("file", O_RDWR);
    if (fd < 0) return errno;
    struct flock range{};
    range.l_type = F_WRLCK;
    range.l_len = 10;
    int error = done(fcntl(fd, F_SETLK, &range));
    range.l_start = 3;
    range.l_len = 2;
    range.l_type = F_UNLCK; // splits it
    if (!error) error = done(fcntl(fd, F_SETLK, &range));
    if (!error) error = done(flock(fd, LOCK_EX));
    close(fd);
    return error;
}
int timers() {
    timer_t timer;
    sigevent how{};
    how.sigev_notify = SIGEV_NONE;
    if (timer_create(CLOCK_MONOTONIC, &how, &timer)) return errno;
    return done(timer_delete(timer));
}
int queue_signal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int error = done(sigqueue(getpid(), SIGRTMIN, {}));
    timespec none{};
    while (sigtimedwait(&set, nullptr, &none) > 0) {}
    return error;
}
int move_bytes() {
    int ends[2];
    if (pipe(ends)) return errno;
    int fd = open("file", O_RDONLY), error = done(fd);
    off_t at = 0;
    if (!error) error = done(sendfile(ends[1], fd, &at, 5000));
    char bytes[8][16];
    iovec pieces[8];
    for (int i = 0; i < 8; i++) pieces[i] = {bytes[i], 16};
    if (!error) error = done(preadv(fd, pieces, 8, 0));
    close(ends[0]);
    close(ends[1]);
    if (fd >= 0) close(fd);
    return error;
}
int poll_many() {
    pollfd all[100];
    for (auto& p : all) p = {0, POLLIN, 0};
    return done(poll(all, 100, 0));
}
int duplicate_high() {
    int fd = dup2(0, 200);
    return closed(fd);
}
int fifo() {
    if (mkfifo("fifo", 0600)) return errno;
    int error = closed(open("fifo", O_RDWR));
    unlink("fifo");
    return error;
}

constexpr Operation operations[] = {
    {"pipe2", make_pipe},
    {"open(O_CREAT)", create_file},
    {"open", [] { return closed(open("file", O_RDONLY)); }},
    {"O_TMPFILE", [] { return closed(open(".", O_TMPFILE | O_RDWR, 0600)); }},
    {"dup", [] { return closed(dup(0)); }},
    {"dup2", duplicate_high},
    {"F_DUPFD", [] { return closed(fcntl(0, F_DUPFD, 150)); }},
    {"epoll", watch_file},
    {"timerfd", timer_file},
    {"signalfd", signal_file},
    {"memfd", memory_file},
    {"pidfd", [] { return closed(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0))); }},
    {"directories", directories},
    {"getdents", list_directory},
    {"/proc/self/maps", [] { return read_proc("/proc/self/maps"); }},
    {"/proc/self/status", [] { return read_proc("/proc/self/status"); }},
    {"/proc/mounts", [] { return read_proc("/proc/mounts"); }},
    {"mmap", map_memory},
    {"mmap of a file", map_file},
    {"fork", fork_child},
    {"thread", make_thread},
    {"pty", make_terminal},
    {"locks", locks},
    {"timers", timers},
    {"sigqueue", queue_signal},
    {"sendfile", move_bytes},
    {"poll", poll_many},
    {"fifo", fifo},
    {"xattr", [] { return done(syscall(SYS_setxattr, "file", "trusted.x", "value", 5, 0)) == EPERM ? 0 : errno; }},
    {"chdir", [] { return done(chdir(".")); }},
    {"setgroups", [] { return done(syscall(SYS_setgroups, 0, nullptr)); }},
};

int try_all() {
    int failures = 0;
    for (const Operation& o : operations) {
        current = o.name;
        current_n = 0;
        if (int error = o.call()) complain("fails without a reason", error);
        unsigned long before = open_descriptors();
        for (current_n = 1;; current_n++) {
            arm(control_fd, current_n);
            int error = o.call();
            if (left(control_fd) != 0) {
                if (error) complain("fails without a reason", error);
                break;
            }
            failures++;
            if (error && !expected(error)) complain("an unexpected error", error);
            if (open_descriptors() != before) {
                complain("other descriptors are open than before", 0);
                before = open_descriptors();
            }
            if (current_n == most_failures) {
                complain("no end", 0);
                break;
            }
        }
    }
    struct {
        const char* name;
        int (*call)();
    } children[] = {{"execve", [] { return execl("/proc/self/exe", "failing", "nothing", nullptr), errno; }},
                    {"unshare", [] { return done(unshare(0x400 /* CLONE_FILES */)); }}};
    for (auto& c : children) {
        current = c.name;
        int well = 0; // in a row: what fails late may do no harm
        for (current_n = 1; current_n < most_failures && well < 30; current_n++) {
            bool fired = false;
            int error = in_child(current_n, &fired, c.call);
            if (error && error != 128 && !expected(error)) complain("an unexpected error", error);
            well = error ? 0 : well + 1;
            failures += error != 0;
        }
    }
    return failures;
}

long free_kib() {
    FILE* f = fopen("/proc/meminfo", "r");
    char line[128];
    long n = 0;
    while (fgets(line, sizeof line, f)) sscanf(line, "MemFree: %ld", &n);
    fclose(f);
    return n;
}
} // namespace

int main(int count, char**) {
    if (count > 1) return 0;
    alarm(0);
    int fd = open("/proc/self/fail-nth", O_RDWR);
    if (fd < 0) return printf("no /proc/self/fail-nth: %s\n", strerror(errno)), 2;
    control_fd = fcntl(fd, F_DUPFD, 120);
    close(fd);
    close(open("file", O_CREAT | O_RDWR, 0644));
    if (truncate("file", 20'000)) return 3;
    int failures = try_all();
    long before = free_kib();
    failures += try_all();
    long after = free_kib();
    if (before - after > 512) printf("%ld KiB are gone\n", before - after), bad++;
    printf("%d failures, %d bad\n", failures, bad);
    return bad != 0;
}
