// qemu-user: passes sched_setattr's structure through another layout check
// Scheduling policies: sched_setscheduler, sched_setattr, SCHED_RESET_ON_FORK, nice values and timer slack.
#include "tests/linux/check.h"
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

namespace {
constexpr unsigned long reset_on_fork = 1, keep_policy = 8; // SCHED_FLAG_*
struct Attributes {                                         // struct sched_attr of sched_setattr(2), version 0
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};
static_assert(sizeof(Attributes) == 48);

long set(const void* attributes, unsigned flags = 0, int pid = 0) {
    return syscall(SYS_sched_setattr, pid, attributes, flags);
}
long get(void* attributes, unsigned size = sizeof(Attributes), unsigned flags = 0, int pid = 0) {
    return syscall(SYS_sched_getattr, pid, attributes, size, flags);
}

void attributes() {
    Attributes now = {};
    CHECK(get(&now) == 0 && now.size == 48 && now.policy == SCHED_OTHER && now.nice == 0 && now.flags == 0);
    Attributes wanted = {.size = 48, .policy = SCHED_BATCH, .nice = 3};
    CHECK(set(&wanted) == 0 && get(&now) == 0 && now.policy == SCHED_BATCH && now.nice == 3);
    CHECK(getpriority(PRIO_PROCESS, 0) == 3 && syscall(SYS_sched_getscheduler, 0) == SCHED_BATCH);
    wanted = {.size = 0, .policy = SCHED_IDLE, .flags = keep_policy, .nice = 5}; // 0: version 0
    CHECK(set(&wanted) == 0 && get(&now) == 0 && now.policy == SCHED_BATCH && now.nice == 5);

    struct {
        Attributes known;
        char unknown[32];
    } longer = {{.size = sizeof longer, .policy = SCHED_BATCH, .nice = 6}, {}};
    CHECK(set(&longer) == 0 && get(&now) == 0 && now.nice == 6);
    memset(longer.unknown, -1, sizeof longer.unknown);
    CHECK(get(&longer, sizeof longer) == 0 && longer.known.nice == 6 && longer.unknown[31] == 0);
    longer.known.size = sizeof longer;
    longer.unknown[31] = 1;
    FAILS(E2BIG, set(&longer));
    CHECK(longer.known.size >= 48 && longer.known.size < sizeof longer);
    wanted.size = 20;
    FAILS(E2BIG, set(&wanted));
    CHECK(wanted.size >= 48);

    wanted = {.size = 48, .policy = 77};
    FAILS(EINVAL, set(&wanted));
    wanted = {.size = 48, .policy = SCHED_FIFO, .priority = 100};
    FAILS(EINVAL, set(&wanted));
    wanted = {.size = 48, .policy = SCHED_BATCH, .priority = 1};
    FAILS(EINVAL, set(&wanted));
    wanted = {.size = 48, .policy = SCHED_BATCH, .nice = 20};
    CHECK(set(&wanted) == 0 && get(&now) == 0 && now.nice == 19);
    wanted = {.size = 48, .policy = SCHED_BATCH, .flags = 1ul << 40};
    FAILS(EINVAL, set(&wanted));
    wanted = {.size = 48, .policy = SCHED_BATCH, .nice = 6};
    FAILS(EINVAL, set(&wanted, 1));
    FAILS(EINVAL, set(nullptr));
    FAILS(EINVAL, set(&wanted, 0, -1));
    FAILS(ESRCH, set(&wanted, 0, 4'000'000));
    FAILS(EINVAL, get(&now, 47));
    FAILS(EINVAL, get(&now, 1 << 20));
    FAILS(EINVAL, get(&now, 48, 1));
    FAILS(EFAULT, get(reinterpret_cast<void*>(8)));
}

void forking() {
    Attributes wanted = {.size = 48, .policy = SCHED_OTHER, .flags = reset_on_fork, .nice = 19};
    CHECK(set(&wanted) == 0 && syscall(SYS_sched_getscheduler, 0) == (SCHED_OTHER | SCHED_RESET_ON_FORK));
    CHECK(prctl(PR_SET_TIMERSLACK, 70'000) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        Attributes now = {};
        printf("child: %ld policy %u flags %lu slack %d\n", get(&now), now.policy, (unsigned long)now.flags,
               prctl(PR_GET_TIMERSLACK));
        CHECK(prctl(PR_SET_TIMERSLACK, 10) == 0 && prctl(PR_SET_TIMERSLACK, 0) == 0);
        printf("child: default slack %d\n", prctl(PR_GET_TIMERSLACK));
        fflush(stdout);
        _exit(failures);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
/// RLIMIT_RTTIME: a real-time thread that never sleeps is warned, then killed.
volatile sig_atomic_t warnings;
int run_for_ever() {
    signal(SIGXCPU, [](int) { warnings = warnings + 1; });
    sched_param p{1};
    rlimit limit{500'000, 900'000};
    if (setrlimit(RLIMIT_RTTIME, &limit) || syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p)) return 1;
    // Sleeps start the count anew. Far from the limit: a virtual machine's CPU time goes on while its host does other
    // things.
    for (int i = 0; i < 12; i++) {
        timespec start, now;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        while ((now.tv_sec - start.tv_sec) * 1'000'000'000 + now.tv_nsec - start.tv_nsec < 60'000'000);
        usleep(2000);
    }
    if (warnings) return 2;
    while (!warnings) {}
    getrlimit(RLIMIT_RTTIME, &limit);
    if (limit.rlim_cur != 1'500'000) return 3;
    while (true) {}
}
void affinity_of_nobody() {
    unsigned long mask[16] = {1};
    FAILS(ESRCH, syscall(SYS_sched_getaffinity, -1, sizeof mask, mask));
    FAILS(ESRCH, syscall(SYS_sched_setaffinity, -1, sizeof mask, mask));
    FAILS(EINVAL, syscall(SYS_sched_getaffinity, -1, 3, mask));
    FAILS(EINVAL, syscall(SYS_sched_getscheduler, -1));
    sched_param p;
    FAILS(EINVAL, syscall(SYS_sched_getparam, -1, &p));
}
void realtime_limit() {
    pid_t child = start(run_for_ever);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    if (WIFEXITED(status)) printf("step %d\n", WEXITSTATUS(status));
}
} // namespace

int main() {
    realtime_limit();
    affinity_of_nobody();
    attributes();
    forking();
    return finish("scheduling");
}
