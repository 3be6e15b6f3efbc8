// What the programs about sockets share.
#pragma once
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/// A sockaddr_un: of a path, or of an abstract name where the text begins with '@'.
struct Address {
    sockaddr_un of{};
    socklen_t size;
    explicit Address(const char* text) {
        of.sun_family = AF_UNIX;
        size_t n = strlen(text);
        memcpy(of.sun_path, text, n);
        bool abstract = text[0] == '@';
        if (abstract) of.sun_path[0] = 0;
        size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + n + !abstract);
    }
    operator const sockaddr*() const { return reinterpret_cast<const sockaddr*>(&of); }
};

[[maybe_unused]] static int bound(int type, const char* name) {
    Address at{name};
    int fd = socket(AF_UNIX, type, 0);
    CHECK(fd >= 0 && bind(fd, at, at.size) == 0);
    return fd;
}
[[maybe_unused]] static int listening(int type, const char* name, int backlog) {
    int fd = bound(type, name);
    CHECK(listen(fd, backlog) == 0);
    return fd;
}
[[maybe_unused]] static int connected(int type, const char* name) {
    Address at{name};
    int fd = socket(AF_UNIX, type, 0);
    CHECK(fd >= 0 && connect(fd, at, at.size) == 0);
    return fd;
}
[[maybe_unused]] static short ready(int fd, short wanted = POLLIN | POLLOUT | POLLPRI | POLLRDHUP) {
    pollfd p{fd, wanted, 0};
    poll(&p, 1, 0);
    return p.revents;
}
[[maybe_unused]] static int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 && size == sizeof value);
    return value;
}
[[maybe_unused]] static int set(int fd, int name, int value) {
    return setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
}
/// Reads all there is without waiting; says whether it is that text.
[[maybe_unused]] static bool reads(int fd, const char* text) {
    char got[256];
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    return n == static_cast<ssize_t>(strlen(text)) && memcmp(got, text, static_cast<size_t>(n)) == 0;
}
[[maybe_unused]] static void wait_for(pid_t child) {
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}
