// qemu-user: cannot start itself again by /proc/self/exe
// How threads and processes stop, go on, change into others and end; timers; queued signals; robust mutexes.
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

namespace {
const char* self;
volatile sig_atomic_t got[65], values[32], used;

void count(int signal, siginfo_t* info, void*) {
    got[signal] = got[signal] + 1;
    if (used < 32) {
        values[used] = info->si_value.sival_int;
        used = used + 1;
    }
}
void handle(int signal, int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = count;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(signal, &action, nullptr) == 0);
}
void* sleep_on(void*) {
    for (;;) pause();
}
void* become_another(void*) {
    const char* arguments[] = {self, "child", nullptr};
    execve(self, const_cast<char**>(arguments), environ);
    _exit(99);
}
void threads(int n, void* (*body)(void*)) {
    pthread_t thread;
    while (n-- > 0) CHECK(pthread_create(&thread, nullptr, body, nullptr) == 0);
}
void exec_ends_the_other_threads() {
    int status;
    for (int round = 0; round < 5; round++) {
        pid_t child = start([] {
            threads(4, sleep_on);
            threads(1, become_another); // not by the leader
            sleep_on(nullptr);
        });
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    }
    const char* arguments[] = {self, "child", nullptr};
    for (int i = 0; i < 10; i++) {
        pid_t child;
        CHECK(posix_spawn(&child, self, nullptr, nullptr, const_cast<char**>(arguments), environ) == 0);
        CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 42);
    }
    pid_t child;
    CHECK(posix_spawn(&child, "/nonexistent", nullptr, nullptr, const_cast<char**>(arguments), environ) == ENOENT);
}

void stops() {
    int status;
    siginfo_t info = {};
    pid_t child = start([] { sleep_on(nullptr); });
    CHECK(kill(child, SIGSTOP) == 0 && waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED) == 0);
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP && info.si_pid == child);
    CHECK(kill(child, SIGCONT) == 0 && waitid(P_PID, static_cast<id_t>(child), &info, WCONTINUED) == 0);
    CHECK(info.si_code == CLD_CONTINUED);
    CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WSTOPSIG(status) == SIGSTOP);
    CHECK(waitpid(child, &status, WUNTRACED | WNOHANG) == 0); // told once
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
    child = start([] {
        threads(3, sleep_on);
        sleep_on(nullptr);
    });
    CHECK(until_asleep(child));
    CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    CHECK(kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
}

void queues() {
    int number = SIGRTMIN;
    handle(number);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, &old);
    used = 0;
    for (int i = 0; i < 10; i++) {
        union sigval value;
        value.sival_int = i;
        CHECK(sigqueue(getpid(), number, value) == 0);
    }
    sigprocmask(SIG_SETMASK, &old, nullptr);
    CHECK(used == 10);
    for (int i = 0; i < 10; i++) CHECK(values[i] == i);
}

void timers() {
    handle(SIGALRM);
    handle(SIGPROF);
    handle(SIGVTALRM);
    handle(SIGRTMIN + 1);
    itimerval often = {{0, 10'000}, {0, 10'000}}, once = {{0, 0}, {0, 30'000}}, off = {};
    setitimer(ITIMER_REAL, &often, nullptr);
    while (got[SIGALRM] < 5) pause();
    setitimer(ITIMER_REAL, &off, nullptr);
    setitimer(ITIMER_PROF, &once, nullptr);
    setitimer(ITIMER_VIRTUAL, &once, nullptr);
    while (!got[SIGPROF] || !got[SIGVTALRM]) {}
    struct sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN + 1;
    event.sigev_value.sival_int = 77;
    timer_t timer;
    itimerspec spec = {{0, 5'000'000}, {0, 5'000'000}};
    used = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &spec, nullptr) == 0);
    while (got[SIGRTMIN + 1] < 3) pause();
    CHECK(values[0] == 77 && timer_delete(timer) == 0);
    FAILS(EINVAL, syscall(SYS_timer_delete, 1234));

    setitimer(ITIMER_REAL, &often, nullptr); // again and again: the first may come before we sleep
    timespec day = {86'400, 0}, left = {};
    CHECK(nanosleep(&day, &left) == -1 && errno == EINTR && left.tv_sec > 80'000 && left.tv_sec < 86'400);
    setitimer(ITIMER_REAL, &off, nullptr);
    handle(SIGALRM, SA_RESTART); // the read goes on after the handler
    int ends[2], before = got[SIGALRM];
    CHECK(pipe(ends) == 0);
    pid_t reader = getpid(), child = start([&] {
                                 CHECK(until_asleep(reader) && kill(reader, SIGALRM) == 0);
                                 CHECK(until_asleep(reader) && write(ends[1], "x", 1) == 1);
                             });
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1 && got[SIGALRM] == before + 1);
    CHECK(waitpid(child, nullptr, 0) == child);
}

pthread_mutex_t* mutex;
void* die_with_it(void*) {
    pthread_mutex_lock(mutex);
    return nullptr;
}
void robust_mutexes() {
    void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mutex = static_cast<pthread_mutex_t*>(memory);
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &kind);
    pthread_t thread;
    pthread_create(&thread, nullptr, die_with_it, nullptr);
    pthread_join(thread, nullptr);
    CHECK(pthread_mutex_lock(mutex) == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0);
    CHECK(pthread_mutex_unlock(mutex) == 0);
    pid_t child = start([] { pthread_mutex_lock(mutex); });
    CHECK(waitpid(child, nullptr, 0) == child && pthread_mutex_lock(mutex) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
}

void* add(void* sum) {
    for (int i = 0; i < 1000; i++) __atomic_fetch_add(static_cast<int*>(sum), 1, __ATOMIC_RELAXED);
    return nullptr;
}
void many_threads() {
    int sum = 0;
    for (int round = 0; round < 10; round++) {
        pthread_t group[16];
        for (auto& t : group) CHECK(pthread_create(&t, nullptr, add, &sum) == 0);
        for (auto& t : group) pthread_join(t, nullptr);
    }
    CHECK(sum == 160'000);
    signal(SIGCHLD, SIG_IGN); // children leave nothing to wait for
    pid_t child = start([] {});
    FAILS(ECHILD, waitpid(child, nullptr, 0));
    signal(SIGCHLD, SIG_DFL);
}
} // namespace

int main(int argc, char** argv) {
    if (argc > 1) return getpid() == static_cast<pid_t>(syscall(SYS_gettid)) ? 42 : 1;
    self = argv[0];
    exec_ends_the_other_threads();
    stops();
    queues();
    timers();
    robust_mutexes();
    many_threads();
    return finish("lives");
}
