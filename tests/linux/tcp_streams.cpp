// qemu-user: does not know all options of sockets
// TCP over loopback, both families: connecting, reading, writing, ending; tcp(7), ip(7), ipv6(7).
#include "tests/linux/sockets.h"
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int family;

/// Loopback's address of the family, or the wildcard one.
struct Name {
    union {
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t size;
    explicit Name(int port = 0, bool any = false) {
        memset(this, 0, sizeof *this);
        if (family == AF_INET) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(static_cast<uint16_t>(port));
            v4.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
            size = sizeof v4;
        } else {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(static_cast<uint16_t>(port));
            v6.sin6_addr = any ? in6addr_any : in6addr_loopback;
            size = sizeof v6;
        }
    }
    operator sockaddr*() { return reinterpret_cast<sockaddr*>(&v4); }
    int port() const { return ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port); }
};
static int port_of(int fd) {
    Name n;
    CHECK(getsockname(fd, n, &n.size) == 0);
    return n.port();
}
static int make(int flags = 0) {
    int fd = socket(family, SOCK_STREAM | flags, 0);
    CHECK(fd >= 0);
    return fd;
}
static int server(int backlog = 16) {
    int fd = make();
    Name n;
    CHECK(bind(fd, n, n.size) == 0 && listen(fd, backlog) == 0);
    return fd;
}
static int client(int port, int flags = 0) {
    int fd = make(flags);
    Name n{port};
    CHECK(connect(fd, n, n.size) == 0);
    return fd;
}
struct Pair {
    int a, b;
    Pair() {
        int l = server();
        a = client(port_of(l));
        b = accept(l, nullptr, nullptr);
        CHECK(b >= 0);
        close(l);
    }
    ~Pair() { close(a), close(b); }
};
static short soon(int fd, short wanted, short events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP) {
    eventually([&] { return ready(fd, events) == wanted; });
    return ready(fd, events);
}
static int tcp_option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(fd, IPPROTO_TCP, name, &value, &size) == 0 && size == sizeof value);
    return value;
}
static int set_tcp(int fd, int name, int value) { return setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value); }
static int state(int fd) {
    tcp_info i{};
    socklen_t size = sizeof i;
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &size) == 0);
    return i.tcpi_state;
}

static void fresh() {
    int fd = make(SOCK_NONBLOCK | SOCK_CLOEXEC);
    char b[8];
    Name n;
    CHECK(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_DOMAIN) == family && option(fd, SO_PROTOCOL) == 6);
    CHECK(ready(fd) == (POLLOUT | POLLHUP) && state(fd) == TCP_CLOSE && option(fd, SO_ACCEPTCONN) == 0);
    CHECK(getsockname(fd, n, &n.size) == 0 && n.port() == 0);
    FAILS(ENOTCONN, getpeername(fd, n, &n.size));
    FAILS(ENOTCONN, recv(fd, b, 1, 0));
    FAILS(EPIPE, send(fd, b, 1, MSG_NOSIGNAL));
    FAILS(ENOTCONN, shutdown(fd, SHUT_RD));
    FAILS(EINVAL, accept(fd, nullptr, nullptr));
    FAILS(EINVAL, shutdown(fd, 3));
    FAILS(EINVAL, bind(fd, n, 3));
    close(fd);
    FAILS(EPROTONOSUPPORT, socket(family, SOCK_STREAM, IPPROTO_UDP));
    FAILS(ESOCKTNOSUPPORT, socket(family, SOCK_RDM, 0));
    FAILS(EOPNOTSUPP, socketpair(family, SOCK_STREAM, 0, reinterpret_cast<int*>(b)));
}

static void names() {
    int l = server();
    int port = port_of(l);
    CHECK(port != 0 && ready(l) == 0 && state(l) == TCP_LISTEN && option(l, SO_ACCEPTCONN) == 1);
    int c = client(port);
    CHECK(soon(l, POLLIN) == POLLIN);
    Name from;
    int s = accept4(l, from, &from.size, SOCK_NONBLOCK);
    CHECK(s >= 0 && from.port() == port_of(c) && port_of(s) == port && (fcntl(s, F_GETFL) & O_NONBLOCK));
    Name peer;
    CHECK(getpeername(c, peer, &peer.size) == 0 && peer.port() == port);
    CHECK(getpeername(s, peer, &peer.size) == 0 && peer.port() == port_of(c));
    CHECK(state(c) == TCP_ESTABLISHED && state(s) == TCP_ESTABLISHED);
    CHECK(ready(c) == POLLOUT && ready(s) == POLLOUT);
    Name again{port};
    FAILS(EISCONN, connect(c, again, again.size));
    FAILS(EISCONN, connect(l, again, again.size));
    FAILS(EINVAL, bind(c, again, again.size));
    FAILS(EINVAL, listen(c, 1));
    close(c), close(s), close(l);
}

static void bytes() {
    Pair p;
    char b[64];
    int n = -1;
    FAILS(EAGAIN, recv(p.b, b, 1, MSG_ERRQUEUE)); // it never waits
    CHECK(write(p.a, "hello", 5) == 5 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    CHECK(ioctl(p.b, FIONREAD, &n) == 0 && n == 5);
    ifreq lo{};
    strcpy(lo.ifr_name, "lo");
    CHECK(ioctl(p.b, SIOCGIFFLAGS, &lo) == 0 && lo.ifr_flags & IFF_LOOPBACK); // of any socket
    CHECK(recv(p.b, b, 3, MSG_PEEK) == 3 && !memcmp(b, "hel", 3));
    CHECK(recv(p.b, b, sizeof b, 0) == 5 && !memcmp(b, "hello", 5));
    FAILS(EAGAIN, recv(p.b, b, 1, MSG_DONTWAIT));
    CHECK(write(p.a, "", 0) == 0);
    FAILS(EFAULT, write(p.a, reinterpret_cast<void*>(8), 10));
    iovec parts[] = {{const_cast<char*>("ab"), 2}, {const_cast<char*>(""), 0}, {const_cast<char*>("cde"), 3}};
    CHECK(writev(p.b, parts, 3) == 5);
    CHECK(recv(p.a, b, 5, MSG_WAITALL) == 5 && !memcmp(b, "abcde", 5));
    // What a read cannot put anywhere stays.
    CHECK(write(p.a, "xyz", 3) == 3 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    FAILS(EFAULT, read(p.b, reinterpret_cast<void*>(8), 10));
    CHECK(reads(p.b, "xyz"));
    // MSG_TRUNC drops.
    CHECK(write(p.a, "dropped", 7) == 7 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    CHECK(recv(p.b, nullptr, 4, MSG_TRUNC) == 4 && reads(p.b, "ped"));
    // A datagram's address does not matter.
    Name nowhere{1};
    CHECK(sendto(p.a, "to", 2, 0, nowhere, nowhere.size) == 2);
    CHECK(soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    sockaddr_storage from;
    socklen_t size = sizeof from;
    CHECK(recvfrom(p.b, b, 8, 0, reinterpret_cast<sockaddr*>(&from), &size) == 2 && size == 0);
    timeval t{0, 20000};
    CHECK(setsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0);
    FAILS(EAGAIN, recv(p.a, b, 1, 0));
}

static void ends() {
    char b[16];
    signal(SIGPIPE, SIG_IGN);
    {
        Pair p;
        CHECK(write(p.a, "last", 4) == 4 && shutdown(p.a, SHUT_WR) == 0);
        CHECK(soon(p.b, POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLRDHUP));
        CHECK(reads(p.b, "last") && read(p.b, b, 1) == 0 && read(p.b, b, 1) == 0);
        CHECK(eventually([&] { return state(p.b) == TCP_CLOSE_WAIT && state(p.a) == TCP_FIN_WAIT2; }));
        FAILS(EPIPE, write(p.a, "x", 1));
        CHECK(write(p.b, "back", 4) == 4 && soon(p.a, POLLIN | POLLOUT) == (POLLIN | POLLOUT) && reads(p.a, "back"));
        CHECK(shutdown(p.b, SHUT_WR) == 0);
        CHECK(soon(p.a, POLLIN | POLLOUT | POLLHUP | POLLRDHUP) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
        CHECK(read(p.a, b, 1) == 0);
        Name n;
        FAILS(ENOTCONN, getpeername(p.a, n, &n.size));
        FAILS(ENOTCONN, shutdown(p.a, SHUT_RDWR));
    }
    { // Closed with bytes unread: a reset.
        Pair p;
        CHECK(write(p.a, "unread", 6) == 6 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
        close(p.b);
        p.b = -1;
        short all = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
        CHECK(soon(p.a, all) == all);
        FAILS(ECONNRESET, read(p.a, b, 1));
        CHECK(read(p.a, b, 1) == 0);
        FAILS(EPIPE, write(p.a, "x", 1));
    }
    { // SO_LINGER of 0 as well; what had arrived before stays readable.
        Pair p;
        linger l{1, 0};
        CHECK(setsockopt(p.b, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
        close(p.b);
        p.b = -1;
        short all = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
        CHECK(soon(p.a, all) == all && option(p.a, SO_ERROR) == ECONNRESET && option(p.a, SO_ERROR) == 0);
        CHECK(read(p.a, b, 1) == 0);
    }
    { // Written to somebody who has gone.
        Pair p;
        close(p.b);
        p.b = -1;
        CHECK(soon(p.a, POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLRDHUP));
        CHECK(write(p.a, "x", 1) == 1);
        short all = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
        CHECK(soon(p.a, all) == all);
        FAILS(EPIPE, write(p.a, "x", 1));
    }
    {
        Pair p;
        CHECK(shutdown(p.a, SHUT_RD) == 0 && read(p.a, b, 1) == 0);
        CHECK(ready(p.a) == (POLLIN | POLLOUT | POLLRDHUP));
        CHECK(write(p.a, "still", 5) == 5 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT) && reads(p.b, "still"));
    }
}

static void refused() {
    int l = server();
    int port = port_of(l);
    close(l);
    int fd = make();
    Name n{port};
    FAILS(ECONNREFUSED, connect(fd, n, n.size));
    CHECK(option(fd, SO_ERROR) == 0 && state(fd) == TCP_CLOSE);
    l = make();
    Name any;
    CHECK(bind(l, any, any.size) == 0 && listen(l, 4) == 0);
    Name to{port_of(l)};
    CHECK(connect(fd, to, to.size) == 0); // the same socket again
    close(fd);
    fd = make(SOCK_NONBLOCK);
    int r = connect(fd, n, n.size), error = errno; // at once, or later
    CHECK(r == -1 && (error == ECONNREFUSED || error == EINPROGRESS));
    if (error == EINPROGRESS) {
        soon(fd, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
        CHECK(option(fd, SO_ERROR) == ECONNREFUSED);
    }
    close(fd), close(l);
    fd = make();
    Name gone{port};
    sockaddr unspecified{};
    FAILS(EAFNOSUPPORT, ({
              sockaddr_un u{};
              u.sun_family = AF_UNIX;
              connect(fd, reinterpret_cast<sockaddr*>(&u), sizeof(sockaddr_in6));
          }));
    CHECK(connect(fd, &unspecified, sizeof unspecified) == 0);
    close(fd);
}

static void ports() {
    int a = server(), b = make();
    int port = port_of(a);
    Name same{port}, any{port, true};
    FAILS(EADDRINUSE, bind(b, same, same.size));
    FAILS(EADDRINUSE, bind(b, any, any.size));
    CHECK(set(b, SO_REUSEADDR, 1) == 0);
    FAILS(EADDRINUSE, bind(b, same, same.size)); // somebody listens
    close(a);
    CHECK(bind(b, same, same.size) == 0);
    int c = make();
    CHECK(set(c, SO_REUSEADDR, 1) == 0 && bind(c, same, same.size) == 0);
    CHECK(listen(b, 1) == 0);
    FAILS(EADDRINUSE, listen(c, 1));
    close(b), close(c);
    // SO_REUSEPORT: both listen.
    a = make(), b = make();
    CHECK(set(a, SO_REUSEPORT, 1) == 0 && set(b, SO_REUSEPORT, 1) == 0);
    CHECK(bind(a, same, same.size) == 0 && bind(b, same, same.size) == 0 && listen(a, 8) == 0 && listen(b, 8) == 0);
    int connected[8];
    for (int& fd : connected) fd = client(port);
    int came = 0;
    for (int l : {a, b}) {
        fcntl(l, F_SETFL, O_NONBLOCK);
        for (int fd; (fd = accept(l, nullptr, nullptr)) >= 0; came++) close(fd);
    }
    CHECK(came == 8);
    for (int fd : connected) close(fd);
    close(a), close(b);
    // What is left of a connection keeps its port, for who does not ask to share it.
    int l = server();
    port = port_of(l);
    int x = client(port), y = accept(l, nullptr, nullptr);
    close(l), close(y), close(x); // the accepted one closes first
    int again = make();
    Name held{port};
    FAILS(EADDRINUSE, bind(again, held, held.size));
    close(again);
}

static void nonblocking() {
    int l = server();
    int fd = make(SOCK_NONBLOCK);
    Name n{port_of(l)};
    int r = connect(fd, n, n.size), error = errno;
    CHECK(r == 0 || error == EINPROGRESS);
    CHECK(soon(fd, POLLOUT) == POLLOUT && option(fd, SO_ERROR) == 0);
    fcntl(l, F_SETFL, O_NONBLOCK);
    int s = accept(l, nullptr, nullptr);
    CHECK(s >= 0);
    FAILS(EAGAIN, accept(l, nullptr, nullptr));
    // Until the buffers are full; then the reader makes room.
    static char block[64 * 1024];
    long sent = 0, got = 0;
    for (ssize_t k; (k = write(fd, block, sizeof block)) > 0;) sent += k;
    error = errno;
    CHECK(error == EAGAIN && sent > 0 && (ready(fd) & POLLOUT) == 0);
    while (got < sent) {
        ssize_t k = read(s, block, sizeof block);
        CHECK(k > 0);
        got += k;
    }
    CHECK(soon(fd, POLLOUT) == POLLOUT);
    close(fd), close(s), close(l);
}

/// All bytes of a long transfer, both ways at once.
static void bulk() {
    constexpr long size = 8 << 20;
    int l = server();
    pid_t child = fork();
    auto at = [](long i) { return static_cast<unsigned char>(i * 7 + (i >> 9)); };
    auto pump = [&](int fd) {
        static unsigned char out[50000], in[30000];
        long sent = 0, got = 0;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        while (sent < size || got < size) {
            pollfd p{fd, static_cast<short>(POLLIN | (sent < size ? POLLOUT : 0)), 0};
            CHECK(poll(&p, 1, 20000) == 1);
            if (sent < size && p.revents & POLLOUT) {
                long n = size - sent < static_cast<long>(sizeof out) ? size - sent : static_cast<long>(sizeof out);
                for (long i = 0; i < n; i++) out[i] = at(sent + i);
                ssize_t k = write(fd, out, static_cast<size_t>(n));
                if (k > 0) sent += k;
            }
            ssize_t k = read(fd, in, sizeof in);
            for (long i = 0; i < k; i++) CHECK(in[i] == at(got + i));
            if (k > 0) got += k;
        }
        CHECK(shutdown(fd, SHUT_WR) == 0);
        pollfd p{fd, POLLIN, 0};
        CHECK(poll(&p, 1, 20000) == 1 && read(fd, in, 1) == 0);
    };
    if (child == 0) {
        pump(client(port_of(l)));
        _exit(0);
    }
    int s = accept(l, nullptr, nullptr);
    CHECK(s >= 0);
    pump(s);
    wait_for(child);
    close(s), close(l);
}

static void urgent() {
    Pair p;
    char b[16];
    CHECK(send(p.a, "abc", 3, 0) == 3 && send(p.a, "!", 1, MSG_OOB) == 1 && send(p.a, "def", 3, 0) == 3);
    CHECK(soon(p.b, POLLIN | POLLOUT | POLLPRI) == (POLLIN | POLLOUT | POLLPRI));
    int mark = -1;
    CHECK(recv(p.b, b, 1, MSG_OOB) == 1 && b[0] == '!');
    FAILS(EINVAL, recv(p.b, b, 1, MSG_OOB));
    CHECK(ioctl(p.b, SIOCATMARK, &mark) == 0 && mark == 0);
    CHECK(read(p.b, b, 16) == 3 && !memcmp(b, "abc", 3));
    CHECK(ioctl(p.b, SIOCATMARK, &mark) == 0 && mark == 1);
    usleep(50000);
    CHECK(reads(p.b, "def"));
    CHECK(ioctl(p.b, SIOCATMARK, &mark) == 0 && mark == 0);
    CHECK(set(p.a, SO_OOBINLINE, 1) == 0);
    CHECK(send(p.b, "1", 1, 0) == 1 && send(p.b, "2", 1, MSG_OOB) == 1);
    CHECK(soon(p.a, POLLIN | POLLOUT | POLLPRI) == (POLLIN | POLLOUT | POLLPRI));
    FAILS(EINVAL, recv(p.a, b, 1, MSG_OOB));
    CHECK(reads(p.a, "1") && reads(p.a, "2"));
}

static void options() {
    int fd = make();
    CHECK(tcp_option(fd, TCP_NODELAY) == 0 && set_tcp(fd, TCP_NODELAY, 5) == 0 && tcp_option(fd, TCP_NODELAY) == 1);
    CHECK(tcp_option(fd, TCP_CORK) == 0 && set_tcp(fd, TCP_CORK, 1) == 0 && tcp_option(fd, TCP_CORK) == 1);
    CHECK(tcp_option(fd, TCP_MAXSEG) == 536 && set_tcp(fd, TCP_MAXSEG, 1000) == 0 &&
          tcp_option(fd, TCP_MAXSEG) == 1000);
    FAILS(EINVAL, set_tcp(fd, TCP_MAXSEG, 87));
    FAILS(EINVAL, set_tcp(fd, TCP_MAXSEG, 32768));
    CHECK(tcp_option(fd, TCP_KEEPIDLE) == 7200 && tcp_option(fd, TCP_KEEPINTVL) == 75);
    CHECK(tcp_option(fd, TCP_KEEPCNT) == 9 && tcp_option(fd, TCP_SYNCNT) == 6);
    for (int name : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT}) {
        FAILS(EINVAL, set_tcp(fd, name, 0));
        CHECK(set_tcp(fd, name, 100) == 0 && tcp_option(fd, name) == 100);
    }
    FAILS(EINVAL, set_tcp(fd, TCP_KEEPCNT, 128));
    CHECK(tcp_option(fd, TCP_LINGER2) == 60 && set_tcp(fd, TCP_LINGER2, 10) == 0 && tcp_option(fd, TCP_LINGER2) == 10);
    CHECK(set_tcp(fd, TCP_LINGER2, -4) == 0 && tcp_option(fd, TCP_LINGER2) == -1);
    CHECK(set_tcp(fd, TCP_LINGER2, 500) == 0 && tcp_option(fd, TCP_LINGER2) == 120);
    CHECK(tcp_option(fd, TCP_DEFER_ACCEPT) == 0 && set_tcp(fd, TCP_DEFER_ACCEPT, 5) == 0);
    CHECK(tcp_option(fd, TCP_DEFER_ACCEPT) == 7);
    CHECK(tcp_option(fd, TCP_QUICKACK) == 1);
    CHECK(tcp_option(fd, TCP_USER_TIMEOUT) == 0 && set_tcp(fd, TCP_USER_TIMEOUT, 1234) == 0);
    CHECK(tcp_option(fd, TCP_USER_TIMEOUT) == 1234);
    FAILS(EINVAL, set_tcp(fd, TCP_USER_TIMEOUT, -1));
    FAILS(ENOPROTOOPT, set_tcp(fd, 99, 1));
    FAILS(EINVAL, setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, "a", 1));
    FAILS(ENOENT, setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6));
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
    char name[32];
    socklen_t size = sizeof name;
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 && size == 16 && !strcmp(name, "reno"));
    CHECK(set(fd, SO_RCVBUF, 10000) == 0 && option(fd, SO_RCVBUF) == 20000);
    CHECK(set(fd, SO_SNDBUF, 1) == 0 && option(fd, SO_SNDBUF) == 4608);
    close(fd);
    Pair p;
    CHECK(tcp_option(p.a, TCP_NODELAY) == 0);
    // What a socket has passes to the connections that come to it.
    int l = make();
    Name n;
    CHECK(set_tcp(l, TCP_NODELAY, 1) == 0 && set(l, SO_KEEPALIVE, 1) == 0 && set_tcp(l, TCP_KEEPIDLE, 77) == 0);
    CHECK(bind(l, n, n.size) == 0 && listen(l, 1) == 0);
    int c = client(port_of(l)), s = accept(l, nullptr, nullptr);
    CHECK(tcp_option(s, TCP_NODELAY) == 1 && option(s, SO_KEEPALIVE) == 1 && tcp_option(s, TCP_KEEPIDLE) == 77);
    close(l), close(c), close(s);
}

/// The small blocks of a corked socket go as one when the cork is drawn.
static void corks() {
    Pair p;
    CHECK(set_tcp(p.a, TCP_CORK, 1) == 0);
    CHECK(write(p.a, "one", 3) == 3 && write(p.a, "two", 3) == 3);
    CHECK(ready(p.b) == POLLOUT);
    CHECK(set_tcp(p.a, TCP_CORK, 0) == 0 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT) && reads(p.b, "onetwo"));
    CHECK(send(p.a, "three", 5, MSG_MORE) == 5 && ready(p.b) == POLLOUT);
    CHECK(send(p.a, "four", 4, 0) == 4 && soon(p.b, POLLIN | POLLOUT) == (POLLIN | POLLOUT) && reads(p.b, "threefour"));
}

static void edges() {
    Pair p;
    int e = epoll_create1(0);
    epoll_event ev{EPOLLIN | EPOLLET | EPOLLRDHUP, {}}, got;
    char b[8];
    CHECK(epoll_ctl(e, EPOLL_CTL_ADD, p.b, &ev) == 0 && epoll_wait(e, &got, 1, 0) == 0);
    CHECK(write(p.a, "ab", 2) == 2 && epoll_wait(e, &got, 1, 1000) == 1 && got.events == EPOLLIN);
    CHECK(epoll_wait(e, &got, 1, 0) == 0);
    CHECK(read(p.b, b, 1) == 1 && epoll_wait(e, &got, 1, 0) == 0); // what is left is no news
    CHECK(write(p.a, "c", 1) == 1 && epoll_wait(e, &got, 1, 1000) == 1 && got.events == EPOLLIN);
    CHECK(read(p.b, b, 8) == 2 && shutdown(p.a, SHUT_WR) == 0);
    CHECK(epoll_wait(e, &got, 1, 1000) == 1 && got.events == (EPOLLIN | EPOLLRDHUP));
    close(e);
}

static void files() {
    Pair p;
    int f = memfd_create("sent", 0);
    CHECK(ftruncate(f, 100000) == 0 && pwrite(f, "end", 3, 99997) == 3);
    off_t at = 50000;
    pid_t child = fork();
    if (child == 0) {
        long n = 0;
        static char b[100000];
        while (n < 50000) {
            ssize_t k = read(p.b, b + n, static_cast<size_t>(50000 - n));
            CHECK(k > 0);
            n += k;
        }
        CHECK(!memcmp(b + 49997, "end", 3));
        _exit(0);
    }
    CHECK(sendfile(p.a, f, &at, 1 << 20) == 50000 && at == 100000);
    wait_for(child);
    close(f);
}

static void both_families() {
    if (family == AF_INET) return;
    int l = make();
    Name any{0, true};
    CHECK(bind(l, any, any.size) == 0 && listen(l, 4) == 0);
    int port = port_of(l);
    family = AF_INET;
    int c = client(port);
    family = AF_INET6;
    sockaddr_in6 from;
    socklen_t size = sizeof from;
    int s = accept(l, reinterpret_cast<sockaddr*>(&from), &size);
    CHECK(s >= 0 && size == sizeof from && IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    CHECK(write(c, "four", 4) == 4 && soon(s, POLLIN | POLLOUT) == (POLLIN | POLLOUT) && reads(s, "four"));
    close(c), close(s), close(l);
    l = make();
    int one = 1;
    CHECK(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0);
    CHECK(bind(l, any, any.size) == 0 && listen(l, 4) == 0);
    sockaddr_in v4{AF_INET, htons(static_cast<uint16_t>(port_of(l))), {htonl(INADDR_LOOPBACK)}, {}};
    c = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(ECONNREFUSED, connect(c, reinterpret_cast<sockaddr*>(&v4), sizeof v4));
    close(c), close(l);
}

/// Who listens and closes refuses what waits; a full queue takes no more.
static void backlogs() {
    int l = server(1);
    int port = port_of(l), c[2];
    for (int& fd : c) fd = client(port);
    int more = make(SOCK_NONBLOCK);
    Name n{port};
    FAILS(EINPROGRESS, connect(more, n, n.size));
    FAILS(EALREADY, connect(more, n, n.size));
    usleep(50000);
    CHECK((ready(more) & POLLOUT) == 0);
    close(more);
    char b;
    close(l);
    for (int fd : c) {
        short all = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
        CHECK(soon(fd, all) == all);
        FAILS(ECONNRESET, read(fd, &b, 1));
        close(fd);
    }
}

int main() {
    for (int f : {AF_INET, AF_INET6}) {
        family = f;
        fresh(), names(), bytes(), ends(), refused(), ports(), nonblocking(), bulk(), urgent(), options(), corks();
        edges(), files(), both_families(), backlogs();
    }
    return finish("tcp_streams");
}
