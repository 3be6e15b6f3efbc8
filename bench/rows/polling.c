// Waiting for many files: poll, select, epoll, and the files made to be waited for. Nothing here sleeps.
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "bench/rows/rows.h"

enum { MOST = 10000 };

/// Event counters of which the last is readable.
static int* counters(int count) {
    static int files[MOST];
    struct rlimit limit;
    check(getrlimit(RLIMIT_NOFILE, &limit));
    require(limit.rlim_cur > (rlim_t)count);
    for (int i = 0; i < count; ++i) files[i] = check(eventfd(i == count - 1, EFD_NONBLOCK));
    return files;
}

static void poll_of(int count) {
    static struct pollfd list[MOST];
    int* files = counters(count);
    for (int i = 0; i < count; ++i) list[i] = (struct pollfd){.fd = files[i], .events = POLLIN};
    MEASURE(count > 100 ? 10 : 200) require(poll(list, (nfds_t)count, 0) == 1);
}

ROW("poll: poll of 10") { poll_of(10); }
ROW("poll: poll of 1,000") { poll_of(1000); }

static void select_of(int count) {
    int* files = counters(count);
    fd_set all, ready;
    FD_ZERO(&all);
    for (int i = 0; i < count; ++i) FD_SET(files[i], &all);
    struct timeval none = {0};
    MEASURE(count > 100 ? 10 : 200) {
        ready = all;
        require(select(files[count - 1] + 1, &ready, NULL, NULL, &none) == 1);
    }
}

ROW("poll: select of 10") { select_of(10); }
ROW("poll: select of 1,000") { select_of(1000); }

static int epoll_with(int count, int** files) {
    int epoll = check(epoll_create1(0));
    *files = counters(count);
    for (int i = 0; i < count; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = (*files)[i]};
        check(epoll_ctl(epoll, EPOLL_CTL_ADD, (*files)[i], &event));
    }
    return epoll;
}

static void epoll_wait_with(int count) {
    int *files, epoll = epoll_with(count, &files);
    struct epoll_event events[8];
    MEASURE(200) require(epoll_wait(epoll, events, 8, 0) == 1);
}

ROW("poll: epoll_wait with 10, one ready") { epoll_wait_with(10); }
ROW("poll: epoll_wait with 10,000, one ready") { epoll_wait_with(10000); }

static void epoll_ctl_with(int count) {
    int *files, epoll = epoll_with(count, &files);
    MEASURE(100) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = files[count / 2]};
        check(epoll_ctl(epoll, EPOLL_CTL_DEL, files[count / 2], NULL));
        check(epoll_ctl(epoll, EPOLL_CTL_ADD, files[count / 2], &event));
    }
}

ROW("poll: epoll_ctl del+add with 10") { epoll_ctl_with(10); }
ROW("poll: epoll_ctl del+add with 10,000") { epoll_ctl_with(10000); }

ROW("poll: an event through epoll: write, epoll_wait, read") {
    int *files, epoll = epoll_with(10, &files);
    struct epoll_event events[8];
    uint64_t value;
    require(read(files[9], &value, 8) == 8);
    MEASURE(100) {
        value = 1;
        require(write(files[3], &value, 8) == 8);
        require(epoll_wait(epoll, events, 8, -1) == 1 && events[0].data.fd == files[3]);
        require(read(files[3], &value, 8) == 8);
    }
}

ROW("event: eventfd write+read") {
    int file = check(eventfd(0, 0));
    uint64_t value = 1;
    MEASURE(200) {
        require(write(file, &value, 8) == 8);
        require(read(file, &value, 8) == 8);
    }
}

ROW("event: eventfd+close") { MEASURE(200) check(close(check(eventfd(0, 0)))); }

ROW("event: timerfd_settime, far away") {
    int file = check(timerfd_create(CLOCK_MONOTONIC, 0));
    struct itimerspec far = {.it_value.tv_sec = 1000};
    MEASURE(200) check(timerfd_settime(file, 0, &far, NULL));
}

ROW("event: timerfd set, expired, read") {
    int file = check(timerfd_create(CLOCK_MONOTONIC, 0));
    struct itimerspec past = {.it_value.tv_nsec = 1};
    MEASURE(200) {
        uint64_t times;
        check(timerfd_settime(file, TFD_TIMER_ABSTIME, &past, NULL));
        require(read(file, &times, 8) == 8 && times == 1);
    }
}

ROW("event: signalfd, kill itself and read") {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    check(sigprocmask(SIG_BLOCK, &set, NULL));
    int file = check(signalfd(-1, &set, 0));
    pid_t self = getpid();
    MEASURE(100) {
        struct signalfd_siginfo info;
        check(kill(self, SIGUSR1));
        require(read(file, &info, sizeof info) == sizeof info);
    }
}
