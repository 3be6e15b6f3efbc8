// qemu-user: does not know the family
// Sockets of AF_VSOCK: names, options and errors; and where the kernel connects sockets of its own machine,
// connections.
#include "tests/linux/check.h"
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
// After <sys/socket.h>, whose types it needs.
#include <linux/vm_sockets.h>

static sockaddr_vm name(unsigned cid, unsigned port) {
    sockaddr_vm a{};
    a.svm_family = AF_VSOCK;
    a.svm_cid = cid;
    a.svm_port = port;
    return a;
}
static int bind_to(int fd, const sockaddr_vm& a, socklen_t size = sizeof(sockaddr_vm)) {
    return bind(fd, reinterpret_cast<const sockaddr*>(&a), size);
}
static int connect_to(int fd, const sockaddr_vm& a) {
    return connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a);
}
static sockaddr_vm own_name(int fd) {
    sockaddr_vm a{};
    socklen_t size = sizeof a;
    CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0 && size == sizeof a && a.svm_family == AF_VSOCK);
    return a;
}
static short ready(int fd) {
    pollfd p{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    poll(&p, 1, 0);
    return p.revents;
}
static uint64_t number(int fd, int which) {
    uint64_t value = ~uint64_t{0};
    socklen_t size = sizeof value;
    return getsockopt(fd, AF_VSOCK, which, &value, &size) == 0 && size == sizeof value ? value : ~uint64_t{0};
}
static int set_number(int fd, int which, uint64_t value) {
    return setsockopt(fd, AF_VSOCK, which, &value, sizeof value);
}

static void names() {
    FAILS(EPROTONOSUPPORT, socket(AF_VSOCK, SOCK_STREAM, 17));
    FAILS(ESOCKTNOSUPPORT, socket(AF_VSOCK, SOCK_RAW, 0));
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0), other = socket(AF_VSOCK, SOCK_STREAM, 0);
    CHECK(fd >= 0 && own_name(fd).svm_cid == VMADDR_CID_ANY && own_name(fd).svm_port == VMADDR_PORT_ANY);
    FAILS(EINVAL, listen(fd, 1));
    FAILS(EINVAL, accept(fd, nullptr, nullptr));
    FAILS(EINVAL, bind_to(fd, name(VMADDR_CID_ANY, 7500), 12));
    sockaddr_vm wrong = name(VMADDR_CID_ANY, 7500);
    wrong.svm_family = AF_INET;
    FAILS(EINVAL, bind_to(fd, wrong));
    FAILS(EADDRNOTAVAIL, bind_to(fd, name(77777, 7500)));
    CHECK(bind_to(fd, name(VMADDR_CID_ANY, 7500)) == 0);
    CHECK(own_name(fd).svm_cid == VMADDR_CID_ANY && own_name(fd).svm_port == 7500);
    FAILS(EINVAL, bind_to(fd, name(VMADDR_CID_ANY, 7501)));
    FAILS(EADDRINUSE, bind_to(other, name(VMADDR_CID_ANY, 7500)));
    CHECK(bind_to(other, name(VMADDR_CID_ANY, VMADDR_PORT_ANY)) == 0 && own_name(other).svm_port >= 1024);
    sockaddr_vm a;
    socklen_t size = sizeof a;
    FAILS(ENOTCONN, getpeername(fd, reinterpret_cast<sockaddr*>(&a), &size));
    FAILS(ENOTCONN, send(fd, "x", 1, MSG_NOSIGNAL));
    FAILS(ENOTCONN, recv(fd, &a, 1, 0));
    FAILS(ENOTCONN, shutdown(fd, SHUT_WR));
    FAILS(EOPNOTSUPP, send(fd, "x", 1, MSG_OOB));
    CHECK(listen(fd, 1) == 0 && ready(fd) == 0);
    close(fd), close(other);
    if (pid_t child = start([] {
            CHECK(setuid(65534) == 0);
            int low = socket(AF_VSOCK, SOCK_STREAM, 0);
            FAILS(EACCES, bind_to(low, name(VMADDR_CID_ANY, 100)));
            return failures;
        }))
        CHECK(exit_of(child) == 0);
}

static void options() {
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    CHECK(number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 262144 && number(fd, SO_VM_SOCKETS_BUFFER_MIN_SIZE) == 128 &&
          number(fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE) == 262144);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_SIZE, 4096) == 0 && number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 4096);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_SIZE, 1 << 20) == 0 && number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 262144);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_SIZE, 1) == 0 && number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 128);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE, 1 << 20) == 0);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_SIZE, 1 << 20) == 0 && number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 1 << 20);
    CHECK(set_number(fd, SO_VM_SOCKETS_BUFFER_MAX_SIZE, 1 << 19) == 0 &&
          number(fd, SO_VM_SOCKETS_BUFFER_SIZE) == 1 << 19);
    timeval time{9, 9};
    socklen_t size = sizeof time;
    CHECK(getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time, &size) == 0 && time.tv_sec == 2 &&
          time.tv_usec == 0);
    time = {0, 500'000};
    CHECK(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time, sizeof time) == 0);
    time = {0, 1'000'000};
    FAILS(ERANGE, setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time, sizeof time));
    CHECK(getsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time, &size) == 0 && time.tv_usec == 500'000);
    uint32_t small = 4096;
    FAILS(EINVAL, setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &small, sizeof small));
    FAILS(ENOPROTOOPT, set_number(fd, 99, 1));
    FAILS(ENOPROTOOPT, setsockopt(fd, 6, 1, &small, sizeof small));
    close(fd);
}

/// A connection of this machine with itself: both ends.
struct Pair {
    int listener, asks, made = -1;
    explicit Pair(int type, uint64_t buffer = 262144) {
        listener = socket(AF_VSOCK, type, 0), asks = socket(AF_VSOCK, type, 0);
        CHECK(set_number(listener, SO_VM_SOCKETS_BUFFER_SIZE, buffer) == 0);
        CHECK(bind_to(listener, name(VMADDR_CID_ANY, 7600)) == 0 && listen(listener, 4) == 0);
        if (connect_to(asks, name(VMADDR_CID_LOCAL, 7600)) == 0) made = accept(listener, nullptr, nullptr);
    }
    ~Pair() {
        for (int fd : {listener, asks, made}) close(fd);
    }
};

static void streams() {
    Pair p{SOCK_STREAM, 8192};
    CHECK(p.made >= 0);
    sockaddr_vm a;
    socklen_t size = sizeof a;
    CHECK(getpeername(p.made, reinterpret_cast<sockaddr*>(&a), &size) == 0 && a.svm_cid == VMADDR_CID_LOCAL &&
          a.svm_port == own_name(p.asks).svm_port);
    CHECK(ready(p.asks) == POLLOUT && ready(p.made) == POLLOUT);
    FAILS(EISCONN, connect_to(p.asks, name(VMADDR_CID_LOCAL, 7600)));
    char got[20000], sent[20000];
    for (size_t i = 0; i < sizeof sent; i++) sent[i] = static_cast<char>(i * 7 + (i >> 8));
    CHECK(send(p.asks, "hello", 5, 0) == 5);
    CHECK(eventually([&] { return ready(p.made) & POLLIN; }));
    int queued = 0;
    CHECK(ioctl(p.made, FIONREAD, &queued) == 0 && queued == 5);
    CHECK(recv(p.made, got, 3, MSG_PEEK) == 3 && recv(p.made, got, sizeof got, 0) == 5 && memcmp(got, "hello", 5) == 0);
    FAILS(EAGAIN, recv(p.made, got, 1, MSG_DONTWAIT));
    // As much as the reader keeps, and no more.
    size_t filled = 0;
    auto fill = [&] {
        ssize_t n = send(p.asks, sent + filled, sizeof sent - filled, MSG_DONTWAIT);
        filled += n > 0 ? static_cast<size_t>(n) : 0;
        return filled == 8192;
    };
    CHECK(eventually(fill) && ready(p.asks) == 0);
    FAILS(EAGAIN, send(p.asks, sent, 1, MSG_DONTWAIT));
    if (pid_t child = start([&] {
            return send(p.asks, sent + filled, sizeof sent - filled, 0) == static_cast<ssize_t>(sizeof sent - filled)
                       ? 0
                       : 1;
        })) {
        CHECK(recv(p.made, got, sizeof got, MSG_WAITALL) == sizeof got && memcmp(got, sent, sizeof got) == 0);
        CHECK(exit_of(child) == 0);
    }
    CHECK(shutdown(p.asks, SHUT_WR) == 0);
    CHECK(recv(p.made, got, 1, 0) == 0 && (ready(p.made) & POLLRDHUP));
    FAILS(EPIPE, send(p.asks, "x", 1, MSG_NOSIGNAL));
    CHECK(send(p.made, "back", 4, 0) == 4 && recv(p.asks, got, 4, MSG_WAITALL) == 4 && memcmp(got, "back", 4) == 0);
    CHECK(send(p.made, "last", 4, 0) == 4);
    close(p.made);
    p.made = -1;
    CHECK(eventually([&] { return ready(p.asks) & POLLHUP; }));
    CHECK(recv(p.asks, got, sizeof got, 0) == 4 && memcmp(got, "last", 4) == 0 && recv(p.asks, got, 1, 0) == 0);
    int nobody = socket(AF_VSOCK, SOCK_STREAM, 0);
    FAILS(ECONNRESET, connect_to(nobody, name(VMADDR_CID_LOCAL, 7601)));
    close(nobody);
}

static void messages() {
    Pair p{SOCK_SEQPACKET, 8192};
    CHECK(p.made >= 0);
    char got[9000], sent[9000];
    memset(sent, 's', sizeof sent);
    CHECK(send(p.asks, "one", 3, 0) == 3 && send(p.asks, "three", 5, MSG_EOR) == 5);
    iovec part{got, 2};
    msghdr m{};
    m.msg_iov = &part, m.msg_iovlen = 1;
    CHECK(recvmsg(p.made, &m, 0) == 2 && (m.msg_flags & MSG_TRUNC) && !(m.msg_flags & MSG_EOR));
    part.iov_len = sizeof got;
    CHECK(recvmsg(p.made, &m, 0) == 5 && !(m.msg_flags & MSG_TRUNC) && (m.msg_flags & MSG_EOR) &&
          memcmp(got, "three", 5) == 0);
    FAILS(EMSGSIZE, send(p.asks, sent, 8193, 0));
    CHECK(send(p.asks, sent, 8000, 0) == 8000);
    FAILS(EAGAIN, send(p.asks, sent, 8000, MSG_DONTWAIT));
    CHECK(recv(p.made, got, sizeof got, 0) == 8000 && memcmp(got, sent, 8000) == 0);
    CHECK(eventually([&] { return send(p.asks, sent, 8000, MSG_DONTWAIT) == 8000; }));
    CHECK(recv(p.made, got, 10, MSG_TRUNC) == 8000);
    close(p.asks);
    p.asks = -1;
    CHECK(recv(p.made, got, sizeof got, 0) == 0);
}

int main() {
    names();
    options();
    // Linux may be built without.
    utsname kernel;
    uname(&kernel);
    if (strstr(kernel.release, "rundlet")) {
        streams();
        messages();
        int fd = open("/dev/vsock", O_RDONLY);
        unsigned cid = 0;
        CHECK(fd < 0 || (ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 && cid > VMADDR_CID_HOST));
    }
    return finish("vsock_sockets");
}
