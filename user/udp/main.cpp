// udp PORT: prints each datagram that arrives and sends every line typed to whoever wrote last. Ends at the end of
// input.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {
int fail(const char* what) {
    dprintf(STDERR_FILENO, "udp: %s: %s\n", what, strerror(errno));
    return 1;
}
} // namespace

int main(int argc, char** argv) {
    int port = argc > 1 ? atoi(argv[1]) : 1234;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail("socket");
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<uint16_t>(port));
    own.sin_addr.s_addr = htonl(INADDR_ANY);
    if (bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own)) return fail("bind");
    printf("listening on UDP port %d\n", port);
    fflush(stdout);

    sockaddr_in peer{};
    bool has_peer = false;
    pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
    for (;;) {
        if (poll(both, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return fail("poll");
        }
        char data[2048];
        if (both[1].revents & POLLIN) {
            socklen_t size = sizeof peer;
            ssize_t n = recvfrom(fd, data, sizeof data, 0, reinterpret_cast<sockaddr*>(&peer), &size);
            if (n < 0) return fail("recvfrom");
            has_peer = true;
            if (write(STDOUT_FILENO, data, static_cast<size_t>(n)) != n) return fail("write");
        }
        if (both[0].revents & (POLLIN | POLLHUP)) {
            ssize_t n = read(STDIN_FILENO, data, sizeof data);
            if (n < 0) return fail("read");
            if (n == 0) return 0;
            if (!has_peer)
                dprintf(STDERR_FILENO, "udp: nobody has written yet\n");
            else if (sendto(fd, data, static_cast<size_t>(n), 0, reinterpret_cast<sockaddr*>(&peer), sizeof peer) < 0)
                return fail("sendto");
        }
    }
}
