// poll, ppoll, select, pselect, epoll, eventfd, timerfd, signalfd: readiness, timeouts, errors.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

namespace {
long milliseconds() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

void polling() {
    int p[2];
    CHECK(pipe(p) == 0);
    pollfd both[] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 9}, {999, POLLIN, 0}};
    CHECK(poll(both, 4, 0) == 2 && both[0].revents == 0 && both[1].revents == POLLOUT);
    CHECK(both[2].revents == 0 && both[3].revents == POLLNVAL);
    long before = milliseconds();
    CHECK(poll(both, 1, 50) == 0);
    CHECK(milliseconds() - before >= 50);
    pid_t child = fork();
    if (child == 0) {
        usleep(30'000);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK(poll(both, 1, 5000) == 1 && both[0].revents == POLLIN);
    waitpid(child, nullptr, 0);
    FAILS(EFAULT, poll(reinterpret_cast<pollfd*>(16), 1, 0));
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(p[0], &reads);
    timeval zero = {};
    CHECK(select(p[0] + 1, &reads, nullptr, nullptr, &zero) == 1 && FD_ISSET(p[0], &reads));
    char c;
    CHECK(read(p[0], &c, 1) == 1);
    CHECK(select(p[0] + 1, &reads, nullptr, nullptr, &zero) == 0 && !FD_ISSET(p[0], &reads));
    FD_SET(60, &reads);
    FAILS(EBADF, select(61, &reads, nullptr, nullptr, &zero));
    FAILS(EINVAL, select(-1, nullptr, nullptr, nullptr, &zero));
    // ppoll with a mask lets the signal in only while it waits.
    sigset_t blocked, none;
    sigemptyset(&blocked);
    sigemptyset(&none);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    static volatile int handled;
    signal(SIGUSR1, [](int) { handled = handled + 1; });
    raise(SIGUSR1);
    CHECK(handled == 0);
    timespec long_time = {5, 0};
    FAILS(EINTR, ppoll(both, 1, &long_time, &none));
    CHECK(handled == 1);
    timespec bad = {0, 2'000'000'000};
    FAILS(EINVAL, ppoll(both, 1, &bad, nullptr));
    close(p[0]);
    close(p[1]);
}

void epolling() {
    int e = epoll_create1(EPOLL_CLOEXEC), p[2];
    CHECK(e >= 0 && pipe(p) == 0);
    epoll_event event{EPOLLIN, {.u64 = 77}}, got[4];
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event) == 0);
    FAILS(EEXIST, epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event));
    FAILS(ENOENT, epoll_ctl(e, EPOLL_CTL_MOD, p[1], &event));
    FAILS(EBADF, epoll_ctl(e, EPOLL_CTL_ADD, 999, &event));
    FAILS(EINVAL, epoll_ctl(e, EPOLL_CTL_ADD, e, &event));
    int file = open("f", O_CREAT | O_RDWR, 0600);
    FAILS(EPERM, epoll_ctl(e, EPOLL_CTL_ADD, file, &event));
    CHECK(epoll_wait(e, got, 4, 0) == 0);
    CHECK(write(p[1], "ab", 2) == 2);
    CHECK(epoll_wait(e, got, 4, 1000) == 1 && got[0].data.u64 == 77 && got[0].events == EPOLLIN);
    CHECK(epoll_wait(e, got, 4, 0) == 1); // level-triggered
    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &event) == 0 && epoll_wait(e, got, 4, 0) == 1);
    CHECK(epoll_wait(e, got, 4, 0) == 0); // edge-triggered
    CHECK(write(p[1], "c", 1) == 1 && epoll_wait(e, got, 4, 0) == 1);
    event.events = EPOLLIN | EPOLLONESHOT;
    CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &event) == 0 && epoll_wait(e, got, 4, 0) == 1);
    CHECK(write(p[1], "d", 1) == 1 && epoll_wait(e, got, 4, 0) == 0);
    CHECK(epoll_ctl(e, EPOLL_CTL_DEL, p[0], nullptr) == 0);
    FAILS(ENOENT, epoll_ctl(e, EPOLL_CTL_DEL, p[0], nullptr));
    FAILS(EINVAL, epoll_wait(e, got, 0, 0));
    close(e);
}

void descriptors() {
    int e = eventfd(3, EFD_NONBLOCK);
    uint64_t n = 0;
    CHECK(read(e, &n, 8) == 8 && n == 3);
    FAILS(EAGAIN, read(e, &n, 8));
    n = 5;
    CHECK(write(e, &n, 8) == 8 && write(e, &n, 8) == 8 && read(e, &n, 8) == 8 && n == 10);
    FAILS(EINVAL, read(e, &n, 4));
    n = ~uint64_t{0};
    FAILS(EINVAL, write(e, &n, 8));
    close(e);
    e = eventfd(2, EFD_SEMAPHORE);
    CHECK(read(e, &n, 8) == 8 && n == 1 && read(e, &n, 8) == 8 && n == 1);
    close(e);
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    itimerspec when = {{0, 10'000'000}, {0, 10'000'000}}, left;
    FAILS(EAGAIN, read(t, &n, 8));
    CHECK(timerfd_settime(t, 0, &when, nullptr) == 0 && timerfd_gettime(t, &left) == 0 &&
          left.it_interval.tv_nsec == 10'000'000);
    pollfd watch{t, POLLIN, 0};
    CHECK(poll(&watch, 1, 5000) == 1);
    usleep(50'000);
    CHECK(read(t, &n, 8) == 8 && n >= 4);
    close(t);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int s = signalfd(-1, &set, SFD_NONBLOCK);
    signalfd_siginfo info;
    FAILS(EAGAIN, read(s, &info, sizeof info));
    raise(SIGUSR2);
    CHECK(read(s, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2);
    CHECK(info.ssi_pid == static_cast<uint32_t>(getpid()));
    close(s);
}

void clocks() {
    timespec a, b, r;
    for (clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                            CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_RAW}) {
        CHECK(clock_gettime(clock, &a) == 0 && clock_gettime(clock, &b) == 0);
        CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
        CHECK(clock_getres(clock, &r) == 0 && r.tv_sec == 0 && r.tv_nsec > 0);
    }
    FAILS(EINVAL, clock_gettime(1000, &a));
    timespec brief = {0, 30'000'000};
    long before = milliseconds();
    CHECK(nanosleep(&brief, nullptr) == 0);
    long slept = milliseconds() - before;
    CHECK(slept >= 30);
    clock_gettime(CLOCK_MONOTONIC, &a);
    a.tv_sec = 0; // long ago, also just after boot
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, nullptr) == 0);
    brief.tv_nsec = -1;
    FAILS(EINVAL, nanosleep(&brief, nullptr));
    // Time never goes back, whichever processor we are on.
    long last = 0, backwards = 0;
    for (int i = 0; i < 100'000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        long now = a.tv_sec * 1'000'000'000 + a.tv_nsec;
        backwards += now < last;
        last = now;
    }
    CHECK(backwards == 0);
    static volatile int ticks;
    signal(SIGALRM, [](int) { ticks = ticks + 1; });
    timer_t timer;
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    itimerspec every = {{0, 5'000'000}, {0, 5'000'000}};
    CHECK(timer_settime(timer, 0, &every, nullptr) == 0);
    before = milliseconds();
    while (ticks < 3 && milliseconds() - before < 5000) pause();
    CHECK(ticks >= 3 && timer_delete(timer) == 0);
}
} // namespace

int main() {
    polling();
    epolling();
    descriptors();
    clocks();
    return finish("waiting");
}
