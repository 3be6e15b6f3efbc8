// Unix, UDP and TCP sockets on the loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bench/rows/rows.h"

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(int type, int port) {
    struct sockaddr_in address = loopback(port);
    int socket_file = check(socket(AF_INET, type, 0)), on = 1;
    check(setsockopt(socket_file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    check(bind(socket_file, (struct sockaddr*)&address, sizeof address));
    if (type == SOCK_STREAM) check(listen(socket_file, 4096));
    return socket_file;
}

static int connected(int type, int port) {
    struct sockaddr_in address = loopback(port);
    int socket_file = check(socket(AF_INET, type, 0));
    check(connect(socket_file, (struct sockaddr*)&address, sizeof address));
    return socket_file;
}

/// Two ends of a TCP connection.
static void tcp_pair(int ends[2]) {
    int listener = bound(SOCK_STREAM, 7000), on = 1;
    ends[0] = connected(SOCK_STREAM, 7000);
    ends[1] = check(accept(listener, NULL, NULL));
    for (int i = 0; i < 2; ++i) check(setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    close(listener);
}

static void udp_pair(int ends[2]) {
    for (int i = 0; i < 2; ++i) ends[i] = bound(SOCK_DGRAM, 7001 + i);
    for (int i = 0; i < 2; ++i) {
        struct sockaddr_in other = loopback(7002 - i);
        check(connect(ends[i], (struct sockaddr*)&other, sizeof other));
    }
}

static void round_trip(int ends[2]) {
    if (check(fork()) == 0) {
        close(ends[0]);
        relay(ends[1], ends[1]);
    }
    close(ends[1]);
    MEASURE(50) {
        put(ends[0]);
        get(ends[0]);
    }
}

ROW("socket: Unix stream round trip between two processes") {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    round_trip(ends);
}

ROW("socket: Unix datagram round trip between two processes") {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
    round_trip(ends);
}

ROW("socket: UDP round trip between two processes") {
    int ends[2];
    udp_pair(ends);
    round_trip(ends);
}

ROW("socket: TCP round trip between two processes") {
    int ends[2];
    tcp_pair(ends);
    round_trip(ends);
}

/// A megabyte to another process, which says when it has all of it.
static void stream(int ends[2]) {
    static char data[65536];
    if (check(fork()) == 0) {
        close(ends[0]);
        while (1) {
            for (ssize_t left = 1 << 20, n; left > 0; left -= n)
                if ((n = read(ends[1], data, sizeof data)) <= 0) _exit(0);
            put(ends[1]);
        }
    }
    close(ends[1]);
    divide_by(1024);
    MEASURE(2) {
        for (int i = 0; i < 16; ++i)
            for (ssize_t left = sizeof data; left > 0;) left -= check(write(ends[0], data, (size_t)left));
        get(ends[0]);
    }
}

ROW("socket: Unix stream of 1 MiB, per KiB") {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    stream(ends);
}

ROW("socket: TCP stream of 1 MiB, per KiB") {
    int ends[2];
    tcp_pair(ends);
    stream(ends);
}

ROW("socket: UDP datagrams of 8 KiB sent and received, per KiB") {
    static char data[8192];
    int ends[2];
    udp_pair(ends);
    divide_by(8);
    MEASURE(20) {
        require(send(ends[0], data, sizeof data, 0) == sizeof data);
        require(recv(ends[1], data, sizeof data, 0) == sizeof data);
    }
}

ROW("socket: TCP connect+accept+close") {
    int listener = bound(SOCK_STREAM, 7003);
    MEASURE(20) {
        int client = connected(SOCK_STREAM, 7003), server = check(accept(listener, NULL, NULL));
        check(close(client));
        check(close(server));
    }
}

ROW("socket: TCP accept of a connection that waits") {
    enum { EACH = 40, ALL = (BATCHES + 1) * EACH };
    int listener = bound(SOCK_STREAM, 7004);
    for (int i = 0; i < ALL; ++i) connected(SOCK_STREAM, 7004);
    MEASURE(EACH) check(accept(listener, NULL, NULL));
}

/// What a server does that has a connection for each request.
ROW("socket: TCP connect, accept, a byte each way, close") {
    int listener = bound(SOCK_STREAM, 7005);
    if (check(fork()) == 0)
        while (1) {
            int server = check(accept(listener, NULL, NULL));
            get(server);
            put(server);
            close(server);
        }
    MEASURE(20) {
        int client = connected(SOCK_STREAM, 7005);
        put(client);
        get(client);
        check(close(client));
    }
}

enum { CONNECTIONS = 10000, ACTIVE = 100 };

/// The clients' side: for each byte of `go`, a byte on each of 100 connections, and their answers.
static _Noreturn void active_clients(int go) {
    static int clients[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; ++i) clients[i] = connected(SOCK_STREAM, 7006);
    for (int first = 0; 1; first = (first + 1) % (CONNECTIONS / ACTIVE)) {
        get(go);
        for (int i = first; i < CONNECTIONS; i += CONNECTIONS / ACTIVE) put(clients[i]);
        for (int i = first; i < CONNECTIONS; i += CONNECTIONS / ACTIVE) get(clients[i]);
        put(go);
    }
}

ROW("socket: 10,000 TCP connections in an epoll, 100 of them ask, per answer") {
    int listener = bound(SOCK_STREAM, 7006), go[2], epoll = check(epoll_create1(0));
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, go));
    if (check(fork()) == 0) active_clients(go[1]);
    for (int i = 0; i < CONNECTIONS; ++i) {
        int server = check(accept(listener, NULL, NULL));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = server};
        check(epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event));
    }
    divide_by(ACTIVE);
    MEASURE(5) {
        put(go[0]);
        for (int left = ACTIVE, n; left; left -= n) {
            struct epoll_event events[64];
            n = check(epoll_wait(epoll, events, 64, -1));
            for (int i = 0; i < n; ++i) {
                get(events[i].data.fd);
                put(events[i].data.fd);
            }
        }
        get(go[0]);
    }
}

ROW("socket: Unix connect+accept+close") {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/socket"};
    int listener = check(socket(AF_UNIX, SOCK_STREAM, 0));
    unlink(address.sun_path);
    check(bind(listener, (struct sockaddr*)&address, sizeof address));
    check(listen(listener, 16));
    MEASURE(20) {
        int client = check(socket(AF_UNIX, SOCK_STREAM, 0));
        check(connect(client, (struct sockaddr*)&address, sizeof address));
        int server = check(accept(listener, NULL, NULL));
        check(close(client));
        check(close(server));
    }
}

ROW("socket: socketpair+close") {
    int ends[2];
    MEASURE(50) {
        check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
        check(close(ends[0]));
        check(close(ends[1]));
    }
}

ROW("socket: sendfile of 64 KiB over TCP, per KiB") {
    static char data[65536];
    int ends[2], file = check(open("/tmp/to-send", O_RDWR | O_CREAT, 0600));
    require(pwrite(file, data, sizeof data, 0) == sizeof data);
    tcp_pair(ends);
    if (check(fork()) == 0) {
        close(ends[0]);
        while (1) {
            for (ssize_t left = sizeof data, n; left > 0; left -= n)
                if ((n = read(ends[1], data, sizeof data)) <= 0) _exit(0);
            put(ends[1]);
        }
    }
    close(ends[1]);
    divide_by(64);
    MEASURE(10) {
        off_t offset = 0;
        for (ssize_t left = sizeof data; left > 0;) left -= check(sendfile(ends[0], file, &offset, (size_t)left));
        get(ends[0]);
    }
}
