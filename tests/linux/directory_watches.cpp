// Directory notification, fcntl(2): F_NOTIFY. What happens in a directory sends a signal to the owner of its open file.
#include "tests/linux/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#ifndef F_NOTIFY
#define F_NOTIFY 1026
#define DN_ACCESS 1
#define DN_MODIFY 2
#define DN_CREATE 4
#define DN_DELETE 8
#define DN_RENAME 16
#define DN_ATTRIB 32
#define DN_MULTISHOT 0x80000000
#endif
#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif

namespace {
sigset_t watched;

/// The descriptors that signals named since the last call, as bits.
unsigned told() {
    timespec now = {0, 0};
    siginfo_t info;
    unsigned fds = 0;
    while (sigtimedwait(&watched, &info, &now) > 0) {
        CHECK(info.si_signo == SIGIO || (info.si_code == POLL_MSG && info.si_fd < 32));
        fds |= info.si_signo == SIGIO ? 1u : 1u << info.si_fd;
    }
    return fds;
}
long watch(int fd, unsigned events) { return CALL(fcntl, fd, F_NOTIFY, events); }
int folder(const char* name) {
    int fd = open(name, O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0 && CALL(fcntl, fd, F_SETSIG, SIGRTMIN + 1) == 0);
    return fd;
}
void make(const char* name) { CHECK(close(open(name, O_CREAT | O_WRONLY, 0644)) == 0); }

/// Which events the body is to a directory: its DN_* bits.
unsigned events_of(const char* name, auto body) {
    unsigned seen = 0;
    for (unsigned event = DN_ACCESS; event <= DN_ATTRIB; event *= 2) {
        int fd = folder(name);
        CHECK(watch(fd, event | DN_MULTISHOT) == 0);
        body();
        if (told() & 1u << fd) seen |= event;
        close(fd);
    }
    return seen;
}

void kinds() {
    auto say = [](const char* what, auto body) { printf("%s: %x\n", what, events_of("d", body)); };
    say("nothing", [] {});
    say("create and unlink", [] {
        make("d/new");
        CHECK(unlink("d/new") == 0);
    });
    say("mkdir and rmdir", [] { CHECK(mkdir("d/new", 0755) == 0 && rmdir("d/new") == 0); });
    say("link and unlink", [] { CHECK(link("d/file", "d/new") == 0 && unlink("d/new") == 0); });
    say("symlink and unlink", [] { CHECK(symlink("file", "d/new") == 0 && unlink("d/new") == 0); });
    say("an open of what is there", [] { make("d/file"); });
    say("a rename within", [] { CHECK(rename("d/file", "d/other") == 0 && rename("d/other", "d/file") == 0); });
    say("a rename out and in", [] { CHECK(rename("d/file", "file") == 0 && rename("file", "d/file") == 0); });
    int fd = open("d/file", O_RDWR);
    char byte = 0;
    say("write", [&] { CHECK(pwrite(fd, &byte, 1, 0) == 1); });
    say("write of nothing", [&] { CHECK(write(fd, &byte, 0) == 0); });
    say("read", [&] { CHECK(pread(fd, &byte, 1, 0) == 1); });
    say("truncate", [] { CHECK(truncate("d/file", 3) == 0); });
    say("ftruncate", [&] { CHECK(ftruncate(fd, 5) == 0); });
    say("open with O_TRUNC", [] { CHECK(close(open("d/file", O_WRONLY | O_TRUNC)) == 0); });
    say("chmod", [] { CHECK(chmod("d/file", 0600) == 0); });
    say("chown", [] { CHECK(chown("d/file", 1, 1) == 0); });
    say("setxattr and removexattr",
        [] { CHECK(setxattr("d/file", "user.a", "x", 1, 0) == 0 && removexattr("d/file", "user.a") == 0); });
    timespec both[2] = {{1, 0}, {2, 0}}, first[2] = {{1, 0}, {0, UTIME_OMIT}}, second[2] = {{0, UTIME_OMIT}, {1, 0}};
    say("both times", [&] { CHECK(futimens(fd, both) == 0); });
    say("the access time", [&] { CHECK(futimens(fd, first) == 0); });
    say("the modification time", [&] { CHECK(futimens(fd, second) == 0); });
    say("chmod of the directory", [] { CHECK(chmod("d", 0755) == 0); });
    say("what is two below", [] {
        make("d/sub/new");
        CHECK(chmod("d/sub/new", 0600) == 0 && unlink("d/sub/new") == 0);
    });
    say("chmod of a directory below", [] { CHECK(chmod("d/sub", 0755) == 0); });
    close(fd);
}

void watches() {
    int fd = folder("d"), file = open("d/file", O_RDONLY);
    FAILS(ENOTDIR, watch(file, DN_CREATE));
    CHECK(watch(fd, DN_CREATE) == 0 && fcntl(fd, F_GETOWN) == getpid());
    make("d/one");
    CHECK(told() == 1u << fd);
    make("d/two");
    CHECK(told() == 0);                                                           // it was for one event
    CHECK(watch(fd, DN_CREATE | DN_MULTISHOT) == 0 && watch(fd, DN_DELETE) == 0); // added up
    CHECK(unlink("d/one") == 0 && told() == 1u << fd);
    make("d/one");
    CHECK(told() == 1u << fd);
    CHECK(watch(fd, 0) == 0); // and taken away
    CHECK(unlink("d/one") == 0 && unlink("d/two") == 0 && told() == 0);

    // Two open files of one directory; and any descriptor that is closed takes the watch along.
    int other = folder("d");
    CHECK(watch(fd, DN_CREATE | DN_MULTISHOT) == 0 && watch(other, DN_CREATE | DN_MULTISHOT) == 0);
    make("d/one");
    CHECK(told() == (1u << fd | 1u << other));
    CHECK(close(dup(other)) == 0 && unlink("d/one") == 0);
    make("d/one");
    CHECK(told() == 1u << fd);
    close(other);

    CHECK(CALL(fcntl, fd, F_SETSIG, 0) == 0 && unlink("d/one") == 0);
    make("d/one");
    CHECK(told() == 1);                                  // SIGIO
    pid_t child = start([&] { return close(fd) != 0; }); // another process's descriptors are its own
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0 && unlink("d/one") == 0);
    make("d/one");
    CHECK(told() == 1);
    close(fd);
    CHECK(unlink("d/one") == 0);
    make("d/one");
    CHECK(told() == 0);
    close(file);
}
} // namespace

int main() {
    sigemptyset(&watched);
    sigaddset(&watched, SIGIO);
    sigaddset(&watched, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &watched, nullptr);
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0);
    make("d/file");
    kinds();
    watches();
    return finish("directory_watches");
}
