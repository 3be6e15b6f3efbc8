// What the programs about sockets of AF_INET and AF_INET6 share.
#pragma once
#include "tests/linux/check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <initializer_list>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

/// A sockaddr_in or sockaddr_in6: "127.0.0.1", "::1".
struct Name {
    sockaddr_in6 of{};
    socklen_t size = sizeof of;
    Name() = default;
    Name(const char* text, int port) {
        sockaddr_in v4{};
        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(static_cast<uint16_t>(port));
            memcpy(&of, &v4, size = sizeof v4);
        } else {
            CHECK(inet_pton(AF_INET6, text, &of.sin6_addr) == 1);
            of.sin6_family = AF_INET6;
            of.sin6_port = htons(static_cast<uint16_t>(port));
        }
    }
    operator const sockaddr*() const { return reinterpret_cast<const sockaddr*>(&of); }
    operator sockaddr*() { return reinterpret_cast<sockaddr*>(&of); }
    int port() const { return ntohs(of.sin6_port); } // at the same place in both
    int family() const { return of.sin6_family; }
    bool is(const char* text) const {
        char shown[INET6_ADDRSTRLEN] = "";
        if (of.sin6_family == AF_INET) {
            sockaddr_in v4;
            memcpy(&v4, &of, sizeof v4);
            inet_ntop(AF_INET, &v4.sin_addr, shown, sizeof shown);
        } else
            inet_ntop(AF_INET6, &of.sin6_addr, shown, sizeof shown);
        return strcmp(shown, text) == 0;
    }
};
[[maybe_unused]] static Name name_of(int fd) {
    Name n;
    CHECK(getsockname(fd, n, &n.size) == 0);
    return n;
}
[[maybe_unused]] static Name peer_of(int fd) {
    Name n;
    CHECK(getpeername(fd, n, &n.size) == 0);
    return n;
}
/// A socket that is bound to an address, with a port that is free.
[[maybe_unused]] static int bound(int type, const char* at, int port = 0, int protocol = 0) {
    Name name{at, port};
    int fd = socket(name.family(), type, protocol);
    CHECK(fd >= 0 && bind(fd, name, name.size) == 0);
    return fd;
}
[[maybe_unused]] static int get(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -errno;
}
[[maybe_unused]] static int set(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}
[[maybe_unused]] static short ready(int fd, short wanted = POLLIN | POLLOUT | POLLPRI | POLLRDHUP) {
    pollfd p{fd, wanted, 0};
    poll(&p, 1, 0);
    return p.revents;
}
/// Reads one message without waiting; says whether it is that text.
[[maybe_unused]] static bool reads(int fd, const char* text) {
    char got[256];
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    return n == static_cast<ssize_t>(strlen(text)) && memcmp(got, text, static_cast<size_t>(n)) == 0;
}
/// Writes a file; says whether it was taken.
[[maybe_unused]] static bool put_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
    if (fd >= 0) close(fd);
    return done;
}
/// One message, received with what comes with it.
struct Message {
    char data[2048], control[512];
    iovec part{data, sizeof data};
    Name from;
    msghdr header{};
    ssize_t size = -1;
    Message() = default;
    explicit Message(int fd, int flags = 0, size_t room = sizeof data, size_t control_room = sizeof control) {
        receive(fd, flags, room, control_room);
    }
    void receive(int fd, int flags = 0, size_t room = sizeof data, size_t control_room = sizeof control) {
        part.iov_len = room;
        header.msg_name = &from.of;
        header.msg_namelen = sizeof from.of;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = control_room;
        size = recvmsg(fd, &header, flags | MSG_DONTWAIT);
        from.size = header.msg_namelen;
    }
    bool is(const char* text) const {
        return size == static_cast<ssize_t>(strlen(text)) && memcmp(data, text, strlen(text)) == 0;
    }
    /// The data of a control message, or null.
    template <class T>
    bool find(int level, int type, T& to) {
        for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = next(c))
            if (c->cmsg_level == level && c->cmsg_type == type && c->cmsg_len == CMSG_LEN(sizeof to)) {
                memcpy(&to, CMSG_DATA(c), sizeof to);
                return true;
            }
        return false;
    }
    int count() {
        int n = 0;
        for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = next(c)) n++;
        return n;
    }

private:
    /// CMSG_NXTHDR, of which the C library's compares what has a sign to what has none.
    cmsghdr* next(cmsghdr* c) {
        char *at = reinterpret_cast<char*>(c) + CMSG_ALIGN(c->cmsg_len), *end = control + header.msg_controllen;
        return at + sizeof(cmsghdr) > end ? nullptr : reinterpret_cast<cmsghdr*>(at);
    }
};
/// Sends with one control message.
template <class T>
static ssize_t send_with(int fd, const Name* to, const char* text, int level, int type, const T& value) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof value)]{};
    iovec part{const_cast<char*>(text), strlen(text)};
    msghdr m{};
    if (to) m.msg_name = const_cast<sockaddr_in6*>(&to->of), m.msg_namelen = to->size;
    m.msg_iov = &part;
    m.msg_iovlen = 1;
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(c), &value, sizeof value);
    return sendmsg(fd, &m, 0);
}
