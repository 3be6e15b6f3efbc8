// Calls the kernel with arguments that are nearly right: fuzz SECONDS SEED USER. The first process of a container: it
// starts rounds of some processes with threads, ends all they have made, and says when something cannot be ended. Round
// N is made from the number N alone; the machine's own checks say whether a round was bad.
#include "tests/fuzz/syscalls/arguments.h"
#include "tests/linux/raw_call.h"
#include <asm/unistd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {
constexpr int workers = 4, threads = 2, calls = 400;
constexpr long round_limit = 3, end_limit = 60; // seconds

long seconds_now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

pid_t everybody[threads + 1]; // of a round's process
long* calls_made;             // by all rounds

/// The timer's signal comes to one thread; that one passes it on.
void pass_on(int, siginfo_t* info, void*) {
    if (info->si_code == SI_TKILL) return;
    for (pid_t thread : everybody)
        if (const long arguments[6] = {getpid(), thread, SIGALRM}; thread) raw_call(__NR_tgkill, arguments);
}

/// What waits is interrupted soon.
void keep_awake() {
    struct sigaction action = {};
    action.sa_sigaction = pass_on, action.sa_flags = SA_SIGINFO;
    sigaction(SIGALRM, &action, nullptr);
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
    itimerval often = {{0, 5'000}, {0, 5'000}};
    setitimer(ITIMER_REAL, &often, nullptr);
}

void make_calls(Random& random, World& world, int thread) {
    const long no_arguments[6] = {};
    everybody[thread] = static_cast<pid_t>(raw_call(__NR_gettid, no_arguments));
    for (int i = 0; i < calls; i++) {
        if (i % 16 == 0) keep_awake();
        const Row& row = rows[random.below(static_cast<unsigned>(row_count))];
        if (left_out(row) || (ends_the_round(row) && !random.one_in(16))) continue;
        long registers[6], self = raw_call(__NR_gettid, no_arguments);
        world.arguments(row, registers);
        long result = raw_call(row.number, registers);
        while (raw_call(__NR_gettid, no_arguments) != self) raw_call(__NR_exit, no_arguments); // made by the call
        world.learn(row, result);
        __atomic_fetch_add(calls_made, 1, __ATOMIC_RELAXED);
    }
}

struct Shared {
    const World& world;
    unsigned long seed;
    int thread;
};
void* thread_body(void* argument) {
    auto* shared = static_cast<Shared*>(argument);
    Random random{shared->seed};
    World world{random, shared->world};
    make_calls(random, world, shared->thread);
    return nullptr;
}

void limit(int what, rlim_t most) {
    rlimit both = {most, most};
    setrlimit(what, &both);
}

[[noreturn]] void play(unsigned long round, int user) {
    char folder[40];
    snprintf(folder, sizeof folder, "/tmp/round-%lu", round);
    if (mkdir(folder, 0777) || chmod(folder, 0777) || chdir(folder)) _exit(1);
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) dup2(null, i);
    limit(RLIMIT_CPU, round_limit);
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_NOFILE, 256);
    limit(RLIMIT_AS, 256 << 20);
    if (user && (setgroups(0, nullptr) || setresgid(user, user, user) || setresuid(user, user, user))) _exit(1);
    umask(0);
    for (int n = 1; n < 65; n++)
        if (n != SIGSEGV && n != SIGBUS && n != SIGILL && n != SIGCHLD) signal(n, SIG_IGN);
    Random random{round};
    World world{random};
    world.make();
    static Shared shared[threads] = {{world, round + 1'000'003, 1}, {world, round + 2'000'003, 2}};
    for (Shared& s : shared) {
        pthread_t thread;
        pthread_create(&thread, nullptr, thread_body, &s);
    }
    make_calls(random, world, 0);
    _exit(0);
}

/// Reaps all that ended; true when nobody is left.
bool reap() {
    while (true) {
        pid_t ended = waitpid(-1, nullptr, WNOHANG | __WALL);
        if (ended < 0 && errno == ECHILD) return true;
        if (ended <= 0) return false;
    }
}
template <class Condition>
bool within(long seconds, Condition done) {
    long end = seconds_now() + seconds;
    while (!done()) {
        if (seconds_now() > end) return false;
        usleep(5000);
    }
    return true;
}

void show_the_stuck() {
    DIR* proc = opendir("/proc");
    while (dirent* entry = proc ? readdir(proc) : nullptr) {
        char path[300], line[300];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE* stat = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' ? fopen(path, "r") : nullptr;
        if (stat && fgets(line, sizeof line, stat)) printf("fuzz: left: %s", line);
        if (stat) fclose(stat);
    }
}

void remove_all(const char* path) {
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {}
    if (unlink(path) == 0 || rmdir(path) == 0) return;
    if (DIR* folder = opendir(path)) {
        while (dirent* entry = readdir(folder)) {
            char name[4200];
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            if (static_cast<size_t>(snprintf(name, sizeof name, "%s/%s", path, entry->d_name)) < sizeof name)
                remove_all(name);
        }
        closedir(folder);
    }
    rmdir(path);
}
} // namespace

int main(int count, char** arguments) {
    if (count != 4 || getpid() != 1) {
        fprintf(stderr, "fuzz SECONDS SEED USER, as the first process of a container\n");
        return 2;
    }
    calls_made = static_cast<long*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    long end = seconds_now() + atol(arguments[1]);
    unsigned long round = strtoul(arguments[2], nullptr, 0);
    int user = atoi(arguments[3]), done = 0;
    do {
        printf("fuzz: rounds from %lu, user %d\n", round, user);
        fflush(stdout);
        pid_t players[workers];
        for (int i = 0; i < workers; i++, round++, done++)
            if ((players[i] = fork()) == 0) play(round, user);
        (void)within(round_limit, [&] {
            reap();
            for (pid_t player : players)
                if (kill(player, 0) == 0) return false;
            return true;
        });
        if (!within(end_limit, [] { return kill(-1, SIGKILL), reap(); })) {
            printf("fuzz: these cannot be ended:\n");
            show_the_stuck();
            return 1;
        }
        for (int i = 1; i <= workers; i++) {
            char folder[40];
            snprintf(folder, sizeof folder, "/tmp/round-%lu", round - static_cast<unsigned>(i));
            remove_all(folder);
        }
    } while (seconds_now() < end);
    printf("fuzz: %d rounds, user %d: ended, %ld calls\n", done, user, *calls_made);
    return 0;
}
