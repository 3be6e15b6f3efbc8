// Edge-triggered epoll: which operation on one end of a file is news for which watch, and whom EPOLLEXCLUSIVE wakes.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

namespace {
char buf[300'000];

/// Watches, and what became of them, said in letters.
struct Watches {
    int epoll = epoll_create1(0);
    ~Watches() { close(epoll); }
    void add(int fd, char name, unsigned events = EPOLLIN | EPOLLOUT) {
        epoll_event event{events | EPOLLET, {.u32 = static_cast<unsigned>(name)}};
        CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    /// Prints each watch that has news, in alphabetical order.
    void say(const char* after) {
        epoll_event got[16];
        int n = epoll_wait(epoll, got, 16, 0);
        printf("%s:", after);
        for (unsigned name = 'A'; name <= 'z'; name++)
            for (int i = 0; i < n; i++)
                if (got[i].data.u32 == name) printf(" %c %x", name, got[i].events);
        printf("\n");
    }
};

void pipes() {
    int p[2];
    CHECK(pipe2(p, O_NONBLOCK) == 0 && fcntl(p[1], F_SETPIPE_SZ, 8192) == 8192);
    Watches w;
    w.add(p[0], 'R');
    w.add(p[1], 'W');
    w.say("pipe, empty");
    CHECK(write(p[1], buf, 100) == 100);
    w.say("first write");
    CHECK(write(p[1], buf, 100) == 100);
    w.say("second write");
    CHECK(read(p[0], buf, 50) == 50);
    w.say("read of a part");
    CHECK(read(p[0], buf, 1000) == 150);
    w.say("read of the rest");
    CHECK(write(p[1], buf, 10'000) == 8192);
    w.say("filled");
    FAILS(EAGAIN, write(p[1], buf, 1));
    w.say("write into a full pipe");
    CHECK(read(p[0], buf, 2048) == 2048);
    w.say("half a page read");
    CHECK(read(p[0], buf, 2048) == 2048);
    w.say("a page read");
    CHECK(read(p[0], buf, 4096) == 4096);
    w.say("the other page read");
    FAILS(EAGAIN, read(p[0], buf, 1));
    w.say("read of an empty pipe");
    CHECK(write(p[1], buf, 8192) == 8192);
    w.say("filled again");
    CHECK(fcntl(p[1], F_SETPIPE_SZ, 16384) == 16384);
    w.say("made larger");
    int reader = dup(p[0]), writer = dup(p[1]);
    close(reader);
    close(writer);
    w.say("copies closed");
    close(p[1]);
    w.say("writer closed");
    CHECK(read(p[0], buf, 8192) == 8192);
    w.say("read after it");
    close(p[0]);

    CHECK(pipe(p) == 0);
    Watches other;
    other.add(p[1], 'W');
    other.say("pipe, empty");
    close(p[0]);
    other.say("reader closed");
    close(p[1]);
}

void moved_bytes() {
    int a[2], b[2];
    CHECK(pipe(a) == 0 && pipe(b) == 0);
    Watches w;
    w.add(a[0], 'A');
    w.add(a[1], 'B');
    w.add(b[0], 'C');
    w.add(b[1], 'D');
    CHECK(write(a[1], buf, 100) == 100);
    w.say("two pipes, one written");
    CHECK(tee(a[0], b[1], 100, 0) == 100);
    w.say("tee");
    CHECK(splice(a[0], nullptr, b[1], nullptr, 40, 0) == 40);
    w.say("splice of a part");
    CHECK(splice(a[0], nullptr, b[1], nullptr, 100, 0) == 60);
    w.say("splice of the rest");
    for (int fd : {a[0], a[1], b[0], b[1]}) close(fd);
}

void fifos() {
    CHECK(mkfifo("fifo", 0600) == 0);
    int both = open("fifo", O_RDWR | O_NONBLOCK), same = dup(both);
    CHECK(both >= 0 && fcntl(both, F_SETPIPE_SZ, 4096) == 4096);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK), writer = open("fifo", O_WRONLY | O_NONBLOCK);
    Watches w;
    w.add(both, 'B');
    w.add(same, 'I', EPOLLIN);
    w.add(reader, 'R');
    w.add(writer, 'W');
    w.say("FIFO, empty");
    CHECK(write(writer, buf, 100) == 100);
    w.say("written");
    CHECK(read(both, buf, 10) == 10);
    w.say("a part read");
    CHECK(write(both, buf, 4000) == -1 && write(both, buf, 3996) == 3996);
    w.say("filled");
    CHECK(read(reader, buf, 4096) == 4086);
    w.say("emptied");
    close(writer);
    w.say("writer closed");
    close(reader);
    w.say("reader closed");
    reader = open("fifo", O_RDONLY | O_NONBLOCK);
    w.add(reader, 'R');
    w.say("another reader");
    close(both);
    w.say("one of two descriptors closed");
    close(same);
    w.say("the last writer closed");
    writer = open("fifo", O_WRONLY | O_NONBLOCK);
    w.say("a writer again");
    CHECK(write(writer, "x", 1) == 1);
    w.say("and it writes");
    close(writer);
    w.say("and goes");
    writer = open("fifo", O_WRONLY | O_NONBLOCK);
    w.say("and comes back");
    close(writer);
    close(reader);
    unlink("fifo");
}

/// Polls and reads of a FIFO that is open for both wait for either direction.
void waiting_both_ways() {
    CHECK(mkfifo("fifo", 0600) == 0);
    int both = open("fifo", O_RDWR);
    CHECK(both >= 0 && fcntl(both, F_SETPIPE_SZ, 4096) == 4096);
    pid_t reads = start([&] { return read(both, buf, 4) != 4; });
    CHECK(until_asleep(reads));
    CHECK(write(both, "four", 4) == 4);
    int status;
    CHECK(waitpid(reads, &status, 0) == reads && status == 0);
    CHECK(write(both, buf, 4096) == 4096);
    pid_t writes = start([&] { return write(both, buf, 100) != 100; });
    pid_t polls = start([&] {
        pollfd wanted{both, POLLOUT, 0};
        return poll(&wanted, 1, 10'000) != 1 || wanted.revents != POLLOUT;
    });
    CHECK(until_asleep(writes) && until_asleep(polls));
    CHECK(fcntl(both, F_SETPIPE_SZ, 16384) == 16384); // room without a read
    CHECK(waitpid(writes, &status, 0) == writes && status == 0);
    CHECK(waitpid(polls, &status, 0) == polls && status == 0);
    close(both);
    // Who opens for both opens for either.
    for (int mode : {O_RDONLY, O_WRONLY}) {
        pid_t opens = start([&] { return open("fifo", mode) < 0; });
        CHECK(until_asleep(opens));
        both = open("fifo", O_RDWR);
        CHECK(waitpid(opens, &status, 0) == opens && status == 0);
        close(both);
    }
    unlink("fifo");
}

void counters() {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE), same = dup(fd);
    Watches w;
    w.add(fd, 'I', EPOLLIN);
    w.add(same, 'O', EPOLLOUT);
    w.say("eventfd, zero");
    CHECK(eventfd_write(fd, 3) == 0);
    w.say("three added");
    eventfd_t n;
    CHECK(eventfd_read(fd, &n) == 0 && n == 1);
    w.say("one taken");
    CHECK(eventfd_read(fd, &n) == 0 && eventfd_read(fd, &n) == 0);
    w.say("all taken");
    FAILS(EAGAIN, eventfd_read(fd, &n));
    w.say("nothing taken");
    CHECK(eventfd_write(fd, 0xffff'ffff'ffff'fffe) == 0);
    w.say("full");
    CHECK(eventfd_read(fd, &n) == 0);
    w.say("not full");
    close(fd);
    close(same);
}

void one_shots() {
    int p[2];
    CHECK(pipe(p) == 0);
    Watches w;
    epoll_event event{EPOLLIN | EPOLLONESHOT, {.u32 = 'R'}};
    CHECK(epoll_ctl(w.epoll, EPOLL_CTL_ADD, p[0], &event) == 0);
    w.say("one-shot, empty");
    CHECK(write(p[1], "a", 1) == 1);
    w.say("written");
    CHECK(write(p[1], "b", 1) == 1);
    w.say("written again");
    CHECK(epoll_ctl(w.epoll, EPOLL_CTL_MOD, p[0], &event) == 0);
    w.say("armed again");
    event.events = EPOLLOUT | EPOLLET;
    CHECK(epoll_ctl(w.epoll, EPOLL_CTL_MOD, p[0], &event) == 0);
    CHECK(write(p[1], "c", 1) == 1);
    w.say("not interested");
    close(p[1]);
    w.say("hung up");
    close(p[0]);
}

constexpr int waiters = 6;
volatile int* woken;

/// Each of some epolls, one sleeper in each, watches one pipe: a write wakes one of them.
void exclusive() {
    int p[2];
    CHECK(pipe(p) == 0);
    woken = static_cast<int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t child[waiters];
    for (pid_t& c : child)
        c = start([&] {
            int e = epoll_create1(0);
            epoll_event event{EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, {}};
            if (epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event) || epoll_wait(e, &event, 1, -1) != 1) return 1;
            __atomic_add_fetch(woken, 1, __ATOMIC_SEQ_CST);
            pause();
            return 2;
        });
    for (pid_t c : child) CHECK(until_asleep(c));
    for (int i = 1; i <= waiters; i++) {
        CHECK(write(p[1], "x", 1) == 1);
        CHECK(eventually([&] { return *woken >= i; }));
        for (pid_t c : child) CHECK(until_asleep(c));
        CHECK(*woken == i);
        CHECK(read(p[0], buf, 1) == 1);
    }
    for (pid_t c : child) {
        int status;
        CHECK(kill(c, SIGKILL) == 0 && waitpid(c, &status, 0) == c && WIFSIGNALED(status));
    }
    close(p[0]);
    close(p[1]);
}

/// An epoll in which nobody sleeps does not keep the news from one in which somebody does.
void exclusive_without_sleepers() {
    int p[2];
    CHECK(pipe(p) == 0);
    Watches idle[3];
    for (Watches& w : idle) w.add(p[0], 'R', EPOLLIN | EPOLLEXCLUSIVE);
    auto sleep = [&] {
        int e = epoll_create1(0);
        epoll_event event{EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, {}};
        return epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event) || epoll_wait(e, &event, 1, -1) != 1;
    };
    for (int i = 0; i < 4; i++) {
        pid_t child = start(sleep);
        CHECK(until_asleep(child));
        CHECK(write(p[1], "x", 1) == 1);
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        for (Watches& w : idle) w.say("idle");
        CHECK(read(p[0], buf, 1) == 1);
    }
    // The last writer's end is for all.
    pid_t all[3];
    for (pid_t& c : all)
        c = start([&] {
            close(p[1]);
            int e = epoll_create1(0);
            epoll_event event{EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, {}};
            return epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event) || epoll_wait(e, &event, 1, -1) != 1 ||
                   event.events != EPOLLHUP;
        });
    for (pid_t c : all) CHECK(until_asleep(c));
    close(p[1]);
    for (pid_t c : all) {
        int status;
        CHECK(waitpid(c, &status, 0) == c && status == 0);
    }
    close(p[0]);
}

/// What one side of a terminal reads is no news for its readers on the other side.
void terminals() {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
    termios raw;
    CHECK(slave >= 0 && tcgetattr(slave, &raw) == 0);
    cfmakeraw(&raw);
    CHECK(tcsetattr(slave, TCSANOW, &raw) == 0);
    Watches w;
    w.add(master, 'M', EPOLLIN);
    w.add(slave, 'S', EPOLLIN);
    auto told = [&](int fd) { // Linux carries the bytes across in a thread of its own
        return eventually([&] {
            pollfd wanted{fd, POLLIN, 0};
            return poll(&wanted, 1, 0) == 1;
        });
    };
    w.say("terminal, empty");
    CHECK(write(slave, "out", 3) == 3 && told(master));
    w.say("program writes");
    CHECK(read(master, buf, 1) == 1);
    w.say("a part is read");
    CHECK(write(master, "in", 2) == 2 && told(slave));
    w.say("somebody types");
    CHECK(read(slave, buf, 1) == 1);
    w.say("program reads a part");
    close(slave);
    w.say("program has gone");
    close(master);
}
} // namespace

int main() {
    pipes();
    moved_bytes();
    fifos();
    waiting_both_ways();
    counters();
    one_shots();
    exclusive();
    exclusive_without_sleepers();
    terminals();
    return finish("edges");
}
