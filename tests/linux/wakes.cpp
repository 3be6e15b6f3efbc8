// qemu-user: its threads' switches are its own
// Who is woken: one of several readers, all who poll, and whoever is left when a woken one does not take all.
#include "check.h"
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

namespace {
constexpr int count = 6;

/// How often the process has given up its processor by itself.
long sleeps_of(pid_t process) {
    char line[200], path[40];
    snprintf(path, sizeof path, "/proc/%d/status", process);
    long n = -1;
    if (FILE* status = fopen(path, "r")) {
        while (fgets(line, sizeof line, status)) sscanf(line, "voluntary_ctxt_switches: %ld", &n);
        fclose(status);
    }
    return n;
}

/// Children that sleep in `body`. It ends them with 0.
struct Crowd {
    pid_t all[count];
    long slept[count];
    explicit Crowd(auto body) {
        for (int i = 0; i < count; i++) {
            all[i] = start(body);
            CHECK(until_asleep(all[i]));
        }
        for (int i = 0; i < count; i++) slept[i] = sleeps_of(all[i]);
    }
    /// Exactly `more` of them end with 0, and no other has been woken in between.
    void loses(int more) {
        CHECK(eventually([&] {
            for (pid_t& child : all) {
                int status;
                if (!child || waitpid(child, &status, WNOHANG) != child) continue;
                CHECK(status == 0);
                child = 0;
                more--;
            }
            return more <= 0;
        }));
        CHECK(more == 0);
        for (int k = 0; k < count; k++) {
            if (!all[k]) continue;
            CHECK(until_asleep(all[k]));
            CHECK(sleeps_of(all[k]) == slept[k]);
        }
    }
    void end() {
        for (pid_t child : all)
            if (child) kill(child, SIGKILL), waitpid(child, nullptr, 0);
    }
};

void one_reader_of_a_pipe() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    Crowd crowd{[&] {
        char byte;
        return read(ends[0], &byte, 1) != 1;
    }};
    CHECK(write(ends[1], "a", 1) == 1);
    crowd.loses(1);
    CHECK(write(ends[1], "abc", 3) == 3); // one is woken, and wakes the next
    crowd.loses(3);
    crowd.end();
    close(ends[0]), close(ends[1]);
}

void one_writer_of_a_pipe() {
    int ends[2];
    static char page[65536];
    CHECK(pipe(ends) == 0 && write(ends[1], page, sizeof page) == sizeof page);
    Crowd crowd{[&] { return write(ends[1], page, 4096) != 4096; }};
    CHECK(read(ends[0], page, 4096) == 4096);
    crowd.loses(1);
    CHECK(read(ends[0], page, 2 * 4096) == 2 * 4096);
    crowd.loses(2);
    crowd.end();
    close(ends[0]), close(ends[1]);
}

void who_polls_is_told_beside_the_reader() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t reader = start([&] {
        char byte;
        return read(ends[0], &byte, 1) != 1;
    });
    CHECK(until_asleep(reader));
    Crowd crowd{[&] {
        pollfd entry{ends[0], POLLIN, 0};
        return poll(&entry, 1, -1) != 1;
    }};
    kill(reader, SIGSTOP); // it leaves the byte to be seen
    int status;
    CHECK(waitpid(reader, &status, WUNTRACED) == reader && WIFSTOPPED(status));
    CHECK(write(ends[1], "a", 1) == 1);
    crowd.loses(count);
    kill(reader, SIGCONT);
    CHECK(waitpid(reader, &status, 0) == reader && status == 0);
    close(ends[0]), close(ends[1]);
}

/// One who was told and dies takes nobody's turn.
void the_dead_pass_it_on() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    for (int round = 0; round < 50; round++) {
        pid_t readers[2];
        for (pid_t& r : readers) {
            r = start([&] {
                char byte;
                return read(ends[0], &byte, 1) != 1;
            });
            CHECK(until_asleep(r));
        }
        CHECK(write(ends[1], "a", 1) == 1);
        kill(readers[0], SIGKILL);
        int status;
        CHECK(waitpid(readers[0], &status, 0) == readers[0]);
        int left = 0;
        CHECK(eventually([&] {
            if (waitpid(readers[1], &status, WNOHANG) == readers[1]) return true;
            ioctl(ends[0], FIONREAD, &left);
            if (!left) left = static_cast<int>(write(ends[1], "b", 1)); // the dead one had taken it
            return false;
        }));
        CHECK(status == 0);
        ioctl(ends[0], FIONREAD, &left);
        char rest[8];
        if (left) CHECK(read(ends[0], rest, sizeof rest) == left);
    }
    close(ends[0]), close(ends[1]);
}

/// Behind an EPOLLEXCLUSIVE one that sleeps, who polls is told too.
void exclusive_ones_hide_nobody() {
    int counter = eventfd(0, 0), epoll = epoll_create1(0);
    epoll_event event{}, got;
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) == 0);
    pid_t waits = start([&] { return epoll_wait(epoll, &got, 1, -1) != 1; });
    CHECK(until_asleep(waits));
    Crowd crowd{[&] {
        pollfd entry{counter, POLLIN, 0};
        return poll(&entry, 1, -1) != 1;
    }};
    uint64_t one = 1;
    CHECK(write(counter, &one, 8) == 8);
    crowd.loses(count);
    int status;
    CHECK(waitpid(waits, &status, 0) == waits && status == 0);
    close(counter), close(epoll);
}
} // namespace

int main() {
    one_reader_of_a_pipe();
    one_writer_of_a_pipe();
    who_polls_is_told_beside_the_reader();
    the_dead_pass_it_on();
    exclusive_ones_hide_nobody();
    return finish("wakes");
}
