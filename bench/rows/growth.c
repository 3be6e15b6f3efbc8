// The same operation beside 1, 10, 100, 1,000 and 10,000 of what its cost might depend on.
#include <arpa/inet.h>
#include <linux/futex.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "bench/rows/rows.h"

enum { PAGE = 4096 };

/// `n` processes that wait for ever; returns the last one's number.
static pid_t sleepers(int n) {
    pid_t last = 0;
    for (int i = 0; i < n; ++i)
        if ((last = check(fork())) == 0)
            while (1) pause();
    return last;
}

GROWTH("growth: fork+exit+wait beside processes", 10000) {
    sleepers(n);
    MEASURE(10) {
        pid_t child = check(fork());
        if (child == 0) _exit(0);
        reap(child);
    }
}

GROWTH("growth: kill of one with signal 0 beside processes", 10000) {
    pid_t last = sleepers(n);
    MEASURE(100) check(kill(last, 0));
}

GROWTH("growth: pipe hop in a ring of processes", 1000) {
    static int pipes[1000][2];
    for (int i = 0; i < n; ++i) check(pipe(pipes[i]));
    for (int i = 1; i < n; ++i)
        if (check(fork()) == 0) relay(pipes[i][0], pipes[(i + 1) % n][1]);
    divide_by(n);
    MEASURE(n > 100 ? 1 : 10) {
        put(pipes[1 % n][1]);
        get(pipes[0][0]);
    }
}

static void* waits(void* word) {
    while (1) syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    return NULL;
}

static void waiting_threads(int n) {
    static int words[1000];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int i = 0; i < n; ++i) {
        pthread_t thread;
        require(pthread_create(&thread, &small, waits, &words[i % 1000]) == 0);
    }
}

GROWTH("growth: futex wake of nobody beside waiting threads", 1000) {
    static int word;
    waiting_threads(n);
    MEASURE(100) check(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
}

static void* nothing(void* argument) { return argument; }

GROWTH("growth: thread create+join beside threads", 1000) {
    waiting_threads(n);
    MEASURE(10) {
        pthread_t thread;
        require(pthread_create(&thread, NULL, nothing, NULL) == 0);
        require(pthread_join(thread, NULL) == 0);
    }
}

GROWTH("growth: open+close beside open files", 10000) {
    for (int i = 0; i < n; ++i) check(open("/dev/null", O_RDONLY));
    MEASURE(100) check(close(check(open("/dev/null", O_RDONLY))));
}

GROWTH("growth: fork+exit+wait with open files", 10000) {
    for (int i = 0; i < n; ++i) check(open("/dev/null", O_RDONLY));
    MEASURE(5) {
        pid_t child = check(fork());
        if (child == 0) _exit(0);
        reap(child);
    }
}

/// A fresh folder with files "0" to "n-1".
static void folder_of(int n) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/growth-%d", getpid());
    check(mkdir(path, 0700));
    check(chdir(path));
    for (int i = 0; i < n; ++i) {
        snprintf(path, sizeof path, "%d", i);
        check(close(check(open(path, O_WRONLY | O_CREAT, 0600))));
    }
}

GROWTH("growth: stat in a folder of files", 10000) {
    struct stat result;
    folder_of(n);
    MEASURE(100) check(stat("0", &result));
}

GROWTH("growth: create+close+unlink in a folder of files", 10000) {
    folder_of(n);
    MEASURE(50) {
        check(close(check(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600))));
        check(unlink("new"));
    }
}

GROWTH("growth: getdents of a folder, per file", 10000) {
    static char entries[32768];
    folder_of(n);
    int here = check(open(".", O_RDONLY | O_DIRECTORY));
    divide_by(n);
    MEASURE(n > 100 ? 1 : 10) {
        check(lseek(here, 0, SEEK_SET));
        while (check(syscall(SYS_getdents64, here, entries, sizeof entries)) > 0) {}
    }
}

/// `n` mappings that cannot be merged; the middle one.
static char* mappings(int n) {
    char* middle = NULL;
    for (int i = 0; i < n; ++i) {
        int protection = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
        char* start = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check((long)start);
        if (i / 2 * 2 == n / 4 * 2) middle = i % 2 ? middle : start;
    }
    return middle;
}

GROWTH("growth: mmap+munmap beside mappings", 10000) {
    mappings(n);
    MEASURE(50) {
        char* start = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check((long)start);
        check(munmap(start, PAGE));
    }
}

GROWTH("growth: page fault beside mappings", 10000) {
    char* middle = mappings(n);
    MEASURE(50) {
        *(volatile char*)middle = 1;
        check(madvise(middle, PAGE, MADV_DONTNEED));
    }
}

GROWTH("growth: arm and disarm a timer beside armed timers", 10000) {
    struct itimerspec later = {.it_value.tv_sec = 1000}, never = {0};
    int file = check(timerfd_create(CLOCK_MONOTONIC, 0));
    for (int i = 0; i < n; ++i) {
        struct itimerspec other = {.it_value.tv_sec = 500 + i * 7919 % 1000};
        check(timerfd_settime(check(timerfd_create(CLOCK_MONOTONIC, 0)), 0, &other, NULL));
    }
    MEASURE(100) {
        check(timerfd_settime(file, 0, &later, NULL));
        check(timerfd_settime(file, 0, &never, NULL));
    }
}

GROWTH("growth: an event through epoll beside files", 10000) {
    int epoll = check(epoll_create1(0)), file = -1;
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i < n; ++i) {
        file = check(eventfd(0, 0));
        check(epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event));
    }
    MEASURE(50) {
        uint64_t value = 1;
        require(write(file, &value, 8) == 8);
        require(epoll_wait(epoll, &event, 1, -1) == 1);
        require(read(file, &value, 8) == 8);
    }
}

GROWTH("growth: poll, per file", 10000) {
    static struct pollfd list[10000];
    for (int i = 0; i < n; ++i) list[i] = (struct pollfd){.fd = check(eventfd(i == n - 1, 0)), .events = POLLIN};
    divide_by(n);
    MEASURE(n > 100 ? 2 : 20) require(poll(list, (nfds_t)n, -1) == 1);
}

GROWTH("growth: Unix stream write+read beside sockets", 1000) {
    int ends[2];
    for (int i = 0; i < n; ++i) check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    MEASURE(50) {
        put(ends[0]);
        get(ends[1]);
    }
}

GROWTH("growth: UDP send+receive beside bound sockets", 10000) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int socket_file = -1;
    for (int i = 0; i < n; ++i) {
        socket_file = check(socket(AF_INET, SOCK_DGRAM, 0));
        address.sin_port = htons((uint16_t)(20000 + i));
        check(bind(socket_file, (struct sockaddr*)&address, sizeof address));
    }
    check(connect(socket_file, (struct sockaddr*)&address, sizeof address));
    MEASURE(50) {
        put(socket_file);
        get(socket_file);
    }
}

/// Two sockets, connected to each other through a listener that stays.
static void tcp_pair(int listener, const struct sockaddr_in* at, int ends[2]) {
    ends[0] = check(socket(AF_INET, SOCK_STREAM, 0));
    check(connect(ends[0], (const struct sockaddr*)at, sizeof *at));
    ends[1] = check(accept(listener, NULL, NULL));
}

GROWTH("growth: TCP send+receive beside connections", 10000) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = check(socket(AF_INET, SOCK_STREAM, 0)), ends[2];
    check(bind(listener, (struct sockaddr*)&address, size));
    check(listen(listener, 8));
    check(getsockname(listener, (struct sockaddr*)&address, &size));
    for (int i = 0; i < n; ++i) tcp_pair(listener, &address, ends);
    MEASURE(50) {
        put(ends[0]);
        get(ends[1]);
    }
}

/// A route to the host 10.0.0.0 + `number` by the loopback interface.
static void add_route(int netlink, int number) {
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        struct rtattr to;
        in_addr_t address;
        struct rtattr by;
        int interface;
    } ask = {{sizeof ask, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, 0, 0},
             {AF_INET, 32, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST, 0},
             {8, RTA_DST},
             htonl(0x0a000000u + (unsigned)number),
             {8, RTA_OIF},
             1};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;
    check(send(netlink, &ask, sizeof ask, 0));
    check(recv(netlink, &answer, sizeof answer, 0));
    require(answer.error.error == 0);
}

GROWTH("growth: UDP send+receive beside routes", 10000) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(20000)};
    int netlink = check(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), file = check(socket(AF_INET, SOCK_DGRAM, 0));
    for (int i = 0; i < n; ++i) add_route(netlink, i * 3);
    check(bind(file, (struct sockaddr*)&address, sizeof address));
    MEASURE(50) {
        char byte = 0;
        require(sendto(file, &byte, 1, 0, (struct sockaddr*)&address, sizeof address) == 1);
        get(file);
    }
}
