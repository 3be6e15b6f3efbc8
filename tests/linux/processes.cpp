// qemu-user: has no vfork, no subreapers, another /proc/self/exe
// fork, vfork, execve, wait4, waitid, process groups and sessions, reparenting, exit statuses.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>

extern char** environ;

namespace {
void waiting() {
    int status;
    FAILS(ECHILD, wait4(-1, &status, 0, nullptr));
    FAILS(ECHILD, waitpid(getppid(), &status, 0));
    FAILS(ESRCH, waitpid(INT_MIN, &status, 0));
    pid_t child = start([] { return 42; });
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    child = start([] { return raise(SIGKILL); });
    CHECK(waitpid(-1, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    child = start([] { return pause(); });
    CHECK(waitpid(child, &status, WNOHANG) == 0);
    CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(WSTOPSIG(status) == SIGSTOP && waitpid(child, &status, WNOHANG | WUNTRACED) == 0);
    CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    CHECK(kill(child, SIGTERM) == 0);
    siginfo_t info = {};
    CHECK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0 && info.si_pid == child);
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGTERM && info.si_signo == SIGCHLD);
    rusage usage;
    CHECK(wait4(child, &status, 0, &usage) == child && WTERMSIG(status) == SIGTERM);
    FAILS(ECHILD, waitpid(child, &status, 0));
    FAILS(EINVAL, waitpid(-1, &status, 0x40000));
    FAILS(EINVAL, waitid(P_ALL, 0, &info, 0));
    // Ignored SIGCHLD: children reap themselves.
    signal(SIGCHLD, SIG_IGN);
    start([] { return 0; });
    FAILS(ECHILD, waitpid(-1, &status, 0));
    signal(SIGCHLD, SIG_DFL);
}

void memory_is_copied() {
    static int value = 1;
    auto* shared = static_cast<int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t child = start([&] {
        value = 2;
        *shared = 2;
        return 0;
    });
    int status;
    waitpid(child, &status, 0);
    CHECK(value == 1 && *shared == 2);
    child = vfork();
    if (child == 0) _exit(5);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
}

void groups() {
    CHECK(getpgid(0) == getpgrp() && getsid(0) > 0);
    int status, p[2];
    CHECK(pipe(p) == 0);
    pid_t child = start([&] {
        if (setsid() != getpid() || getpgrp() != getpid() || getsid(0) != getpid()) return 1;
        errno = 0;
        if (setsid() != -1 || errno != EPERM) return 2;
        return open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 3;
    });
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    child = start([] { return pause(); });
    CHECK(setpgid(child, child) == 0 && getpgid(child) == child);
    FAILS(EPERM, setpgid(child, 99999)); // no such group in the session
    FAILS(ESRCH, setpgid(1, 1));
    FAILS(EINVAL, setpgid(child, -1));
    CHECK(kill(-child, SIGUSR1) == 0 && waitpid(-child, &status, 0) == child && WTERMSIG(status) == SIGUSR1);
    FAILS(ESRCH, kill(child, 0));
    FAILS(ESRCH, kill(-child, 0));
    FAILS(EINVAL, kill(getpid(), 65));
    // An orphan gets a new parent: the nearest subreaper.
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t middle = start([&] {
        pid_t orphan = start([&] {
            while (getppid() != 1 && read(p[0], &status, 1) != 1) {}
            return 33;
        });
        return orphan > 0 ? 0 : 1;
    });
    CHECK(waitpid(middle, &status, 0) == middle && status == 0);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(waitpid(-1, &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 33);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

void executing() {
    char self[] = "/proc/self/exe";
    char* none[] = {nullptr};
    FAILS(ENOENT, execve("nothing", none, none));
    FAILS(EACCES, execve(".", none, none));
    int fd = open("text", O_CREAT | O_WRONLY, 0755);
    CHECK(write(fd, "not a program", 13) == 13);
    close(fd);
    FAILS(ENOEXEC, execve("text", none, none));
    chmod("text", 0644);
    FAILS(EACCES, execve("text", none, none));
    FAILS(EFAULT, execve(reinterpret_cast<char*>(1), none, none));
    char again[] = "again", *args[] = {again, again, nullptr};
    int status;
    pid_t child = start([&] {
        close(3);
        if (open("text", O_RDONLY | O_CLOEXEC) != 3 || dup2(3, 4) != 4) return 1;
        char variable[] = "MARK=here", *env[] = {variable, nullptr};
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, [](int) {});
        return execve(self, args, env);
    });
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 77);
    CHECK(posix_spawn(&child, self, nullptr, nullptr, args, environ) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    // More arguments than the limit.
    size_t count = 40'000;
    char** many = static_cast<char**>(malloc((count + 1) * sizeof(char*)));
    static char big[1000];
    memset(big, 'a', sizeof big - 1);
    for (size_t i = 0; i < count; i++) many[i] = big;
    many[count] = nullptr;
    FAILS(E2BIG, execve(self, many, none));
}

int executed_again() {
    const char* mark = getenv("MARK");
    if (!mark || strcmp(mark, "here")) return 1;
    if (fcntl(3, F_GETFD) != -1 || fcntl(4, F_GETFD) != 0) return 2;
    struct sigaction action;
    sigaction(SIGUSR1, nullptr, &action);
    if (action.sa_handler != SIG_IGN) return 3;
    sigaction(SIGUSR2, nullptr, &action);
    return action.sa_handler == SIG_DFL ? 77 : 4;
}

void odds() {
    char name[17] = {};
    CHECK(prctl(PR_SET_NAME, "a-rather-long-thread-name") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a-rather-long-t"));
    CHECK(syscall(SYS_gettid) == getpid());
    rlimit limit;
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= 65536);
    limit = {10, 20};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int last = -1, fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
    int error = errno;
    CHECK(error == EMFILE && last == 9);
    limit = {30, 20};
    FAILS(EINVAL, setrlimit(RLIMIT_NOFILE, &limit));
    tms t;
    CHECK(times(&t) != -1);
    CHECK(sched_yield() == 0);
    FAILS(ENOSYS, syscall(9999));
}
} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "again")) return executed_again();
    waiting();
    memory_is_copied();
    groups();
    executing();
    odds();
    return finish("processes");
}
