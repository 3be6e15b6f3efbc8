// qemu-user: knows no subreapers
// wait4(2), waitid(2): of several children that have something to say, the one that has been a child longest is first.
#include "tests/linux/check.h"
#include <initializer_list>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace {
constexpr int count = 6;

/// Children that end with a status of their own when told to.
struct Children {
    pid_t pid[count];
    int end[count];
    Children() {
        for (int i = 0; i < count; i++) {
            int p[2];
            CHECK(pipe(p) == 0);
            pid[i] = start([&] {
                char c;
                close(p[1]);
                (void)!read(p[0], &c, 1);
                return i;
            });
            close(p[0]);
            end[i] = p[1];
        }
    }
    void finish(int i) {
        CHECK(write(end[i], "x", 1) == 1);
        close(end[i]);
        siginfo_t info;
        CHECK(waitid(P_PID, static_cast<id_t>(pid[i]), &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid[i]);
    }
    /// Which of them this is; -1: none.
    int index(pid_t p) const {
        for (int i = 0; i < count; i++)
            if (pid[i] == p) return i;
        return -1;
    }
};

void ended() {
    Children c;
    for (int i : {3, 1, 5, 0, 4, 2}) c.finish(i);
    printf("ended:");
    siginfo_t info;
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
    printf(" (%d)", c.index(info.si_pid));
    for (int i = 0; i < count; i++) {
        int status;
        pid_t got = i % 2 ? wait4(-1, &status, WUNTRACED, nullptr) : waitpid(-1, &status, 0);
        printf(" %d", c.index(got));
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == c.index(got));
    }
    printf("\n");
    FAILS(ECHILD, waitpid(-1, nullptr, 0));
}

void some_run() {
    Children c;
    printf("some run:");
    for (int i : {4, 2}) c.finish(i);
    printf(" %d", c.index(waitpid(-1, nullptr, WNOHANG)));
    c.finish(0);
    for (int i = 0; i < 2; i++) printf(" %d", c.index(waitpid(-1, nullptr, WNOHANG | WUNTRACED | WCONTINUED)));
    CHECK(waitpid(-1, nullptr, WNOHANG) == 0 && waitpid(0, nullptr, WNOHANG | WUNTRACED) == 0);
    for (int i : {5, 3, 1}) c.finish(i);
    while (pid_t got = waitpid(0, nullptr, 0)) {
        if (got < 0) break;
        printf(" %d", c.index(got));
    }
    printf("\n");
}

void groups() {
    Children c;
    for (int i : {1, 3, 5}) CHECK(setpgid(c.pid[i], c.pid[1]) == 0);
    for (int i : {5, 4, 3, 2, 1, 0}) c.finish(i);
    printf("a group:");
    for (int i = 0; i < 3; i++) printf(" %d", c.index(waitpid(-c.pid[1], nullptr, 0)));
    FAILS(ECHILD, waitpid(-c.pid[1], nullptr, 0));
    printf(", the others:");
    for (int i = 0; i < 3; i++) printf(" %d", c.index(waitpid(0, nullptr, 0)));
    printf("\n");
}

void stops() {
    Children c;
    auto stop = [&](int i) {
        siginfo_t info;
        CHECK(kill(c.pid[i], SIGSTOP) == 0);
        CHECK(waitid(P_PID, static_cast<id_t>(c.pid[i]), &info, WSTOPPED | WNOWAIT) == 0 &&
              info.si_code == CLD_STOPPED);
    };
    stop(4);
    c.finish(3);
    stop(1);
    c.finish(0);
    printf("stopped and ended:");
    for (int i = 0; i < 4; i++) {
        int status;
        pid_t got = waitpid(-1, &status, WUNTRACED);
        printf(" %d %s", c.index(got), WIFSTOPPED(status) ? "stopped" : "ended");
    }
    printf("\n");
    for (int i : {4, 1}) CHECK(kill(c.pid[i], SIGCONT) == 0);
    for (int i : {1, 4, 2, 5}) c.finish(i);
    for (int i : {1, 2, 4, 5}) CHECK(waitpid(-1, nullptr, 0) == c.pid[i]);
}

/// Children of one that ends come to its subreaper in their order, behind the others, ended or not.
void adopted() {
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    int told[2], go[2];
    CHECK(pipe(told) == 0 && pipe(go) == 0);
    pid_t above = start([&] {
        Children c;
        for (int i : {3, 1}) c.finish(i);
        char byte;
        return write(told[1], c.pid, sizeof c.pid) != sizeof c.pid || read(go[0], &byte, 1) != 1;
    });
    Children own;
    CHECK(write(go[1], "x", 1) == 1);
    pid_t theirs[count];
    CHECK(read(told[0], theirs, sizeof theirs) == sizeof theirs && waitpid(above, nullptr, 0) == above);
    for (pid_t p : {theirs[4], theirs[0], theirs[5], theirs[2]}) {
        siginfo_t info;
        kill(p, SIGKILL); // most have read the end of their pipe
        CHECK(waitid(P_PID, static_cast<id_t>(p), &info, WEXITED | WNOWAIT) == 0);
    }
    for (int i : {2, 3, 1, 5, 4, 0}) own.finish(i);
    printf("adopted:");
    for (int i = 0; i < 2 * count; i++) {
        pid_t got = waitpid(-1, nullptr, 0);
        if (own.index(got) >= 0) printf(" %d", own.index(got));
        for (int k = 0; k < count; k++)
            if (theirs[k] == got) printf(" %c", 'a' + k);
    }
    printf("\n");
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
    for (int fd : {told[0], told[1], go[0], go[1]}) close(fd);
}
} // namespace

int main() {
    ended();
    some_run();
    groups();
    stops();
    adopted();
    return finish("order");
}
