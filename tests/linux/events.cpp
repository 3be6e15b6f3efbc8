// Events among threads and files that watch files; devices; what terminals do besides reading and writing lines.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

namespace {
int add(int e, int fd, uint32_t events) {
    epoll_event event{events, {.u64 = static_cast<uint64_t>(fd)}};
    return epoll_ctl(e, EPOLL_CTL_ADD, fd, &event);
}
int ready(int e, int milliseconds = 0) {
    epoll_event got[8];
    return epoll_wait(e, got, 8, milliseconds);
}

void nested_epolls() {
    int inner = epoll_create1(0), outer = epoll_create1(0), p[2];
    CHECK(pipe(p) == 0 && add(inner, p[0], EPOLLIN) == 0 && add(outer, inner, EPOLLIN) == 0);
    FAILS(ELOOP, add(inner, outer, EPOLLIN));
    pollfd watch{outer, POLLIN, 0};
    CHECK(ready(outer) == 0 && poll(&watch, 1, 0) == 0);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(poll(&watch, 1, 1000) == 1 && ready(outer) == 1 && ready(inner) == 1);
    char c;
    CHECK(read(p[0], &c, 1) == 1 && ready(outer) == 0);
    int chain[6] = {outer};
    for (int i = 1; i < 6; i++) chain[i] = epoll_create1(0);
    int added = 0;
    while (added < 5 && add(chain[added + 1], chain[added], EPOLLIN) == 0) added++;
    int error = errno;
    CHECK(added < 5 && error == ELOOP); // towers are of limited height
    for (int fd : chain) close(fd);
    close(inner);
    close(p[0]);
    close(p[1]);
}

void closing_takes_out() {
    int e = epoll_create1(0), p[2];
    CHECK(pipe(p) == 0 && add(e, p[0], EPOLLIN) == 0 && write(p[1], "x", 1) == 1);
    int copy = dup(p[0]);
    close(p[0]);
    CHECK(ready(e) == 1); // the open file is still there
    close(copy);
    CHECK(ready(e) == 0);
    close(p[1]);
    CHECK(pipe(p) == 0 && add(e, p[0], EPOLLIN) == 0 && ready(e) == 0);
    close(p[1]);
    epoll_event got;
    CHECK(epoll_wait(e, &got, 1, 0) == 1 && got.events == EPOLLHUP);
    close(p[0]);
    close(e);
    FAILS(EINVAL, epoll_create1(1));
}

struct Shared {
    int epoll, done;
    int got[4];
};
struct Worker {
    Shared* shared;
    int number;
};

void* take_tokens(void* argument) {
    auto& w = *static_cast<Worker*>(argument);
    for (;;) {
        epoll_event event;
        if (epoll_wait(w.shared->epoll, &event, 1, -1) != 1) continue;
        int fd = static_cast<int>(event.data.u64);
        uint64_t n;
        if (fd == w.shared->done) return nullptr;
        if (read(fd, &n, 8) == 8) w.shared->got[w.number]++;
    }
}

void threads_share_an_epoll() {
    Shared shared{epoll_create1(0), eventfd(0, 0), {}};
    int tokens = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(add(shared.epoll, tokens, EPOLLIN) == 0 && add(shared.epoll, shared.done, EPOLLIN) == 0);
    pthread_t threads[4];
    Worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = {&shared, i};
        CHECK(pthread_create(&threads[i], nullptr, take_tokens, &workers[i]) == 0);
    }
    uint64_t one = 1;
    for (int i = 0; i < 2000; i++) CHECK(write(tokens, &one, 8) == 8);
    for (int i = 0; i < 500; i++) { // until all is taken
        pollfd watch{tokens, POLLIN, 0};
        if (poll(&watch, 1, 0) == 0) break;
        usleep(10'000);
    }
    CHECK(write(shared.done, &one, 8) == 8);
    for (pthread_t t : threads) pthread_join(t, nullptr);
    int sum = 0;
    for (int n : shared.got) sum += n;
    CHECK(sum == 2000);
    close(tokens);
    close(shared.epoll);
    close(shared.done);
}

void* read_counter(void* fd) {
    uint64_t n = 0;
    if (read(static_cast<int>(reinterpret_cast<long>(fd)), &n, 8) != 8) n = 0;
    return reinterpret_cast<void*>(n);
}

void blocking() {
    int e = eventfd(0, 0);
    pthread_t reader;
    pthread_create(&reader, nullptr, read_counter, reinterpret_cast<void*>(static_cast<long>(e)));
    usleep(20'000);
    uint64_t n = 7;
    CHECK(write(e, &n, 8) == 8);
    void* got;
    pthread_join(reader, &got);
    CHECK(reinterpret_cast<uint64_t>(got) == 7);
    close(e);

    int t = timerfd_create(CLOCK_REALTIME, 0);
    itimerspec when = {};
    clock_gettime(CLOCK_REALTIME, &when.it_value);
    when.it_value.tv_sec -= 10;
    when.it_interval.tv_sec = 4;
    CHECK(timerfd_settime(t, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
    CHECK(read(t, &n, 8) == 8 && n == 3); // 10, 6 and 2 seconds ago
    itimerspec left;
    CHECK(timerfd_gettime(t, &left) == 0 && left.it_value.tv_sec < 2 && left.it_interval.tv_sec == 4);
    when = {};
    CHECK(timerfd_settime(t, 0, &when, nullptr) == 0 && timerfd_gettime(t, &left) == 0 && left.it_value.tv_sec == 0 &&
          left.it_value.tv_nsec == 0);
    FAILS(EINVAL, timerfd_settime(e = eventfd(0, 0), 0, &when, nullptr));
    close(e);
    when.it_value.tv_nsec = 20'000'000;
    int watcher = epoll_create1(0);
    CHECK(timerfd_settime(t, 0, &when, nullptr) == 0 && add(watcher, t, EPOLLIN) == 0 && ready(watcher) == 0);
    CHECK(ready(watcher, 5000) == 1 && read(t, &n, 8) == 8 && n == 1 && ready(watcher) == 0);
    close(t);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    int s = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(add(watcher, s, EPOLLIN) == 0 && ready(watcher) == 0);
    kill(getpid(), SIGUSR1);
    CHECK(ready(watcher, 1000) == 1);
    signalfd_siginfo info;
    CHECK(read(s, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1 && info.ssi_code == SI_USER);
    CHECK(ready(watcher) == 0);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    close(s);
    close(watcher);
}

void pipe_sizes() {
    int p[2];
    char buf[5000] = {};
    CHECK(pipe2(p, O_DIRECT | O_NONBLOCK) == 0);
    CHECK(write(p[1], "one", 3) == 3 && write(p[1], "second", 6) == 6);
    CHECK(read(p[0], buf, 2) == 2 && read(p[0], buf, 100) == 6); // the rest of a packet is dropped
    CHECK(write(p[1], buf, 5000) == 5000 && read(p[0], buf, 5000) == 4096 && read(p[0], buf, 5000) == 904);
    CHECK(fcntl(p[0], F_SETPIPE_SZ, 5000) == 8192 && fcntl(p[1], F_GETPIPE_SZ) == 8192);
    CHECK(write(p[1], buf, 4096) == 4096 && write(p[1], buf, 4096) == 4096);
    FAILS(EAGAIN, write(p[1], "x", 1));
    FAILS(EBUSY, fcntl(p[0], F_SETPIPE_SZ, 4096));
    FAILS(EBADF, fcntl(STDIN_FILENO + 90, F_GETPIPE_SZ));
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", p[1]);
    int again = open(name, O_WRONLY | O_NONBLOCK); // the same pipe
    CHECK(again >= 0 && read(p[0], buf, 4096) == 4096 && write(again, "y", 1) == 1);
    close(again);
    close(p[0]);
    close(p[1]);
}

void devices() {
    char buf[64];
    memset(buf, 1, sizeof buf);
    int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), full = open("/dev/full", O_RDWR),
        random = open("/dev/urandom", O_RDONLY);
    CHECK(read(zero, buf, 64) == 64 && buf[0] == 0 && buf[63] == 0);
    CHECK(write(zero, buf, 64) == 64 && write(null, buf, 64) == 64 && read(null, buf, 64) == 0);
    CHECK(lseek(null, 100, SEEK_SET) == 0);
    FAILS(ENOSPC, write(full, buf, 64));
    CHECK(read(full, buf, 64) == 64);
    CHECK(read(random, buf, 64) == 64);
    char sum = 0;
    for (char c : buf) sum |= c;
    CHECK(sum != 0);
    auto* p = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0));
    CHECK(p != MAP_FAILED && p[5000] == 0 && (p[5000] = 3) == 3);
    auto* q = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0));
    CHECK(q != MAP_FAILED && q[5000] == 0);
    pid_t child = fork();
    if (child == 0) {
        q[5000] = p[5000] = 9;
        _exit(0);
    }
    waitpid(child, nullptr, 0);
    CHECK(q[5000] == 9 && p[5000] == 3);
    CHECK(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, null, 0) == MAP_FAILED && errno == ENODEV);
    struct stat s;
    CHECK(fstat(null, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == 0x103);
    FAILS(ENOTTY, ioctl(null, TCGETS, buf));
    close(zero);
    close(null);
    close(full);
    close(random);
}

int master, slave;

void packets() {
    int on = 1;
    char buf[64];
    CHECK(ioctl(master, TIOCPKT, &on) == 0 && write(slave, "hi\n", 3) == 3);
    // Linux may hand the line over in pieces, each behind a byte of its own.
    char line[8] = {};
    for (size_t have = 0; have < 4;) {
        ssize_t n = read(master, buf, sizeof line - have);
        CHECK(n > 1 && buf[0] == TIOCPKT_DATA);
        if (n <= 1) break;
        memcpy(line + have, buf + 1, static_cast<size_t>(n) - 1);
        have += static_cast<size_t>(n) - 1;
    }
    CHECK(!strcmp(line, "hi\r\n"));
    CHECK(tcflush(slave, TCIFLUSH) == 0);
    pollfd watch{master, POLLIN | POLLPRI, 0};
    CHECK(poll(&watch, 1, 1000) == 1 && (watch.revents & POLLPRI));
    CHECK(read(master, buf, 64) == 1 && (buf[0] & TIOCPKT_FLUSHREAD));
    on = 0;
    CHECK(ioctl(master, TIOCPKT, &on) == 0);
    int number = -1, peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK(ioctl(master, TIOCGPTN, &number) == 0 && number >= 0 && peer >= 0 && isatty(peer) == 1);
    CHECK(write(peer, "p", 1) == 1 && read(master, buf, 64) == 1 && buf[0] == 'p');
    close(peer);
}

void flow() {
    char buf[64];
    pollfd space{slave, POLLOUT, 0};
    CHECK(write(master, "\023", 1) == 1); // ^S
    CHECK(eventually([&] { return poll(&space, 1, 0) == 0; }));
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    FAILS(EAGAIN, write(slave, "x", 1));
    CHECK(write(master, "\021", 1) == 1); // ^Q
    CHECK(poll(&space, 1, 10'000) == 1 && write(slave, "x", 1) == 1 && read(master, buf, 64) == 1);
    fcntl(slave, F_SETFL, O_RDWR);
    CHECK(tcflow(slave, TCOOFF) == 0);
    pollfd watch{slave, POLLOUT, 0};
    CHECK(tcflow(slave, TCOON) == 0 && poll(&watch, 1, 0) == 1);
    FAILS(EINVAL, tcflow(slave, 99));
    FAILS(EINVAL, tcflush(slave, 99));
}

/// In a session of its own whose controlling terminal is the slave.
int in_session() {
    char buf[64];
    setsid();
    if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO) return 1;
    if (ioctl(slave, TIOCSCTTY, 0)) return 2;
    int own = open("/dev/tty", O_RDWR);
    if (own < 0 || tcgetpgrp(own) != getpid() || tcgetsid(own) != getpid()) return 3;
    if (tcsetpgrp(own, 1) != -1 || (errno != EPERM && errno != ESRCH)) return 4;
    static volatile int resized;
    struct sigaction act = {};
    act.sa_handler = [](int) { resized = resized + 1; };
    sigaction(SIGWINCH, &act, nullptr);
    winsize size = {11, 22, 0, 0};
    if (ioctl(master, TIOCSWINSZ, &size) || resized != 1) return 5;
    if (ioctl(master, TIOCSWINSZ, &size) || resized != 1) return 6; // nothing has changed
    // A background process may write, unless TOSTOP; orphaned, it gets EIO.
    termios t;
    tcgetattr(own, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(own, TCSANOW, &t);
    int status;
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        _exit(write(own, "z", 1) == 1 ? 0 : 1);
    }
    if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTOU) return 7;
    kill(job, SIGKILL);
    waitpid(job, &status, 0);
    job = fork();
    if (job == 0) {
        setpgid(0, 0);
        signal(SIGTTIN, SIG_IGN);
        _exit(read(own, buf, 1) == -1 && errno == EIO ? 0 : 1);
    }
    if (waitpid(job, &status, 0) != job || status) return 8;
    // An interrupted read goes on (SA_RESTART), or says so.
    act.sa_handler = [](int) {};
    act.sa_flags = 0;
    sigaction(SIGALRM, &act, nullptr);
    alarm(1);
    if (read(own, buf, 1) != -1 || errno != EINTR) return 9;
    signal(SIGHUP, SIG_IGN);
    if (ioctl(own, TIOCNOTTY)) return 10;
    if (open("/dev/tty", O_RDWR) != -1) return 11;
    return 44;
}

void sessions() {
    fflush(stdout);
    pid_t leader = fork();
    if (leader == 0) _exit(in_session());
    int status = 0;
    CHECK(waitpid(leader, &status, 0) == leader && WIFEXITED(status));
    if (WEXITSTATUS(status) != 44) printf("session: step %d\n", WEXITSTATUS(status));
    CHECK(WEXITSTATUS(status) == 44);
}

void between_bytes() {
    termios t;
    char buf[64];
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 5;
    t.c_cc[VTIME] = 1;
    CHECK(tcsetattr(slave, TCSAFLUSH, &t) == 0 && write(master, "abc", 3) == 3);
    CHECK(read(slave, buf, 64) == 3); // no more came within a tenth of a second
    t.c_cc[VTIME] = 0;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0 && write(master, "de", 2) == 2);
    usleep(10'000);
    pollfd watch{slave, POLLIN, 0};
    CHECK(poll(&watch, 1, 0) == 0); // fewer than VMIN
    CHECK(write(master, "fgh", 3) == 3 && poll(&watch, 1, 1000) == 1 && read(slave, buf, 64) == 5);
    std::initializer_list<int> lengths = {1, 100, 4000};
    for (int n : lengths) {
        char big[4000];
        memset(big, 'b', sizeof big);
        CHECK(write(slave, big, static_cast<size_t>(n)) == n);
        for (int at = 0; at < n;) {
            ssize_t got = read(master, big, sizeof big);
            if (got <= 0) break;
            at += static_cast<int>(got);
        }
    }
}
/// Which files epoll takes: those that can say whether they are ready.
void pollable() {
    struct {
        const char* path;
        bool taken;
    } all[] = {{"/dev/null", false},
               {"/dev/zero", false},
               {"/dev/full", false},
               {"/dev/urandom", false},
               {"/dev/random", true},
               {"/proc/self/status", false},
               {"/proc/self/maps", false},
               {"/proc/self/mounts", true},
               {"/proc/self/mountinfo", true},
               {"/proc/meminfo", true},
               {"/proc/uptime", true},
               {"/proc/sys/kernel/hostname", true},
               {"/proc/self", false},
               {"/proc", false},
               {"/proc/self/fd", false},
               {"/proc/self/exe", false},
               {"/dev", false}};
    int e = epoll_create1(0);
    for (auto& [path, taken] : all) {
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0);
        errno = 0;
        int got = add(e, fd, EPOLLIN);
        if (taken ? got != 0 : got != -1 || errno != EPERM) {
            printf("%s: %d, errno %d\n", path, got, errno);
            failures++;
        }
        close(fd);
    }
    close(e);
}

/// Mount tables tell a change once.
void mounts_change() {
    int mounts = open("/proc/self/mounts", O_RDONLY), info = open("/proc/self/mountinfo", O_RDONLY);
    int e = epoll_create1(0);
    pollfd watch{mounts, POLLPRI, 0};
    CHECK(poll(&watch, 1, 0) == 0 && add(e, info, EPOLLPRI) == 0 && ready(e) == 0);
    CHECK(mkdir("place", 0755) == 0 && mount("none", "place", "tmpfs", 0, nullptr) == 0);
    CHECK(poll(&watch, 1, 10'000) == 1 && watch.revents == (POLLPRI | POLLERR));
    CHECK(poll(&watch, 1, 0) == 0);
    epoll_event got;
    CHECK(epoll_wait(e, &got, 1, 10'000) == 1 && got.events == (EPOLLPRI | EPOLLERR) && ready(e) == 0);
    CHECK(umount2("place", 0) == 0 && poll(&watch, 1, 10'000) == 1 && ready(e, 10'000) == 1);
    watch.events = POLLIN;
    CHECK(poll(&watch, 1, 0) == 1 && watch.revents == POLLIN);
    // Somebody who sleeps is woken.
    pid_t child = fork();
    if (child == 0) {
        watch.events = POLLPRI;
        _exit(poll(&watch, 1, 10'000) == 1 ? 42 : 1);
    }
    until_asleep(child);
    CHECK(mount("none", "place", "tmpfs", 0, nullptr) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 42);
    // The same with select: the change is exceptional.
    auto selected = [&](time_t seconds) {
        fd_set urgent;
        FD_ZERO(&urgent);
        FD_SET(mounts, &urgent);
        timeval until{seconds, 0};
        return select(mounts + 1, nullptr, nullptr, &urgent, &until) == 1 && FD_ISSET(mounts, &urgent);
    };
    poll(&watch, 1, 0); // the child has taken the news, or not
    CHECK(!selected(0) && umount("place") == 0 && selected(10) && !selected(0));
    child = start([&] { return selected(10) && !selected(0) ? 42 : 1; });
    CHECK(until_asleep(child));
    CHECK(mount("none", "place", "tmpfs", 0, nullptr) == 0);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 42);
    CHECK(umount("place") == 0);
    close(mounts);
    close(info);
    close(e);
}

void sticky_timeouts() {
    timespec t{0, 10'000};
    auto select_nothing = [&] { return syscall(SYS_pselect6, 0, nullptr, nullptr, nullptr, &t, nullptr); };
    CHECK(personality(STICKY_TIMEOUTS) == 0 && select_nothing() == 0 && t.tv_nsec == 10'000);
    CHECK(personality(0) == STICKY_TIMEOUTS && select_nothing() == 0 && t.tv_nsec == 0);
}
} // namespace

int main() {
    nested_epolls();
    pollable();
    mounts_change();
    sticky_timeouts();
    closing_takes_out();
    threads_share_an_epoll();
    blocking();
    pipe_sizes();
    devices();
    master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    packets();
    flow();
    sessions();
    between_bytes();
    return finish("events");
}
