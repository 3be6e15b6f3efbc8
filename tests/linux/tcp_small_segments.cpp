// qemu-user: passes segments on to the machine's own TCP
// Many small segments: what they keep of memory is not what makes them be lost.
#include "tests/linux/sockets.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

static sockaddr_in loopback(int port) {
    sockaddr_in n{};
    n.sin_family = AF_INET;
    n.sin_port = htons(static_cast<uint16_t>(port));
    n.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return n;
}
static void set_tcp(int fd, int name, int value) {
    CHECK(setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value) == 0);
}

struct Pair {
    int a, b;
    explicit Pair(int max_segment) {
        int l = socket(AF_INET, SOCK_STREAM, 0);
        a = socket(AF_INET, SOCK_STREAM, 0);
        for (int fd : {l, a}) {
            set_tcp(fd, TCP_NODELAY, 1);
            if (max_segment) set_tcp(fd, TCP_MAXSEG, max_segment);
        }
        sockaddr_in n = loopback(0);
        socklen_t size = sizeof n;
        CHECK(bind(l, reinterpret_cast<sockaddr*>(&n), size) == 0 && listen(l, 1) == 0);
        CHECK(getsockname(l, reinterpret_cast<sockaddr*>(&n), &size) == 0);
        CHECK(connect(a, reinterpret_cast<sockaddr*>(&n), size) == 0);
        b = accept(l, nullptr, nullptr);
        CHECK(b >= 0);
        close(l);
    }
    ~Pair() { close(a), close(b); }
};

static unsigned char at(long i) { return static_cast<unsigned char>(i * 7 + (i >> 9)); }

/// Long writes, which leave as segments of a few hundred bytes each.
static void bulk(int max_segment) {
    constexpr long size = 8 << 20;
    Pair p{max_segment};
    pid_t child = fork();
    if (child == 0) {
        static unsigned char out[65536];
        for (long sent = 0; sent < size;) {
            for (long i = 0; i < static_cast<long>(sizeof out); i++) out[i] = at(sent + i);
            ssize_t n = write(p.a, out, sizeof out);
            if (n <= 0) _exit(1);
            sent += n;
        }
        tcp_info info;
        socklen_t length = sizeof info;
        CHECK(getsockopt(p.a, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
        CHECK(info.tcpi_rttvar < 10'000'000 && info.tcpi_rto < 10'000'000);             // microseconds
        CHECK(info.tcpi_total_retrans < size / static_cast<unsigned>(max_segment) / 4); // a busy machine's probes
        _exit(failures);
    }
    static unsigned char in[65536];
    for (long got = 0; got < size;) {
        pollfd wait{p.b, POLLIN, 0};
        CHECK(poll(&wait, 1, 20000) == 1);
        ssize_t n = read(p.b, in, sizeof in);
        CHECK(n > 0);
        for (long i = 0; i < n; i++) CHECK(in[i] == at(got + i));
        got += n;
    }
    wait_for(child);
}

/// Nobody reads: what was taken from the writer, in small pieces, is there to be read all the same.
static void unread(int each, bool pauses) {
    Pair p{0};
    static unsigned char bytes[65536];
    for (long i = 0; i < static_cast<long>(sizeof bytes); i++) bytes[i] = at(i);
    long sent = 0;
    while (sent + each <= 30000) {
        CHECK(write(p.a, bytes + sent, static_cast<size_t>(each)) == each);
        sent += each;
        int unacknowledged = 1;
        if (pauses) // so that the next one is not put behind it
            CHECK(eventually([&] { return ioctl(p.a, TIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0; }));
    }
    int there = 0;
    CHECK(eventually([&] { return ioctl(p.b, FIONREAD, &there) == 0 && there == sent; }));
    tcp_info info;
    socklen_t length = sizeof info;
    CHECK(getsockopt(p.a, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
    CHECK(info.tcpi_total_retrans == 0);
    static unsigned char in[65536];
    CHECK(recv(p.b, in, static_cast<size_t>(sent), MSG_WAITALL) == sent &&
          memcmp(in, bytes, static_cast<size_t>(sent)) == 0);
}

int main() {
    for (int size : {536, 1000, 5000}) bulk(size);
    unread(100, false), unread(100, true), unread(1400, true);
    return finish("tcp_small_segments");
}
