// qemu-user: has no robust lists
// Calls that C libraries make for themselves, by their numbers: a thread's own words in memory, signals with the
// kernel's sets, barriers, the forms of epoll and its relatives, and what the kernel refuses.
#include "tests/linux/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <initializer_list>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

namespace {
constexpr unsigned long set_size = 8; // of the kernel's signal sets
constexpr timespec moment = {0, 1'000'000}, nothing = {};

int status_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

struct Lock {
    robust_list link;
    unsigned word;
};

void robust_lists() {
    // The list of a dead thread is gone through: the lock's word says so, and who waits is woken.
    auto* lock = static_cast<Lock*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t child = start([&] {
        failures = 0;
        static robust_list_head head; // it is read when this thread has ended
        robust_list_head* got = nullptr;
        head = {{&lock->link}, static_cast<long>(offsetof(Lock, word)), nullptr};
        lock->link.next = &head.list;
        FAILS(EINVAL, CALL(set_robust_list, &head, sizeof head - 1));
        CHECK(CALL(set_robust_list, &head, sizeof head) == 0);
        unsigned long size = 0;
        CHECK(CALL(get_robust_list, 0, &got, &size) == 0 && got == &head && size == sizeof head);
        FAILS(ESRCH, CALL(get_robust_list, 0x7ffffff0, &got, &size));
        FAILS(EFAULT, CALL(get_robust_list, 0, nullptr, &size));
        lock->word = static_cast<unsigned>(CALL(gettid)) | FUTEX_WAITERS;
        return failures;
    });
    CHECK(status_of(child) == 0 && lock->word == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
    robust_list_head* got = nullptr;
    unsigned long size = 0;
    child = start([&] {
        failures = 0;
        CHECK(CALL(setresuid, 1, 1, 1) == 0);
        FAILS(EPERM, CALL(get_robust_list, getppid(), &got, &size));
        return failures;
    });
    CHECK(status_of(child) == 0);
    munmap(lock, 4096);
}

void tid_address() {
    // The word is cleared at the thread's end, and a waiter woken, if somebody is left to see it.
    static int word = 77;
    CHECK(CALL(set_tid_address, &word) == CALL(gettid)); // that of this thread: nothing happens until it ends
    CHECK(word == 77);
    pid_t child = start([] {
        static int own = 1;
        pthread_t other;
        auto body = [](void*) -> void* {
            CALL(set_tid_address, &own);
            CALL(exit, 0);
            return nullptr;
        };
        if (pthread_create(&other, nullptr, body, nullptr) != 0) return 1;
        timespec limit = {10, 0};
        for (int seen; (seen = __atomic_load_n(&own, __ATOMIC_SEQ_CST)) != 0;)
            if (CALL(futex, &own, FUTEX_WAIT, seen, &limit) != 0 && errno == ETIMEDOUT) return 2;
        return 0;
    });
    CHECK(status_of(child) == 0);
}

void many_futexes() {
    static unsigned words[2];
    futex_waitv waiters[2] = {};
    for (int i = 0; i < 2; i++)
        waiters[i] = {0, reinterpret_cast<unsigned long>(&words[i]), FUTEX_32 | FUTEX_PRIVATE_FLAG, 0};
    timespec until = {};
    FAILS(ETIMEDOUT, CALL(futex_waitv, waiters, 2, 0, &until, CLOCK_MONOTONIC));
    words[1] = 1;
    FAILS(EAGAIN, CALL(futex_waitv, waiters, 2, 0, nullptr, 0));
    FAILS(EINVAL, CALL(futex_waitv, waiters, 0, 0, nullptr, 0));
    FAILS(EINVAL, CALL(futex_waitv, waiters, FUTEX_WAITV_MAX + 1, 0, nullptr, 0));
    FAILS(EINVAL, CALL(futex_waitv, waiters, 2, 1, nullptr, 0));
    FAILS(EINVAL, CALL(futex_waitv, waiters, 2, 0, &until, CLOCK_BOOTTIME));
    words[1] = 0;
    pthread_t waker;
    auto wake = [](void*) -> void* {
        while (CALL(futex, &words[1], FUTEX_WAKE_PRIVATE, 1) == 0) usleep(1000);
        return nullptr;
    };
    CHECK(pthread_create(&waker, nullptr, wake, nullptr) == 0);
    CHECK(CALL(futex_waitv, waiters, 2, 0, nullptr, 0) == 1); // the index of the one that was woken
    CHECK(pthread_join(waker, nullptr) == 0);
    waiters[0].flags = 0x80;
    FAILS(EINVAL, CALL(futex_waitv, waiters, 2, 0, nullptr, 0));
}

void barriers() {
    long known = CALL(membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    constexpr long wanted = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
                            MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
    CHECK((known & wanted) == wanted);
    FAILS(EPERM, CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)); // first the intention, then the barrier
    CHECK(CALL(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0);
    CHECK(CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
    CHECK(CALL(membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0);
    CHECK(CALL(membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0);
    CHECK(CALL(membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0);
    FAILS(EINVAL, CALL(membarrier, MEMBARRIER_CMD_QUERY, 99, 0));
    FAILS(EINVAL, CALL(membarrier, 1 << 30, 0, 0));
    FAILS(EINVAL, CALL(membarrier, MEMBARRIER_CMD_GLOBAL, 1, 0));
    pid_t child = start([] {
        failures = 0;
        CHECK(CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0); // a child has said it too
        return failures;
    });
    CHECK(status_of(child) == 0);
}

volatile int handled;
void handler(int) { handled = handled + 1; }

void signal_sets() {
    unsigned long usr1 = 1ul << (SIGUSR1 - 1), stop_and_kill = 1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1);
    unsigned long old = ~0ul, all = ~0ul, none = 0, got = 0;
    CHECK(CALL(rt_sigprocmask, SIG_SETMASK, &usr1, &old, set_size) == 0 && old == 0);
    FAILS(EINVAL, CALL(rt_sigprocmask, SIG_SETMASK, &usr1, &old, set_size * 2));
    FAILS(EINVAL, CALL(rt_sigprocmask, 77, &usr1, &old, set_size));
    FAILS(EFAULT, CALL(rt_sigprocmask, SIG_SETMASK, 8, &old, set_size));
    FAILS(EINVAL, CALL(rt_sigaction, SIGUSR1, nullptr, nullptr, set_size - 1));
    FAILS(EINVAL, CALL(rt_sigaction, SIGKILL, &all, nullptr, set_size));
    FAILS(EINVAL, CALL(rt_sigaction, 65, nullptr, nullptr, set_size));
    struct sigaction action = {};
    action.sa_handler = handler;
    sigfillset(&action.sa_mask);
    CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
    CHECK(CALL(tgkill, getpid(), CALL(gettid), SIGUSR1) == 0 && handled == 0);
    CHECK(CALL(rt_sigpending, &got, set_size) == 0 && got == usr1);
    CHECK(CALL(rt_sigpending, &got, 4ul) == 0); // a shorter set is given its part
    FAILS(EINVAL, CALL(rt_sigpending, &got, set_size + 1));
    FAILS(EINTR, CALL(rt_sigsuspend, &none, set_size)); // the handler runs with the set given, which is then undone
    CHECK(handled == 1 && CALL(rt_sigpending, &got, set_size) == 0 && got == 0);
    CHECK(CALL(rt_sigprocmask, SIG_BLOCK, nullptr, &old, set_size) == 0 && old == usr1);
    FAILS(EINVAL, CALL(rt_sigsuspend, &none, set_size - 1));
    CHECK(CALL(rt_sigprocmask, SIG_BLOCK, &all, nullptr, set_size) == 0);
    CHECK(CALL(rt_sigprocmask, SIG_BLOCK, nullptr, &old, set_size) == 0);
    CHECK((old & stop_and_kill) == 0 && (old & usr1)); // these two cannot be blocked
    FAILS(EAGAIN, CALL(rt_sigtimedwait, &usr1, nullptr, &nothing, set_size));
    FAILS(EAGAIN, CALL(rt_sigtimedwait, &usr1, nullptr, &moment, set_size));
    siginfo_t info = {};
    CHECK(kill(getpid(), SIGUSR1) == 0 && CALL(rt_sigtimedwait, &usr1, &info, nullptr, set_size) == SIGUSR1);
    CHECK(info.si_code == SI_USER && info.si_pid == getpid() && handled == 1);
    timespec wrong = {0, 1'000'000'000};
    FAILS(EINVAL, CALL(rt_sigtimedwait, &usr1, nullptr, &wrong, set_size));
    FAILS(EINVAL, CALL(rt_sigtimedwait, &usr1, nullptr, &nothing, set_size + 1));
    CHECK(CALL(rt_sigprocmask, SIG_SETMASK, &none, nullptr, set_size) == 0);
    CHECK(raise(SIGUSR1) == 0 && handled == 2); // and back by rt_sigreturn, with the mask as it was
    CHECK(CALL(rt_sigprocmask, SIG_BLOCK, nullptr, &old, set_size) == 0 && old == 0);
    // A frame that is none ends the process.
    pid_t child = start([] { CALL(rt_sigreturn); });
    CHECK(WIFSIGNALED(status_of(child)));
    FAILS(EINTR, CALL(restart_syscall)); // nothing to go on with
}

volatile int got_code, got_value, got_pid;
void note(int, siginfo_t* info, void*) {
    got_code = info->si_code;
    got_value = info->si_int;
    got_pid = info->si_pid;
}

void queued_signals() {
    struct sigaction action = {};
    action.sa_sigaction = note, action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGUSR2, &action, nullptr) == 0);
    pid_t self = getpid(), thread = static_cast<pid_t>(CALL(gettid));
    siginfo_t info = {};
    info.si_code = SI_QUEUE, info.si_int = 77, info.si_pid = 5; // whom it says it is from is its own affair
    CHECK(CALL(rt_sigqueueinfo, self, SIGUSR2, &info) == 0);
    CHECK(got_code == SI_QUEUE && got_value == 77 && got_pid == 5);
    info.si_int = 78;
    CHECK(CALL(rt_tgsigqueueinfo, self, thread, SIGUSR2, &info) == 0 && got_value == 78);
    info.si_code = SI_USER; // to oneself anything
    CHECK(CALL(rt_sigqueueinfo, self, SIGUSR2, &info) == 0 && got_code == SI_USER);
    pid_t child = start([] { pause(); });
    FAILS(EPERM, CALL(rt_sigqueueinfo, child, SIGUSR2, &info)); // to others nothing that the kernel says
    FAILS(EPERM, CALL(rt_tgsigqueueinfo, child, child, SIGUSR2, &info));
    FAILS(EINVAL, CALL(rt_tgsigqueueinfo, 0, thread, SIGUSR2, &info));
    info.si_code = SI_QUEUE;
    FAILS(ESRCH, CALL(rt_tgsigqueueinfo, self, child, SIGUSR2, &info)); // no thread of this process
    FAILS(EINVAL, CALL(rt_sigqueueinfo, self, 65, &info));
    FAILS(EFAULT, CALL(rt_sigqueueinfo, self, SIGUSR2, nullptr));
    CHECK(CALL(tkill, thread, SIGUSR2) == 0 && got_code == SI_TKILL && got_pid == self);
    CHECK(CALL(tkill, thread, 0) == 0 && CALL(tkill, child, SIGKILL) == 0 && WTERMSIG(status_of(child)) == SIGKILL);
    FAILS(EINVAL, CALL(tkill, 0, SIGUSR2));
    FAILS(EINVAL, CALL(tkill, thread, 65));
    FAILS(ESRCH, CALL(tkill, 0x7ffffff0, 0));
}

void births() {
    int tid = 0;
    long child = CALL(clone, SIGCHLD | CLONE_PARENT_SETTID, 0, &tid, 0, 0);
    if (child == 0) _exit(CALL(getppid) != CALL(getpid) ? 31 : 1);
    CHECK(child > 0 && tid == child && WEXITSTATUS(status_of(static_cast<pid_t>(child))) == 31);
    FAILS(EINVAL, CALL(clone, CLONE_THREAD, 0, 0, 0, 0));
    FAILS(EINVAL, CALL(clone, CLONE_SIGHAND, 0, 0, 0, 0));
    clone_args how = {};
    int pidfd = -1;
    how.flags = CLONE_PIDFD, how.pidfd = reinterpret_cast<unsigned long>(&pidfd), how.exit_signal = SIGCHLD;
    child = CALL(clone3, &how, sizeof how);
    if (child == 0) _exit(32);
    CHECK(child > 0 && pidfd >= 0 && WEXITSTATUS(status_of(static_cast<pid_t>(child))) == 32);
    pollfd ended = {pidfd, POLLIN, 0};
    CHECK(poll(&ended, 1, 0) == 1 && ended.revents & POLLIN);
    close(pidfd);
    FAILS(EINVAL, CALL(clone3, &how, 56ul));
    FAILS(E2BIG, CALL(clone3, &how, 4097ul));
    how.exit_signal = 65;
    FAILS(EINVAL, CALL(clone3, &how, sizeof how));
    how.exit_signal = SIGCHLD, how.flags = SIGCHLD; // the signal stands in its own member
    FAILS(EINVAL, CALL(clone3, &how, sizeof how));
    how.flags = 0, how.stack = 4096;
    FAILS(EINVAL, CALL(clone3, &how, sizeof how)); // without a size
#ifdef __NR_getpgrp
    CHECK(CALL(getpgrp) == CALL(getpgid, 0));
#endif
}

void polling() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    epoll_event event = {EPOLLIN, {.u64 = 5}}, got = {};
    unsigned long usr1 = 1ul << (SIGUSR1 - 1);
#ifdef __NR_epoll_create
    FAILS(EINVAL, CALL(epoll_create, 0));
    long old = CALL(epoll_create, 1);
    CHECK(old >= 0 && (fcntl(static_cast<int>(old), F_GETFD) & FD_CLOEXEC) == 0 && close(static_cast<int>(old)) == 0);
#endif
    FAILS(EINVAL, CALL(epoll_create1, 1));
    long fd = CALL(epoll_create1, EPOLL_CLOEXEC);
    CHECK(fd >= 0 && fcntl(static_cast<int>(fd), F_GETFD) == FD_CLOEXEC);
    CHECK(CALL(epoll_ctl, fd, EPOLL_CTL_ADD, ends[0], &event) == 0);
    CHECK(CALL(epoll_pwait, fd, &got, 1, 0, nullptr, set_size) == 0 &&
          CALL(epoll_pwait2, fd, &got, 1, &moment, nullptr, set_size) == 0);
    // A signal that only the wait lets in ends it, before any event.
    CHECK(CALL(rt_sigprocmask, SIG_BLOCK, &usr1, nullptr, set_size) == 0 && kill(getpid(), SIGUSR1) == 0);
    unsigned long none = 0;
    FAILS(EINTR, CALL(epoll_pwait, fd, &got, 1, 10'000, &none, set_size));
    CHECK(handled == 3 && kill(getpid(), SIGUSR1) == 0);
    FAILS(EINTR, CALL(epoll_pwait2, fd, &got, 1, nullptr, &none, set_size));
    CHECK(handled == 4);
    CHECK(CALL(write, ends[1], "x", 1ul) == 1);
    CHECK(CALL(epoll_pwait, fd, &got, 1, -1, nullptr, set_size) == 1 && got.events == EPOLLIN && got.data.u64 == 5);
    CHECK(CALL(epoll_pwait2, fd, &got, 1, nullptr, nullptr, set_size) == 1);
#ifdef __NR_epoll_wait
    CHECK(CALL(epoll_wait, fd, &got, 1, 0) == 1 && got.events == EPOLLIN);
    FAILS(EINVAL, CALL(epoll_wait, fd, &got, -1, 0));
#endif
    FAILS(EINVAL, CALL(epoll_pwait, fd, &got, 0, 0, nullptr, set_size));
    FAILS(EINVAL, CALL(epoll_pwait, fd, &got, 1, 0, &none, 4ul));
    timespec wrong = {-1, 0};
    FAILS(EINVAL, CALL(epoll_pwait2, fd, &got, 1, &wrong, nullptr, set_size));
    FAILS(EINVAL, CALL(epoll_pwait, ends[0], &got, 1, 0, nullptr, set_size));

    long counter = CALL(eventfd2, 7, O_NONBLOCK | O_CLOEXEC);
    unsigned long value = 0;
    CHECK(counter >= 0 && CALL(read, counter, &value, 8ul) == 8 && value == 7);
    FAILS(EAGAIN, CALL(read, counter, &value, 8ul));
    FAILS(EINVAL, CALL(eventfd2, 0, 2));
    long signals = CALL(signalfd4, -1, &usr1, set_size, O_NONBLOCK);
    char told[128];
    CHECK(signals >= 0 && kill(getpid(), SIGUSR1) == 0 && CALL(read, signals, told, 128ul) == 128 &&
          told[0] == SIGUSR1);
    FAILS(EAGAIN, CALL(read, signals, told, 128ul));
    FAILS(EINVAL, CALL(signalfd4, -1, &usr1, set_size, 1));
    FAILS(EINVAL, CALL(signalfd4, -1, &usr1, 4ul, 0));
    FAILS(EINVAL, CALL(signalfd4, ends[0], &usr1, set_size, 0));
#ifdef __NR_eventfd
    long plain = CALL(eventfd, 3), told_too = CALL(signalfd, -1, &usr1, set_size);
    CHECK(plain >= 0 && fcntl(static_cast<int>(plain), F_GETFL) == O_RDWR && CALL(read, plain, &value, 8ul) == 8 &&
          value == 3);
    CHECK(told_too >= 0 && kill(getpid(), SIGUSR1) == 0 && CALL(read, told_too, told, 128ul) == 128);
    close(static_cast<int>(plain));
    close(static_cast<int>(told_too));
#endif
    CHECK(CALL(rt_sigprocmask, SIG_UNBLOCK, &usr1, nullptr, set_size) == 0);

    // close_range: from, to, and only marked.
    CHECK(CALL(close_range, counter, counter, CLOSE_RANGE_CLOEXEC) == 0 &&
          fcntl(static_cast<int>(counter), F_GETFD) == 1);
    FAILS(EINVAL, CALL(close_range, 5, 4, 0));
    FAILS(EINVAL, CALL(close_range, 4, 5, 1));
    CHECK(CALL(close_range, ends[0], ~0u, 0) == 0);
    for (long each : {static_cast<long>(ends[0]), static_cast<long>(ends[1]), fd, counter, signals})
        FAILS(EBADF, fcntl(static_cast<int>(each), F_GETFD));
}

void programs() {
    CHECK(mkdir("bin", 0755) == 0 && symlink("/proc/self/exe", "bin/link") == 0);
    int folder = open("bin", O_RDONLY | O_DIRECTORY), self = open("/proc/self/exe", O_RDONLY);
    char* arguments[] = {const_cast<char*>("again"), nullptr};
    CHECK(WEXITSTATUS(status_of(start([&] { CALL(execveat, self, "", arguments, nullptr, AT_EMPTY_PATH); }))) == 42);
    CHECK(WEXITSTATUS(status_of(start([&] { CALL(execveat, folder, "link", arguments, nullptr, 0); }))) == 42);
    FAILS(ELOOP, CALL(execveat, folder, "link", arguments, nullptr, AT_SYMLINK_NOFOLLOW));
    FAILS(ENOENT, CALL(execveat, self, "", arguments, nullptr, 0));
    FAILS(EINVAL, CALL(execveat, folder, "link", arguments, nullptr, AT_REMOVEDIR));
    FAILS(EACCES, CALL(execveat, folder, "", arguments, nullptr, AT_EMPTY_PATH));
    FAILS(EBADF, CALL(execveat, -1, "link", arguments, nullptr, 0));
    close(folder);
    close(self);
}

void refused() {
    int file = open("/proc/self/exe", O_RDONLY);
    FAILS(EBADF, CALL(setns, -1, 0));
    FAILS(EINVAL, CALL(setns, file, 0));
    FAILS(EPERM, CALL(ptrace, PTRACE_ATTACH, getpid(), nullptr, nullptr)); // of oneself
    close(file);
}

void processor() {
#ifdef __NR_arch_prctl
    constexpr int set_gs = 0x1001, get_fs = 0x1003, get_gs = 0x1004;
    unsigned long fs = 0, gs = 1;
    CHECK(CALL(arch_prctl, get_fs, &fs) == 0 && *reinterpret_cast<unsigned long*>(fs) == fs); // the ABI's own pointer
    CHECK(CALL(arch_prctl, get_gs, &gs) == 0 && gs == 0);
    CHECK(CALL(arch_prctl, set_gs, &fs) == 0 && CALL(arch_prctl, get_gs, &gs) == 0);
    unsigned long through = 0;
    asm volatile("mov %%gs:0, %0" : "=r"(through));
    CHECK(gs == reinterpret_cast<unsigned long>(&fs) && through == fs);
    FAILS(EPERM, CALL(arch_prctl, set_gs, 1ul << 63));
    FAILS(EINVAL, CALL(arch_prctl, 0x7777, 0));
#endif
#ifdef __NR_riscv_flush_icache
    char code[64];
    CHECK(CALL(riscv_flush_icache, code, code + sizeof code, 0ul) == 0);
    CHECK(CALL(riscv_flush_icache, nullptr, nullptr, 1ul) == 0); // of this thread alone
    FAILS(EINVAL, CALL(riscv_flush_icache, code, code + sizeof code, 2ul));
#endif
}

void heap_and_folders() {
    long end = CALL(brk, 0);
    CHECK(CALL(brk, 0) == end && CALL(brk, 1) == end); // what cannot be is answered with what is
    CHECK(CALL(brk, end + 8192) == end + 8192);
    memset(reinterpret_cast<char*>(end), 7, 8192);
    CHECK(CALL(brk, end) == end);
#ifdef __NR_getdents
    int folder = open(".", O_RDONLY | O_DIRECTORY);
    char entries[1024];
    long size = CALL(getdents, folder, entries, sizeof entries), found = 0;
    for (long at = 0; at < size;) {
        unsigned short length;
        memcpy(&length, entries + at + 16, 2);
        const char* name = entries + at + 18;
        found += strcmp(name, "bin") == 0 && entries[at + length - 1] == DT_DIR; // the type stands last
        at += length;
    }
    CHECK(size > 0 && found == 1 && CALL(getdents, folder, entries, sizeof entries) == 0);
    lseek(folder, 0, SEEK_SET);
    FAILS(EINVAL, CALL(getdents, folder, entries, 8));
    close(folder);
#endif
}
} // namespace

int main(int, char** argv) {
    if (strcmp(argv[0], "again") == 0) return 42;
    robust_lists();
    tid_address();
    many_futexes();
    barriers();
    signal_sets();
    queued_signals();
    births();
    polling();
    programs();
    refused();
    processor();
    heap_and_folders();
    return finish("kernel_calls");
}
