// qemu-user: does not know all options of sockets
// Unix sockets, SOCK_DGRAM and SOCK_SEQPACKET; names; unix(7).
#include "tests/linux/sockets.h"
#include <sys/epoll.h>

static void datagrams() {
    int p[2], n = 0;
    char b[16];
    signal(SIGPIPE, SIG_IGN);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
    CHECK(send(p[0], "first", 5, 0) == 5 && send(p[0], "", 0, 0) == 0 && write(p[0], "third", 5) == 5);
    CHECK(ioctl(p[1], FIONREAD, &n) == 0 && n == 5);
    CHECK(recv(p[1], b, 3, MSG_PEEK) == 3 && recv(p[1], b, 3, MSG_PEEK | MSG_TRUNC) == 5);
    iovec small{b, 3};
    msghdr m{.msg_iov = &small, .msg_iovlen = 1};
    CHECK(recvmsg(p[1], &m, 0) == 3 && m.msg_flags == MSG_TRUNC && m.msg_namelen == 0);
    CHECK(recv(p[1], b, 16, 0) == 0 && read(p[1], b, 2) == 2); // the rest is lost
    FAILS(EAGAIN, recv(p[1], b, 1, MSG_DONTWAIT));
    FAILS(EOPNOTSUPP, recv(p[1], b, 1, MSG_OOB));
    FAILS(EOPNOTSUPP, send(p[1], b, 1, MSG_OOB));
    static char large[300'000];
    FAILS(EMSGSIZE, send(p[0], large, sizeof large, 0));
    CHECK(send(p[0], large, 100'000, 0) == 100'000 && recv(p[1], large, sizeof large, 0) == 100'000);
    CHECK(ready(p[0]) == POLLOUT);
    // What is in the way of a bad buffer is lost.
    CHECK(send(p[0], "lost", 4, 0) == 4);
    FAILS(EFAULT, recv(p[1], reinterpret_cast<void*>(8), 4, 0));
    FAILS(EAGAIN, recv(p[1], b, 1, MSG_DONTWAIT));
    CHECK(shutdown(p[1], SHUT_RD) == 0);
    FAILS(EPIPE, send(p[0], "x", 1, 0));
    CHECK(read(p[1], b, 1) == 0);
    FAILS(EAGAIN, recv(p[1], b, 1, MSG_DONTWAIT));
    close(p[1]);
    FAILS(ECONNREFUSED, send(p[0], "x", 1, 0));
    FAILS(ENOTCONN, send(p[0], "x", 1, 0));
    close(p[0]);
}

static void names() {
    sockaddr_un from;
    socklen_t size = sizeof from;
    char b[16];
    unlink("box");
    int box = bound(SOCK_DGRAM, "box"), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    Address to{"box"};
    FAILS(EADDRINUSE, bind(sender, to, to.size));
    FAILS(EINVAL, bind(box, Address{"other"}, Address{"other"}.size));
    FAILS(ENOENT, access("other", F_OK));
    struct stat s;
    CHECK(stat("box", &s) == 0 && S_ISSOCK(s.st_mode));
    FAILS(ENXIO, open("box", O_RDWR));
    FAILS(ENOTCONN, send(sender, "x", 1, 0));
    CHECK(sendto(sender, "x", 1, 0, to, to.size) == 1);
    CHECK(recvfrom(box, b, 16, 0, reinterpret_cast<sockaddr*>(&from), &size) == 1 && size == 0);
    // Autobind: five digits.
    sockaddr_un none{.sun_family = AF_UNIX, .sun_path = {}};
    CHECK(bind(sender, reinterpret_cast<sockaddr*>(&none), 2) == 0);
    size = sizeof from;
    CHECK(getsockname(sender, reinterpret_cast<sockaddr*>(&from), &size) == 0 && size == 8 && from.sun_path[0] == 0);
    CHECK(strspn(from.sun_path + 1, "0123456789abcdef") >= 5);
    CHECK(sendto(sender, "y", 1, 0, to, to.size) == 1);
    sockaddr_un back;
    size = sizeof back;
    CHECK(recvfrom(box, b, 16, 0, reinterpret_cast<sockaddr*>(&back), &size) == 1 && size == 8);
    CHECK(sendto(box, "answer", 6, 0, reinterpret_cast<sockaddr*>(&back), size) == 6 && reads(sender, "answer"));
    // Refused: nobody there, no socket, another type, no address.
    unlink("box");
    FAILS(ENOENT, sendto(sender, "x", 1, 0, to, to.size));
    close(open("box", O_CREAT | O_RDWR, 0666));
    FAILS(ECONNREFUSED, sendto(sender, "x", 1, 0, to, to.size));
    unlink("box");
    int stream = listening(SOCK_STREAM, "box", 1);
    FAILS(EPROTOTYPE, sendto(sender, "x", 1, 0, to, to.size));
    FAILS(EPROTOTYPE, connect(sender, to, to.size));
    close(stream);
    FAILS(ECONNREFUSED, connect(socket(AF_UNIX, SOCK_STREAM, 0), to, to.size));
    FAILS(EINVAL, sendto(sender, "x", 1, 0, to, 2));
    FAILS(EINVAL, connect(sender, to, 1));
    sockaddr_un wrong = to.of;
    wrong.sun_family = AF_INET;
    FAILS(EINVAL, sendto(sender, "x", 1, 0, reinterpret_cast<sockaddr*>(&wrong), to.size));
    FAILS(EINVAL, bind(socket(AF_UNIX, SOCK_DGRAM, 0), reinterpret_cast<sockaddr*>(&wrong), to.size));
    FAILS(EINVAL, bind(sender, to, sizeof to.of + 1));
    FAILS(EINVAL, bind(sender, to, 1000));
    FAILS(EINVAL, bind(sender, to, -1));
    FAILS(EFAULT, bind(sender, reinterpret_cast<sockaddr*>(8), 20));
    FAILS(ECONNREFUSED, connect(sender, Address{"@nobody"}, Address{"@nobody"}.size));
    unlink("box");
    close(box), close(sender);
}

static void abstract_names() {
    int a = bound(SOCK_DGRAM, "@name"), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    Address name{"@name"};
    FAILS(EADDRINUSE, bind(b, name, name.size));
    int other_type = bound(SOCK_STREAM, "@name"); // is another name
    Address longer = name;
    longer.size++; // a null more: another name
    CHECK(bind(b, longer, longer.size) == 0);
    sockaddr_un got;
    socklen_t size = sizeof got;
    CHECK(getsockname(b, reinterpret_cast<sockaddr*>(&got), &size) == 0 && size == longer.size);
    close(a);
    a = bound(SOCK_DGRAM, "@name"); // free again
    CHECK(sendto(b, "x", 1, 0, name, name.size) == 1 && reads(a, "x"));
    for (int fd : {a, b, other_type}) close(fd);
    // A path of all 108 bytes has no null.
    Address full{"@"};
    memset(full.of.sun_path, 'f', sizeof full.of.sun_path);
    unlink("ffff");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(fd, full, sizeof full.of) == 0);
    char big[200];
    size = sizeof big;
    CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(big), &size) == 0 && size == 111 && big[110] == 0);
    char path[109];
    memset(path, 'f', 108);
    path[108] = 0;
    CHECK(unlink(path) == 0);
    close(fd);
}

static void permissions() {
    mkdir("mine", 0700);
    unlink("guarded");
    umask(0);
    int fd = bound(SOCK_DGRAM, "guarded");
    CHECK(chmod("guarded", 0644) == 0);
    pid_t user = start([] {
        failures = 0;
        CHECK(chmod("mine", 0700) == 0 && setgid(1000) == 0 && setuid(1000) == 0);
        int s = socket(AF_UNIX, SOCK_DGRAM, 0);
        Address to{"guarded"}, in{"mine/name"};
        FAILS(EACCES, sendto(s, "x", 1, 0, to, to.size));
        FAILS(EACCES, connect(s, to, to.size));
        FAILS(EACCES, bind(s, in, in.size));
        return failures;
    });
    wait_for(user);
    CHECK(chmod("guarded", 0666) == 0);
    user = start([] {
        failures = 0;
        CHECK(setgid(1000) == 0 && setuid(1000) == 0);
        Address to{"guarded"};
        CHECK(sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, to, to.size) == 1);
        return failures;
    });
    wait_for(user);
    CHECK(reads(fd, "x"));
    // fchmod of a socket is what its name will have.
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink("moded");
    CHECK(fchmod(other, 0640) == 0);
    umask(022);
    Address at{"moded"};
    CHECK(bind(other, at, at.size) == 0);
    struct stat s;
    CHECK(stat("moded", &s) == 0 && (s.st_mode & 07777) == 0640);
    close(fd), close(other);
}

static void connections() {
    unlink("a"), unlink("b");
    int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), c = socket(AF_UNIX, SOCK_DGRAM, 0);
    Address to_a{"a"}, to_b{"b"};
    char byte;
    CHECK(connect(a, to_b, to_b.size) == 0);
    CHECK(sendto(c, "x", 1, 0, to_b, to_b.size) == 1 && reads(b, "x"));
    FAILS(EPERM, sendto(c, "x", 1, 0, to_a, to_a.size)); // a hears only b
    FAILS(EPERM, connect(c, to_a, to_a.size));
    CHECK(sendto(b, "y", 1, 0, to_a, to_a.size) == 1 && reads(a, "y"));
    CHECK(connect(b, to_a, to_a.size) == 0 && send(b, "z", 1, 0) == 1);
    sockaddr none{};
    CHECK(connect(a, &none, sizeof none) == 0); // dissolves it: what is queued is lost, b is told
    FAILS(EAGAIN, recv(a, &byte, 1, MSG_DONTWAIT));
    FAILS(ECONNRESET, recv(b, &byte, 1, MSG_DONTWAIT));
    FAILS(ENOTCONN, send(a, "x", 1, 0));
    CHECK(sendto(c, "free", 4, 0, to_a, to_a.size) == 4 && reads(a, "free"));
    CHECK(connect(c, to_a, to_a.size) == 0);
    close(a);
    FAILS(ECONNREFUSED, send(c, "x", 1, 0));
    FAILS(ENOTCONN, send(c, "x", 1, 0));
    close(b), close(c);
}

static void full_queue() {
    unlink("full");
    int box = bound(SOCK_DGRAM, "full"), sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0),
        epoll = epoll_create1(0);
    Address to{"full"};
    int n = 0;
    while (sendto(sender, "x", 1, 0, to, to.size) == 1) n++;
    FAILS(EAGAIN, sendto(sender, "x", 1, 0, to, to.size));
    printf("%d datagrams\n", n);     // max_dgram_qlen and one more
    CHECK(ready(sender) == POLLOUT); // it is connected to nobody
    CHECK(connect(sender, to, to.size) == 0 && ready(sender) == 0);
    FAILS(EAGAIN, send(sender, "x", 1, 0));
    epoll_event out{.events = EPOLLOUT | EPOLLET, .data = {.fd = 1}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, sender, &out) == 0 && epoll_wait(epoll, &out, 1, 0) == 0);
    char byte;
    CHECK(recv(box, &byte, 1, 0) == 1);
    CHECK(epoll_wait(epoll, &out, 1, 1000) == 1 && out.events == EPOLLOUT && ready(sender) == POLLOUT);
    CHECK(send(sender, "x", 1, 0) == 1);
    for (bool connected : {true, false}) {
        pid_t child = start([&] {
            fcntl(sender, F_SETFL, 0);
            int other = socket(AF_UNIX, SOCK_DGRAM, 0);
            ssize_t sent = connected ? write(sender, "w", 1) : sendto(other, "w", 1, 0, to, to.size);
            return sent == 1 ? 0 : 1;
        });
        CHECK(until_asleep(child));
        CHECK(recv(box, &byte, 1, 0) == 1);
        wait_for(child);
    }
    close(box);
    FAILS(ECONNREFUSED, send(sender, "x", 1, 0));
    close(sender), close(epoll);
}

static void sequenced() {
    int p[2];
    char b[16];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0);
    CHECK(write(p[0], "one", 3) == 3 && send(p[0], "two", 3, MSG_EOR) == 3);
    iovec piece{b, 2};
    msghdr m{.msg_iov = &piece, .msg_iovlen = 1};
    CHECK(recvmsg(p[1], &m, 0) == 2 && m.msg_flags == MSG_TRUNC);
    piece.iov_len = 16;
    CHECK(recvmsg(p[1], &m, 0) == 3 && !memcmp(b, "two", 3));
    printf("flags %x\n", m.msg_flags);
    int n = 0;
    CHECK(write(p[0], "123", 3) == 3 && write(p[0], "4567", 4) == 4 && ioctl(p[1], FIONREAD, &n) == 0 && n == 7);
    close(p[0]);
    CHECK(ready(p[1]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
    CHECK(reads(p[1], "123") && reads(p[1], "4567"));
    CHECK(recv(p[1], b, 1, MSG_DONTWAIT) == 0 && read(p[1], b, 1) == 0);
    pid_t child = start([&] {
        signal(SIGPIPE, SIG_DFL);
        return send(p[1], "x", 1, 0) == -1 && errno == EPIPE ? 0 : 1; // without the signal
    });
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    printf("write to nobody: %x\n", status);
    close(p[1]);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    FAILS(ENOTCONN, write(fd, "x", 1));
    FAILS(ENOTCONN, read(fd, b, 1));
    CHECK(ready(fd) == (POLLOUT | POLLHUP));
    close(fd);
}

static void many_at_once() {
    int p[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
    char texts[3][4] = {"abc", "de", "f"}, got[4][4]{};
    iovec out[3], in[4];
    mmsghdr send_all[3]{}, receive_all[4]{};
    for (size_t i = 0; i < 4; i++) {
        if (i < 3) out[i] = {texts[i], strlen(texts[i])};
        if (i < 3) send_all[i].msg_hdr = {.msg_iov = out + i, .msg_iovlen = 1};
        in[i] = {got[i], 4};
        receive_all[i].msg_hdr = {.msg_iov = in + i, .msg_iovlen = 1};
    }
    CHECK(sendmmsg(p[0], send_all, 3, 0) == 3 && send_all[0].msg_len == 3 && send_all[2].msg_len == 1);
    CHECK(recvmmsg(p[1], receive_all, 4, MSG_WAITFORONE, nullptr) == 3 && receive_all[1].msg_len == 2);
    CHECK(!memcmp(got[0], "abc", 3) && !memcmp(got[2], "f", 1));
    FAILS(EAGAIN, recvmmsg(p[1], receive_all, 4, MSG_DONTWAIT, nullptr));
    timespec bad{-1, 0}, none{0, 0};
    FAILS(EINVAL, recvmmsg(p[1], receive_all, 4, 0, &bad));
    CHECK(sendmmsg(p[0], send_all, 2, 0) == 2 && recvmmsg(p[1], receive_all, 4, 0, &none) == 1);
    CHECK(sendmmsg(p[0], send_all, 0, 0) == 0);
    send_all[1].msg_hdr.msg_iov = reinterpret_cast<iovec*>(8);
    CHECK(sendmmsg(p[0], send_all, 3, 0) == 1);
    FAILS(EFAULT, sendmmsg(p[0], send_all + 1, 2, 0));
    send_all[0].msg_hdr.msg_iovlen = 1025;
    FAILS(EMSGSIZE, sendmsg(p[0], &send_all[0].msg_hdr, 0));
    close(p[0]), close(p[1]);
}

int main() {
    datagrams();
    names();
    abstract_names();
    permissions();
    connections();
    full_queue();
    sequenced();
    many_at_once();
    return finish("unix_messages");
}
