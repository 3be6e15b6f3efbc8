// Clocks with offsets, time_namespaces(7): `time_offsets MONOTONIC BOOTTIME` in a namespace that has these, in seconds;
// with "enter" behind them it goes into one first, which is for Linux: Rundlet makes them for containers only.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

namespace {
constexpr long second = 1'000'000'000, soon = second / 20, late = 60 * second;
long offsets[2]; // of CLOCK_MONOTONIC and CLOCK_BOOTTIME

long ns_of(const timespec& t) { return t.tv_sec * second + t.tv_nsec; }
timespec of_ns(long ns) { return {ns / second, ns % second}; }
long now(clockid_t clock) {
    timespec t{};
    CHECK(clock_gettime(clock, &t) == 0); // the vDSO's
    return ns_of(t);
}
long asked(clockid_t clock) {
    timespec t{};
    CHECK(CALL(clock_gettime, clock, &t) == 0);
    return ns_of(t);
}
bool near(long a, long b) { return a - b < late && b - a < late; }
/// Until it is called again.
const char* text_of(const char* path) {
    static char text[65536];
    int fd = open(path, O_RDONLY);
    size_t size = 0;
    for (long n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += static_cast<size_t>(n);
    close(fd);
    text[size] = 0;
    return text;
}

void reading() {
    for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME}) {
        bool boot = clock == CLOCK_BOOTTIME;
        long a = asked(clock), b = now(clock), c = asked(clock), slack = clock == CLOCK_MONOTONIC_COARSE ? soon : 0;
        CHECK(a <= b + slack && b <= c + slack);
        CHECK(b >= offsets[boot] * second);
        CHECK(near(b - offsets[boot] * second, now(CLOCK_BOOTTIME) - offsets[1] * second)); // the machine's time
    }
    CHECK(near(asked(CLOCK_REALTIME), now(CLOCK_REALTIME)));
    CHECK(near(time(nullptr) * second, now(CLOCK_REALTIME)));
}

void sleeping() {
    for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
        long begin = now(clock);
        timespec until = of_ns(begin + soon), over = of_ns(begin - soon), first = of_ns(1);
        CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr) == 0);
        long end = now(clock);
        CHECK(end >= begin + soon && near(begin, end));
        CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &over, nullptr) == 0);
        CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &first, nullptr) == 0);
        CHECK(near(end, now(clock)));
    }
}

void timers() {
    signal(SIGALRM, SIG_IGN);
    for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
        sigevent quiet{};
        quiet.sigev_notify = SIGEV_NONE;
        timer_t timer;
        CHECK(timer_create(clock, &quiet, &timer) == 0);
        itimerspec when{{}, of_ns(now(clock) + 1000 * second)}, left{};
        CHECK(timer_settime(timer, TIMER_ABSTIME, &when, nullptr) == 0);
        CHECK(timer_gettime(timer, &left) == 0 && near(ns_of(left.it_value), 1000 * second));
        timer_delete(timer);

        int fd = timerfd_create(clock, 0);
        CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
        CHECK(timerfd_gettime(fd, &left) == 0 && near(ns_of(left.it_value), 1000 * second));
        long begin = now(clock);
        when.it_value = of_ns(begin + soon);
        CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
        uint64_t ticks = 0;
        CHECK(read(fd, &ticks, sizeof ticks) == sizeof ticks && ticks == 1);
        CHECK(now(clock) >= begin + soon && near(begin, now(clock)));
        when.it_value = of_ns(1); // long ago, but not "never"
        CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
        pollfd ready{fd, POLLIN, 0};
        CHECK(poll(&ready, 1, 10'000) == 1);
        close(fd);
    }
}

void futexes() {
    unsigned word = 0;
    long begin = now(CLOCK_MONOTONIC);
    timespec until = of_ns(begin + soon);
    FAILS(ETIMEDOUT, CALL(futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, nullptr, ~0u));
    CHECK(now(CLOCK_MONOTONIC) >= begin + soon && near(begin, now(CLOCK_MONOTONIC)));
    timespec wall = of_ns(now(CLOCK_REALTIME) + soon);
    FAILS(ETIMEDOUT, CALL(futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &wall, nullptr, ~0u));
}

void telling() {
    struct sysinfo info{};
    CHECK(sysinfo(&info) == 0 && near(info.uptime * second, now(CLOCK_BOOTTIME)));
    double up = 0;
    CHECK(sscanf(text_of("/proc/uptime"), "%lf", &up) == 1);
    CHECK(near(static_cast<long>(up) * second, now(CLOCK_BOOTTIME)));
    unsigned long started = 0;
    CHECK(sscanf(strrchr(text_of("/proc/self/stat"), ')') + 2,
                 "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lu", &started) == 1);
    CHECK(near(static_cast<long>(started) * (second / 100), now(CLOCK_BOOTTIME)));
    long boot = 0;
    CHECK(sscanf(strstr(text_of("/proc/stat"), "btime"), "btime %ld", &boot) == 1);
    CHECK(near(boot * second, now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME)));
    printf("%s", text_of("/proc/self/timens_offsets"));
    int fd = open("/proc/self/timens_offsets", O_WRONLY);
    CHECK(fd >= 0);
    FAILS(EACCES, write(fd, "monotonic 1 0\n", 14)); // a namespace with tasks in it keeps its clocks
}

/// Of what is made from here on.
void enter(const char* monotonic, const char* boottime) {
    CHECK(unshare(CLONE_NEWTIME) == 0);
    char lines[100];
    int size = snprintf(lines, sizeof lines, "monotonic %s 0\nboottime %s 0\n", monotonic, boottime);
    int fd = open("/proc/self/timens_offsets", O_WRONLY);
    CHECK(write(fd, lines, static_cast<size_t>(size)) == size);
    close(fd);
}
} // namespace

int main(int count, char** arguments) {
    if (count < 3) return 100;
    for (int i = 0; i < 2; i++) offsets[i] = atol(arguments[i + 1]);
    if (count > 3) enter(arguments[1], arguments[2]);
    pid_t child = start([] { // what a namespace has is for children
        reading();
        sleeping();
        timers();
        futexes();
        telling();
        return failures;
    });
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return finish("time_offsets");
}
