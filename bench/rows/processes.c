// Processes: made, replaced, ended, switched between.
#include <sched.h>
#include <spawn.h>

#include "bench/rows/rows.h"

static void vfork_exec(char* const* arguments) {
    static char* environment[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", NULL};
    pid_t child = vfork();
    if (child == 0) {
        execve(arguments[0], arguments, environment);
        _exit(127);
    }
    reap(check(child));
}

ROW("process: fork+exit+wait") {
    MEASURE(30) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        reap(check(child));
    }
}

ROW("process: vfork+exit+wait") {
    MEASURE(30) {
        pid_t child = vfork();
        if (child == 0) _exit(0);
        reap(check(child));
    }
}

ROW("process: vfork+exec static") {
    char* arguments[] = {"/bench/nothing-static", NULL};
    MEASURE(20) vfork_exec(arguments);
}

ROW("process: vfork+exec dynamic") {
    char* arguments[] = {"/bench/nothing-dynamic", NULL};
    MEASURE(10) vfork_exec(arguments);
}

ROW("process: sh -c true") {
    char* arguments[] = {"/bin/sh", "-c", "true", NULL};
    MEASURE(10) vfork_exec(arguments);
}

ROW("process: sched_yield, alone") { MEASURE(500) check(sched_yield()); }

/// A token goes round a ring of processes connected by pipes; an operation is one hop: write, switch, read.
static void ring(int members, int rounds) {
    int pipes[16][2];
    for (int i = 0; i < members; ++i) check(pipe(pipes[i]));
    for (int i = 1; i < members; ++i)
        if (check(fork()) == 0) relay(pipes[i][0], pipes[(i + 1) % members][1]);
    divide_by(members);
    MEASURE(rounds) {
        put(pipes[1 % members][1]);
        get(pipes[0][0]);
    }
}

ROW("switch: pipe write+read, 1 process (no switch)") { ring(1, 200); }
ROW("switch: hop of a token, 2 processes") { ring(2, 100); }
ROW("switch: hop of a token, 16 processes") { ring(16, 20); }
