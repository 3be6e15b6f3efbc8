// What is done for a whole process group or for all children, with as many of them as the argument says: signals, job
// control, wait4, setpgid, priorities, an orphaned group, children given away. tests/system/stretch_test.py measures it
// with thousands.
// qemu-user: has no subreapers
#include "tests/linux/check.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace {
int count = 200;

/// All of them stop, and all are reported once; so when they go on.
void stop_and_continue(pid_t group) {
    int status, stopped = 0, continued = 0;
    CHECK(kill(-group, SIGSTOP) == 0);
    while (stopped < count && waitpid(-group, &status, WUNTRACED) > 0 && WIFSTOPPED(status)) stopped++;
    CHECK(stopped == count);
    CHECK(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED) == 0);
    CHECK(kill(-group, SIGCONT) == 0);
    while (continued < count && waitpid(-group, &status, WCONTINUED) > 0 && WIFCONTINUED(status)) continued++;
    CHECK(continued == count);
}

/// The children's parent, in a session of its own: it ends with all of them stopped in a group that then nobody links
/// to the session any more.
int middle() {
    CHECK(setsid() > 0);
    pid_t group = 0, last = 0;
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;) pause();
        CHECK(child > 0);
        if (!group) group = child;
        CHECK(setpgid(child, group) == 0);
        last = child;
    }
    int status;
    CHECK(kill(-group, 0) == 0 && kill(-group, SIGWINCH) == 0);
    CHECK(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED) == 0);
    CHECK(setpgid(last, last) == 0 && waitpid(-last, &status, WNOHANG) == 0);
    FAILS(ECHILD, waitpid(-getpgrp(), &status, WNOHANG));
    CHECK(setpgid(last, group) == 0 && getpgid(last) == group);
    FAILS(ESRCH, kill(-last, 0));
    CHECK(setpriority(PRIO_PGRP, static_cast<id_t>(group), 5) == 0 &&
          getpriority(PRIO_PROCESS, static_cast<id_t>(last)) == 5);
    if (count <= 200) stop_and_continue(group);
    CHECK(kill(-group, SIGSTOP) == 0);
    CHECK(waitpid(last, &status, WUNTRACED) == last && WIFSTOPPED(status));
    return failures;
}
} // namespace

int main(int, char** arguments) {
    if (arguments[1]) count = atoi(arguments[1]);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t parent = start(middle);
    int status, hung_up = 0;
    for (pid_t child; (child = waitpid(-1, &status, 0)) > 0;)
        if (child == parent)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        else
            hung_up += WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
    CHECK(hung_up == count);
    return finish("big_group");
}
