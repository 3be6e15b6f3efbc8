// qemu-user: keeps some signals for itself
// Signals: handlers, masks, siginfo, the alternate stack, restart, real-time queues, faults, timers, sigtimedwait.
#include "tests/linux/check.h"
#include <initializer_list>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

namespace {
volatile sig_atomic_t count, last_signal, last_code, last_value;
void* volatile last_address;
sigjmp_buf escape;

void note(int signal, siginfo_t* info, void*) {
    count = count + 1;
    last_signal = signal;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_address = info->si_addr;
}

void leave(int signal, siginfo_t* info, void* context) {
    note(signal, info, context);
    siglongjmp(escape, 1);
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(signal, &action, nullptr) == 0);
}

void masks() {
    handle(SIGUSR1, note);
    count = 0;
    CHECK(raise(SIGUSR1) == 0 && count == 1 && last_signal == SIGUSR1 && last_code == SI_TKILL);
    CHECK(kill(getpid(), SIGUSR1) == 0 && count == 2 && last_code == SI_USER);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1); // standard signals do not queue
    CHECK(count == 2);
    sigset_t pending;
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(sigprocmask(SIG_SETMASK, &old, nullptr) == 0 && count == 3);
    FAILS(EINVAL, sigprocmask(77, &set, nullptr));
    struct sigaction action = {};
    FAILS(EINVAL, sigaction(SIGKILL, &action, nullptr));
    FAILS(EINVAL, sigaction(65, &action, nullptr));
}

void real_time() {
    int rt = SIGRTMIN + 3;
    handle(rt, note);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, rt);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    count = 0;
    for (int i = 1; i <= 5; i++) CHECK(sigqueue(getpid(), rt, sigval{.sival_int = i}) == 0);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == rt && info.si_value.sival_int == 1 && info.si_code == SI_QUEUE);
    CHECK(info.si_pid == getpid());
    timespec zero = {};
    CHECK(sigtimedwait(&set, &info, &zero) == rt && info.si_value.sival_int == 2);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    CHECK(count == 3 && last_value == 5);
    timespec soon = {0, 10'000'000};
    FAILS(EAGAIN, sigtimedwait(&set, &info, &soon));
}

void faults() {
    char* page = static_cast<char*>(mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    handle(SIGSEGV, leave, SA_NODEFER);
    if (!sigsetjmp(escape, 1)) {
        *const_cast<volatile char*>(page) = 1;
        CHECK(!"writing did not fault");
    }
    CHECK(last_signal == SIGSEGV && last_code == SEGV_ACCERR && last_address == page);
    munmap(page, 8192);
    if (!sigsetjmp(escape, 1)) {
        *const_cast<volatile char*>(page + 5);
        CHECK(!"reading did not fault");
    }
    CHECK(last_code == SEGV_MAPERR && last_address == page + 5);
    handle(SIGILL, leave, SA_NODEFER);
    if (!sigsetjmp(escape, 1)) __builtin_trap();
    CHECK(last_signal == SIGILL || last_signal == SIGTRAP);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *static_cast<volatile char*>(nullptr) = 1;
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

char* alternate;
void on_alternate(int signal, siginfo_t* info, void* context) {
    note(signal, info, context);
    char here;
    last_value = &here >= alternate && &here < alternate + 32768;
    stack_t stack;
    CHECK(sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_ONSTACK));
}

void alternate_stack() {
    alternate = static_cast<char*>(malloc(32768));
    stack_t stack = {};
    stack.ss_sp = alternate;
    stack.ss_size = 32768;
    CHECK(sigaltstack(&stack, nullptr) == 0);
    handle(SIGUSR2, on_alternate, SA_ONSTACK);
    raise(SIGUSR2);
    CHECK(last_signal == SIGUSR2 && last_value == 1);
    stack.ss_size = 10;
    FAILS(ENOMEM, sigaltstack(&stack, nullptr));
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, nullptr) == 0);
}

void restarting() {
    int p[2];
    CHECK(pipe(p) == 0);
    pid_t parent = getpid();
    handle(SIGALRM, note, SA_RESTART);
    handle(SIGUSR1, note);
    for (int restart = 1; restart >= 0; restart--) {
        pid_t child = fork();
        if (child == 0) {
            until_asleep(parent);
            kill(parent, restart ? SIGALRM : SIGUSR1);
            until_asleep(parent);
            _exit(write(p[1], "x", 1) != 1);
        }
        char c = 0;
        if (restart)
            CHECK(read(p[0], &c, 1) == 1 && c == 'x' && last_signal == SIGALRM);
        else
            FAILS(EINTR, read(p[0], &c, 1));
        int status;
        while (waitpid(child, &status, 0) < 0) {}
        CHECK(status == 0);
    }
    // nanosleep is interrupted and says what is left; pause and sigsuspend return EINTR always.
    // The timer goes on: its first signal may come before we sleep.
    itimerval often = {{0, 50'000}, {0, 50'000}}, off = {}, timer = {{0, 0}, {0, 50'000}};
    CHECK(setitimer(ITIMER_REAL, &often, nullptr) == 0);
    timespec wait = {86'400, 0}, left = {};
    FAILS(EINTR, nanosleep(&wait, &left));
    CHECK(left.tv_sec < 86'400 && left.tv_sec > 80'000 && left.tv_nsec > 0);
    FAILS(EINTR, pause());
    setitimer(ITIMER_REAL, &off, nullptr);
    sigset_t none, blocked;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    setitimer(ITIMER_REAL, &timer, nullptr);
    count = 0;
    FAILS(EINTR, sigsuspend(&none));
    CHECK(count == 1);
    sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
}

void default_actions() {
    for (int signal :
         {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGPOLL, SIGVTALRM, SIGSYS, SIGXCPU, SIGRTMAX}) {
        pid_t child = fork();
        if (child == 0) {
            ::signal(signal, SIG_DFL);
            raise(signal);
            _exit(1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == signal);
    }
    for (int signal : {SIGCHLD, SIGURG, SIGWINCH, SIGCONT}) CHECK(raise(signal) == 0);
}

// Registers survive a handler that runs in the middle of a loop.
void registers_survive() {
    handle(SIGVTALRM, note, SA_RESTART);
    itimerval timer = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    handle(SIGALRM, note, SA_RESTART);
    count = 0;
    double d = 0;
    unsigned long n = 1;
    for (long i = 0; i < 400'000'000 && count < 20; i++) {
        n = n * 6364136223846793005 + 1442695040888963407;
        if (i < 1'000'000)
            d += 0.5;
        else
            break;
    }
    timer = {};
    setitimer(ITIMER_REAL, &timer, nullptr);
    unsigned long same = 1;
    double expected = 0;
    while (same != n) {
        same = same * 6364136223846793005 + 1442695040888963407;
        expected += 0.5;
        if (expected > 600'000) break;
    }
    CHECK(same == n);
    CHECK(d == expected || d == expected - 0.5);
}
/// RLIMIT_SIGPENDING counts what a user has queued in all processes, and timers.
int count_queued() {
    unsigned long queued = 0;
    char line[128];
    FILE* status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigQ: %lu/", &queued) == 1) break;
    if (status) fclose(status);
    return static_cast<int>(queued);
}
int as_another_user() {
    constexpr uid_t nobody_else = 12'345;
    rlimit most{6, 6};
    if (setuid(nobody_else) || setrlimit(RLIMIT_SIGPENDING, &most)) return 1;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    sigval v{};
    pid_t child = fork();
    if (child == 0) {
        while (true) pause();
    }
    CHECK(count_queued() == 0);
    for (int i = 0; i < 3; i++) CHECK(sigqueue(getpid(), SIGRTMIN, v) == 0 && sigqueue(child, SIGRTMIN, v) == 0);
    CHECK(count_queued() == 6);
    FAILS(EAGAIN, sigqueue(getpid(), SIGRTMIN, v));
    FAILS(EAGAIN, sigqueue(child, SIGRTMIN, v));
    CHECK(kill(getpid(), SIGRTMIN + 1) == 0 && kill(getpid(), SIGUSR1) == 0); // without information, and with
    CHECK(sigqueue(getpid(), SIGUSR2, v) == 0);
    timer_t timer;
    FAILS(EAGAIN, timer_create(CLOCK_MONOTONIC, nullptr, &timer));
    siginfo_t info;
    CHECK(count_queued() == 7); // SIGUSR1 of kill(2) goes beyond
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    CHECK(sigwaitinfo(&one, &info) == SIGUSR1 && info.si_pid == getpid() && info.si_code == SI_USER);
    sigaddset(&one, SIGUSR2);
    CHECK(sigwaitinfo(&one, &info) == SIGUSR2 && info.si_pid == 0 && info.si_code == SI_USER);
    kill(child, SIGKILL); // one SIGCHLD is queued for three
    CHECK(waitpid(child, nullptr, 0) == child && count_queued() == 4);
    CHECK(timer_create(CLOCK_MONOTONIC, nullptr, &timer) == 0 && count_queued() == 5);
    CHECK(timer_delete(timer) == 0 && count_queued() == 4);
    return failures;
}
void pending_limit() {
    pid_t child = start(as_another_user);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
} // namespace

int main() {
    pending_limit();
    masks();
    real_time();
    faults();
    alternate_stack();
    restarting();
    default_actions();
    registers_survive();
    return finish("signals");
}
