// qemu-user: leaves /proc to the Linux below it
// /proc/sys/net: what can be set of a network, its ranges and errors, and what it changes: ip(7), tcp(7).
#include "tests/linux/sockets.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>

static const char* path_of(const char* name) {
    static char path[100];
    snprintf(path, sizeof path, "/proc/sys/net/%s", name);
    return path;
}
static bool reads(const char* name, const char* wanted) {
    char text[200];
    int fd = open(path_of(name), O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    bool same = n >= 0 && !strcmp(text, wanted);
    if (!same) printf("%s: %s", name, text);
    return same;
}
static long set(const char* name, const char* value) {
    int fd = open(path_of(name), O_WRONLY);
    if (fd < 0) return -1;
    long n = write(fd, value, strlen(value));
    int error = errno;
    close(fd);
    errno = error;
    return n;
}
/// Values that are refused, then one that is taken and what is read of it, then the first one again.
static void ranges(const char* name, const char* at_first, std::initializer_list<const char*> bad, const char* good,
                   const char* shown) {
    CHECK(reads(name, at_first));
    for (const char* value : bad) FAILS(EINVAL, set(name, value));
    CHECK(reads(name, at_first));
    CHECK(set(name, good) == (long)strlen(good) && reads(name, shown));
    CHECK(set(name, at_first) == (long)strlen(at_first) && reads(name, at_first));
}
static int tcp_option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    CHECK(getsockopt(fd, IPPROTO_TCP, name, &value, &size) == 0);
    return value;
}

int main() {
    (void)unshare(CLONE_NEWNET); // where a program may have its own
    ranges("ipv4/ip_default_ttl", "64\n", {"0", "256", "-1", "x"}, "65", "65\n");
    ranges("ipv4/ip_local_port_range", "32768\t60999\n", {"0 5", "5 4", "1024 65536", "many"}, "40000 40003\n",
           "40000\t40003\n");
    ranges("ipv4/ip_unprivileged_port_start", "1024\n", {"65536", "-1", "40000"}, "80", "80\n");
    ranges("ipv4/ping_group_range", "1\t0\n", {"0 x", "-1 3"}, "100 200", "100\t200\n");
    CHECK(set("ipv4/ping_group_range", "9 3") == 3 && reads("ipv4/ping_group_range", "1\t0\n"));
    ranges("ipv4/tcp_syn_retries", "6\n", {"0", "128"}, "3", "3\n");
    ranges("ipv4/tcp_keepalive_time", "7200\n", {"x"}, "60", "60\n");
    ranges("ipv4/tcp_ecn", "2\n", {"3", "-1"}, "1", "1\n");
    ranges("ipv4/tcp_mtu_probing", "0\n", {"256", "-1"}, "2", "2\n");
    ranges("ipv4/tcp_sack", "1\n", {"256", "-1"}, "0", "0\n");
    for (const char* of : {"all", "default"})
        for (const char* which : {"accept_ra", "autoconf", "dad_transmits"}) {
            char name[60];
            snprintf(name, sizeof name, "ipv6/conf/%s/%s", of, which);
            ranges(name, "1\n", {"x"}, "0", "0\n");
        }
    ranges("ipv6/bindv6only", "0\n", {"256", "-1"}, "1", "1\n");
    ranges("ipv4/icmp_echo_ignore_all", "0\n", {"2"}, "1", "1\n");
    FAILS(ENOENT, set("ipv4/tcp_congestion_control", "no-such"));
    FAILS(EINVAL, set("ipv4/tcp_rmem", "0 1 2"));
    char before[100]{};
    int rmem = open(path_of("ipv4/tcp_rmem"), O_RDONLY);
    CHECK(read(rmem, before, sizeof before - 1) > 0 && close(rmem) == 0);
    CHECK(set("ipv4/tcp_rmem", "4096 100000 200000") == 18 && reads("ipv4/tcp_rmem", "4096\t100000\t200000\n"));
    CHECK(set("ipv4/tcp_rmem", before) > 0 && reads("ipv4/tcp_rmem", before)); // other tests are here, too
    FAILS(EACCES, open(path_of("ipv4/tcp_available_congestion_control"), O_WRONLY));

    // A new socket goes by them.
    CHECK(set("ipv4/tcp_keepalive_time", "60") == 2 && set("ipv4/ip_local_port_range", "40000 40003") == 11);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    socklen_t size = sizeof name;
    name.sin_family = AF_INET;
    CHECK(tcp_option(fd, TCP_KEEPIDLE) == 60);
    CHECK(bind(fd, (sockaddr*)&name, size) == 0 && getsockname(fd, (sockaddr*)&name, &size) == 0);
    CHECK(ntohs(name.sin_port) >= 40000 && ntohs(name.sin_port) <= 40003);
    close(fd);
    CHECK(set("ipv4/tcp_keepalive_time", "7200") == 4 && set("ipv4/ip_local_port_range", "32768 60999") == 11);
    return finish("network_settings");
}
