// qemu-user: makes frames of its own, and stops no process by itself
// Signal frames: overflows of the alternate stack; calls that go on with what is left after SIGSTOP and SIGCONT.
#include "tests/linux/check.h"
#include <cstdint>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

namespace {
void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(signal, &action, nullptr) == 0);
}

/// How a child ended: 0..255, or 1000 and the signal.
int end_of(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

// ---- the alternate stack

volatile int depth;
void nest(int signal, siginfo_t*, void*) {
    depth = depth + 1;
    if (depth > 1000) _exit(8); // wraps round
    // Little of the stack is used here: a handler that leaves it would be outside, where the next one begins at the
    // top.
    syscall(SYS_kill, getpid(), signal);
}

/// Handlers that interrupt each other until the alternate stack is full: SIGSEGV, not a frame over live ones.
void overflow_of_alternate_stack() {
    int status = end_of(start([] {
        constexpr size_t below = 32768; // can be written, too
        auto* area =
            static_cast<char*>(mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        stack_t stack = {};
        stack.ss_sp = area + below;
        stack.ss_size = 16384;
        if (sigaltstack(&stack, nullptr)) return 7;
        handle(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
        // A handler of SIGSEGV on the same stack has no room either.
        handle(SIGSEGV, [](int, siginfo_t*, void*) { _exit(6); }, SA_ONSTACK);
        raise(SIGUSR1);
        return 5;
    }));
    CHECK(status == 1000 + SIGSEGV);
}

// ---- stopped and continued

int64_t now_ms() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

enum Call { sleep_relative, sleep_with_rest, poll_nothing, futex_wait, calls };

/// Sleeps for `ms` in the call; what it returned, as an errno.
int wait_in(int call, int ms) {
    timespec time = {ms / 1000, ms % 1000 * 1'000'000}, left = {};
    int word = 0;
    long result = 0;
    switch (call) {
    case sleep_relative: result = nanosleep(&time, nullptr); break;
    case sleep_with_rest: result = syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &left); break;
    case poll_nothing: result = poll(nullptr, 0, ms); break;
    case futex_wait: result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, nullptr, 0); break;
    }
    return result < 0 ? errno : 0;
}

/// Children wait for 2 s, but are stopped from 0.5 to 1.5 s. They must not begin anew when they go on.
void going_on_with_the_rest() {
    constexpr int whole = 2000;
    auto* continued =
        static_cast<volatile int64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t children[calls];
    for (int call = 0; call < calls; call++)
        children[call] = start([=] {
            int64_t begin = now_ms();
            int error = wait_in(call, whole);
            int64_t end = now_ms();
            if (error == (call == futex_wait ? ETIMEDOUT : 0) && end - begin >= whole && end - *continued < whole)
                return 7;
            printf("call %d: errno %d after %d ms, %d after SIGCONT\n", call, error, static_cast<int>(end - begin),
                   static_cast<int>(end - *continued));
            return 8;
        });
    for (pid_t child : children) until_asleep(child);
    usleep(400'000);
    for (pid_t child : children) kill(child, SIGSTOP);
    usleep(1'000'000);
    *continued = now_ms();
    for (pid_t child : children) kill(child, SIGCONT);
    for (pid_t child : children) CHECK(end_of(child) == 7);
}

/// With a handler for SIGCONT the call ends with EINTR.
void interrupted_by_the_handler_of_sigcont() {
    handle(SIGCONT, [](int, siginfo_t*, void*) {}, SA_RESTART);
    for (int call = 0; call < calls; call++) {
        pid_t child = start([=] { return wait_in(call, 5000); });
        until_asleep(child);
        int status;
        kill(child, SIGSTOP);
        CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
        kill(child, SIGCONT);
        CHECK(end_of(child) == EINTR);
    }
    signal(SIGCONT, SIG_DFL);
    FAILS(EINTR, syscall(SYS_restart_syscall)); // nothing is left to go on with
}
} // namespace

int main() {
    overflow_of_alternate_stack();
    going_on_with_the_rest();
    interrupted_by_the_handler_of_sigcont();
    return finish("frames");
}
