// Throughput with several processors: operations a second of wall-clock time, all processors at work. The row's number
// is nanoseconds an operation, all processors together; QEMU runs each on a thread of its own (MTTCG), so it is noisy.
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/rows/rows.h"

static uint64_t nanoseconds(void) {
    struct timespec time;
    check(clock_gettime(CLOCK_MONOTONIC, &time));
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

struct Shared {
    int ready, go;
    uint64_t operations[16];
};

enum { TENTH = 100000000, TENTHS = 5 };

static struct Shared* shared;
static void (*work)(int who);

/// Works for half a second, bound to a processor, once all are ready.
static void* worker(void* number) {
    int who = (int)(intptr_t)number;
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(who, &mine);
    check(sched_setaffinity(0, sizeof mine, &mine));
    __atomic_fetch_add(&shared->ready, 1, __ATOMIC_ACQ_REL);
    while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE)) sched_yield();
    uint64_t end = nanoseconds() + (uint64_t)TENTHS * TENTH, done = 0;
    do {
        for (int k = 0; k < 20; ++k) work(who);
        done += 20;
    } while (nanoseconds() < end);
    shared->operations[who] = done;
    return NULL;
}

static void prepare(int processors, void (*what)(int who)) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check((long)shared);
    work = what;
    require(sysconf(_SC_NPROCESSORS_ONLN) >= processors);
}

static void start(int processors) {
    while (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) < processors) usleep(1000);
    __atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
}

static void report_total(int processors) {
    uint64_t total = 0;
    for (int i = 0; i < processors; ++i) total += shared->operations[i];
    require(total > 0);
    report((double)TENTHS * TENTH / (double)total);
}

/// So many processes at work.
static void throughput(int processors, void (*what)(int who)) {
    prepare(processors, what);
    pid_t children[16];
    for (int i = 0; i < processors; ++i) {
        if ((children[i] = check(fork()))) continue;
        worker((void*)(intptr_t)i);
        _exit(0);
    }
    start(processors);
    for (int i = 0; i < processors; ++i) reap(children[i]);
    report_total(processors);
}

/// So many threads of this process.
static void threads(int processors, void (*what)(int who)) {
    prepare(processors, what);
    pthread_t all[16];
    for (int i = 0; i < processors; ++i) require(pthread_create(&all[i], NULL, worker, (void*)(intptr_t)i) == 0);
    start(processors);
    for (int i = 0; i < processors; ++i) require(pthread_join(all[i], NULL) == 0);
    report_total(processors);
}

static void null_call(int who) { (void)who, (void)call3(SYS_getppid, 0, 0, 0); }

static void open_own(int who) {
    char path[32];
    snprintf(path, sizeof path, "/tmp/smp-%d", who);
    close(check(open(path, O_RDWR | O_CREAT, 0600)));
}

static void open_same(int who) { (void)who, close(check(open("/tmp/smp", O_RDWR | O_CREAT, 0600))); }

static void fork_one(int who) {
    (void)who;
    pid_t child = check(fork());
    if (child == 0) _exit(0);
    reap(child);
}

static void fault_pages(int who) {
    (void)who;
    char* start = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check((long)start);
    for (int i = 0; i < 16; ++i) ((volatile char*)start)[i * 4096] = 1;
    check(munmap(start, 65536));
}

/// Mostly faults: 1,024 to a mapping.
static void fault_page(int who) {
    enum { LENGTH = 4 << 20 };
    static struct {
        char *at, *end;
    } next[16];
    if (next[who].at == next[who].end) {
        if (next[who].end) check(munmap(next[who].end - LENGTH, LENGTH));
        next[who].at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check((long)next[who].at);
        check(madvise(next[who].at, LENGTH, MADV_NOHUGEPAGE));
        next[who].end = next[who].at + LENGTH;
    }
    *(volatile char*)next[who].at = 1;
    next[who].at += 4096;
}

ROW("smp: null call, 1 CPU") { throughput(1, null_call); }
ROW("smp: null call, 2 CPUs") { throughput(2, null_call); }
ROW("smp: null call, 4 CPUs") { throughput(4, null_call); }
ROW("smp: open+close, a file each, 1 CPU") { throughput(1, open_own); }
ROW("smp: open+close, a file each, 2 CPUs") { throughput(2, open_own); }
ROW("smp: open+close, a file each, 4 CPUs") { throughput(4, open_own); }
ROW("smp: open+close, the same file, 1 CPU") { throughput(1, open_same); }
ROW("smp: open+close, the same file, 2 CPUs") { throughput(2, open_same); }
ROW("smp: open+close, the same file, 4 CPUs") { throughput(4, open_same); }
ROW("smp: fork+exit+wait, 1 CPU") { throughput(1, fork_one); }
ROW("smp: fork+exit+wait, 2 CPUs") { throughput(2, fork_one); }
ROW("smp: fork+exit+wait, 4 CPUs") { throughput(4, fork_one); }
ROW("smp: mmap, 16 page faults, munmap, 1 CPU") { throughput(1, fault_pages); }
ROW("smp: mmap, 16 page faults, munmap, 2 CPUs") { throughput(2, fault_pages); }
ROW("smp: mmap, 16 page faults, munmap, 4 CPUs") { throughput(4, fault_pages); }
ROW("smp: page fault, threads of a process, 1 CPU") { threads(1, fault_page); }
ROW("smp: page fault, threads of a process, 2 CPUs") { threads(2, fault_page); }
ROW("smp: page fault, threads of a process, 4 CPUs") { threads(4, fault_page); }
