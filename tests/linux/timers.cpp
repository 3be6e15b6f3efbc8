// The clocks and timers by their own numbers, and what a process is told about scheduling and the machine.
#include "tests/linux/check.h"
#include <initializer_list>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <time.h>

namespace {
constexpr long ms = 1'000'000, second = 1000 * ms;
long in_ns(const timespec& t) { return t.tv_sec * second + t.tv_nsec; }
long now_of(clockid_t clock) {
    timespec t = {};
    CHECK(CALL(clock_gettime, clock, &t) == 0);
    return in_ns(t);
}
void wait_until(long end) {
    while (now_of(CLOCK_MONOTONIC) < end) usleep(1000);
}

void wall_clock() {
    timeval t = {};
    struct timezone zone = {77, 77};
    long before = now_of(CLOCK_REALTIME) / 1000;
    CHECK(CALL(gettimeofday, &t, &zone) == 0 && zone.tz_minuteswest == 0 && zone.tz_dsttime == 0);
    long got = t.tv_sec * 1'000'000 + t.tv_usec;
    CHECK(before <= got && got <= now_of(CLOCK_REALTIME) / 1000);
    CHECK(CALL(gettimeofday, nullptr, nullptr) == 0);
    FAILS(EFAULT, CALL(gettimeofday, 8, nullptr));
#ifdef __NR_time
    long seconds = 0, least = now_of(CLOCK_REALTIME) / second, told = CALL(time, &seconds);
    CHECK(told == seconds && least - 1 <= told && told <= now_of(CLOCK_REALTIME) / second);
    FAILS(EFAULT, CALL(time, 8));
#endif
}

void interval_timers() {
    signal(SIGALRM, SIG_IGN);
    itimerval set = {{5, 6}, {1000, 500'000}}, got = {};
    CHECK(CALL(getitimer, ITIMER_REAL, &got) == 0 && got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0);
    CHECK(CALL(setitimer, ITIMER_REAL, &set, nullptr) == 0 && CALL(getitimer, ITIMER_REAL, &got) == 0);
    CHECK(got.it_interval.tv_sec == 5 && got.it_interval.tv_usec == 6 && got.it_value.tv_sec >= 900);
    CHECK(got.it_value.tv_sec < 1000 || got.it_value.tv_usec <= 500'000);
#ifdef __NR_alarm
    CHECK(CALL(alarm, 2000) >= 900 && CALL(alarm, 0) >= 1900); // the same timer
#endif
    set = {};
    CHECK(CALL(setitimer, ITIMER_REAL, &set, &got) == 0);
    for (int which : {ITIMER_VIRTUAL, ITIMER_PROF})
        CHECK(CALL(getitimer, which, &got) == 0 && got.it_value.tv_sec == 0);
    FAILS(EINVAL, CALL(getitimer, 3, &got));
    FAILS(EFAULT, CALL(getitimer, ITIMER_REAL, 8));
}

void posix_timers() {
    // Only counted: the signal stays pending, so each later expiry is an overrun of it.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = SIGUSR1;
    int timer = -1;
    CHECK(CALL(timer_create, CLOCK_MONOTONIC, &event, &timer) == 0);
    itimerspec spec = {}, got = {{1, 1}, {1, 1}};
    CHECK(CALL(timer_gettime, timer, &got) == 0 && in_ns(got.it_value) == 0 && in_ns(got.it_interval) == 0);
    CHECK(CALL(timer_getoverrun, timer) == 0);
    spec = {{0, 0}, {500, 0}};
    CHECK(CALL(timer_settime, timer, 0, &spec, nullptr) == 0 && CALL(timer_gettime, timer, &got) == 0);
    CHECK(in_ns(got.it_value) > 400 * second && in_ns(got.it_value) <= 500 * second && in_ns(got.it_interval) == 0);
    spec = {{0, 2 * ms}, {0, 2 * ms}};
    long start = now_of(CLOCK_MONOTONIC);
    CHECK(CALL(timer_settime, timer, 0, &spec, &got) == 0 && in_ns(got.it_value) > 400 * second);
    wait_until(start + 30 * ms);
    siginfo_t info = {};
    timespec none = {};
    CHECK(CALL(rt_sigtimedwait, &set, &info, &none, 8ul) == SIGUSR1 && info.si_code == SI_TIMER);
    long passed = (now_of(CLOCK_MONOTONIC) - start) / (2 * ms), overrun = CALL(timer_getoverrun, timer);
    CHECK(overrun >= 10 && overrun <= passed && info.si_overrun == overrun);
    CHECK(CALL(timer_gettime, timer, &got) == 0 && in_ns(got.it_interval) == 2 * ms && in_ns(got.it_value) <= 2 * ms);
    CHECK(CALL(timer_delete, timer) == 0);
    FAILS(EINVAL, CALL(timer_getoverrun, timer));
    FAILS(EINVAL, CALL(timer_gettime, timer, &got));
    FAILS(EINVAL, CALL(timer_delete, timer));
}

void scheduling() {
    for (int policy : {SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE})
        printf("policy %d: priorities %ld to %ld\n", policy, CALL(sched_get_priority_min, policy),
               CALL(sched_get_priority_max, policy));
    FAILS(EINVAL, CALL(sched_get_priority_min, 99));
    FAILS(EINVAL, CALL(sched_get_priority_max, -1));
    timespec slice = {-1, -1};
    CHECK(CALL(sched_rr_get_interval, 0, &slice) == 0 && slice.tv_sec == 0 && slice.tv_nsec >= 0);
    sched_param one = {}, zero = {};
    one.sched_priority = 1;
    CHECK(CALL(sched_setscheduler, 0, SCHED_RR, &one) == 0 && CALL(sched_rr_get_interval, 0, &slice) == 0);
    printf("round robin: %ld ns\n", in_ns(slice));
    CHECK(CALL(sched_setscheduler, 0, SCHED_FIFO, &one) == 0 && CALL(sched_rr_get_interval, 0, &slice) == 0);
    printf("first in, first out: %ld ns\n", in_ns(slice));
    one.sched_priority = 7;
    CHECK(CALL(sched_setparam, 0, &one) == 0 && CALL(sched_getscheduler, 0) == SCHED_FIFO);
    CHECK(CALL(sched_getparam, 0, &zero) == 0 && zero.sched_priority == 7);
    zero.sched_priority = 0;
    FAILS(EINVAL, CALL(sched_setparam, 0, &zero)); // no priority of this policy's
    CHECK(CALL(sched_setscheduler, 0, SCHED_OTHER, &zero) == 0 && CALL(sched_setparam, 0, &zero) == 0);
    FAILS(EINVAL, CALL(sched_rr_get_interval, -1, &slice));
    FAILS(ESRCH, CALL(sched_rr_get_interval, 0x7ffffff0, &slice));
    FAILS(EFAULT, CALL(sched_rr_get_interval, 0, 8));
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    unsigned cpu = 99, node = 99;
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0 && CALL(getcpu, &cpu, &node, nullptr) == 0 && cpu == 0 &&
          node == 0);
    CHECK(CALL(getcpu, nullptr, nullptr, nullptr) == 0);
    FAILS(EFAULT, CALL(getcpu, 8, nullptr, nullptr));
}

void machine() {
    struct sysinfo info = {};
    long up = now_of(CLOCK_BOOTTIME) / second;
    CHECK(CALL(sysinfo, &info) == 0 && static_cast<long>(info.uptime) >= up &&
          static_cast<long>(info.uptime) <= up + 60);
    CHECK(info.mem_unit > 0 && info.totalram > info.freeram && info.freeram > 0 && info.procs > 0);
    unsigned char a[64] = {}, b[64] = {};
    CHECK(CALL(getrandom, a, sizeof a, 0) == 64 && CALL(getrandom, b, sizeof b, GRND_RANDOM) == 64 &&
          memcmp(a, b, 64) != 0);
    CHECK(CALL(getrandom, a, 0ul, GRND_NONBLOCK) == 0);
    FAILS(EINVAL, CALL(getrandom, a, 1ul, 1 << 10));
    FAILS(EFAULT, CALL(getrandom, nullptr, 1ul, 0));
}
} // namespace

int main() {
    wall_clock();
    interval_timers();
    posix_timers();
    scheduling();
    machine();
    return finish("timers");
}
