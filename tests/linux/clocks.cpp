// qemu-user: translates the numbers of clocks by itself
// Every clock and every call that takes one; the CPU time of other processes and threads.
#include "check.h"
#include <initializer_list>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>

// As clock_getcpuclockid(3) and pthread_getcpuclockid(3) make them.
enum Kind { prof = 0, virt = 1, sched = 2 };
static clockid_t of_process(pid_t pid, Kind kind = sched) {
    return static_cast<clockid_t>(~static_cast<unsigned>(pid) << 3 | kind);
}
static clockid_t of_thread(pid_t tid, Kind kind = sched) { return of_process(tid, kind) | 4; }

/// What each call answers: 0 or an errno.
struct Row {
    const char* name;
    clockid_t clock;
    int get, resolution, sleep, timer, file, set;
};
static int answer(long result) { return result < 0 ? errno : 0; }

/// The system calls themselves: the C library knows some of the answers.
static void ask(const Row& row) {
    clockid_t id = row.clock;
    timespec time{};
    itimerspec soon{};
    timer_t timer;
    const timespec past{}, wrong{-1, 0}; // to sleep until it, and not to be set to
    int got[] = {answer(syscall(SYS_clock_gettime, id, &time)),
                 answer(syscall(SYS_clock_getres, id, &time)),
                 answer(syscall(SYS_clock_nanosleep, id, TIMER_ABSTIME, &past, nullptr)),
                 answer(syscall(SYS_timer_create, id, nullptr, &timer)),
                 answer(syscall(SYS_timerfd_create, id, 0)),
                 answer(syscall(SYS_clock_settime, id, &wrong))};
    const int wanted[] = {row.get, row.resolution, row.sleep, row.timer, row.file, row.set};
    const char* const calls[] = {"clock_gettime", "clock_getres",   "clock_nanosleep",
                                 "timer_create",  "timerfd_create", "clock_settime"};
    for (int i = 0; i < 6; i++)
        if (got[i] != wanted[i]) {
            printf("%s: %s: %s, not %s\n", row.name, calls[i], strerror(got[i]), strerror(wanted[i]));
            failures++;
        }
    if (got[3] == 0) {
        CHECK(syscall(SYS_timer_settime, timer, 0, &soon, nullptr) == 0);
        CHECK(syscall(SYS_timer_gettime, timer, &soon) == 0 && syscall(SYS_timer_delete, timer) == 0);
    }
    // The kind of clock is looked at before the time is.
    int slept = answer(syscall(SYS_clock_nanosleep, id, 0, &wrong, nullptr));
    CHECK(slept == (row.sleep ? row.sleep : EINVAL));
    slept = answer(syscall(SYS_clock_nanosleep, id, 0, 8, nullptr));
    bool looks = row.sleep == 0 || (id < 0 && row.sleep == EINVAL); // whose CPU time it is comes last
    CHECK(slept == (looks ? EFAULT : row.sleep));
    CHECK(answer(syscall(SYS_timer_create, id, 8, &timer)) == EFAULT);
}

static void every_clock() {
    pid_t other = start([] { pause(); });
    pid_t ended = start([] {});
    waitpid(ended, nullptr, 0);
    const Row rows[] = {
        {"REALTIME", CLOCK_REALTIME, 0, 0, 0, 0, 0, EINVAL},
        {"MONOTONIC", CLOCK_MONOTONIC, 0, 0, 0, 0, 0, EINVAL},
        {"PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID, 0, 0, 0, 0, EINVAL, EINVAL},
        {"THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID, 0, 0, EOPNOTSUPP, 0, EINVAL, EINVAL},
        {"MONOTONIC_RAW", CLOCK_MONOTONIC_RAW, 0, 0, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL},
        {"REALTIME_COARSE", CLOCK_REALTIME_COARSE, 0, 0, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL},
        {"MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE, 0, 0, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL},
        {"BOOTTIME", CLOCK_BOOTTIME, 0, 0, 0, 0, 0, EINVAL},
        {"TAI", CLOCK_TAI, 0, 0, 0, 0, EINVAL, EINVAL}, // the alarms' depend on the machine
        {"10", 10, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"12", 12, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"99", 99, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"own process, 0", of_process(0), 0, 0, 0, 0, EINVAL, EPERM},
        {"own process", of_process(getpid()), 0, 0, 0, 0, EINVAL, EPERM},
        {"own process, user time", of_process(0, virt), 0, 0, 0, 0, EINVAL, EPERM},
        {"own thread, 0", of_thread(0), 0, 0, EINVAL, 0, EINVAL, EPERM},
        {"own thread", of_thread(getpid()), 0, 0, EINVAL, 0, EINVAL, EPERM},
        {"other process", of_process(other), 0, 0, 0, 0, EINVAL, EPERM},
        {"other process, all time", of_process(other, prof), 0, 0, 0, 0, EINVAL, EPERM},
        {"no process", of_process(4'000'000), EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"ended process", of_process(ended), EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"thread of another", of_thread(other), EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"thread's kind 3", static_cast<clockid_t>(~0u << 3 | 7), EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
        {"descriptor 0", -5, EINVAL, EINVAL, EOPNOTSUPP, EOPNOTSUPP, EINVAL, EINVAL},
    };
    for (const Row& row : rows) ask(row);
    FAILS(EFAULT, syscall(SYS_clock_settime, of_process(0), 8));
    FAILS(EFAULT, syscall(SYS_clock_settime, of_process(4'000'000), 8));
    FAILS(EINVAL, syscall(SYS_clock_settime, CLOCK_MONOTONIC, 8));
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
}

static void burn(int milliseconds) {
    timespec from, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1'000'000 < milliseconds);
}
static pid_t start_burning() {
    return start([] {
        for (;;) burn(1000);
    });
}
static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}
static timer_t make_timer(clockid_t clock, int value) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    event.sigev_value.sival_int = value;
    timer_t timer = nullptr;
    CHECK(timer_create(clock, &event, &timer) == 0);
    return timer;
}
/// The signal of a timer within ten seconds, the caller burning if it is its own clock.
static int fired(bool burning) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    siginfo_t info{};
    const timespec long_wait{10, 0}, none{};
    for (int i = 0; burning && i < 1000; i++) {
        burn(10);
        if (sigtimedwait(&set, &info, &none) > 0) return info.si_value.sival_int;
    }
    return sigtimedwait(&set, &info, &long_wait) > 0 ? info.si_value.sival_int : -1;
}

static void timers_of_cpu_time() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const itimerspec soon{{}, {0, 30'000'000}};
    // Of this process and thread, by name and by number.
    int value = 1;
    for (clockid_t clock : {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, of_process(getpid()),
                            of_thread(getpid()), of_process(0, virt)}) {
        timer_t timer = make_timer(clock, ++value);
        CHECK(timer_settime(timer, 0, &soon, nullptr) == 0 && fired(true) == value && timer_delete(timer) == 0);
    }
    // Of another process, which burns while we sleep.
    pid_t other = start_burning();
    timer_t timer = make_timer(of_process(other), 20);
    CHECK(timer_settime(timer, 0, &soon, nullptr) == 0 && fired(false) == 20);
    timespec at{}, later{};
    CHECK(clock_gettime(of_process(other), &at) == 0);
    at.tv_nsec += 50'000'000;
    if (at.tv_nsec >= 1'000'000'000) at.tv_sec++, at.tv_nsec -= 1'000'000'000;
    const itimerspec then{{}, at};
    CHECK(timer_settime(timer, TIMER_ABSTIME, &then, nullptr) == 0 && fired(false) == 20);
    CHECK(clock_gettime(of_process(other), &later) == 0);
    CHECK(later.tv_sec > at.tv_sec || (later.tv_sec == at.tv_sec && later.tv_nsec >= at.tv_nsec));
    // Once it is gone its clock cannot be waited for.
    end(other);
    FAILS(ESRCH, timer_settime(timer, 0, &soon, nullptr));
    CHECK(timer_delete(timer) == 0);
}

static long ms_between(const timespec& a, const timespec& b) {
    return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1'000'000;
}
static void sleeping_on_cpu_time() {
    pid_t other = start_burning();
    timespec from, to;
    const timespec some{0, 40'000'000};
    CHECK(clock_gettime(of_process(other), &from) == 0);
    CHECK(clock_nanosleep(of_process(other), 0, &some, nullptr) == 0);
    CHECK(clock_gettime(of_process(other), &to) == 0 && ms_between(from, to) >= 40);
    end(other);
    // Of the own process, which another thread drives on.
    static volatile bool stop;
    pthread_t thread;
    auto burns = [](void*) -> void* {
        while (!stop) burn(1);
        return nullptr;
    };
    CHECK(pthread_create(&thread, nullptr, burns, nullptr) == 0);
    clockid_t its;
    CHECK(pthread_getcpuclockid(thread, &its) == 0 && clock_gettime(its, &from) == 0);
    CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &some, nullptr) == 0);
    CHECK(clock_nanosleep(its, 0, &some, nullptr) == 0);
    CHECK(clock_gettime(its, &to) == 0 && ms_between(from, to) >= 40);
    // A timer on it that is made by this thread measures that one.
    timer_t timer = make_timer(its, 30);
    const itimerspec soon{{}, {0, 30'000'000}};
    CHECK(timer_settime(timer, 0, &soon, nullptr) == 0 && fired(false) == 30 && timer_delete(timer) == 0);
    stop = true;
    pthread_join(thread, nullptr);
    // Nobody drives it: a signal ends the sleep, and says what is left.
    pid_t idle = start([] { pause(); });
    pid_t sleeper = start([&] {
        signal(SIGUSR1, [](int) {});
        timespec left{};
        int error = clock_nanosleep(of_process(idle), 0, &some, &left);
        return error != EINTR || left.tv_sec != 0 || left.tv_nsec < 1'000'000;
    });
    CHECK(until_asleep(sleeper));
    kill(sleeper, SIGUSR1);
    int status = 1;
    CHECK(waitpid(sleeper, &status, 0) == sleeper && status == 0);
    end(idle);
}

static void adjusting() {
    timex now{};
    CHECK(syscall(SYS_adjtimex, &now) >= 0 && now.tick == 10'000 && now.tolerance > 0 && now.time.tv_sec > 1'000'000);
    timex same{};
    CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &same) >= 0 && same.tick == now.tick);
    same = {};
    same.modes = ADJ_OFFSET_SS_READ;
    CHECK(syscall(SYS_adjtimex, &same) >= 0 && same.offset == 0);
    FAILS(EOPNOTSUPP, syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &now));
    FAILS(EINVAL, syscall(SYS_clock_adjtime, 99, &now));
    FAILS(EFAULT, syscall(SYS_clock_adjtime, 99, 8));
    same.modes = 0x8000; // ADJ_ADJTIME alone
    FAILS(EINVAL, syscall(SYS_adjtimex, &same));
    pid_t user = start([] {
        failures = 0;
        CHECK(setuid(1000) == 0);
        timex set{};
        set.modes = ADJ_FREQUENCY;
        FAILS(EPERM, syscall(SYS_adjtimex, &set));
        set.modes = 0;
        CHECK(syscall(SYS_adjtimex, &set) >= 0);
        return failures;
    });
    int status = 1;
    CHECK(waitpid(user, &status, 0) == user && status == 0);
}

int main() {
    every_clock();
    timers_of_cpu_time();
    sleeping_on_cpu_time();
    adjusting();
    return finish("clocks");
}
