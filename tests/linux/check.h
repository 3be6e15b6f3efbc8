// For the programs here: each says what it found, the same on every run, and ends with 0 when all of it is as the
// manual page says. CHECK(x) prints a failure with errno and goes on; the number of failures is the exit status.
#pragma once
#include <asm/unistd.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(...)                                                                                                     \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        if (!(__VA_ARGS__)) {                                                                                          \
            printf("%d: failed: %s (errno %d: %s)\n", __LINE__, #__VA_ARGS__, errno, strerror(errno));                 \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)
/// The call fails with this errno.
#define FAILS(error, ...)                                                                                              \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long got_ = static_cast<long>(__VA_ARGS__);                                                                    \
        if (got_ != -1 || errno != (error)) {                                                                          \
            printf("%d: %s: %ld, errno %d (%s), not %s\n", __LINE__, #__VA_ARGS__, got_, errno, strerror(errno),       \
                   #error);                                                                                            \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

/// The system call of this name itself: the C library may answer its own function by another one.
#define CALL(name, ...) make_call(__NR_##name __VA_OPT__(, ) __VA_ARGS__)
[[maybe_unused]] static long make_call(long number, auto... arguments) { return syscall(number, (long)arguments...); }

/// Waits until the condition holds, ten seconds at most: a busy machine is no failure. Says whether it holds.
template <class Condition>
static bool eventually(Condition holds) {
    for (int i = 0; i < 10'000; i++) {
        if (holds()) return true;
        usleep(1000);
    }
    return holds();
}

/// Waits until the process sleeps in a system call, seen twice so that a short wait is not taken for it. False: it
/// never did.
[[maybe_unused]] static bool until_asleep(pid_t process) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    int seen = 0;
    return eventually([&] {
        char state = 0;
        if (FILE* stat = fopen(path, "r")) {
            if (fscanf(stat, "%*d %*s %c", &state) != 1) state = 0;
            fclose(stat);
        }
        seen = state == 'S' ? seen + 1 : 0;
        return seen >= 20;
    });
}

/// A child that runs the body and ends with the status that it returns; 0: it returns none.
[[maybe_unused]] static pid_t start(auto body) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int status = 0;
        if constexpr (requires { static_cast<int>(body()); })
            status = body();
        else
            body();
        fflush(stdout); // what it complained of
        _exit(status);
    }
    return child;
}

/// The exit status of a child, which is waited for; 128 and the signal's number when one ended it, as shells say it.
[[maybe_unused]] static int exit_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int finish(const char* name) {
    printf("%s: %s\n", name, failures ? "failed" : "ok");
    fflush(stdout);
    return failures ? 1 : 0;
}
