// inotify(7): watches come and go while what they watch does, in several threads at once.
#include "tests/linux/inotify.h"
#include <poll.h>
#include <pthread.h>

namespace {
constexpr int rounds = 400;

/// Runs body(round) in a thread of its own.
template <class Body>
class Worker {
public:
    explicit Worker(Body b) : body_{b} { CHECK(pthread_create(&thread_, nullptr, run, this) == 0); }
    ~Worker() { CHECK(pthread_join(thread_, nullptr) == 0); }

private:
    static void* run(void* self) {
        for (int i = 0; i < rounds; i++) static_cast<Worker*>(self)->body_(i);
        return nullptr;
    }
    pthread_t thread_;
    Body body_;
};

/// Each watch of an instance is told to have ended, once. On Linux an event may come behind that.
void every_watch_ends_once() {
    Instance i;
    constexpr int most = 4 * rounds;
    static bool added[most];
    static int ended[most];
    auto take = [&] {
        alignas(inotify_event) char buffer[4096];
        for (ssize_t n; (n = read(i.fd, buffer, sizeof buffer)) > 0;)
            for (ssize_t at = 0; at < n;) {
                inotify_event event;
                memcpy(&event, buffer + at, sizeof event);
                at += static_cast<ssize_t>(sizeof event + event.len);
                CHECK(event.mask != IN_Q_OVERFLOW && event.wd > 0 && event.wd < most);
                if (event.mask & IN_IGNORED) ended[event.wd]++;
            }
    };
    auto watch = [&](const char* path, uint32_t mask) {
        int wd = inotify_add_watch(i.fd, path, mask);
        if (wd > 0) added[wd] = true;
        return wd;
    };
    {
        Worker files{[](int) {
            make_file("d/a", "x");
            int fd = open("d/a", O_RDONLY);
            rename("d/a", "d/b");
            unlink("d/b");
            close(fd);
            mkdir("d/sub", 0755);
            rmdir("d/sub");
        }};
        Worker adds{[&](int) {
            watch("d/a", IN_ALL_EVENTS);
            watch("d/b", IN_ALL_EVENTS | IN_ONESHOT);
            watch("d/sub", IN_ALL_EVENTS);
        }};
        Worker removes{[&](int) {
            int wd = watch("d", IN_ALL_EVENTS);
            CHECK(wd > 0);
            inotify_rm_watch(i.fd, wd);
        }};
        Worker others{[](int) {
            Instance other;
            inotify_add_watch(other.fd, "d", IN_ALL_EVENTS);
            inotify_add_watch(other.fd, "d/a", IN_ALL_EVENTS);
            inotify_add_watch(other.fd, "d/sub", IN_ALL_EVENTS);
        }};
        Worker reads{[&](int) {
            take();
            pollfd ready{i.fd, POLLIN, 0};
            poll(&ready, 1, 1);
        }};
    }
    take();
    for (int wd = 1; wd < most; wd++)
        if (added[wd] && !ended[wd]) CHECK(inotify_rm_watch(i.fd, wd) == 0);
    take();
    for (int wd = 1; wd < most; wd++) CHECK(ended[wd] == added[wd]);
}

/// Of many threads that write, none is forgotten: who waits is woken by each.
void waiting() {
    Instance i{0};
    CHECK(inotify_add_watch(i.fd, "d", IN_CREATE) == 1);
    auto make = [](char kind) {
        return [kind](int n) {
            char path[16];
            snprintf(path, sizeof path, "d/%c%d", kind, n);
            close(open(path, O_CREAT | O_WRONLY, 0644));
            unlink(path);
        };
    };
    int events = 0;
    {
        Worker one{make('x')}, two{make('y')};
        char buffer[1000];
        while (events < 2 * rounds) {
            ssize_t n = read(i.fd, buffer, sizeof buffer);
            CHECK(n > 0 && n % 32 == 0);
            events += static_cast<int>(n / 32);
        }
    }
    CHECK(events == 2 * rounds);
}
} // namespace

int main() {
    CHECK(mkdir("d", 0755) == 0);
    every_watch_ends_once();
    waiting();
    return finish("inotify_races");
}
