// The wall clock is set while others wait for a moment of it: timerfd_create(2), timer_create(2), clock_nanosleep(2),
// futex(2). For the host world: a container cannot set the clock.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

namespace {
timespec in(long seconds) {
    timespec t;
    CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
    t.tv_sec += seconds;
    return t;
}
void move_clock(long seconds) {
    timespec t = in(seconds);
    CHECK(clock_settime(CLOCK_REALTIME, &t) == 0);
}
int timer(int flags, long seconds = 1000) {
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    itimerspec when{{}, in(seconds)};
    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME | flags, &when, nullptr) == 0);
    return fd;
}
bool ready(int fd) {
    pollfd wanted{fd, POLLIN, 0};
    return poll(&wanted, 1, 0) == 1;
}
/// Runs the body in a child, and moves the clock when it sleeps.
void wakes(auto body, long seconds) {
    pid_t child = start(body);
    CHECK(until_asleep(child));
    move_clock(seconds);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void cancelling() {
    uint64_t ticks;
    int fd = timer(TFD_TIMER_CANCEL_ON_SET);
    CHECK(!ready(fd));
    move_clock(0);
    CHECK(ready(fd));
    FAILS(ECANCELED, read(fd, &ticks, sizeof ticks));
    CHECK(!ready(fd));
    FAILS(EAGAIN, read(fd, &ticks, sizeof ticks));
    wakes(
        [&] {
            pollfd wanted{fd, POLLIN, 0};
            return poll(&wanted, 1, 100'000) != 1;
        },
        0);
    FAILS(ECANCELED, read(fd, &ticks, sizeof ticks));
    wakes(
        [&] {
            int e = epoll_create1(0);
            epoll_event event{EPOLLIN | EPOLLET, {}};
            return epoll_ctl(e, EPOLL_CTL_ADD, fd, &event) || epoll_wait(e, &event, 1, 100'000) != 1;
        },
        0);
    FAILS(ECANCELED, read(fd, &ticks, sizeof ticks));
    int flags = fcntl(fd, F_GETFL);
    CHECK(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
    wakes([&] { return read(fd, &ticks, sizeof ticks) != -1 || errno != ECANCELED; }, 0);
    CHECK(!ready(fd));
    // Only while it is armed.
    itimerspec none{};
    CHECK(timerfd_settime(fd, 0, &none, nullptr) == 0);
    move_clock(0);
    CHECK(!ready(fd));
    close(fd);
}

void following() {
    uint64_t ticks;
    int fd = timer(0);
    move_clock(0);
    CHECK(!ready(fd));
    int flags = fcntl(fd, F_GETFL);
    CHECK(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
    wakes([&] { return read(fd, &ticks, sizeof ticks) != 8 || ticks != 1; }, 2000);
    close(fd);
    fd = timer(0);
    wakes(
        [&] {
            pollfd wanted{fd, POLLIN, 0};
            return poll(&wanted, 1, 100'000) != 1;
        },
        2000);
    close(fd);
    // The alarm moves with the clock, without anybody who looks in between.
    fd = timer(0);
    move_clock(-500);
    itimerspec left;
    CHECK(timerfd_gettime(fd, &left) == 0 && left.it_value.tv_sec >= 1490);
    move_clock(1499);
    pollfd wanted{fd, POLLIN, 0};
    CHECK(poll(&wanted, 1, 100'000) == 1);
    close(fd);
    timespec at = in(1000);
    wakes([&] { return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, nullptr); }, 2000);
    at = in(1000);
    wakes(
        [&] {
            int word = 1;
            return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &at, nullptr, ~0) != -1 ||
                   errno != ETIMEDOUT;
        },
        2000);
}

void timers() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
    timer_t timer;
    CHECK(timer_create(CLOCK_REALTIME, nullptr, &timer) == 0);
    itimerspec when{{100, 0}, in(1000)};
    CHECK(timer_settime(timer, TIMER_ABSTIME, &when, nullptr) == 0);
    move_clock(-500);
    CHECK(timer_gettime(timer, &when) == 0 && when.it_value.tv_sec >= 1490);
    move_clock(1750);
    const timespec long_wait{100, 0};
    CHECK(sigtimedwait(&set, nullptr, &long_wait) == SIGALRM && timer_getoverrun(timer) == 2);
    // A relative time passes as it did.
    when = {{}, {1000, 0}};
    CHECK(timer_settime(timer, 0, &when, nullptr) == 0);
    move_clock(2000);
    CHECK(timer_gettime(timer, &when) == 0 && when.it_value.tv_sec >= 990 && when.it_value.tv_sec <= 1000);
    CHECK(timer_delete(timer) == 0);
}
} // namespace

int main() {
    cancelling();
    following();
    timers();
    return finish("clock_set");
}
