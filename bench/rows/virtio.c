// Over virtio-net to a peer outside of the machine: bench/peer.py.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/rows/rows.h"

enum { PORT_ECHO = 7, PORT_TAKE = 9, PORT_SEND = 19 };

static int peer(int type, int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr("10.0.2.2")};
    int file = check(socket(AF_INET, type, 0)), on = 1;
    check(connect(file, (struct sockaddr*)&address, sizeof address));
    if (type == SOCK_STREAM) check(setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return file;
}

static void round_trip(int file) {
    MEASURE(50) {
        put(file);
        get(file);
    }
}

ROW("virtio: UDP round trip to a peer") { round_trip(peer(SOCK_DGRAM, PORT_ECHO)); }
ROW("virtio: TCP round trip to a peer") { round_trip(peer(SOCK_STREAM, PORT_ECHO)); }

static char data[65536];

ROW("virtio: TCP stream of 1 MiB to a peer, per KiB") {
    int file = peer(SOCK_STREAM, PORT_TAKE);
    divide_by(1024);
    MEASURE(1) {
        for (int i = 0; i < 16; ++i)
            for (ssize_t left = sizeof data; left > 0;) left -= check(write(file, data, (size_t)left));
        get(file);
    }
}

ROW("virtio: TCP stream of 1 MiB from a peer, per KiB") {
    int file = peer(SOCK_STREAM, PORT_SEND);
    divide_by(1024);
    MEASURE(1) {
        put(file);
        for (ssize_t left = 1 << 20, n; left > 0; left -= n) require((n = read(file, data, sizeof data)) > 0);
    }
}
