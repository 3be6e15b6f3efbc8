// Bytes of memory that things take: the change of MemFree when many of them are made, divided by their number.
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "bench/rows/rows.h"

enum { PAGE = 4096, MANY = 1000 };

/// Reports what `make` of `MANY` took each. A first half warms up caches that the kernel fills in advance.
static void report_of(void (*make)(int)) {
    for (int i = 0; i < MANY; ++i) make(i);
    double before = memory_free();
    for (int i = MANY; i < 2 * MANY; ++i) make(i);
    report((before - memory_free()) / MANY);
}

static void process(int i) {
    (void)i;
    if (check(fork()) == 0)
        while (1) pause();
}
ROW("use: a forked process that sleeps") { report_of(process); }

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
ROW("use: a thread that sleeps") { report_of(thread); }

static void mapping(int i) {
    check((long)mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
ROW("use: a mapping, untouched") { report_of(mapping); }

static void touched(int i) {
    int protection = i % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC;
    char* start = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check((long)start);
    *start = 1;
}
ROW("use: a mapping of a page, touched") { report_of(touched); }

static void open_file(int i) {
    (void)i;
    (void)check(open("/dev/null", O_RDONLY));
}
ROW("use: an open file") { report_of(open_file); }

static void empty_file(int i) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/use-%d-%d", getpid(), i);
    close(check(open(path, O_WRONLY | O_CREAT, 0600)));
}
ROW("use: an empty file on tmpfs") { report_of(empty_file); }

static void pipe_of(int i) {
    (void)i;
    int ends[2];
    check(pipe(ends));
}
ROW("use: a pipe, empty") { report_of(pipe_of); }

static void event(int i) {
    (void)i;
    (void)check(eventfd(0, 0));
}
ROW("use: an eventfd") { report_of(event); }

static void timer(int i) {
    struct itimerspec later = {.it_value.tv_sec = 1000 + i};
    check(timerfd_settime(check(timerfd_create(CLOCK_MONOTONIC, 0)), 0, &later, NULL));
}
ROW("use: a timerfd, armed") { report_of(timer); }

static int epoll;
static void watched(int i) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = i};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, check(eventfd(0, 0)), &wanted));
}
ROW("use: an eventfd watched by epoll") {
    epoll = check(epoll_create1(0));
    report_of(watched);
}

static void unix_pair(int i) {
    (void)i;
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
ROW("use: a pair of Unix stream sockets") { report_of(unix_pair); }

static void udp_socket(int i) {
    (void)i;
    (void)check(socket(AF_INET, SOCK_DGRAM, 0));
}
ROW("use: a UDP socket") { report_of(udp_socket); }

static void tcp_socket(int i) {
    (void)i;
    (void)check(socket(AF_INET, SOCK_STREAM, 0));
}
ROW("use: a TCP socket") { report_of(tcp_socket); }
