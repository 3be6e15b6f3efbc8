// The ends of processes, at random moments and all at once: `ends SECONDS SEED` starts processes with many threads,
// timers, children and execs, kills them while others read what /proc says of them, and waits for all. What is asked
// for may fail (memory is made to be short); what was started must end. `ends quick MICROSECONDS` only sleeps and ends.
#include <atomic>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <initializer_list>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {
struct Random {
    unsigned state;
    unsigned below(unsigned n) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state % n;
    }
};
double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// What threads do until they are killed, or for a while.

void* map_and_touch(void* seed) {
    Random random{static_cast<unsigned>(reinterpret_cast<size_t>(seed)) | 1};
    for (;;) {
        size_t size = (1 + random.below(64)) << 12;
        auto* at = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (at == MAP_FAILED) continue;
        for (size_t i = 0; i < size; i += 4096) at[i] = 1;
        munmap(at, size);
        if (random.below(200) == 0) return nullptr;
    }
}
void* wait_for_ever(void*) {
    static int word;
    for (;;) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
}
void* signal_others(void*) {
    Random random{static_cast<unsigned>(syscall(SYS_gettid)) * 7 | 1};
    for (;;) {
        pid_t self = getpid(), other = static_cast<pid_t>(syscall(SYS_gettid)) + static_cast<pid_t>(random.below(8));
        syscall(SYS_tgkill, self, other, SIGUSR1);
        if (random.below(50) == 0) usleep(100);
        if (random.below(500) == 0) return nullptr;
    }
}
void* sleep_a_little(void* us) {
    usleep(static_cast<useconds_t>(reinterpret_cast<size_t>(us)));
    return nullptr;
}
void* end_all(void* us) {
    usleep(static_cast<useconds_t>(reinterpret_cast<size_t>(us)));
    _exit(3);
}
void* execute(void* us) {
    usleep(static_cast<useconds_t>(reinterpret_cast<size_t>(us)));
    execl("/proc/self/exe", "ends", "quick", "500", nullptr);
    return nullptr;
}
void* make_threads(void*);
using Body = void* (*)(void*);
constexpr Body bodies[] = {map_and_touch, wait_for_ever, signal_others, sleep_a_little, make_threads};

bool start_thread(Body body, size_t argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32 << 10);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    return pthread_create(&thread, &attributes, body, reinterpret_cast<void*>(argument)) == 0;
}
void* make_threads(void*) {
    for (int i = 0; i < 30; i++) {
        start_thread(sleep_a_little, 200);
        usleep(300);
    }
    return nullptr;
}

void ignore(int) {}

void arm_timers(Random& random) {
    if (random.below(2)) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, nullptr);
    }
    for (int which : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
        itimerval soon{{0, static_cast<suseconds_t>(random.below(2000))},
                       {0, 1 + static_cast<suseconds_t>(random.below(3000))}};
        if (random.below(2)) setitimer(which, &soon, nullptr);
    }
    constexpr int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (unsigned i = random.below(30); i > 0; i--) {
        sigevent how{};
        how.sigev_notify = random.below(3) == 0 ? SIGEV_NONE : random.below(2) ? SIGEV_SIGNAL : SIGEV_THREAD_ID;
        how.sigev_signo = random.below(2) ? SIGRTMIN + static_cast<int>(random.below(10)) : SIGUSR1;
        how.sigev_notify_thread_id = static_cast<int>(syscall(SYS_gettid));
        int id;
        itimerspec soon{{0, 1 + random.below(1'000'000) * random.below(2)}, {0, 1 + random.below(1'000'000)}};
        if (syscall(SYS_timer_create, clocks[random.below(4)], &how, &id)) continue;
        syscall(SYS_timer_settime, id, 0, &soon, nullptr);
        if (random.below(4) == 0) syscall(SYS_timer_delete, id);
    }
    rlimit one{1, 2}, large{1 << 20, 1 << 20};
    if (random.below(2)) setrlimit(RLIMIT_CORE, &large);
    if (random.below(4) == 0) setrlimit(RLIMIT_CPU, &one);
}

/// A process of some kind, which does not return.
[[noreturn]] void live(Random random) {
    for (int number : {SIGUSR1, SIGALRM, SIGVTALRM, SIGPROF, SIGCONT})
        signal(number, random.below(8) ? ignore : number == SIGUSR1 ? SIG_IGN : SIG_DFL);
    for (int number = SIGRTMIN; number < SIGRTMIN + 10; number++) signal(number, random.below(3) ? ignore : SIG_IGN);
    if (random.below(4) == 0) signal(SIGCHLD, SIG_IGN);
    if (random.below(3) == 0) arm_timers(random);
    unsigned threads = random.below(4) == 0 ? 60 : random.below(8);
    for (unsigned i = 0; i < threads; i++) start_thread(bodies[random.below(5)], 1 + random.below(20'000));
    size_t moment = random.below(10'000);
    switch (random.below(8)) {
    case 0: start_thread(end_all, moment); break;
    case 1:
        start_thread(execute, moment);
        if (random.below(2)) start_thread(execute, moment); // two at once
        break;
    case 2: // children, some ended and some not, that others get
        if (random.below(2)) prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (unsigned i = 1 + random.below(6); i > 0; i--) {
            pid_t child = fork();
            if (child) continue;
            if (random.below(2)) setpgid(0, 0);
            if (random.below(3) == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (random.below(3) == 0 && fork() == 0) usleep(random.below(5000));
            if (random.below(4) == 0) raise(SIGSTOP);
            usleep(random.below(10'000));
            _exit(0);
        }
        break;
    case 3:
        if (vfork() == 0) {
            execl("/proc/self/exe", "ends", "quick", "100", nullptr);
            _exit(1);
        }
        break;
    default: break;
    }
    switch (random.below(4)) {
    case 0: syscall(SYS_exit, 0); // the first thread goes, the others stay
    case 1: usleep(static_cast<useconds_t>(moment)); break;
    default: wait_for_ever(nullptr);
    }
    _exit(0);
}

// Who looks on.

char buffer[1 << 16];
void read_file(const char* folder, const char* name, Random& random) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (strcmp(name, "mem") == 0)
        (void)!pread(fd, buffer, 4096, static_cast<off_t>(0x400000));
    else
        while (read(fd, buffer, 1 + random.below(sizeof buffer)) > 0 && random.below(4)) {}
    close(fd);
}
constexpr const char* texts[] = {"maps",      "status",       "stat",      "statm",     "cmdline", "environ",
                                 "mem",       "smaps_rollup", "limits",    "mountinfo", "io",      "auxv",
                                 "oom_score", "comm",         "schedstat", "wchan"};
constexpr const char* links[] = {"exe", "cwd", "root", "ns/pid", "fd/0", "fd/1"};
void look_at(const char* folder, Random& random) {
    for (unsigned i = 0; i < 4; i++) read_file(folder, texts[random.below(sizeof texts / sizeof *texts)], random);
    char path[300], target[256];
    snprintf(path, sizeof path, "%s/%s", folder, links[random.below(6)]);
    (void)!readlink(path, target, sizeof target);
}
void list(const char* folder, Random& random, bool look) {
    DIR* open = opendir(folder);
    if (!open) return;
    while (dirent* entry = readdir(open)) {
        if (entry->d_name[0] == '.' || !look) continue;
        char path[300];
        snprintf(path, sizeof path, "%s/%.100s", folder, entry->d_name);
        if (random.below(4) == 0) look_at(path, random);
    }
    closedir(open);
}
[[noreturn]] void look_on(Random random) {
    for (;;) {
        DIR* all = opendir("/proc");
        while (dirent* entry = all ? readdir(all) : nullptr) {
            pid_t pid = atoi(entry->d_name);
            if (pid < 2) continue;
            char path[300];
            snprintf(path, sizeof path, "/proc/%d", pid);
            look_at(path, random);
            snprintf(path, sizeof path, "/proc/%d/%s", pid, random.below(2) ? "task" : "fd");
            list(path, random, true);
            iovec here{buffer, 64}, there{reinterpret_cast<void*>(0x400000), 64};
            syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0);
            int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
            if (fd >= 0) {
                syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0);
                close(fd);
            }
            rlimit64 any;
            syscall(SYS_prlimit64, pid, RLIMIT_CPU, nullptr, &any);
            sched_getscheduler(pid);
            if (random.below(16) == 0) kill(pid, SIGSTOP), kill(pid, SIGCONT);
        }
        if (all) closedir(all);
        usleep(1000);
    }
}

// Who starts and kills.

/// Waits for one child in one of several ways. 0: there is none, or none has ended.
pid_t wait_somehow(Random& random) {
    siginfo_t info{};
    if (random.below(2)) return waitpid(-1, nullptr, WNOHANG);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid) return 0;
    return waitpid(info.si_pid, nullptr, 0);
}

int work(double seconds, unsigned seed) {
    Random random{seed | 1};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    constexpr unsigned most = 6;
    pid_t living[most] = {};
    for (unsigned onlookers = 0; onlookers < 2;) {
        pid_t child = fork();
        if (child == 0) look_on(Random{seed * 31 + onlookers + 1});
        child > 0 ? onlookers++ : static_cast<unsigned>(usleep(1000));
    }
    long started = 0;
    double until = now() + seconds;
    while (now() < until) {
        unsigned place = random.below(most);
        if (living[place]) {
            constexpr int ways[] = {SIGTERM, SIGQUIT, SIGSEGV, SIGABRT};
            unsigned way = random.below(8);
            kill(living[place], way < 4 ? ways[way] : SIGKILL);
            if (way < 4) usleep(random.below(3000)); // a core dump has begun, perhaps
            if (random.below(8) == 0) kill(living[place], SIGKILL);
            kill(living[place], SIGKILL);
            living[place] = 0;
        }
        unsigned mine = random.below(1u << 30) | 1;
        pid_t child = fork();
        if (child == 0) live(Random{mine});
        if (child > 0) {
            living[place] = child;
            started++;
        }
        usleep(random.below(10'000));
        while (wait_somehow(random) > 0) {}
    }
    // All must end when they are killed, orphans included.
    for (;;) {
        kill(-1, SIGKILL);
        double limit = now() + 1;
        pid_t gone = 0;
        while (now() < limit && (gone = waitpid(-1, nullptr, WNOHANG)) >= 0)
            if (gone == 0) usleep(1000);
        if (gone < 0 && errno == ECHILD) break;
        if (now() > until + 300) return printf("ends: some live on\n"), 1;
    }
    printf("ends: %ld started, all ended\n", started);
    return started == 0;
}
} // namespace

int main(int count, char** arguments) {
    if (count > 2 && strcmp(arguments[1], "quick") == 0) {
        usleep(static_cast<useconds_t>(atoi(arguments[2])));
        return 0;
    }
    // It stops and kills whatever it sees.
    if (getpid() != 1) return printf("ends: only as the first process of a container\n"), 2;
    double seconds = count > 1 ? atof(arguments[1]) : 5;
    unsigned seed = count > 2 ? static_cast<unsigned>(atoi(arguments[2])) : 1;
    setvbuf(stdout, nullptr, _IONBF, 0);
    return work(seconds, seed);
}
