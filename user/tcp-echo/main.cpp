// tcp-echo PORT: sends back what each connection sends, many at a time, until it is killed.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {
constexpr int most = 64;

/// What a connection has sent and not got back.
struct Client {
    char bytes[16384];
    size_t begin = 0, end = 0;
    bool empty() const { return begin == end; }
};
Client clients[most];
pollfd watched[most + 1]; // the first one listens
int count = 0;

int listen_at(int port) {
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6; // hears of IPv4 too
    at.sin6_port = htons(static_cast<in_port_t>(port));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool good = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && listen(fd, most) == 0;
    return good ? fd : -1;
}

void welcome() {
    int fd = accept4(watched[0].fd, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    clients[count].begin = clients[count].end = 0;
    watched[++count] = {fd, POLLIN, 0};
}

/// Moves bytes one way or the other. False: the connection is over.
bool serve(Client& c, pollfd& p) {
    if (c.empty()) {
        ssize_t n = read(p.fd, c.bytes, sizeof c.bytes);
        if (n <= 0) return n < 0 && errno == EAGAIN;
        c.begin = 0;
        c.end = static_cast<size_t>(n);
    }
    ssize_t n = send(p.fd, c.bytes + c.begin, c.end - c.begin, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return false;
    if (n > 0) c.begin += static_cast<size_t>(n);
    p.events = c.empty() ? POLLIN : POLLOUT;
    return true;
}

/// The last one takes its place.
void drop(int i) {
    close(watched[i + 1].fd);
    watched[i + 1] = watched[count];
    clients[i] = clients[count - 1];
    count--;
}
} // namespace

int main(int argc, char** argv) {
    int port = argc == 2 ? atoi(argv[1]) : 0;
    if (port < 1 || port > 65535) {
        fprintf(stderr, "usage: tcp-echo PORT\n");
        return 2;
    }
    int fd = listen_at(port);
    if (fd < 0) {
        fprintf(stderr, "tcp-echo: port %d: %s\n", port, strerror(errno));
        return 1;
    }
    watched[0] = {fd, POLLIN, 0};
    printf("listening on port %d\n", port);
    fflush(stdout);
    for (;;) {
        watched[0].events = count < most ? POLLIN : 0;
        if (poll(watched, static_cast<nfds_t>(count + 1), -1) < 0) return 1;
        for (int i = count - 1; i >= 0; i--)
            if (watched[i + 1].revents && !serve(clients[i], watched[i + 1])) drop(i);
        if (watched[0].revents) welcome();
    }
}
