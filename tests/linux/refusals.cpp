// qemu-user: answers some of these by itself
// What calls refuse and in which order they look at their arguments: sockets, priorities, prctl(2).
#include "check.h"
#include <fcntl.h>
#include <initializer_list>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

/// A kernel without sockets answers these as one with them.
static void making_sockets() {
    int ends[2] = {7, 7};
    constexpr int unknown_flag = 0x100'0000, types = 11;
    FAILS(EINVAL, socket(AF_UNIX, unknown_flag, 0));
    FAILS(EINVAL, socket(-1, unknown_flag, 0));
    FAILS(EAFNOSUPPORT, socket(46, types, 0));
    FAILS(EINVAL, socket(45, types, 0));
    FAILS(EINVAL, socket(AF_UNIX, types, 0));
    FAILS(EINVAL, socket(AF_UNIX, -1, 0));
    FAILS(EAFNOSUPPORT, socket(AF_UNSPEC, SOCK_STREAM, 0));
    FAILS(EFAULT, syscall(SYS_socketpair, -1, SOCK_STREAM, 0, 8));
    FAILS(EINVAL, syscall(SYS_socketpair, -1, unknown_flag, 0, 8));
    FAILS(EAFNOSUPPORT, socketpair(46, SOCK_STREAM, 0, ends));
    FAILS(EINVAL, socketpair(AF_UNIX, types, 0, ends));
    // A family that is not there is what programs without it go on from.
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), error = errno;
    CHECK(fd >= 0 || error == EAFNOSUPPORT);
    if (fd >= 0) close(fd);
    int made = socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    error = errno;
    CHECK(made == 0 || error == EAFNOSUPPORT);
    if (made == 0) close(ends[0]), close(ends[1]);
}

static void what_is_no_socket() {
    int file = open("no-socket", O_CREAT | O_RDWR, 0600), ends[2];
    CHECK(pipe(ends) == 0);
    for (int fd : {file, ends[0], -1, 999}) {
        int error = fd == file || fd == ends[0] ? ENOTSOCK : EBADF;
        FAILS(error, bind(fd, nullptr, 0));
        FAILS(error, listen(fd, 1));
        FAILS(error, accept(fd, nullptr, nullptr));
        FAILS(error, accept4(fd, nullptr, nullptr, 0));
        FAILS(error == EBADF ? EBADF : EINVAL, syscall(SYS_accept4, fd, 0, 0, 0x10));
        FAILS(error, connect(fd, nullptr, 0));
        FAILS(error, syscall(SYS_getsockname, fd, 0, 0));
        FAILS(error, syscall(SYS_getpeername, fd, 0, 0));
        FAILS(error, syscall(SYS_sendto, fd, 8, 16, 0, 0, 0));
        FAILS(error, syscall(SYS_sendto, fd, 8, -1L, 0, 0, 0));
        FAILS(EFAULT, syscall(SYS_sendto, fd, -8L, 16, 0, 0, 0));
        FAILS(error, syscall(SYS_recvfrom, fd, 8, 16, 0, 0, 0));
        FAILS(EFAULT, syscall(SYS_recvfrom, fd, 1L << 56, 16, 0, 0, 0));
        FAILS(error, syscall(SYS_setsockopt, fd, 0, 0, 0, -1));
        FAILS(error, syscall(SYS_getsockopt, fd, 0, 0, 0, 0));
        FAILS(error, shutdown(fd, 99));
        FAILS(error, syscall(SYS_sendmsg, fd, 0, 0));
        FAILS(EINVAL, syscall(SYS_sendmsg, fd, 0, 0x8000'0000));
        FAILS(error, syscall(SYS_recvmsg, fd, 0, 0));
        FAILS(error, syscall(SYS_sendmmsg, fd, 0, 0, 0));
        FAILS(error, syscall(SYS_recvmmsg, fd, 0, 0, 0, 0));
        const timespec wrong{-1, 0};
        FAILS(EINVAL, syscall(SYS_recvmmsg, fd, 0, 0, 0, &wrong));
        FAILS(EFAULT, syscall(SYS_recvmmsg, fd, 0, 0, 0, 8));
    }
    close(file), close(ends[0]), close(ends[1]);
}

static long io_get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long io_set(int which, int who, int priority) { return syscall(SYS_ioprio_set, which, who, priority); }
static int io(int kind, int level) { return IOPRIO_PRIO_VALUE(kind, level); }
static void io_priorities() {
    CHECK(io_get(IOPRIO_WHO_PROCESS, 0) == 0 && io_get(IOPRIO_WHO_PROCESS, getpid()) == 0);
    CHECK(io_set(IOPRIO_WHO_PROCESS, 0, io(IOPRIO_CLASS_BE, 6)) == 0);
    CHECK(io_get(IOPRIO_WHO_PROCESS, 0) == io(IOPRIO_CLASS_BE, 6));
    pid_t child = start([] { return io_get(IOPRIO_WHO_PROCESS, 0) != io(IOPRIO_CLASS_BE, 6); }); // is inherited
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(io_set(IOPRIO_WHO_PROCESS, 0, io(IOPRIO_CLASS_IDLE, 0)) == 0);
    CHECK(io_get(IOPRIO_WHO_PROCESS, 0) == io(IOPRIO_CLASS_IDLE, 0));
    CHECK(io_set(IOPRIO_WHO_PROCESS, 0, 0) == 0 && io_get(IOPRIO_WHO_PROCESS, 0) == 0);
    CHECK(io_get(IOPRIO_WHO_PGRP, 0) <= io(IOPRIO_CLASS_BE, 4) && io_get(IOPRIO_WHO_PGRP, 0) > 0);
    FAILS(ESRCH, io_get(IOPRIO_WHO_PROCESS, 4'000'000));
    FAILS(ESRCH, io_get(IOPRIO_WHO_USER, 77'777));
    FAILS(ESRCH, io_set(IOPRIO_WHO_PROCESS, 4'000'000, io(IOPRIO_CLASS_BE, 1)));
    FAILS(EINVAL, io_get(0, 0));
    FAILS(EINVAL, io_get(4, 0));
    FAILS(EINVAL, io_set(9, 0, io(IOPRIO_CLASS_BE, 1)));
    FAILS(EINVAL, io_set(IOPRIO_WHO_PROCESS, 0, io(IOPRIO_CLASS_NONE, 4)));
    FAILS(EINVAL, io_set(IOPRIO_WHO_PROCESS, 0, io(4, 0)));
    pid_t user = start([] {
        failures = 0;
        CHECK(setuid(1000) == 0);
        FAILS(EPERM, io_set(IOPRIO_WHO_PROCESS, 0, io(IOPRIO_CLASS_RT, 4)));
        FAILS(EPERM, io_set(IOPRIO_WHO_PROCESS, getppid(), io(IOPRIO_CLASS_BE, 4)));
        CHECK(io_set(IOPRIO_WHO_PROCESS, 0, io(IOPRIO_CLASS_BE, 7)) == 0);
        return failures;
    });
    CHECK(waitpid(user, &status, 0) == user && status == 0);
}

static void other_priorities() {
    for (int policy : {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, 6 /* SCHED_DEADLINE */}) {
        CHECK(sched_get_priority_max(policy) == 0 && sched_get_priority_min(policy) == 0);
    }
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_RR) == 1);
    FAILS(EINVAL, sched_get_priority_max(4));
    FAILS(EINVAL, sched_get_priority_min(99));
}

static void prctl_without_capabilities() {
    pid_t user = start([] {
        failures = 0;
        CHECK(setuid(1000) == 0);
        FAILS(EPERM, prctl(PR_SET_MM, PR_SET_MM_ARG_START, 0x1000, 0, 0));
        FAILS(EPERM, prctl(57 /* PR_SET_IO_FLUSHER */, 0, 0, 0, 0));
        FAILS(EPERM, prctl(58 /* PR_GET_IO_FLUSHER */, 0, 0, 0, 0));
        return failures;
    });
    int status = 1;
    CHECK(waitpid(user, &status, 0) == user && status == 0);
#if defined(__x86_64__)
    int counter = 0;
    CHECK(prctl(PR_GET_TSC, &counter) == 0 && counter == PR_TSC_ENABLE);
    FAILS(EINVAL, prctl(PR_SET_TSC, 99));
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0) == 1);
    long set = syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    int error = errno;
    CHECK(set == 0 || error == ENODEV); // as the processor has it
#endif
}

int main() {
    making_sockets();
    what_is_no_socket();
    io_priorities();
    other_priorities();
    prctl_without_capabilities();
    return finish("refusals");
}
