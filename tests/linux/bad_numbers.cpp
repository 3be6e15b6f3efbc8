// qemu-user: answers bad pointers by itself
// Every number of a system call with garbage in all arguments, known or not, and numbers beyond the table: the kernel
// lives, and the other processes go on.
#include "tests/linux/check.h"
#include <initializer_list>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/// What would stop, reconfigure or signal the machine that runs this as root: tried on Rundlet only. There nothing is
/// left out.
static bool harms_linux(long number) {
    static const long numbers[] = {
        SYS_reboot,
        SYS_kexec_load,
        SYS_kexec_file_load,
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
        SYS_rt_sigqueueinfo,
        SYS_rt_tgsigqueueinfo,
        SYS_pidfd_send_signal,
        SYS_setpriority,
        SYS_ioprio_set,
        SYS_sched_setscheduler,
        SYS_sched_setparam,
        SYS_sched_setattr,
        SYS_sched_setaffinity,
        SYS_prlimit64,
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_quotactl,
        SYS_bpf,
        SYS_msgget,
        SYS_semget,
        SYS_shmget,
        SYS_mq_open,
        SYS_add_key,
        SYS_keyctl,
        SYS_request_key,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_sync,
        SYS_clone,
        SYS_clone3,
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
static bool on_rundlet;

/// Each number runs in a process of its own, so that nothing it breaks is ours. The alarm ends what waits.
static void try_all_numbers(unsigned long pointer) {
    for (long number = 0; number < 470; number++) {
        if (!on_rundlet && harms_linux(number)) continue;
        pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0);
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

int main() {
    struct utsname names;
    CHECK(uname(&names) == 0);
    on_rundlet = strstr(names.release, "rundlet");
    signal(SIGALRM, SIG_DFL);
    char* pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(pages, 'a', 8192);
    mprotect(pages + 4096, 4096, PROT_NONE);
    const unsigned long pointers[] = {reinterpret_cast<unsigned long>(pages + 4096 - 3), 0, 1UL << 63, ~0UL - 7};
    for (unsigned long p : pointers) try_all_numbers(p);
    // Linux looks at the lower half of the number only, on x86_64.
    for (long number : {470L, 511L, 512L, 0x7fff'ffffL}) FAILS(ENOSYS, syscall(number, 0, 0, 0, 0, 0, 0));
    if (on_rundlet)
        for (unsigned long number : {1UL << 32, 1UL << 63, 1UL << 63 | SYS_getpid, ~0UL, ~0UL - 38})
            FAILS(ENOSYS, syscall(static_cast<long>(number), 0, 0, 0, 0, 0, 0));
    return finish("bad_numbers");
}
