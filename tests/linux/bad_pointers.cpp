// qemu-user: answers bad pointers by itself
// Every system call number with bad, unaligned, kernel-half and half-mapped pointers in all arguments: the kernel lives
// and the other processes go on. Then the calls whose pointer matters, with the other arguments right: EFAULT.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

// Left out: what would stop, reconfigure or signal the machine that runs this as root, and what makes processes.
static bool left_out(long number) {
    static const long numbers[] = {
        SYS_reboot,
        SYS_kexec_load,
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_swapon,
        SYS_swapoff,
        SYS_acct,
        SYS_vhangup,
        SYS_syslog,
        SYS_sethostname,
        SYS_setdomainname,
        SYS_settimeofday,
        SYS_adjtimex,
        SYS_clock_settime,
        SYS_clock_adjtime,
        SYS_kill,
        SYS_tkill,
        SYS_tgkill,
        SYS_rt_sigreturn,
        SYS_rt_sigqueueinfo,
        SYS_rt_tgsigqueueinfo,
        SYS_pidfd_send_signal,
        SYS_clone,
        SYS_clone3,
        SYS_msgget,
        SYS_bpf,
        SYS_setpriority,
        SYS_ioprio_set,
        SYS_mount,
        SYS_umount2,
        SYS_unshare,
        SYS_setns,
        SYS_pivot_root,
        SYS_quotactl,
        SYS_add_key,
        SYS_keyctl,
        SYS_request_key,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_kexec_file_load,
#ifdef SYS_fork
        SYS_fork,
        SYS_vfork,
        SYS_iopl,
        SYS_ioperm,
        SYS_modify_ldt,
#endif
    };
    for (long n : numbers)
        if (n == number) return true;
    return false;
}

/// Runs in a process of its own, so that nothing it breaks is ours. Blocked calls are ended by the alarm.
static void try_all_numbers(unsigned long pointer) {
    for (long number = 0; number < 470; number++) {
        if (left_out(number)) continue;
        pid_t child = fork();
        if (child == 0) {
            for (int fd = 0; fd < 3; fd++) close(fd);
            struct itimerval soon{};
            soon.it_value.tv_usec = 20'000;
            setitimer(ITIMER_REAL, &soon, nullptr);
            syscall(number, pointer, pointer, pointer, pointer, pointer, pointer);
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child) {
            printf("number %ld with %#lx: the child is lost\n", number, pointer);
            failures++;
        }
    }
}

static void expect_fault(unsigned long bad) {
    auto* p = reinterpret_cast<char*>(bad);
    char name[] = "bad_pointers.tmp";
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, "0123456789", 10) == 10);
    lseek(fd, 0, SEEK_SET);
    int pipes[2];
    CHECK(pipe(pipes) == 0 && write(pipes[1], "x", 1) == 1);
    int epoll = epoll_create1(0);
    struct iovec v{p, 8};
#define FAULT(...) FAILS(EFAULT, __VA_ARGS__)
    FAULT(syscall(SYS_read, fd, p, 8));
    FAULT(syscall(SYS_pread64, fd, p, 8, 0));
    FAULT(syscall(SYS_write, fd, p, 8));
    FAULT(syscall(SYS_pwrite64, fd, p, 8, 0));
    FAULT(syscall(SYS_readv, fd, p, 1));
    FAULT(syscall(SYS_readv, fd, &v, 1));
    FAULT(syscall(SYS_writev, fd, &v, 1));
    FAULT(syscall(SYS_read, pipes[0], p, 8));
    FAULT(syscall(SYS_write, pipes[1], p, 8));
    FAULT(syscall(SYS_openat, AT_FDCWD, p, O_RDONLY, 0));
    FAULT(syscall(SYS_mkdirat, AT_FDCWD, p, 0700));
    FAULT(syscall(SYS_unlinkat, AT_FDCWD, p, 0));
    FAULT(syscall(SYS_symlinkat, p, AT_FDCWD, "x"));
    FAULT(syscall(SYS_symlinkat, "x", AT_FDCWD, p));
    FAULT(syscall(SYS_linkat, AT_FDCWD, p, AT_FDCWD, "x", 0));
    FAULT(syscall(SYS_linkat, AT_FDCWD, name, AT_FDCWD, p, 0));
    FAULT(syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, "x", 0));
    FAULT(syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, p, 0));
    FAULT(syscall(SYS_faccessat, AT_FDCWD, p, R_OK));
    FAULT(syscall(SYS_fchmodat, AT_FDCWD, p, 0600));
    FAULT(syscall(SYS_fchownat, AT_FDCWD, p, -1, -1, 0));
    FAULT(syscall(SYS_truncate, p, 0));
    FAULT(syscall(SYS_chdir, p));
    FAULT(syscall(SYS_chroot, p));
    FAULT(syscall(SYS_statfs, p, &v));
    FAULT(syscall(SYS_statfs, ".", p));
    FAULT(syscall(SYS_fstatfs, fd, p));
    FAULT(syscall(SYS_newfstatat, AT_FDCWD, p, &v, 0));
    FAULT(syscall(SYS_newfstatat, AT_FDCWD, name, p, 0));
    FAULT(syscall(SYS_fstat, fd, p));
    FAULT(syscall(SYS_statx, AT_FDCWD, name, 0, 0x7ffU, p));
    FAULT(syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", p, 64));
    FAULT(syscall(SYS_getcwd, p, 4096));
    FAULT(syscall(SYS_utimensat, AT_FDCWD, p, nullptr, 0));
    FAULT(syscall(SYS_utimensat, AT_FDCWD, name, p, 0));
    FAULT(syscall(SYS_pipe2, p, 0));
    FAULT(syscall(SYS_fcntl, fd, F_GETLK, p));
    FAULT(syscall(SYS_ppoll, p, 1, nullptr, nullptr, 8));
    FAULT(syscall(SYS_ppoll, nullptr, 0, p, nullptr, 8));
    FAULT(syscall(SYS_pselect6, 1, p, nullptr, nullptr, nullptr, nullptr));
    FAULT(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, pipes[0], p));
    FAULT(syscall(SYS_nanosleep, p, nullptr));
    FAULT(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, p));
    FAULT(syscall(SYS_clock_getres, CLOCK_MONOTONIC, p));
    FAULT(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, p, nullptr));
    FAULT(syscall(SYS_gettimeofday, p, nullptr));
    FAULT(syscall(SYS_times, p));
    FAULT(syscall(SYS_getrusage, RUSAGE_SELF, p));
    FAULT(syscall(SYS_sysinfo, p));
    FAULT(syscall(SYS_uname, p));
    FAULT(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, p));
    FAULT(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, p, nullptr));
    FAULT(syscall(SYS_rt_sigaction, SIGUSR1, p, nullptr, 8));
    FAULT(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, p, 8));
    FAULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, nullptr, 8));
    FAULT(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, p, 8));
    FAULT(syscall(SYS_rt_sigpending, p, 8));
    FAULT(syscall(SYS_sigaltstack, p, nullptr));
    FAULT(syscall(SYS_sigaltstack, nullptr, p));
    FAULT(syscall(SYS_setitimer, ITIMER_REAL, p, nullptr));
    FAULT(syscall(SYS_getitimer, ITIMER_REAL, p));
    FAULT(syscall(SYS_execve, p, nullptr, nullptr));
    FAULT(syscall(SYS_execve, "/proc/self/exe", p, nullptr));
    FAULT(syscall(SYS_getrandom, p, 16, 0));
    FAULT(syscall(SYS_getresuid, p, p, p));
    FAULT(syscall(SYS_sched_getaffinity, 0, 128, p));
    FAULT(syscall(SYS_sched_setaffinity, 0, 8, p));
    FAULT(syscall(SYS_sched_getparam, 0, p));
    FAULT(syscall(SYS_capget, p, nullptr));
    FAULT(syscall(SYS_memfd_create, p, 0));
    FAULT(syscall(SYS_getdents64, open(".", O_RDONLY), p, 4096));
    FAULT(syscall(SYS_sendfile, pipes[1], fd, p, 1));
#undef FAULT
    pid_t child = fork();
    if (child == 0) _exit(0);
    FAILS(EFAULT, syscall(SYS_wait4, child, p, 0, nullptr));
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
    close(epoll);
    unlink(name);
}

int main() {
    signal(SIGALRM, SIG_DFL);
    char* pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(pages, 'a', 8192);
    mprotect(pages + 4096, 4096, PROT_NONE);
    const unsigned long half_mapped = reinterpret_cast<unsigned long>(pages + 4096 - 3);
    const unsigned long pointers[] = {
        0,
        1,
        8,
        half_mapped,
        reinterpret_cast<unsigned long>(pages) + 1,
        0x7ffffffffff8,
        0x800000000000,
        1UL << 63,
        ~0UL << 47,
        ~0UL - 7,
        ~0UL,
    };
    for (unsigned long p : pointers) try_all_numbers(p);
    const unsigned long unmapped[] = {8, 0x800000000000, 1UL << 63, ~0UL << 47, ~0UL - 4095};
    for (unsigned long p : unmapped) expect_fault(p);
    return finish("bad_pointers");
}
