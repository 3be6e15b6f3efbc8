// Bytes of memory that things take: the change of MemFree when many of them are made, divided by their number.
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "bench/rows/rows.h"

enum { PAGE = 4096 };

/// Reports what `make` of `many` took each. As many before warm up what the kernel keeps in advance; and 64 MiB are
/// taken and kept, since a kernel counts the pages in its lists of each processor as used: they have to be empty.
static void report_of(void (*make)(int), int many) {
    enum { HELD = 64 << 20 };
    char* held = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check((long)held);
    check(madvise(held, HELD, MADV_DONTFORK)); // a child's page tables would have to map it
    for (int i = 0; i < many; ++i) make(i);
    memset(held, 1, HELD);
    double before = memory_free();
    for (int i = many; i < 2 * many; ++i) make(i);
    report((before - memory_free()) / many);
}

static void process(int i) {
    (void)i;
    if (check(fork()) == 0)
        while (1) pause();
}
ROW("use: a forked process that sleeps") { report_of(process, 500); }

static void* sleeps(void* nothing) {
    while (1) pause();
    return nothing;
}
static void thread(int i) {
    (void)i;
    pthread_t made;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    require(pthread_create(&made, &small, sleeps, NULL) == 0);
}
ROW("use: a thread that sleeps") { report_of(thread, 1000); }

static void mapping(int i) {
    check((long)mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
ROW("use: a mapping, untouched") { report_of(mapping, 8000); }

static void touched(int i) {
    int protection = i % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC;
    char* start = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check((long)start);
    *start = 1;
}
ROW("use: a mapping of a page, touched") { report_of(touched, 8000); }

static void open_file(int i) {
    (void)i;
    (void)check(open("/dev/null", O_RDONLY));
}
ROW("use: an open file") { report_of(open_file, 8000); }

static void empty_file(int i) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/use-%d-%d", getpid(), i);
    close(check(open(path, O_WRONLY | O_CREAT, 0600)));
}
ROW("use: an empty file on tmpfs") { report_of(empty_file, 8000); }

static void pipe_of(int i) {
    (void)i;
    int ends[2];
    check(pipe(ends));
}
ROW("use: a pipe, empty") { report_of(pipe_of, 4000); }

static void event(int i) {
    (void)i;
    (void)check(eventfd(0, 0));
}
ROW("use: an eventfd") { report_of(event, 8000); }

static void timer(int i) {
    struct itimerspec later = {.it_value.tv_sec = 1000 + i};
    check(timerfd_settime(check(timerfd_create(CLOCK_MONOTONIC, 0)), 0, &later, NULL));
}
ROW("use: a timerfd, armed") { report_of(timer, 8000); }

static int epoll;
static void watched(int i) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = i};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, check(eventfd(0, 0)), &wanted));
}
ROW("use: an eventfd watched by epoll") {
    epoll = check(epoll_create1(0));
    report_of(watched, 8000);
}

static void unix_pair(int i) {
    (void)i;
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
ROW("use: a pair of Unix stream sockets") { report_of(unix_pair, 4000); }

static void udp_socket(int i) {
    (void)i;
    (void)check(socket(AF_INET, SOCK_DGRAM, 0));
}
ROW("use: a UDP socket") { report_of(udp_socket, 4000); }

static void tcp_socket(int i) {
    (void)i;
    (void)check(socket(AF_INET, SOCK_STREAM, 0));
}
ROW("use: a TCP socket") { report_of(tcp_socket, 4000); }
