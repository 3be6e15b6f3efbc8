// qemu-user: does not know fcntl's owners
// SIGIO: who owns an open file, and what it is told.
#include "check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

static sigset_t asked;
/// The next of the blocked signals within ten seconds; 0: none. `soon`: within a moment.
static int next_signal(siginfo_t* info = nullptr, bool soon = false) {
    siginfo_t unused;
    const timespec time{soon ? 0 : 10, soon ? 50'000'000 : 0};
    int number = sigtimedwait(&asked, info ? info : &unused, &time);
    return number > 0 ? number : 0;
}

static void owners() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    int fd = ends[0];
    f_owner_ex owner{F_OWNER_PGRP, 9};
    CHECK(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_TID && owner.pid == 0);
    CHECK(fcntl(fd, F_GETOWN) == 0);
    FAILS(ESRCH, fcntl(fd, F_SETOWN, 4'000'000));
    FAILS(ESRCH, fcntl(fd, F_SETOWN, -4'000'000));
    FAILS(EINVAL, fcntl(fd, F_SETOWN, static_cast<int>(0x8000'0000)));
    CHECK(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_GETOWN) == getpid());
    CHECK(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_PID && owner.pid == getpid());
    CHECK(fcntl(fd, F_SETOWN, -getpgrp()) == 0);
    CHECK(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
    owner = {F_OWNER_TID, static_cast<pid_t>(syscall(SYS_gettid))};
    CHECK(fcntl(fd, F_SETOWN_EX, &owner) == 0);
    owner = {};
    CHECK(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_TID && owner.pid == getpid());
    owner.type = static_cast<decltype(owner.type)>(3);
    FAILS(EINVAL, fcntl(fd, F_SETOWN_EX, &owner));
    for (auto type : {F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP}) {
        for (pid_t nobody : {4'000'000, -5}) {
            owner = {type, nobody};
            FAILS(ESRCH, fcntl(fd, F_SETOWN_EX, &owner));
        }
    }
    FAILS(EFAULT, fcntl(fd, F_SETOWN_EX, 8));
    FAILS(EFAULT, fcntl(fd, F_GETOWN_EX, 8));
    // One that has ended is nobody.
    pid_t child = start([] { pause(); });
    CHECK(fcntl(fd, F_SETOWN, child) == 0 && fcntl(fd, F_GETOWN) == child);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(fcntl(fd, F_GETOWN) == 0);
    CHECK(fcntl(fd, F_SETOWN, 0) == 0 && fcntl(fd, F_GETOWN) == 0);
    CHECK(fcntl(fd, F_GETSIG) == 0 && fcntl(fd, F_SETSIG, 64) == 0 && fcntl(fd, F_GETSIG) == 64);
    FAILS(EINVAL, fcntl(fd, F_SETSIG, 65));
    FAILS(EINVAL, fcntl(fd, F_SETSIG, -1));
    CHECK(fcntl(fd, F_SETSIG, 0) == 0);
    close(ends[0]), close(ends[1]);
}

static void what_cannot_tell() {
    int file = open("owned", O_CREAT | O_RDWR, 0600), on = 1, off = 0;
    CHECK(fcntl(file, F_SETOWN, getpid()) == 0 && fcntl(file, F_GETOWN) == getpid());
    CHECK(fcntl(file, F_SETFL, O_ASYNC) == 0 && (fcntl(file, F_GETFL) & O_ASYNC) == 0);
    FAILS(ENOTTY, ioctl(file, FIOASYNC, &on));
    CHECK(ioctl(file, FIOASYNC, &off) == 0);
    FAILS(EFAULT, ioctl(file, FIOASYNC, nullptr));
    FAILS(ENOTDIR, fcntl(file, F_NOTIFY, DN_ACCESS));
    CHECK(fcntl(file, F_GETLEASE) == F_UNLCK);
    close(file);
}

static void pipes_tell() {
    int ends[2];
    siginfo_t info{};
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(fcntl(ends[0], F_SETOWN, getpid()) == 0);
    CHECK(write(ends[1], "x", 1) == 1 && next_signal(nullptr, true) == 0); // not asked for yet
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC) == 0 && fcntl(ends[0], F_GETFL) & O_ASYNC);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(next_signal(&info) == SIGIO && info.si_code == SI_KERNEL);
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(fcntl(ends[0], F_SETSIG, SIGRTMIN) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(next_signal(&info) == SIGRTMIN && info.si_code == POLL_IN && info.si_fd == ends[0]);
    CHECK(info.si_band == (POLLIN | POLLRDNORM));
    CHECK(read(ends[0], &byte, 1) == 1);
    // To one thread.
    f_owner_ex owner{F_OWNER_TID, static_cast<pid_t>(syscall(SYS_gettid))};
    CHECK(fcntl(ends[0], F_SETOWN_EX, &owner) == 0);
    CHECK(write(ends[1], "x", 1) == 1 && next_signal(&info) == SIGRTMIN);
    CHECK(read(ends[0], &byte, 1) == 1);
    // To another process.
    pid_t child = start([] { return next_signal() != SIGRTMIN; });
    CHECK(until_asleep(child) && fcntl(ends[0], F_SETOWN, child) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    // No more.
    CHECK(fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK((fcntl(ends[0], F_GETFL) & O_ASYNC) == 0 && write(ends[1], "x", 1) == 1 && next_signal(nullptr, true) == 0);
    // The other end hears of room, and of the reader's end.
    int on = 1;
    CHECK(fcntl(ends[1], F_SETOWN, -getpgrp()) == 0 && fcntl(ends[1], F_SETSIG, SIGRTMIN) == 0);
    char much[4096] = {};
    while (write(ends[1], much, sizeof much) > 0) {}
    CHECK(ioctl(ends[1], FIOASYNC, &on) == 0 && fcntl(ends[1], F_GETFL) & O_ASYNC);
    while (read(ends[0], much, sizeof much) > 0) {}
    CHECK(next_signal(&info) == SIGRTMIN && info.si_code == POLL_OUT && info.si_fd == ends[1]);
    while (next_signal(nullptr, true)) {}
    close(ends[0]);
    CHECK(next_signal(&info) == SIGRTMIN && info.si_code == POLL_OUT);
    close(ends[1]);
}

static void terminals_tell() {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
    CHECK(slave >= 0 && fcntl(slave, F_SETOWN, getpid()) == 0);
    CHECK(fcntl(slave, F_SETFL, O_NONBLOCK | O_ASYNC) == 0 && fcntl(slave, F_GETFL) & O_ASYNC);
    while (next_signal(nullptr, true)) {}
    CHECK(write(master, "line\n", 5) == 5);
    CHECK(next_signal() == SIGIO);
    close(slave), close(master);
}

/// As if the process had sent them to itself.
static void signals_of_writes() {
    int ends[2];
    siginfo_t info{};
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    FAILS(EPIPE, write(ends[1], "x", 1));
    CHECK(next_signal(&info) == SIGPIPE && info.si_code == SI_USER && info.si_pid == getpid());
    close(ends[1]);
    rlimit limit{1000, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    int file = open("limited", O_CREAT | O_RDWR, 0600);
    FAILS(EFBIG, pwrite(file, "x", 1, 1000));
    CHECK(next_signal(&info) == SIGXFSZ && info.si_code == SI_USER && info.si_pid == getpid());
    close(file);
}

int main() {
    sigemptyset(&asked);
    sigaddset(&asked, SIGPIPE);
    sigaddset(&asked, SIGXFSZ);
    sigaddset(&asked, SIGIO);
    sigaddset(&asked, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &asked, nullptr);
    setpgid(0, 0); // the group's signals are for us alone
    signals_of_writes();
    owners();
    what_cannot_tell();
    pipes_tell();
    terminals_tell();
    return finish("owners");
}
