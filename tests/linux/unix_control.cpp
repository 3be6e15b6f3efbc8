// qemu-user: does not know all options of sockets
// What goes with the bytes of Unix sockets: SCM_RIGHTS, SCM_CREDENTIALS, SCM_PIDFD; who is at the other end; and what
// becomes of sockets that are sent to each other.
#include "tests/linux/sockets.h"
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#define SCM_PIDFD 4

using Length = decltype(cmsghdr::cmsg_len);
/// A message with room for control data.
struct Message {
    char byte = 'm', bytes[8]{};
    alignas(cmsghdr) char control[1024]{};
    iovec piece{bytes, sizeof bytes};
    msghdr header{.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

    void add_files(std::initializer_list<int> files) {
        size_t n = files.size() * sizeof(int);
        auto* c = CMSG_FIRSTHDR(&header);
        *c = {.cmsg_len = Length(CMSG_LEN(n)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), files.begin(), n);
        header.msg_controllen = CMSG_SPACE(n);
    }
    void add_identity(ucred who) {
        auto* c = CMSG_FIRSTHDR(&header);
        *c = {.cmsg_len = Length(CMSG_LEN(sizeof who)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
        memcpy(CMSG_DATA(c), &who, sizeof who);
        header.msg_controllen = CMSG_SPACE(sizeof who);
    }
    ssize_t send(int fd, int flags = 0) {
        piece = {&byte, 1};
        return CALL(sendmsg, fd, &header, flags);
    }
    ssize_t receive(int fd, int flags = MSG_DONTWAIT) { return CALL(recvmsg, fd, &header, flags); }
    cmsghdr* find(int type) {
        for (size_t at = 0; at + sizeof(cmsghdr) <= header.msg_controllen;) {
            auto* c = reinterpret_cast<cmsghdr*>(control + at);
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == type) return c;
            at += CMSG_ALIGN(c->cmsg_len);
        }
        return nullptr;
    }
    /// The n-th file that has come; -1: none.
    int file(size_t n = 0) {
        auto* c = find(SCM_RIGHTS);
        int fd = -1;
        if (c && c->cmsg_len >= CMSG_LEN((n + 1) * sizeof fd)) memcpy(&fd, CMSG_DATA(c) + n * sizeof fd, sizeof fd);
        return fd;
    }
    ucred identity() {
        ucred who{-1, 0, 0};
        if (auto* c = find(SCM_CREDENTIALS)) memcpy(&who, CMSG_DATA(c), sizeof who);
        return who;
    }
};
static ssize_t send_files(int fd, std::initializer_list<int> files, int flags = 0) {
    Message m;
    m.add_files(files);
    return m.send(fd, flags);
}

static void rights(int type) {
    int p[2], q[2];
    char b[8];
    CHECK(socketpair(AF_UNIX, type, 0, p) == 0 && pipe(q) == 0);
    CHECK(send_files(p[0], {q[0], q[1]}) == 1);
    close(q[0]);
    Message m;
    CHECK(m.receive(p[1], MSG_CMSG_CLOEXEC) == 1 && m.header.msg_flags == MSG_CMSG_CLOEXEC);
    CHECK(m.header.msg_controllen == CMSG_SPACE(2 * sizeof(int)) && m.file() >= 0 && m.file(1) >= 0);
    CHECK(fcntl(m.file(), F_GETFD) == FD_CLOEXEC);
    CHECK(write(q[1], "through", 7) == 7 && read(m.file(), b, 8) == 7);
    close(m.file()), close(m.file(1));
    // Seen twice by MSG_PEEK, as two descriptors.
    CHECK(send_files(p[0], {q[1]}) == 1);
    Message seen, got;
    CHECK(seen.receive(p[1], MSG_PEEK) == 1 && seen.file() >= 0);
    CHECK(got.receive(p[1], 0) == 1 && got.file() >= 0 && got.file() != seen.file());
    CHECK(fcntl(got.file(), F_GETFD) == 0);
    close(seen.file()), close(got.file());
    // No room, half of the room, none asked for.
    CHECK(send_files(p[0], {q[1], q[1]}) == 1);
    Message tight;
    tight.header.msg_controllen = CMSG_LEN(sizeof(int));
    CHECK(tight.receive(p[1], 0) == 1 && tight.header.msg_flags == MSG_CTRUNC && tight.file() >= 0);
    close(tight.file());
    CHECK(send_files(p[0], {q[1]}) == 1);
    Message none;
    none.header.msg_control = nullptr;
    none.header.msg_controllen = 0;
    CHECK(none.receive(p[1], 0) == 1 && none.header.msg_flags == MSG_CTRUNC);
    CHECK(send_files(p[0], {q[1]}) == 1 && read(p[1], b, 8) == 1); // lost
    // Malformed.
    FAILS(EBADF, send_files(p[0], {q[1], 999}));
    FAILS(EBADF, send_files(p[0], {-1}));
    Message bad;
    bad.add_files({q[1]});
    reinterpret_cast<cmsghdr*>(bad.control)->cmsg_len = 4;
    FAILS(EINVAL, bad.send(p[0]));
    reinterpret_cast<cmsghdr*>(bad.control)->cmsg_len = 4000;
    FAILS(EINVAL, bad.send(p[0]));
    bad.add_files({q[1]});
    reinterpret_cast<cmsghdr*>(bad.control)->cmsg_type = 99;
    FAILS(EINVAL, bad.send(p[0]));
    reinterpret_cast<cmsghdr*>(bad.control)->cmsg_level = 6;
    CHECK(bad.send(p[0]) == 1 && read(p[1], b, 8) == 1); // not ours
    bad.header.msg_control = reinterpret_cast<void*>(8);
    FAILS(EFAULT, bad.send(p[0]));
    bad.header.msg_controllen = 1 << 20;
    FAILS(ENOBUFS, bad.send(p[0]));
    for (int fd : {p[0], p[1], q[1]}) close(fd);
}

/// The most there may be in one message.
static void many_files() {
    int p[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    alignas(cmsghdr) static char control[2048];
    for (int n : {253, 254}) {
        auto* c = reinterpret_cast<cmsghdr*>(control);
        *c = {.cmsg_len = Length(CMSG_LEN(static_cast<size_t>(n) * sizeof(int))),
              .cmsg_level = SOL_SOCKET,
              .cmsg_type = SCM_RIGHTS};
        for (int i = 0; i < n; i++) memcpy(CMSG_DATA(c) + i * 4, &p[0], 4);
        char byte = 'x';
        iovec piece{&byte, 1};
        msghdr m{.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = c->cmsg_len};
        if (n == 253)
            CHECK(CALL(sendmsg, p[0], &m, 0) == 1);
        else
            FAILS(EINVAL, CALL(sendmsg, p[0], &m, 0));
    }
    close(p[0]), close(p[1]);
}

/// Bytes are joined up to those that files came with, and not beyond.
static void joining() {
    int p[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(write(p[0], "ab", 2) == 2 && send_files(p[0], {0}) == 1 && write(p[0], "cd", 2) == 2);
    CHECK(send_files(p[0], {0}) == 1 && send_files(p[0], {0}) == 1);
    Message first, second, third;
    CHECK(first.receive(p[1]) == 3 && first.file() >= 0);
    CHECK(second.receive(p[1]) == 3 && second.file() >= 0);
    CHECK(third.receive(p[1]) == 1 && third.file() >= 0);
    for (Message* m : {&first, &second, &third}) close(m->file());
    // By different senders, where that is told.
    CHECK(set(p[1], SO_PASSCRED, 1) == 0 && option(p[1], SO_PASSCRED) == 1);
    CHECK(write(p[0], "me", 2) == 2);
    pid_t child = start([&] { return write(p[0], "it", 2) == 2 ? 0 : 1; });
    wait_for(child);
    CHECK(write(p[0], "me", 2) == 2);
    for (pid_t who : {getpid(), child, getpid()}) {
        Message m;
        CHECK(m.receive(p[1]) == 2 && (m.identity().pid == who || (who == child && m.identity().pid == 0)));
    }
    close(p[0]), close(p[1]);
}

static void identities(int type) {
    int p[2];
    CHECK(socketpair(AF_UNIX, type, 0, p) == 0);
    CHECK(send(p[0], "x", 1, 0) == 1 && set(p[1], SO_PASSCRED, 1) == 0 && send(p[0], "y", 1, 0) == 1);
    Message before, after;
    CHECK(before.receive(p[1]) == 1);
    ucred who = before.identity();
    printf("sent before it was wanted: pid %d uid %d\n", who.pid, static_cast<int>(who.uid));
    CHECK(after.receive(p[1]) == 1 && after.identity().pid == getpid() && after.identity().uid == getuid());
    Message lies;
    lies.add_identity({getpid(), 7, 8});
    CHECK(lies.send(p[0]) == 1); // root may
    Message got;
    CHECK(got.receive(p[1]) == 1 && got.identity().uid == 7 && got.identity().gid == 8);
    pid_t child = start([&] {
        failures = 0;
        CHECK(setgid(1000) == 0 && setuid(1000) == 0);
        Message m;
        m.add_identity({getpid(), 0, 1000});
        FAILS(EPERM, m.send(p[0]));
        m.add_identity({1, 1000, 1000});
        FAILS(EPERM, m.send(p[0]));
        m.add_identity({getpid(), 1000, 1000});
        CHECK(m.send(p[0]) == 1);
        return failures;
    });
    CHECK(got.receive(p[1], 0) == 1 && got.identity().pid == child && got.identity().uid == 1000);
    wait_for(child);
    Message small;
    CHECK(send(p[0], "z", 1, 0) == 1);
    small.header.msg_controllen = CMSG_LEN(sizeof(ucred)) - 1;
    CHECK(small.receive(p[1]) == 1 && small.header.msg_flags == MSG_CTRUNC &&
          small.header.msg_controllen == CMSG_LEN(sizeof(ucred)) - 1);
    lies.add_identity({999999, 0, 0});
    FAILS(ESRCH, lies.send(p[0]));
    close(p[0]), close(p[1]);
}

static void peers() {
    int p[2];
    ucred who{};
    socklen_t size = sizeof who;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && size == sizeof who && who.pid == getpid());
    FAILS(ENOPROTOOPT, getsockopt(p[0], SOL_SOCKET, SO_PEERSEC, &who, &size));
    int fresh = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(getsockopt(fresh, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == 0 && who.uid == ~0u);
    close(fresh), close(p[0]), close(p[1]);
    unlink("door");
    int door = listening(SOCK_STREAM, "door", 4);
    CHECK(chmod("door", 0777) == 0);
    pid_t child = start([] {
        failures = 0;
        CHECK(setgid(1000) == 0 && setuid(1000) == 0);
        int fd = connected(SOCK_STREAM, "door");
        ucred peer{};
        socklen_t peer_size = sizeof peer;
        CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0 && peer.pid == getppid() &&
              peer.uid == 0);
        char byte;
        return read(fd, &byte, 1) == 0 ? failures : 1;
    });
    int fd = accept(door, nullptr, nullptr);
    size = sizeof who;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == child && who.uid == 1000 &&
          who.gid == 1000);
    int pidfd = option(fd, SO_PEERPIDFD);
    pollfd ended{pidfd, POLLIN, 0};
    CHECK(pidfd >= 0 && poll(&ended, 1, 0) == 0);
    close(fd);
    CHECK(poll(&ended, 1, 10'000) == 1);
    wait_for(child);
    close(pidfd), close(door);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0 && set(p[1], SO_PASSPIDFD, 1) == 0 && send(p[0], "x", 1, 0) == 1);
    Message m;
    CHECK(m.receive(p[1]) == 1 && m.find(SCM_PIDFD) && !m.find(SCM_CREDENTIALS));
    if (auto* c = m.find(SCM_PIDFD)) {
        memcpy(&pidfd, CMSG_DATA(c), sizeof pidfd);
        CHECK(syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0);
        close(pidfd);
    }
    close(p[0]), close(p[1]);
}

/// How many open files there are in the system that only sockets hold: by what a pipe's end tells.
static bool hung_up(int writer) { return ready(writer, POLLOUT) & POLLERR; }

static void circles() {
    // A socket that holds itself, and a pipe's end.
    int p[2], q[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && pipe(q) == 0);
    CHECK(send_files(p[0], {p[1], q[0]}) == 1);
    close(p[0]), close(p[1]), close(q[0]);
    auto nudge = [] { // a socket's end makes Linux look
        int r[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, r) == 0) close(r[0]), close(r[1]);
    };
    CHECK(eventually([&] { return nudge(), hung_up(q[1]); }));
    close(q[1]);
    // Two that hold each other.
    int a[2], b[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, a) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, b) == 0 && pipe(q) == 0);
    CHECK(send_files(a[0], {b[0], b[1]}) == 1 && send_files(b[0], {a[0], a[1], q[0]}) == 1);
    for (int fd : {a[0], a[1], b[0], b[1], q[0]}) close(fd);
    CHECK(eventually([&] { return nudge(), hung_up(q[1]); }));
    close(q[1]);
    // What can still be reached stays: a[1] is in the queue of a socket that is open.
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0);
    CHECK(send_files(a[0], {a[1]}) == 1 && send_files(b[0], {a[1]}) == 1 && write(a[0], "kept", 4) == 4);
    close(a[0]), close(a[1]);
    for (int i = 0; i < 20; i++) nudge(), usleep(2000);
    Message m, inner;
    CHECK(m.receive(b[1]) == 1 && m.file() >= 0);
    CHECK(inner.receive(m.file()) == 1 && inner.file() >= 0);
    CHECK(reads(m.file(), "kept"));
    for (int fd : {m.file(), inner.file(), b[0], b[1]}) close(fd);
    // In the queue of a connection that nobody has accepted.
    unlink("door");
    CHECK(pipe(q) == 0);
    int door = listening(SOCK_STREAM, "door", 4), client = connected(SOCK_STREAM, "door");
    CHECK(send_files(client, {door, q[0]}) == 1);
    close(door), close(client), close(q[0]);
    CHECK(eventually([&] { return nudge(), hung_up(q[1]); }));
    close(q[1]);
}

/// Sockets in sockets in sockets, closed at once.
static void depth() {
    int q[2], inner[2], outer[2];
    CHECK(pipe(q) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, inner) == 0);
    CHECK(send_files(inner[0], {q[0]}) == 1);
    close(q[0]);
    rlimit more{4096, 4096};
    setrlimit(RLIMIT_NOFILE, &more);
    for (int i = 0; i < 1000; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, outer) == 0 && send_files(outer[0], {inner[0], inner[1]}) == 1);
        close(inner[0]), close(inner[1]);
        inner[0] = outer[0], inner[1] = outer[1];
    }
    CHECK(!hung_up(q[1]));
    close(inner[0]), close(inner[1]);
    CHECK(eventually([&] { return hung_up(q[1]); }));
    close(q[1]);
}

/// Files in flight count against the sender's RLIMIT_NOFILE.
static void limit() {
    pid_t child = start([] {
        failures = 0;
        rlimit few{20, 20};
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0 && setgid(1234) == 0 && setuid(1234) == 0);
        int p[2], n = 0;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
        while (n < 100 && send_files(p[0], {0}) == 1) n++;
        FAILS(ETOOMANYREFS, send_files(p[0], {0}));
        CHECK(n == 21);
        Message m;
        CHECK(m.receive(p[1]) == 1 && m.file() >= 0);
        CHECK(send_files(p[0], {0}) == 1);
        return failures;
    });
    wait_for(child);
}

int main() {
    rights(SOCK_STREAM);
    rights(SOCK_DGRAM);
    rights(SOCK_SEQPACKET);
    many_files();
    joining();
    identities(SOCK_STREAM);
    identities(SOCK_DGRAM);
    peers();
    circles();
    depth();
    limit();
    return finish("unix_control");
}
