// qemu-user: does not know all options of sockets
// UDP over loopback, udp(7): names, datagrams, connected and not, what is refused.
#include "tests/linux/inet.h"
#include <netinet/udp.h>
#include <signal.h>
#include <sys/epoll.h>

static void datagrams(const char* own) {
    int a = bound(SOCK_DGRAM, own), b = bound(SOCK_DGRAM, own), n = -1;
    Name to = name_of(a);
    char got[16];
    CHECK(to.is(own) && to.port() >= 1024);
    CHECK(ready(a) == POLLOUT);
    CHECK(sendto(b, "first", 5, 0, to, to.size) == 5 && sendto(b, "", 0, 0, to, to.size) == 0);
    CHECK(sendto(b, "third", 5, MSG_CONFIRM, to, to.size) == 5);
    CHECK(ready(a) == (POLLIN | POLLOUT));
    CHECK(ioctl(a, FIONREAD, &n) == 0 && n == 5 && ioctl(b, TIOCOUTQ, &n) == 0 && n == 0);
    CHECK(recv(a, got, 3, MSG_PEEK) == 3 && recv(a, got, 3, MSG_PEEK | MSG_TRUNC) == 5);
    Message m{a, 0, 3};
    CHECK(m.size == 3 && m.header.msg_flags == MSG_TRUNC && memcmp(m.data, "fir", 3) == 0);
    CHECK(m.from.is(own) && m.from.port() == name_of(b).port() && m.from.size == to.size);
    CHECK(ioctl(a, FIONREAD, &n) == 0 && n == 0);
    CHECK(recv(a, got, 16, 0) == 0 && recv(a, got, 2, MSG_TRUNC) == 5); // the rest is lost
    FAILS(EAGAIN, recv(a, got, 1, MSG_DONTWAIT));
    CHECK(read(a, got, 0) == 0 && ready(a) == POLLOUT);
    // Large ones, and too large ones.
    static char large[70'000], back[70'000];
    for (size_t i = 0; i < sizeof large; i++) large[i] = static_cast<char>(i * 7 + i / 255);
    for (size_t size : {1400u, 1473u, 1537u, 4096u, 8192u, 9000u, 65'507u}) {
        CHECK(sendto(b, large, size, 0, to, to.size) == static_cast<ssize_t>(size));
        CHECK(recv(a, back, sizeof back, 0) == static_cast<ssize_t>(size) && memcmp(large, back, size) == 0);
    }
    FAILS(EMSGSIZE, sendto(b, large, 65'536, 0, to, to.size));
    if (to.family() == AF_INET)
        FAILS(EMSGSIZE, sendto(b, large, 65'508, 0, to, to.size));
    else
        CHECK(sendto(b, large, 65'527, 0, to, to.size) == 65'527 && recv(a, back, sizeof back, 0) == 65'527 &&
              memcmp(large, back, 65'527) == 0);
    FAILS(EFAULT, sendto(b, reinterpret_cast<void*>(8), 10, 0, to, to.size));
    if (to.family() == AF_INET)
        FAILS(EOPNOTSUPP, sendto(b, "x", 1, MSG_OOB, to, to.size));
    else
        CHECK(sendto(b, "x", 1, MSG_OOB, to, to.size) == 1 && reads(a, "x"));
    // What is in the way of a bad buffer is lost.
    CHECK(sendto(b, "lost", 4, 0, to, to.size) == 4);
    FAILS(EFAULT, recv(a, reinterpret_cast<void*>(8), 4, 0));
    FAILS(EAGAIN, recv(a, got, 1, MSG_DONTWAIT));
    // Several parts; a wait with an end.
    iovec parts[] = {{const_cast<char*>("one"), 3}, {const_cast<char*>("two"), 3}};
    msghdr out{.msg_name = &to.of, .msg_namelen = to.size, .msg_iov = parts, .msg_iovlen = 2};
    CHECK(sendmsg(b, &out, 0) == 6 && reads(a, "onetwo"));
    timeval tenth{0, 20'000};
    CHECK(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof tenth) == 0);
    FAILS(EAGAIN, recv(a, got, 1, 0));
    close(a), close(b);
}

static void addresses() {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    Name any{"0.0.0.0", 0}, lo{"127.0.0.1", 0}, lo6{"::1", 0}, far{"192.0.2.1", 0};
    CHECK(name_of(fd).is("0.0.0.0") && name_of(fd).port() == 0 && name_of(fd).size == sizeof(sockaddr_in));
    FAILS(ENOTCONN, getpeername(fd, any, &any.size));
    FAILS(EDESTADDRREQ, send(fd, "x", 1, 0));
    CHECK(name_of(fd).port() != 0); // even so it has a port now
    FAILS(EINVAL, bind(fd, lo, lo.size));
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    FAILS(EINVAL, bind(fd, lo, 15));
    FAILS(EAFNOSUPPORT, bind(fd, lo6, lo6.size));
    FAILS(EADDRNOTAVAIL, bind(fd, far, far.size));
    FAILS(EINVAL, sendto(fd, "x", 1, 0, lo, lo.size)); // port 0
    FAILS(EINVAL, sendto(fd, "x", 1, 0, lo, 15));
    FAILS(EAFNOSUPPORT, sendto(fd, "x", 1, 0, lo6, lo6.size));
    FAILS(EINVAL, connect(fd, lo, 1));
    FAILS(EINVAL, connect(fd, lo, 15));
    FAILS(EAFNOSUPPORT, connect(fd, lo6, lo6.size));
    FAILS(EOPNOTSUPP, listen(fd, 1));
    FAILS(EOPNOTSUPP, accept(fd, nullptr, nullptr));
    // AF_UNSPEC means AF_INET here.
    int to = bound(SOCK_DGRAM, "127.0.0.1");
    Name unspecific = name_of(to);
    unspecific.of.sin6_family = AF_UNSPEC;
    CHECK(sendto(fd, "x", 1, 0, unspecific, unspecific.size) == 1 && reads(to, "x"));
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    FAILS(EAFNOSUPPORT, bind(fd, unspecific, unspecific.size));
    Name none = any;
    none.of.sin6_family = AF_UNSPEC;
    CHECK(bind(fd, none, none.size) == 0);
    close(fd);
    // The unspecified address is this machine.
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    Name here{"0.0.0.0", name_of(to).port()};
    CHECK(sendto(fd, "here", 4, 0, here, here.size) == 4 && reads(to, "here"));
    CHECK(connect(fd, here, here.size) == 0 && peer_of(fd).is("127.0.0.1") && name_of(fd).is("127.0.0.1"));
    close(fd), close(to);
    // Ports that others have.
    int first = bound(SOCK_DGRAM, "127.0.0.1"), second = socket(AF_INET, SOCK_DGRAM, 0);
    Name taken = name_of(first), all{"0.0.0.0", taken.port()}, other{"127.0.0.2", taken.port()};
    FAILS(EADDRINUSE, bind(second, taken, taken.size));
    FAILS(EADDRINUSE, bind(second, all, all.size));
    CHECK(set(second, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    FAILS(EADDRINUSE, bind(second, taken, taken.size)); // both must want it
    CHECK(bind(second, other, other.size) == 0);
    close(first), close(second);
    // Ports below 1024 are root's.
    fflush(stdout);
    CHECK(exit_of(start([] {
              int fd = socket(AF_INET, SOCK_DGRAM, 0);
              Name low{"127.0.0.1", 777};
              int before = bind(fd, low, low.size);
              close(fd);
              fd = socket(AF_INET, SOCK_DGRAM, 0);
              if (setuid(65534) != 0) return 3;
              return before == 0 && bind(fd, low, low.size) == -1 && errno == EACCES ? 0 : 1;
          })) == 0);
    // What may be made.
    FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    FAILS(ESOCKTNOSUPPORT, socket(AF_INET, SOCK_SEQPACKET, 0));
    FAILS(EINVAL, socket(AF_INET, SOCK_DGRAM, -1));
    FAILS(EINVAL, socket(AF_INET, SOCK_DGRAM, 262 + 256));
    int p[2];
    FAILS(EOPNOTSUPP, socketpair(AF_INET, SOCK_DGRAM, 0, p));
}

static void connected() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = bound(SOCK_DGRAM, "127.0.0.1"), c = bound(SOCK_DGRAM, "127.0.0.1");
    Name at = name_of(a), bt = name_of(b), ct = name_of(c);
    CHECK(connect(a, bt, bt.size) == 0 && peer_of(a).port() == bt.port());
    CHECK(send(a, "to b", 4, 0) == 4 && reads(b, "to b"));
    CHECK(sendto(a, "to c", 4, 0, ct, ct.size) == 4 && reads(c, "to c")); // a name still goes first
    CHECK(sendto(b, "from b", 6, 0, at, at.size) == 6 && reads(a, "from b"));
    sendto(c, "from c", 6, 0, at, at.size); // nobody hears of it: refused
    FAILS(EAGAIN, recv(a, &at, 1, MSG_DONTWAIT));
    // Elsewhere, and to nobody.
    CHECK(connect(a, ct, ct.size) == 0 && sendto(c, "c now", 5, 0, at, at.size) == 5 && reads(a, "c now"));
    Name none{"0.0.0.0", 0};
    none.of.sin6_family = AF_UNSPEC;
    CHECK(connect(a, none, none.size) == 0);
    FAILS(ENOTCONN, getpeername(a, none, &none.size));
    FAILS(EDESTADDRREQ, send(a, "x", 1, 0));
    CHECK(name_of(a).port() != 0 && name_of(a).port() != at.port() &&
          name_of(a).is("127.0.0.1")); // it was not asked for
    close(a);
    a = bound(SOCK_DGRAM, "127.0.0.1", at.port());
    CHECK(connect(a, bt, bt.size) == 0 && connect(a, none, none.size) == 0 && name_of(a).port() == at.port());
    CHECK(sendto(b, "again", 5, 0, at, at.size) == 5 && reads(a, "again"));
    // A port that connect(2) gave goes with the connection, and so does the address.
    int d = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(connect(d, bt, bt.size) == 0 && name_of(d).is("127.0.0.1") && name_of(d).port() != 0);
    none = Name{"0.0.0.0", 0};
    none.of.sin6_family = AF_UNSPEC;
    CHECK(connect(d, none, none.size) == 0 && name_of(d).is("0.0.0.0") && name_of(d).port() == 0);
    CHECK(sendto(d, "d", 1, 0, bt, bt.size) == 1 && reads(b, "d"));
    // Port 0 is somewhere, too: for who wants to know its own address.
    Name nowhere{"127.0.0.1", 0};
    CHECK(connect(d, nowhere, nowhere.size) == 0 && name_of(d).is("127.0.0.1"));
    FAILS(ENOTCONN, getpeername(d, none, &none.size));
    for (int fd : {a, b, c, d}) close(fd);
}

static void refused(const char* own) {
    int gone = bound(SOCK_DGRAM, own), fd = socket(name_of(gone).family(), SOCK_DGRAM, 0), error = -1;
    Name at = name_of(gone);
    socklen_t size = sizeof error;
    close(gone);
    CHECK(sendto(fd, "x", 1, 0, at, at.size) == 1); // not connected: nobody is told
    usleep(2000);
    CHECK(ready(fd) == POLLOUT);
    CHECK(connect(fd, at, at.size) == 0 && send(fd, "x", 1, 0) == 1);
    CHECK(eventually([&] { return ready(fd) == (POLLOUT | POLLERR); }));
    FAILS(ECONNREFUSED, send(fd, "x", 1, 0));
    CHECK(send(fd, "x", 1, 0) == 1); // told once
    CHECK(eventually([&] { return ready(fd) & POLLERR; }));
    FAILS(ECONNREFUSED, recv(fd, &error, 1, 0));
    FAILS(EAGAIN, recv(fd, &error, 1, MSG_DONTWAIT));
    CHECK(send(fd, "x", 1, 0) == 1);
    CHECK(eventually([&] { return ready(fd) & POLLERR; }));
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNREFUSED && ready(fd) == POLLOUT);
    close(fd);
}

static void both_families() {
    int six = bound(SOCK_DGRAM, "::"), four = bound(SOCK_DGRAM, "127.0.0.1"), only = socket(AF_INET6, SOCK_DGRAM, 0);
    int port = name_of(six).port(), taken = socket(AF_INET, SOCK_DGRAM, 0);
    Name mapped{"::ffff:127.0.0.1", name_of(four).port()}, to4{"127.0.0.1", port}, to6{"::1", port},
        any{"0.0.0.0", port};
    FAILS(EADDRINUSE, bind(taken, any, any.size));
    CHECK(sendto(four, "by 4", 4, 0, to4, to4.size) == 4);
    Message m{six};
    CHECK(m.is("by 4") && m.from.is("::ffff:127.0.0.1") && m.from.port() == name_of(four).port() && m.from.size == 28);
    CHECK(sendto(six, "back", 4, 0, m.from, m.from.size) == 4);
    Message back{four};
    CHECK(back.is("back") && back.from.is("127.0.0.1") && back.from.port() == port && back.from.size == 16);
    CHECK(sendto(six, "itself", 6, 0, to6, to6.size) == 6);
    Message self{six};
    CHECK(self.is("itself") && self.from.is("::1"));
    Name plain = name_of(four);
    CHECK(sendto(six, "plain", 5, 0, plain, plain.size) == 5 && reads(four, "plain")); // an address of AF_INET, too
    int c = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(connect(c, plain, plain.size) == 0 && peer_of(c).is("::ffff:127.0.0.1") && name_of(c).is("::ffff:127.0.0.1"));
    CHECK(send(c, "c", 1, 0) == 1 && reads(four, "c"));
    close(c);
    // IPv6 only.
    CHECK(set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0 && get(only, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    FAILS(ENETUNREACH, sendto(only, "x", 1, 0, mapped, mapped.size));
    FAILS(ENETUNREACH, connect(only, mapped, mapped.size));
    FAILS(EAFNOSUPPORT, connect(only, plain, plain.size));
    close(only);
    only = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0);
    FAILS(EINVAL, bind(only, mapped, mapped.size));
    close(six);
    CHECK(bind(taken, any, any.size) == 0);
    Name any6{"::", port};
    CHECK(bind(only, any6, any6.size) == 0); // beside 0.0.0.0
    FAILS(EINVAL, set(only, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    CHECK(sendto(four, "4", 1, 0, to4, to4.size) == 1 && reads(taken, "4"));
    CHECK(sendto(only, "6", 1, 0, to6, to6.size) == 1 && reads(only, "6"));
    Name unspecified{"0.0.0.0", port};
    FAILS(EINVAL, bind(socket(AF_INET6, SOCK_DGRAM, 0), to6, 23));
    FAILS(EAFNOSUPPORT, bind(socket(AF_INET6, SOCK_DGRAM, 0), Name{"127.0.0.1", 0}, 24));
    // A part of the address may be left out: the scope.
    int e = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(sendto(e, "24", 2, 0, to6, 24) == 2 && reads(only, "24"));
    FAILS(EINVAL, sendto(e, "24", 2, 0, to6, 23));
    Name link{"fe80::1", port};
    FAILS(EINVAL, connect(e, link, link.size));
    for (int fd : {e, only, taken, four}) close(fd);
}

static void shutting_down() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = bound(SOCK_DGRAM, "127.0.0.1");
    Name at = name_of(a), bt = name_of(b);
    char got[8];
    FAILS(ENOTCONN, shutdown(a, SHUT_RD));
    FAILS(EINVAL, shutdown(a, 3));
    CHECK(ready(a) == (POLLIN | POLLOUT | POLLRDHUP) && recv(a, got, 8, 0) == 0);
    FAILS(EAGAIN, recv(a, got, 8, MSG_DONTWAIT));
    CHECK(sendto(b, "late", 4, 0, at, at.size) == 4 && recv(a, got, 8, 0) == 4); // still comes
    CHECK(connect(b, at, at.size) == 0 && shutdown(b, SHUT_WR) == 0);
    signal(SIGPIPE, SIG_DFL); // none comes
    FAILS(EPIPE, send(b, "x", 1, 0));
    CHECK(ready(b) == POLLOUT && shutdown(b, SHUT_RD) == 0 && ready(b) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
    (void)bt;
    close(a), close(b);
}

static void corked() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
    Name at = name_of(a), nobody{"127.0.0.1", 9};
    CHECK(sendto(b, "one", 3, MSG_MORE, at, at.size) == 3 && sendto(b, "two", 3, MSG_MORE, nobody, nobody.size) == 3);
    FAILS(EAGAIN, recv(a, &at, 1, MSG_DONTWAIT));
    CHECK(send(b, "three", 5, 0) == 5 && reads(a, "onetwothree"));
    CHECK(set(b, IPPROTO_UDP, UDP_CORK, 1) == 0 && get(b, IPPROTO_UDP, UDP_CORK) == 1);
    at = name_of(a);
    CHECK(sendto(b, "x", 1, 0, at, at.size) == 1 && send(b, "y", 1, 0) == 1 && !reads(a, "x"));
    CHECK(set(b, IPPROTO_UDP, UDP_CORK, 0) == 0 && reads(a, "xy"));
    static char large[40'000];
    CHECK(sendto(b, large, 40'000, MSG_MORE, at, at.size) == 40'000);
    FAILS(EMSGSIZE, send(b, large, 40'000, 0)); // all of it is lost
    FAILS(EDESTADDRREQ, send(b, "z", 1, 0));
    FAILS(EAGAIN, recv(a, &nobody, 1, MSG_DONTWAIT));
    close(a), close(b);
}

static void full() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0), n = 0;
    Name at = name_of(a);
    char data[1000];
    CHECK(set(a, SOL_SOCKET, SO_RCVBUF, 1) == 0 && set(a, SOL_SOCKET, SO_RXQ_OVFL, 1) == 0);
    for (int i = 0; i < 100; i++) CHECK(sendto(b, data, sizeof data, 0, at, at.size) == 1000); // the sender is not told
    usleep(2000);
    while (recv(a, data, sizeof data, MSG_DONTWAIT) == 1000) n++;
    CHECK(n >= 1 && n < 10);
    CHECK(sendto(b, "x", 1, 0, at, at.size) == 1);
    uint32_t lost = 0;
    CHECK(eventually([&] { return ready(a) & POLLIN; }));
    Message m{a};
    CHECK(m.is("x") && m.find(SOL_SOCKET, SO_RXQ_OVFL, lost) && lost == 100u - static_cast<unsigned>(n));
    close(a), close(b);
}

static void peeking() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
    Name at = name_of(a);
    char got[8];
    for (const char* text : {"abcd", "efgh"}) CHECK(sendto(b, text, 4, 0, at, at.size) == 4);
    CHECK(set(a, SOL_SOCKET, SO_PEEK_OFF, 2) == 0);
    CHECK(recv(a, got, 1, MSG_PEEK) == 1 && got[0] == 'c' && recv(a, got, 8, MSG_PEEK) == 1 && got[0] == 'd');
    CHECK(recv(a, got, 8, MSG_PEEK) == 4 && got[0] == 'e' && get(a, SOL_SOCKET, SO_PEEK_OFF) == 8);
    CHECK(recv(a, got, 8, 0) == 4 && got[0] == 'a' && get(a, SOL_SOCKET, SO_PEEK_OFF) == 4);
    close(a), close(b);
}

static void sharing() {
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    Name at{"127.0.0.1", 0};
    for (int fd : {a, b, c}) CHECK(set(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0);
    CHECK(bind(a, at, at.size) == 0);
    at = name_of(a);
    CHECK(bind(b, at, at.size) == 0 && bind(c, at, at.size) == 0);
    int first = 0, second = 0, third = 0;
    for (int i = 0; i < 60; i++) {
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        CHECK(sendto(s, "x", 1, 0, at, at.size) == 1);
        close(s);
    }
    usleep(2000);
    while (reads(a, "x")) first++;
    while (reads(b, "x")) second++;
    while (reads(c, "x")) third++;
    CHECK(first + second + third == 60 && first && second && third);
    // Who is connected comes first.
    int peer = bound(SOCK_DGRAM, "127.0.0.1");
    Name pt = name_of(peer);
    CHECK(connect(b, pt, pt.size) == 0 && sendto(peer, "b", 1, 0, at, at.size) == 1 && reads(b, "b"));
    for (int fd : {a, b, c, peer}) close(fd);
    // SO_REUSEADDR: the last one gets all.
    a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
    for (int fd : {a, b}) CHECK(set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    at = Name{"127.0.0.1", 0};
    CHECK(bind(a, at, at.size) == 0);
    at = name_of(a);
    CHECK(bind(b, at, at.size) == 0 && sendto(c, "x", 1, 0, at, at.size) == 1);
    CHECK(reads(b, "x") && !reads(a, "x"));
    // Bound to the address is closer than bound to all.
    int all = socket(AF_INET, SOCK_DGRAM, 0);
    Name any{"0.0.0.0", at.port()}, two{"127.0.0.2", at.port()};
    CHECK(set(all, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind(all, any, any.size) == 0);
    CHECK(sendto(c, "1", 1, 0, at, at.size) == 1 && reads(b, "1") && !reads(all, "1"));
    CHECK(sendto(c, "2", 1, 0, two, two.size) == 1 && reads(all, "2"));
    for (int fd : {a, b, c, all}) close(fd);
}

static void waiting() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), e = epoll_create1(0);
    Name at = name_of(a);
    epoll_event want{.events = EPOLLIN | EPOLLET, .data = {.fd = a}}, got;
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, a, &want) == 0 && epoll_wait(e, &got, 1, 0) == 0);
    int heard[2];
    CHECK(pipe(heard) == 0);
    pid_t child = start([&] {
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        char byte;
        for (int i = 0; i < 2; i++)
            if (sendto(s, "edge", 4, 0, at, at.size) != 4 || read(heard[0], &byte, 1) != 1) return 1;
        return 0;
    });
    CHECK(epoll_wait(e, &got, 1, 10'000) == 1 && got.events == EPOLLIN && write(heard[1], "1", 1) == 1);
    CHECK(write(heard[1], "2", 1) == 1 && epoll_wait(e, &got, 1, 10'000) == 1 && got.events == EPOLLIN); // an edge each
    CHECK(epoll_wait(e, &got, 1, 0) == 0);
    CHECK(exit_of(child) == 0 && reads(a, "edge") && reads(a, "edge"));
    child = start([&] {
        char data[8];
        return recv(a, data, sizeof data, 0) == 5 ? 0 : 1;
    });
    CHECK(until_asleep(child));
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(sendto(s, "sleep", 5, 0, at, at.size) == 5 && exit_of(child) == 0);
    for (int fd : {a, e, s}) close(fd);
}

int main() {
    datagrams("127.0.0.1");
    datagrams("::1");
    addresses();
    connected();
    refused("127.0.0.1");
    refused("::1");
    both_families();
    shutting_down();
    corked();
    full();
    peeking();
    sharing();
    waiting();
    return finish("inet_udp");
}
