// qemu-user: leaves /proc to the Linux below it
// Descriptors of processes: what may be done with them, and with /proc/pid in their place.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace {
constexpr idtype_t p_pidfd = static_cast<idtype_t>(3);
constexpr unsigned pidfd_nonblock = O_NONBLOCK;

int pidfd_open(pid_t process, unsigned flags = 0) { return static_cast<int>(syscall(SYS_pidfd_open, process, flags)); }
long pidfd_getfd(int process, int fd, unsigned flags = 0) { return syscall(SYS_pidfd_getfd, process, fd, flags); }
long pidfd_send_signal(int process, int signal) { return syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0); }

void waiting() {
    int gate[2];
    CHECK(pipe(gate) == 0);
    pid_t child = start([&] {
        close(gate[1]);
        char c;
        return static_cast<int>(read(gate[0], &c, 1)) + 7;
    });
    int fd = pidfd_open(child, pidfd_nonblock);
    siginfo_t info = {};
    CHECK(fd >= 0 && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    auto id = static_cast<id_t>(fd);
    FAILS(EAGAIN, waitid(p_pidfd, id, &info, WEXITED));
    CHECK(waitid(p_pidfd, id, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    close(gate[1]);
    pollfd ended{fd, POLLIN, 0};
    CHECK(poll(&ended, 1, 10'000) == 1 && ended.revents == POLLIN);
    CHECK(waitid(p_pidfd, id, &info, WEXITED) == 0 && info.si_pid == child && info.si_status == 7);
    FAILS(ECHILD, waitid(p_pidfd, id, &info, WEXITED));
    FAILS(ESRCH, pidfd_send_signal(fd, 0));
    FAILS(ESRCH, pidfd_getfd(fd, 0));
    close(fd);
    close(gate[0]);
}

void descriptors() {
    int p[2];
    CHECK(pipe(p) == 0);
    pid_t child = start([&] {
        close(p[0]);
        return pause();
    });
    int fd = pidfd_open(child);
    CHECK(close(p[1]) == 0); // the child has the only one left
    FAILS(EINVAL, pidfd_getfd(fd, p[1], 1));
    FAILS(EBADF, pidfd_getfd(fd, 999));
    FAILS(EBADF, pidfd_getfd(p[0], 0));
    auto got = static_cast<int>(pidfd_getfd(fd, p[1]));
    char c = 0;
    CHECK(got >= 0 && fcntl(got, F_GETFD) == FD_CLOEXEC && write(got, "x", 1) == 1 && read(p[0], &c, 1) == 1);
    close(got);
    // A stranger may not.
    int status = 0;
    pid_t stranger = start([&] {
        if (setuid(65534)) return 1;
        return pidfd_getfd(fd, p[1]) == -1 && errno == EPERM ? 42 : 2;
    });
    CHECK(waitpid(stranger, &status, 0) == stranger && WEXITSTATUS(status) == 42);
    CHECK(pidfd_send_signal(fd, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
    close(fd);
    close(p[0]);
}

void directories() {
    pid_t child = start([] { return pause(); });
    char path[40];
    snprintf(path, sizeof path, "/proc/%d", child);
    int directory = open(path, O_RDONLY | O_DIRECTORY), path_only = open(path, O_PATH);
    snprintf(path, sizeof path, "/proc/%d/task/%d", child, child);
    int task = open(path, O_RDONLY), self = open("/proc/self", O_RDONLY), top = open("/proc", O_RDONLY);
    snprintf(path, sizeof path, "/proc/%d/status", child);
    int file = open(path, O_RDONLY);
    CHECK(directory >= 0 && path_only >= 0 && task >= 0 && file >= 0);
    CHECK(pidfd_send_signal(directory, 0) == 0 && pidfd_send_signal(self, 0) == 0);
    FAILS(EBADF, pidfd_send_signal(path_only, 0));
    FAILS(EBADF, pidfd_send_signal(task, 0));
    FAILS(EBADF, pidfd_send_signal(file, 0));
    FAILS(EBADF, pidfd_send_signal(top, 0));
    FAILS(EINVAL, pidfd_send_signal(directory, 99));
    FAILS(EBADF, pidfd_getfd(directory, 0));
    siginfo_t info;
    FAILS(EBADF, waitid(p_pidfd, static_cast<id_t>(directory), &info, WEXITED));
    CHECK(pidfd_send_signal(directory, SIGTERM) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
    FAILS(ESRCH, pidfd_send_signal(directory, 0));
    for (int fd : {directory, path_only, task, self, top, file}) close(fd);
}
} // namespace

int main() {
    waiting();
    descriptors();
    directories();
    return finish("pidfds");
}
