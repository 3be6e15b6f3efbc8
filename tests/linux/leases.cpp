// Leases of files: fcntl(2), F_SETLEASE. Who has one is told when somebody wants the file, and has time to give it
// back.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#ifndef F_SETLEASE
#define F_SETLEASE 1024
#define F_GETLEASE 1025
#endif
#ifndef F_SETSIG
#define F_SETSIG 10
#endif

namespace {
long lease(int fd, long type) { return CALL(fcntl, fd, F_SETLEASE, type); }
long leased(int fd) { return CALL(fcntl, fd, F_GETLEASE); }
int opened(const char* name, int flags) {
    int fd = open(name, flags, 0644);
    CHECK(fd >= 0);
    return fd;
}
bool waits_for_lease(pid_t child) {
    bool asleep = until_asleep(child);
    int status;
    return asleep && waitpid(child, &status, WNOHANG) == 0;
}

void taking() {
    int writer = opened("file", O_CREAT | O_RDWR), path = opened("file", O_PATH), folder = opened(".", O_RDONLY);
    CHECK(leased(writer) == F_UNLCK);
    FAILS(EAGAIN, lease(writer, F_UNLCK));
    FAILS(EINVAL, lease(writer, 3));
    FAILS(EINVAL, lease(writer, 1l << 31));
    FAILS(EBADF, lease(path, F_RDLCK));
    FAILS(EAGAIN, lease(writer, F_RDLCK)); // it is open for writing
    CHECK(lease(writer, F_WRLCK) == 0 && leased(writer) == F_WRLCK);
    CHECK(lease(writer, F_WRLCK) == 0 && fcntl(writer, F_GETOWN) == getpid());
    int copy = dup(writer);
    CHECK(leased(copy) == F_WRLCK && close(copy) == 0 && leased(writer) == F_WRLCK); // of the open file
    CHECK(lease(writer, F_UNLCK) == 0 && leased(writer) == F_UNLCK && fcntl(writer, F_GETOWN) == 0);
    close(writer);

    int one = opened("file", O_RDONLY);
    CHECK(lease(one, F_RDLCK) == 0 && lease(one, F_WRLCK) == 0 && lease(one, F_RDLCK) == 0);
    int other = opened("file", O_RDONLY);
    FAILS(EAGAIN, lease(one, F_WRLCK));
    CHECK(leased(other) == F_UNLCK && lease(other, F_RDLCK) == 0 && leased(one) == F_RDLCK);
    CHECK(close(one) == 0 && lease(other, F_WRLCK) == 0); // closing gives the lease back
    close(other);
    CHECK(chown("file", 1, 1) == 0);
    pid_t child = start([&] {
        failures = 0;
        CHECK(chmod(".", 0777) == 0 && CALL(setresuid, 2, 2, 2) == 0);
        int fd = open("file", O_RDONLY);
        FAILS(EACCES, lease(fd, F_RDLCK));
        FAILS(EACCES, lease(folder, F_RDLCK));
        return failures;
    });
    CHECK(exit_of(child) == 0 && chown("file", 0, 0) == 0);
    close(path);
    close(folder);
}

/// Opens of others, who wait, or will not; what the holder sees.
void breaking(int signal) {
    int fd = opened("file", O_RDONLY);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal ? signal : SIGIO);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    CHECK(lease(fd, F_WRLCK) == 0 && fcntl(fd, F_SETSIG, signal) == 0);
    FAILS(EAGAIN, open("file", O_RDONLY | O_NONBLOCK));
    siginfo_t info;
    timespec soon = {10, 0}, now = {0, 0};
    CHECK(sigtimedwait(&set, &info, &soon) == (signal ? signal : SIGIO));
    if (signal) CHECK(info.si_code == POLL_MSG && info.si_fd == fd);
    CHECK(leased(fd) == F_RDLCK); // what it has to become
    FAILS(EAGAIN, open("file", O_RDONLY | O_NONBLOCK));
    FAILS(EAGAIN, sigtimedwait(&set, &info, &now)); // told once

    // A reader goes on when the lease is one for reading, a writer only when there is none.
    pid_t reader = start([] { return open("file", O_RDONLY) < 0; });
    CHECK(waits_for_lease(reader));
    CHECK(lease(fd, F_RDLCK) == 0 && exit_of(reader) == 0 && leased(fd) == F_RDLCK);
    int free = opened("file", O_RDONLY | O_NONBLOCK);
    close(free);
    pid_t writer = start([] { return open("file", O_WRONLY | O_APPEND) < 0; });
    CHECK(sigtimedwait(&set, &info, &soon) == (signal ? signal : SIGIO) && leased(fd) == F_UNLCK);
    CHECK(waits_for_lease(writer));
    FAILS(EAGAIN, lease(fd, F_RDLCK)); // somebody has it open for writing
    CHECK(lease(fd, F_UNLCK) == 0 && exit_of(writer) == 0);

    CHECK(lease(fd, F_WRLCK) == 0);
    pid_t cutter = start([&] { return close(fd) != 0 || truncate("file", 0) != 0; });
    CHECK(waits_for_lease(cutter) && close(fd) == 0 && exit_of(cutter) == 0);
    while (sigtimedwait(&set, &info, &now) > 0) {}
}

/// A signal ends the wait, and a holder that never answers loses the lease after /proc/sys/fs/lease-break-time.
void waits() {
    int fd = opened("file", O_RDONLY);
    signal(SIGIO, SIG_IGN);
    CHECK(lease(fd, F_WRLCK) == 0);
    pid_t child = start([] {
        struct sigaction action = {};
        action.sa_handler = [](int) {};
        sigaction(SIGUSR1, &action, nullptr);
        return open("file", O_RDONLY) == -1 && errno == EINTR ? 0 : 1;
    });
    CHECK(waits_for_lease(child) && kill(child, SIGUSR1) == 0 && exit_of(child) == 0);
    CHECK(leased(fd) == F_RDLCK && lease(fd, F_UNLCK) == 0);

    // One's own other open breaks it too.
    CHECK(lease(fd, F_RDLCK) == 0);
    FAILS(EAGAIN, open("file", O_RDWR | O_NONBLOCK));
    CHECK(leased(fd) == F_UNLCK);
    close(fd);
    fd = opened("file", O_RDWR | O_NONBLOCK);
    close(fd);
    signal(SIGIO, SIG_DFL);
}
} // namespace

int main() {
    CHECK(chmod(".", 0755) == 0);
    taking();
    breaking(0);
    breaking(SIGRTMIN + 1);
    waits();
    return finish("leases");
}
