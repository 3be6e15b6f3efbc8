// Filters of classic BPF on sockets: SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER.
// qemu-user: does not pass programs of filters on for all options
#include "tests/linux/inet.h"
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

template <size_t n>
static int attach(int fd, sock_filter (&code)[n]) {
    sock_fprog program{n, code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}
static int detach(int fd) { return set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0); }
static void send_to(int fd, const char* text) {
    static int from = socket(AF_INET, SOCK_DGRAM, 0);
    Name at = name_of(fd);
    CHECK(sendto(from, text, strlen(text), 0, at, at.size) == static_cast<ssize_t>(strlen(text)));
}

static void programs() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1");
    sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, ~0u)};
    sock_filter wrong[][2] = {
        {BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_LD | BPF_IMM, 1)},
        {BPF_STMT(0x1234, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_RET | BPF_A, 0)},
        {BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(SKF_AD_OFF) + 61), BPF_STMT(BPF_RET | BPF_K, 1)},
        {BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_RET | BPF_X, 0)},
    };
    for (auto& code : wrong) FAILS(EINVAL, attach(fd, code));
    static sock_filter many[4097];
    for (auto& i : many) i = all[0];
    FAILS(EINVAL, attach(fd, many));
    sock_fprog none{0, all}, nowhere{1, nullptr}, bad{1, reinterpret_cast<sock_filter*>(8)};
    FAILS(EINVAL, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &none, sizeof none));
    FAILS(EINVAL, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &nowhere, sizeof nowhere));
    FAILS(EFAULT, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &bad, sizeof bad));
    FAILS(EINVAL, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &none, 8));
    FAILS(ENOENT, detach(fd));
    FAILS(EINVAL, set(fd, SOL_SOCKET, SO_ATTACH_BPF, -1) == -1 && errno == EBADF ? (errno = EINVAL, -1) : -1);
    sock_filter got[4];
    socklen_t size = 0;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &size) == 0 && size == 0);
    CHECK(attach(fd, all) == 0 && attach(fd, all) == 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &size) == 0 && size == 1);
    size = 4;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &size) == 0 && size == 1 && memcmp(got, all, sizeof all) == 0);
    CHECK(detach(fd) == 0);
    FAILS(ENOENT, detach(fd));
    close(fd);
}

/// Those of a socket of UDP see its header first.
static void udp() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1");
    sock_filter with_a[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
                            BPF_STMT(BPF_RET | BPF_K, ~0u), BPF_STMT(BPF_RET | BPF_K, 0)};
    sock_filter port[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(name_of(fd).port()), 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, 12), BPF_STMT(BPF_RET | BPF_K, 0)};
    sock_filter network[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, static_cast<unsigned>(SKF_NET_OFF) + 9),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1), BPF_STMT(BPF_RET | BPF_K, ~0u),
                             BPF_STMT(BPF_RET | BPF_K, 0)};
    sock_filter length[] = {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 13, 0, 1),
                            BPF_STMT(BPF_RET | BPF_K, ~0u), BPF_STMT(BPF_RET | BPF_K, 0)};
    CHECK(attach(fd, with_a) == 0);
    send_to(fd, "no"), send_to(fd, "and"), send_to(fd, "but");
    CHECK(reads(fd, "and"));
    FAILS(EAGAIN, recv(fd, nullptr, 0, MSG_DONTWAIT));
    CHECK(attach(fd, port) == 0); // cut to what it wants
    send_to(fd, "abcdefgh");
    CHECK(reads(fd, "abcd"));
    CHECK(attach(fd, network) == 0);
    send_to(fd, "by UDP");
    CHECK(reads(fd, "by UDP"));
    CHECK(attach(fd, length) == 0);
    send_to(fd, "four"), send_to(fd, "5five");
    CHECK(reads(fd, "5five"));
    CHECK(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1) == 0 && get(fd, SOL_SOCKET, SO_LOCK_FILTER) == 1);
    FAILS(EPERM, attach(fd, port));
    FAILS(EPERM, detach(fd));
    FAILS(EPERM, set(fd, SOL_SOCKET, SO_LOCK_FILTER, 0));
    CHECK(set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1) == 0);
    close(fd);
}

/// A listener whose filter takes no SYN is not there; what it accepts has the filter too.
static void tcp() {
    int fd = bound(SOCK_STREAM, "127.0.0.1");
    CHECK(listen(fd, 4) == 0);
    Name at = name_of(fd);
    sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)}, all[] = {BPF_STMT(BPF_RET | BPF_K, ~0u)};
    CHECK(attach(fd, nothing) == 0);
    int asks = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    FAILS(EINPROGRESS, connect(asks, at, at.size));
    usleep(50'000);
    CHECK(ready(asks) == 0);
    close(asks);
    CHECK(attach(fd, all) == 0);
    asks = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(asks, at, at.size) == 0);
    int made = accept(fd, nullptr, nullptr);
    sock_filter got[4];
    socklen_t size = 4;
    CHECK(getsockopt(made, SOL_SOCKET, SO_GET_FILTER, got, &size) == 0 && size == 1);
    CHECK(send(asks, "through", 7, 0) == 7 && eventually([&] { return reads(made, "through"); }));
    CHECK(attach(made, nothing) == 0);
    CHECK(send(asks, "lost", 4, 0) == 4);
    usleep(50'000);
    FAILS(EAGAIN, recv(made, got, 1, MSG_DONTWAIT));
    CHECK(detach(made) == 0);
    CHECK(eventually([&] { return reads(made, "lost"); })); // sent again
    for (int s : {asks, made, fd}) close(s);
}

/// Raw sockets see the IP header first, packet sockets the link's.
static void raw_and_packet() {
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), to = bound(SOCK_DGRAM, "127.0.0.1");
    unsigned port = static_cast<unsigned>(name_of(to).port());
    sock_filter at_ip[] = {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1), BPF_STMT(BPF_RET | BPF_K, ~0u),
                           BPF_STMT(BPF_RET | BPF_K, 0)};
    sock_filter at_link[] = {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
                             BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 3),
                             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(SKF_AD_OFF) + SKF_AD_PKTTYPE),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, 46),
                             BPF_STMT(BPF_RET | BPF_K, 0)};
    CHECK(raw >= 0 && attach(raw, at_ip) == 0);
    int packet = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    CHECK(packet >= 0 && attach(packet, at_link) == 0);
    int other = bound(SOCK_DGRAM, "127.0.0.1");
    char got[100];
    while (recv(packet, got, sizeof got, MSG_DONTWAIT) >= 0) {}
    send_to(other, "not this"), send_to(to, "but this");
    CHECK(recv(raw, got, sizeof got, MSG_DONTWAIT) == 36 && memcmp(got + 28, "but this", 8) == 0);
    FAILS(EAGAIN, recv(raw, got, sizeof got, MSG_DONTWAIT));
    CHECK(recv(packet, got, sizeof got, MSG_DONTWAIT) == 46 && memcmp(got + 42, "but ", 4) == 0);
    FAILS(EAGAIN, recv(packet, got, sizeof got, MSG_DONTWAIT));
    for (int fd : {raw, to, packet, other}) close(fd);
}

int main() {
    programs();
    udp();
    tcp();
    raw_and_packet();
    return finish("socket_filters");
}
