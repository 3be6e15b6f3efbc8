// qemu-user: has waits and futexes of its own
// What ends a wait and what does not: epoll's hang-ups, children that can report nothing, futexes of two kinds.
#include "check.h"
#include <initializer_list>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void hang_ups_are_always_told() {
    int ends[2], more[2], epoll = epoll_create1(0);
    CHECK(pipe(ends) == 0 && pipe(more) == 0);
    epoll_event event{}, got{};
    event.data.fd = ends[0];
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    event.data.fd = more[0];
    event.events = EPOLLIN;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, more[0], &event) == 0);
    event.events = 0;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, more[0], &event) == 0);
    CHECK(write(ends[1], "x", 1) == 1 && write(more[1], "x", 1) == 1);
    CHECK(epoll_wait(epoll, &got, 1, 0) == 0); // that there is something to read was not asked for
    close(ends[1]);
    CHECK(epoll_wait(epoll, &got, 1, 0) == 1 && got.events == EPOLLHUP && got.data.fd == ends[0]);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], nullptr) == 0);
    // While somebody sleeps.
    pid_t child = start([&] {
        close(more[1]);
        return epoll_wait(epoll, &got, 1, 10'000) != 1 || got.events != EPOLLHUP;
    });
    CHECK(until_asleep(child));
    close(more[1]);
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(more[0]);
    // The end that writes: no reader is an error. Edge-triggered and nothing else; after a one-shot event nothing.
    for (unsigned events : {static_cast<unsigned>(EPOLLET), static_cast<unsigned>(EPOLLONESHOT)}) {
        CHECK(pipe(more) == 0);
        event.events = events;
        event.data.fd = more[1];
        CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, more[1], &event) == 0);
        CHECK(epoll_wait(epoll, &got, 1, 0) == 0);
        close(more[0]);
        CHECK(epoll_wait(epoll, &got, 1, 0) == 1 && got.events == EPOLLERR);
        CHECK(epoll_wait(epoll, &got, 1, 0) == 0);
        event.events = 0;
        CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, more[1], &event) == 0);
        CHECK(epoll_wait(epoll, &got, 1, 0) == 1 && got.events == EPOLLERR);
        close(more[1]);
    }
    // fdinfo shows what is waited for.
    char path[40], line[200];
    CHECK(pipe(more) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, more[0], &event) == 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
    FILE* info = fopen(path, "r");
    unsigned events = 0;
    while (info && fgets(line, sizeof line, info)) sscanf(line, "tfd: %*d events: %x", &events);
    if (info) fclose(info);
    CHECK(events == (EPOLLERR | EPOLLHUP));
    close(more[0]), close(more[1]), close(ends[0]), close(epoll);
}

static void children_that_report_nothing() {
    pid_t child = start([] { return 7; });
    siginfo_t info;
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    for (idtype_t which : {P_ALL, P_PID, P_PGID}) {
        id_t id = static_cast<id_t>(which == P_PID ? child : which == P_PGID ? getpgrp() : 0);
        for (int options : {WSTOPPED, WCONTINUED, WSTOPPED | WCONTINUED, WSTOPPED | WNOHANG}) {
            FAILS(ECHILD, waitid(which, id, &info, options));
        }
    }
    // With one that runs there is something to wait for.
    pid_t running = start([] { pause(); });
    info.si_pid = 1;
    CHECK(waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == 0);
    FAILS(ECHILD, waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED));
    // Children that send another signal than SIGCHLD are others.
    FAILS(ECHILD, waitpid(-1, nullptr, __WCLONE));
    signal(SIGUSR2, SIG_IGN);
    pid_t silent = static_cast<pid_t>(syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0));
    if (silent == 0) _exit(3);
    FAILS(ECHILD, waitpid(silent, nullptr, 0));
    int status = 0;
    CHECK(waitpid(-1, &status, __WCLONE) == silent && WEXITSTATUS(status) == 3);
    CHECK(waitpid(-1, &status, __WALL) == child && WEXITSTATUS(status) == 7);
    kill(running, SIGKILL);
    CHECK(waitpid(running, &status, 0) == running);
    FAILS(ECHILD, waitpid(-1, nullptr, WNOHANG));
}

/// What a thread makes of the body, which it is given.
static void in_a_thread(auto body) {
    pthread_t thread;
    auto run = [](void* b) -> void* {
        (*static_cast<decltype(body)*>(b))();
        return nullptr;
    };
    CHECK(pthread_create(&thread, nullptr, run, &body) == 0 && pthread_join(thread, nullptr) == 0);
}
static void children_of_other_threads() {
    int status = 0;
    pid_t mine = start([] { return 1; }), its = 0;
    in_a_thread([&] {
        its = start([] { return 2; });
        FAILS(ECHILD, waitpid(mine, nullptr, __WNOTHREAD));
        CHECK(waitpid(-1, &status, __WNOTHREAD) == its && WEXITSTATUS(status) == 2);
        FAILS(ECHILD, waitpid(-1, nullptr, __WNOTHREAD));
        its = start([] { return 3; });
        CHECK(waitpid(mine, &status, 0) == mine && WEXITSTATUS(status) == 1);
    });
    // The thread has ended: its child is now the first thread's.
    CHECK(waitpid(its, &status, __WNOTHREAD) == its && WEXITSTATUS(status) == 3);
    mine = start([] { return 4; });
    CHECK(waitpid(-1, &status, __WNOTHREAD) == mine && WEXITSTATUS(status) == 4);
}

static void ignored_signals_stay() {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, [](int) {});
    clone_args args{};
    args.flags = 0x100000000; // CLONE_CLEAR_SIGHAND
    args.exit_signal = SIGCHLD;
    pid_t child = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
    if (child == 0) {
        struct sigaction pipe{}, user{};
        sigaction(SIGPIPE, nullptr, &pipe);
        sigaction(SIGUSR1, nullptr, &user);
        _exit((pipe.sa_handler != SIG_IGN) + 2 * (user.sa_handler != SIG_DFL));
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    signal(SIGPIPE, SIG_DFL);
}

static long futex(int* word, int operation, unsigned value = 0, const void* timeout = nullptr, int* other = nullptr,
                  unsigned third = 0) {
    return syscall(SYS_futex, word, operation, value, timeout, other, third);
}
/// Waiters on a word, each in a process that shares it; how many of them have been woken.
struct Waiters {
    int* word = static_cast<int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t children[3];
    Waiters() {
        for (pid_t& child : children) {
            child = start([&] { return futex(word, FUTEX_WAIT, 0) == 0 ? 0 : 1; });
            until_asleep(child);
        }
    }
    ~Waiters() {
        futex(word, FUTEX_WAKE, 10);
        for (pid_t child : children) {
            int status = 1;
            CHECK(waitpid(child, &status, 0) == child && status == 0);
        }
    }
};

static void two_kinds_of_futexes() {
    static int word;
    std::initializer_list<int> kinds = {0, FUTEX_PRIVATE_FLAG};
    for (int kind : kinds) {
        static volatile pid_t waiter;
        static int operation;
        operation = FUTEX_WAIT | kind;
        waiter = 0;
        pthread_t thread;
        auto wait = [](void*) -> void* {
            waiter = static_cast<pid_t>(syscall(SYS_gettid));
            return reinterpret_cast<void*>(futex(&word, operation));
        };
        CHECK(pthread_create(&thread, nullptr, wait, nullptr) == 0);
        CHECK(eventually([&] { return waiter != 0; }) && until_asleep(waiter));
        CHECK(futex(&word, FUTEX_WAKE | (kind ^ FUTEX_PRIVATE_FLAG), 1) == 0);
        CHECK(futex(&word, FUTEX_WAKE | kind, 1) == 1);
        void* result;
        CHECK(pthread_join(thread, &result) == 0 && result == nullptr);
    }
}
static void how_many_are_woken() {
    {
        Waiters three;
        CHECK(futex(three.word, FUTEX_WAKE, 0) == 1);
        CHECK(futex(three.word, FUTEX_WAKE, ~0u) == 1);
        CHECK(futex(three.word, FUTEX_WAKE_BITSET, 0, nullptr, nullptr, ~0u) == 1);
    }
    Waiters three;
    int other = 0;
    CHECK(futex(three.word, FUTEX_REQUEUE, 0, nullptr, &other) == 0);
    CHECK(futex(three.word, FUTEX_WAKE_OP, 0, nullptr, &other, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 5)) == 1);
    CHECK(other == 1);
}
static void errors_of_futexes() {
    int word = 5;
    char odd[16] __attribute__((aligned(8))) = {};
    int* unaligned = reinterpret_cast<int*>(odd + 1);
    const timespec soon{0, 1'000'000}, wrong{0, 2'000'000'000};
    FAILS(ENOSYS, futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, &soon));
    FAILS(ENOSYS, futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1));
    FAILS(ETIMEDOUT, futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &soon, nullptr, ~0u));
    FAILS(EINVAL, futex(unaligned, FUTEX_WAIT, 0));
    FAILS(EINVAL, futex(unaligned, FUTEX_WAKE, 1));
    FAILS(EINVAL, futex(unaligned, FUTEX_LOCK_PI));
    FAILS(EPERM, futex(unaligned, FUTEX_UNLOCK_PI));
    FAILS(EINVAL, futex(nullptr, FUTEX_WAIT, 0, &wrong)); // the time comes first
    FAILS(EFAULT, futex(nullptr, FUTEX_UNLOCK_PI));
    // Of nobody: refused, and marked as waited for all the same.
    for (int operation : {FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI}) {
        word = 4'000'000;
        FAILS(ESRCH, futex(&word, operation));
        CHECK(static_cast<unsigned>(word) == (4'000'000 | FUTEX_WAITERS));
    }
    pid_t other = start([] { pause(); });
    word = other;
    FAILS(EAGAIN, futex(&word, FUTEX_TRYLOCK_PI));
    CHECK(static_cast<unsigned>(word) == (static_cast<unsigned>(other) | FUTEX_WAITERS));
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
}

int main() {
    hang_ups_are_always_told();
    children_that_report_nothing();
    children_of_other_threads();
    ignored_signals_stay();
    two_kinds_of_futexes();
    how_many_are_woken();
    errors_of_futexes();
    return finish("waits");
}
