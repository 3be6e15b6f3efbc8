// qemu-user: does not know all options of raw sockets
// Raw sockets and ICMP over loopback: raw(7), icmp(7).
#include "tests/linux/inet.h"
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif
#ifndef SOL_RAW
#define SOL_RAW 255
#endif

static uint16_t sum(const void* data, size_t n) {
    const auto* b = static_cast<const uint8_t*>(data);
    uint32_t s = 0;
    for (size_t i = 0; i < n; i++) s += i % 2 ? b[i] : static_cast<uint32_t>(b[i] << 8);
    while (s >> 16) s = (s & 0xffff) + (s >> 16);
    return htons(static_cast<uint16_t>(~s));
}
struct Echo {
    icmphdr header{};
    char data[8];
    explicit Echo(uint16_t sequence) {
        header.type = ICMP_ECHO;
        header.un.echo.id = htons(0x4321);
        header.un.echo.sequence = htons(sequence);
        memcpy(data, "pingping", 8);
        header.checksum = sum(this, sizeof *this);
    }
};
/// Reads until a packet of that type comes.
static bool reads_type(int fd, uint8_t type, Message& kept) {
    return eventually([&] {
        kept.receive(fd);
        return kept.size >= 28 && static_cast<uint8_t>(kept.data[20]) == type;
    });
}

static void echo() {
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    Name to{"127.0.0.1", 0};
    Message m;
    Echo e{1};
    CHECK(fd >= 0 && get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_ICMP && get(fd, SOL_SOCKET, SO_TYPE) == SOCK_RAW);
    CHECK(sendto(fd, &e, sizeof e, 0, to, to.size) == sizeof e);
    CHECK(reads_type(fd, ICMP_ECHOREPLY, m));
    auto* ip = reinterpret_cast<iphdr*>(m.data);
    auto* icmp = reinterpret_cast<icmphdr*>(m.data + 20);
    CHECK(m.size == 36 && ip->version == 4 && ip->protocol == IPPROTO_ICMP && ntohs(ip->tot_len) == 36 &&
          ip->ttl == 64);
    CHECK(icmp->un.echo.id == htons(0x4321) && icmp->un.echo.sequence == htons(1) &&
          memcmp(icmp + 1, "pingping", 8) == 0);
    CHECK(sum(icmp, 16) == 0 && m.from.is("127.0.0.1") && m.from.port() == 0);
    // Only what is wanted: the request itself is not.
    uint32_t filter = ~(1u << ICMP_ECHOREPLY), got = 0;
    socklen_t size = sizeof got;
    CHECK(setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0);
    CHECK(getsockopt(fd, SOL_RAW, ICMP_FILTER, &got, &size) == 0 && got == filter);
    Echo second{2};
    CHECK(sendto(fd, &second, sizeof second, 0, to, to.size) == sizeof second);
    CHECK(reads_type(fd, ICMP_ECHOREPLY, m) && reinterpret_cast<icmphdr*>(m.data + 20)->un.echo.sequence == htons(2));
    FAILS(EAGAIN, Message(fd).size);
    FAILS(ENOPROTOOPT, setsockopt(fd, SOL_RAW, 7, &filter, sizeof filter));
    close(fd);
}

static void own_header() {
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), to_udp = bound(SOCK_DGRAM, "127.0.0.1"), on = 1;
    Name at = name_of(to_udp);
    CHECK(get(fd, SOL_IP, IP_HDRINCL) == 1);
    struct {
        iphdr ip{};
        udphdr udp{};
        char data[4];
    } p;
    p.ip.version = 4;
    p.ip.ihl = 5;
    p.ip.ttl = 9;
    p.ip.protocol = IPPROTO_UDP;
    p.ip.daddr = htonl(INADDR_LOOPBACK);
    p.ip.saddr = htonl(0x7f000005);
    p.udp.uh_sport = htons(999);
    p.udp.uh_dport = htons(static_cast<uint16_t>(at.port()));
    p.udp.uh_ulen = htons(12);
    memcpy(p.data, "made", 4);
    CHECK(sendto(fd, &p, sizeof p, 0, at, at.size) == sizeof p);
    CHECK(eventually([&] { return ready(to_udp) & POLLIN; }));
    Message m{to_udp};
    CHECK(m.is("made") && m.from.is("127.0.0.5") && m.from.port() == 999);
    FAILS(EINVAL, sendto(fd, &p, 10, 0, at, at.size));
    FAILS(EAGAIN, Message(fd).size); // it hears nothing
    close(fd);
    // The same by IP_HDRINCL, and what is heard of UDP.
    fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    CHECK(setsockopt(fd, SOL_IP, IP_HDRINCL, &on, sizeof on) == 0 && get(fd, SOL_IP, IP_HDRINCL) == 1);
    CHECK(sendto(fd, &p, sizeof p, 0, at, at.size) == sizeof p);
    CHECK(eventually([&] { return ready(to_udp) & POLLIN; }) && Message(to_udp).is("made"));
    Message heard{fd};
    CHECK(heard.size == 32 && heard.from.is("127.0.0.5") && memcmp(heard.data + 28, "made", 4) == 0);
    close(fd), close(to_udp);
}

static void names_and_errors() {
    int fd = socket(AF_INET, SOCK_RAW, 253);
    Name lo{"127.0.0.1", 0}, far{"192.0.2.1", 0}, other{"127.0.0.2", 0};
    CHECK(name_of(fd).is("0.0.0.0") && name_of(fd).port() == 253);
    FAILS(EDESTADDRREQ, send(fd, "x", 1, 0));
    FAILS(EOPNOTSUPP, sendto(fd, "x", 1, MSG_OOB, lo, lo.size));
    FAILS(EINVAL, sendto(fd, "x", 1, 0, lo, 15));
    FAILS(EADDRNOTAVAIL, bind(fd, far, far.size));
    CHECK(bind(fd, lo, lo.size) == 0 && name_of(fd).is("127.0.0.1"));
    CHECK(sendto(fd, "self", 4, 0, lo, lo.size) == 4);
    CHECK(eventually([&] { return ready(fd) & POLLIN; }));
    Message m{fd};
    CHECK(m.size == 24 && memcmp(m.data + 20, "self", 4) == 0);
    CHECK(sendto(fd, "not", 3, 0, other, other.size) == 3);
    usleep(2000);
    FAILS(EAGAIN, Message(fd).size);
    CHECK(connect(fd, lo, lo.size) == 0 && send(fd, "conn", 4, 0) == 4);
    CHECK(eventually([&] { return ready(fd) & POLLIN; }) && Message(fd).size == 24);
    close(fd);
    FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_RAW, 0));
    FAILS(EPROTONOSUPPORT, socket(AF_INET6, SOCK_RAW, 0));
}

static void six() {
    int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    Name to{"::1", 0};
    icmp6_filter only;
    ICMP6_FILTER_SETBLOCKALL(&only);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
    CHECK(setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only) == 0);
    struct {
        icmp6_hdr header{};
        char data[4];
    } p;
    p.header.icmp6_type = ICMP6_ECHO_REQUEST;
    p.header.icmp6_dataun.icmp6_un_data16[0] = htons(77);
    memcpy(p.data, "six!", 4);
    CHECK(sendto(fd, &p, sizeof p, 0, to, to.size) == sizeof p); // the checksum is the kernel's to write
    CHECK(eventually([&] { return ready(fd) & POLLIN; }));
    Message m{fd};
    auto* h = reinterpret_cast<icmp6_hdr*>(m.data);
    CHECK(m.size == 12 && h->icmp6_type == ICMP6_ECHO_REPLY && h->icmp6_dataun.icmp6_un_data16[0] == htons(77) &&
          memcmp(m.data + 8, "six!", 4) == 0 && m.from.is("::1"));
    static char long_request[3000], reply[sizeof long_request];
    memcpy(long_request, &p.header, sizeof p.header);
    CHECK(sendto(fd, long_request, sizeof long_request, 0, to, to.size) == sizeof long_request);
    CHECK(eventually([&] { return ready(fd) & POLLIN; }) && recv(fd, reply, sizeof reply, 0) == sizeof reply);
    CHECK(memcmp(long_request + 4, reply + 4, sizeof reply - 4) == 0);
    FAILS(EINVAL, set(fd, SOL_IPV6, IPV6_CHECKSUM, 2));
    close(fd);
    fd = socket(AF_INET6, SOCK_RAW, 253);
    CHECK(get(fd, SOL_IPV6, IPV6_CHECKSUM) == -1 && set(fd, SOL_IPV6, IPV6_CHECKSUM, 2) == 0 &&
          get(fd, SOL_IPV6, IPV6_CHECKSUM) == 2);
    FAILS(EINVAL, set(fd, SOL_IPV6, IPV6_CHECKSUM, 3));
    CHECK(sendto(fd, "summed", 6, 0, to, to.size) == 6);
    CHECK(eventually([&] { return ready(fd) & POLLIN; }));
    Message summed{fd};
    CHECK(summed.size == 6 && memcmp(summed.data, "su", 2) == 0 && memcmp(summed.data + 2, "mm", 2) != 0);
    // Far into a large packet as well.
    static char large[2020], back[sizeof large];
    memset(large, 'l', sizeof large);
    CHECK(set(fd, SOL_IPV6, IPV6_CHECKSUM, 2016) == 0 && sendto(fd, large, 2020, 0, to, to.size) == 2020);
    CHECK(eventually([&] { return ready(fd) & POLLIN; }) && recv(fd, back, sizeof back, 0) == 2020);
    CHECK(memcmp(large, back, 2016) == 0 && memcmp(back + 2016, "ll", 2) != 0 && memcmp(back + 2018, "ll", 2) == 0);
    FAILS(EINVAL, sendto(fd, large, 2017, 0, to, to.size));
    CHECK(set(fd, SOL_IPV6, IPV6_CHECKSUM, -1) == 0 && get(fd, SOL_IPV6, IPV6_CHECKSUM) == -1);
    FAILS(EOPNOTSUPP, setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only));
    close(fd);
}

int main() {
    echo();
    own_header();
    names_and_errors();
    six();
    return finish("inet_raw");
}
