// qemu-user: does not know all options of sockets
// Unix sockets, SOCK_STREAM: connecting, reading, writing, ending; unix(7).
#include "tests/linux/sockets.h"
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void pair() {
    int p[2], n = 0;
    char b[64];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p) == 0);
    CHECK(fcntl(p[0], F_GETFD) == FD_CLOEXEC && fcntl(p[1], F_GETFL) == (O_RDWR | O_NONBLOCK));
    CHECK(option(p[0], SO_TYPE) == SOCK_STREAM && option(p[0], SO_DOMAIN) == AF_UNIX && option(p[0], SO_PROTOCOL) == 0);
    FAILS(EAGAIN, read(p[0], b, 1));
    CHECK(ready(p[0]) == POLLOUT);
    CHECK(write(p[0], "abc", 3) == 3 && write(p[0], "def", 3) == 3);
    CHECK(ready(p[1]) == (POLLIN | POLLOUT));
    CHECK(ioctl(p[1], FIONREAD, &n) == 0 && n == 6);
    CHECK(ioctl(p[0], TIOCOUTQ, &n) == 0 && n > 0);
    CHECK(recv(p[1], b, 4, MSG_PEEK) == 4 && !memcmp(b, "abcd", 4)); // over two writes
    CHECK(read(p[1], b, 2) == 2 && read(p[1], b, 10) == 4 && !memcmp(b, "cdef", 4));
    CHECK(ioctl(p[0], TIOCOUTQ, &n) == 0 && n == 0);
    CHECK(write(p[0], "", 0) == 0 && send(p[0], "", 0, 0) == 0);
    FAILS(EAGAIN, recv(p[1], b, 0, 0));
    CHECK(read(p[1], b, 0) == 0);
    FAILS(ESPIPE, lseek(p[0], 0, SEEK_CUR));
    FAILS(ESPIPE, pread(p[0], b, 1, 0));
    FAILS(EISCONN, sendto(p[0], "x", 1, 0, Address{"nowhere"}, Address{"nowhere"}.size));
    FAILS(EFAULT, write(p[0], reinterpret_cast<void*>(8), 10));
    CHECK(write(p[0], "xyz", 3) == 3);
    FAILS(EFAULT, read(p[1], reinterpret_cast<void*>(8), 10));
    CHECK(reads(p[1], "xyz"));
    struct stat s;
    CHECK(fstat(p[0], &s) == 0 && S_ISSOCK(s.st_mode) && (s.st_mode & 07777) == 0777 && s.st_nlink == 1);
    char link[64], path[64], wanted[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", static_cast<unsigned long>(s.st_ino));
    ssize_t k = readlink(path, link, sizeof link);
    CHECK(k == static_cast<ssize_t>(strlen(wanted)) && !memcmp(link, wanted, static_cast<size_t>(k)));
    FAILS(ENXIO, open(path, O_RDWR));
    sockaddr_un name;
    socklen_t size = sizeof name;
    CHECK(getsockname(p[0], reinterpret_cast<sockaddr*>(&name), &size) == 0 && size == 2 && name.sun_family == AF_UNIX);
    size = sizeof name;
    CHECK(getpeername(p[0], reinterpret_cast<sockaddr*>(&name), &size) == 0 && size == 2);
    close(p[0]), close(p[1]);
}

static void ends() {
    int p[2];
    char b[16];
    signal(SIGPIPE, SIG_IGN);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(write(p[0], "left", 4) == 4);
    close(p[0]);
    CHECK(ready(p[1]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
    FAILS(EPIPE, write(p[1], "x", 1));
    CHECK(reads(p[1], "left") && read(p[1], b, 1) == 0);
    close(p[1]);
    // Closed with bytes unread.
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(write(p[0], "unread", 6) == 6 && write(p[1], "mine", 4) == 4);
    close(p[1]);
    CHECK(ready(p[0]) & POLLERR);
    CHECK(reads(p[0], "mine"));
    FAILS(ECONNRESET, read(p[0], b, 1));
    CHECK(read(p[0], b, 1) == 0);
    FAILS(EPIPE, write(p[0], "x", 1));
    close(p[0]);
    // SO_ERROR takes it, too.
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && write(p[0], "unread", 6) == 6);
    close(p[1]);
    CHECK(option(p[0], SO_ERROR) == ECONNRESET && option(p[0], SO_ERROR) == 0);
    CHECK(ready(p[0]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
    close(p[0]);
    // Half closed.
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    FAILS(EINVAL, shutdown(p[0], 3));
    CHECK(shutdown(p[0], SHUT_WR) == 0);
    CHECK(ready(p[0]) == POLLOUT && ready(p[1]) == (POLLIN | POLLOUT | POLLRDHUP));
    FAILS(EPIPE, write(p[0], "x", 1));
    FAILS(EPIPE, write(p[0], "", 0));
    CHECK(read(p[1], b, 1) == 0 && write(p[1], "back", 4) == 4 && reads(p[0], "back"));
    CHECK(shutdown(p[0], SHUT_RD) == 0 && ready(p[0]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
    FAILS(EPIPE, send(p[1], "x", 1, MSG_NOSIGNAL));
    close(p[0]), close(p[1]);
    // The signal.
    for (int flags : {0, int{MSG_NOSIGNAL}}) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
        close(p[1]);
        pid_t child = start([&] {
            signal(SIGPIPE, SIG_DFL);
            return send(p[0], "x", 1, flags) == -1 && errno == EPIPE ? 0 : 1;
        });
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(flags ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
        close(p[0]);
    }
}

static void unconnected() {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char b[4];
    sockaddr_un name;
    socklen_t size = sizeof name;
    CHECK(ready(fd) == (POLLOUT | POLLHUP));
    FAILS(EINVAL, read(fd, b, 1));
    FAILS(ENOTCONN, write(fd, "x", 1));
    FAILS(EOPNOTSUPP, sendto(fd, "x", 1, 0, Address{"nowhere"}, Address{"nowhere"}.size));
    FAILS(ENOTCONN, getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size));
    FAILS(EINVAL, listen(fd, 1));
    FAILS(EINVAL, accept(fd, nullptr, nullptr));
    CHECK(shutdown(fd, SHUT_RDWR) == 0);
    close(fd);
    FAILS(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 7));
    FAILS(ESOCKTNOSUPPORT, socket(AF_UNIX, SOCK_RDM, 0));
    fd = socket(AF_UNIX, SOCK_RAW, AF_UNIX);
    CHECK(option(fd, SO_TYPE) == SOCK_DGRAM);
    FAILS(EOPNOTSUPP, accept(fd, nullptr, nullptr));
    FAILS(EOPNOTSUPP, listen(fd, 1));
    close(fd);
}

static void connecting(int type) {
    unlink("door");
    int door = listening(type, "door", 1);
    sockaddr_un name;
    socklen_t size = sizeof name;
    CHECK(option(door, SO_ACCEPTCONN) == 1 && ready(door) == 0);
    fcntl(door, F_SETFL, O_NONBLOCK);
    FAILS(EAGAIN, accept(door, nullptr, nullptr));
    int a = connected(type, "door"), b = connected(type, "door");
    CHECK(ready(door) == POLLIN);
    int c = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    Address to{"door"};
    FAILS(EAGAIN, connect(c, to, to.size));    // the backlog and one more
    FAILS(EAGAIN, connect(door, to, to.size)); // looked at before what it is itself
    CHECK(write(a, "early", 5) == 5);
    int server = accept(door, reinterpret_cast<sockaddr*>(&name), &size);
    CHECK(server >= 0 && size == 2 && fcntl(server, F_GETFL) == O_RDWR);
    CHECK(reads(server, "early"));
    FAILS(EISCONN, connect(a, to, to.size));
    FAILS(EINVAL, connect(door, to, to.size));
    size = sizeof name;
    CHECK(getsockname(server, reinterpret_cast<sockaddr*>(&name), &size) == 0 && size == 2 + 5 &&
          !strcmp(name.sun_path, "door"));
    size = 4;
    memset(&name, 'x', sizeof name);
    CHECK(getpeername(a, reinterpret_cast<sockaddr*>(&name), &size) == 0 && size == 7 && name.sun_path[1] == 'o' &&
          name.sun_path[2] == 'x');
    CHECK(connect(c, to, to.size) == 0);
    close(c);
    int second = accept4(door, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(second >= 0 && fcntl(second, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(second, F_GETFD) == FD_CLOEXEC);
    FAILS(EFAULT, accept(door, reinterpret_cast<sockaddr*>(&name), reinterpret_cast<socklen_t*>(8)));
    // What nobody has accepted is reset with the listener.
    int d = connected(type, "door");
    close(door);
    CHECK(ready(d) & POLLHUP);
    char byte;
    FAILS(ECONNRESET, read(d, &byte, 1));
    FAILS(ECONNREFUSED, connect(socket(AF_UNIX, type, 0), to, to.size));
    for (int fd : {a, b, d, server, second}) close(fd);
}

static void waiting() {
    unlink("wait");
    int door = listening(SOCK_STREAM, "wait", 0);
    int first = connected(SOCK_STREAM, "wait");
    pid_t child = start([] {
        int fd = connected(SOCK_STREAM, "wait"); // waits for room
        char b[8];
        return recv(fd, b, 8, MSG_WAITALL) == 8 && !memcmp(b, "12345678", 8) ? 0 : 1;
    });
    CHECK(until_asleep(child));
    int a = accept(door, nullptr, nullptr), b = accept(door, nullptr, nullptr);
    CHECK(write(b, "1234", 4) == 4);
    CHECK(until_asleep(child));
    CHECK(write(b, "5678", 4) == 4);
    wait_for(child);
    // Timeouts.
    timeval soon{0, 20'000};
    char byte;
    CHECK(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
    FAILS(EAGAIN, read(a, &byte, 1));
    FAILS(EAGAIN, recv(a, &byte, 1, 0));
    CHECK(setsockopt(door, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
    FAILS(EAGAIN, accept(door, nullptr, nullptr));
    // A low-water mark.
    CHECK(set(a, SO_RCVLOWAT, 5) == 0 && option(a, SO_RCVLOWAT) == 5);
    CHECK(write(first, "abc", 3) == 3);
    char some[8];
    CHECK(read(a, some, 8) == 3); // when the time was over
    CHECK(write(first, "abcdef", 6) == 6 && read(a, some, 8) == 6);
    // The send buffer.
    CHECK(set(first, SO_SNDBUF, 1) == 0 && option(first, SO_SNDBUF) == 4608);
    fcntl(first, F_SETFL, O_NONBLOCK);
    char page[4096]{};
    ssize_t n, sum = 0;
    while ((n = write(first, page, sizeof page)) > 0) sum += n;
    CHECK(n == -1 && sum > 0 && !(ready(first) & POLLOUT));
    FAILS(EAGAIN, write(first, page, sizeof page));
    child = start([&] {
        fcntl(first, F_SETFL, 0);
        return write(first, "waits", 5) == 5 ? 0 : 1;
    });
    CHECK(until_asleep(child));
    for (char some[512]; sum > 0; sum -= n)
        if ((n = read(a, some, sizeof some)) <= 0) break;
    CHECK(sum == 0);
    wait_for(child);
    CHECK(reads(a, "waits"));
    for (int fd : {door, first, a, b}) close(fd);
}

static void much() {
    int p[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    pid_t child = start([&] {
        close(p[0]);
        static char out[100'000];
        unsigned n = 0;
        for (size_t sent = 0; sent < 3'000'000;) {
            size_t piece = 1 + sent * 7 % sizeof out;
            if (piece > 3'000'000 - sent) piece = 3'000'000 - sent;
            for (size_t i = 0; i < piece; i++) out[i] = static_cast<char>(n++ * 31);
            if (write(p[1], out, piece) != static_cast<ssize_t>(piece)) return 1;
            sent += piece;
        }
        return 0;
    });
    close(p[1]);
    static char in[70'000];
    unsigned at = 0, wrong = 0;
    ssize_t n;
    while ((n = read(p[0], in, 1 + at % sizeof in)) > 0)
        for (ssize_t i = 0; i < n; i++) wrong += in[i] != static_cast<char>(at++ * 31);
    CHECK(n == 0 && at == 3'000'000 && wrong == 0);
    wait_for(child);
    close(p[0]);
}

static void vectors_and_pages() {
    int p[2], q[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && pipe(q) == 0);
    char a[3], b[4];
    iovec out[2] = {{const_cast<char*>("abc"), 3}, {const_cast<char*>("defg"), 4}}, in[2] = {{a, 3}, {b, 4}};
    CHECK(writev(p[0], out, 2) == 7 && readv(p[1], in, 2) == 7 && !memcmp(a, "abc", 3) && !memcmp(b, "defg", 4));
    int file = open("content", O_CREAT | O_RDWR | O_TRUNC, 0600);
    CHECK(write(file, "0123456789", 10) == 10);
    off_t at = 2;
    CHECK(sendfile(p[0], file, &at, 5) == 5 && at == 7 && reads(p[1], "23456"));
    CHECK(write(p[0], "spliced", 7) == 7);
    CHECK(splice(p[1], nullptr, q[1], nullptr, 100, 0) == 7);
    CHECK(splice(q[0], nullptr, p[1], nullptr, 100, 0) == 7 && reads(p[0], "spliced"));
    FAILS(EAGAIN, splice(p[1], nullptr, q[1], nullptr, 100, SPLICE_F_NONBLOCK));
    FAILS(EINVAL, sendfile(file, p[1], nullptr, 4));
    FAILS(EINVAL, ftruncate(p[0], 0));
    FAILS(EINVAL, fsync(p[0]));
    FAILS(ENODEV, CALL(mmap, 0, 4096, 1, 1, p[0], 0));
    for (int fd : {p[0], p[1], q[0], q[1], file}) close(fd);
}

static void urgent() {
    int p[2], mark = -1;
    char b[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    FAILS(EINVAL, recv(p[1], b, 1, MSG_OOB));
    FAILS(EOPNOTSUPP, send(p[0], "", 0, MSG_OOB));
    CHECK(send(p[0], "abcX", 4, MSG_OOB) == 4 && send(p[0], "def", 3, 0) == 3);
    CHECK(ready(p[1]) == (POLLIN | POLLOUT | POLLPRI));
    CHECK(ioctl(p[1], SIOCATMARK, &mark) == 0 && mark == 0);
    CHECK(recv(p[1], b, 16, 0) == 3); // up to the mark
    CHECK(ioctl(p[1], SIOCATMARK, &mark) == 0 && mark == 1);
    CHECK(recv(p[1], b, 1, MSG_OOB | MSG_PEEK) == 1 && b[0] == 'X');
    CHECK(recv(p[1], b, 1, MSG_OOB) == 1 && b[0] == 'X' && !(ready(p[1]) & POLLPRI));
    FAILS(EINVAL, recv(p[1], b, 1, MSG_OOB));
    CHECK(reads(p[1], "def"));
    CHECK(send(p[0], "Y", 1, MSG_OOB) == 1 && send(p[0], "gh", 2, 0) == 2);
    CHECK(reads(p[1], "gh")); // a read that begins there passes it
    int on = 1;
    CHECK(setsockopt(p[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) == 0);
    CHECK(send(p[0], "Z", 1, MSG_OOB) == 1);
    FAILS(EINVAL, recv(p[1], b, 1, MSG_OOB));
    CHECK(reads(p[1], "Z"));
    close(p[0]), close(p[1]);
}

/// How many events an edge-triggered watcher is told of.
static int told(int epoll) {
    epoll_event e[4];
    return epoll_wait(epoll, e, 4, 0);
}
static void edges() {
    int p[2], epoll = epoll_create1(0);
    char b[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    epoll_event in{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.fd = 1}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, p[1], &in) == 0 && told(epoll) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(write(p[0], "x", 1) == 1 && told(epoll) == 1); // each arrival
        CHECK(told(epoll) == 0);
    }
    CHECK(read(p[1], b, 1) == 1 && told(epoll) == 0);
    CHECK(shutdown(p[0], SHUT_WR) == 0 && told(epoll) == 1);
    close(p[0]);
    CHECK(told(epoll) == 1);
    close(p[1]), close(epoll);
}

static void peeking() {
    int p[2];
    char b[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    CHECK(option(p[1], SO_PEEK_OFF) == -1 && set(p[1], SO_PEEK_OFF, 0) == 0);
    CHECK(write(p[0], "abc", 3) == 3 && write(p[0], "defg", 4) == 4);
    CHECK(recv(p[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "ab", 2));
    CHECK(recv(p[1], b, 3, MSG_PEEK) == 3 && !memcmp(b, "cde", 3));
    CHECK(option(p[1], SO_PEEK_OFF) == 5);
    CHECK(read(p[1], b, 2) == 2 && option(p[1], SO_PEEK_OFF) == 3);
    CHECK(recv(p[1], b, 16, MSG_PEEK) == 2 && !memcmp(b, "fg", 2));
    FAILS(EAGAIN, recv(p[1], b, 16, MSG_PEEK | MSG_DONTWAIT));
    CHECK(reads(p[1], "cdefg"));
    close(p[0]), close(p[1]);
}

int main() {
    pair();
    ends();
    unconnected();
    connecting(SOCK_STREAM);
    connecting(SOCK_SEQPACKET);
    waiting();
    much();
    vectors_and_pages();
    urgent();
    edges();
    peeking();
    return finish("unix_streams");
}
