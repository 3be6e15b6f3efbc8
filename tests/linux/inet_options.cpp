// qemu-user: does not know all options of sockets
// Options of SOL_IP, SOL_IPV6 and SOL_UDP, and what comes with a datagram: ip(7), ipv6(7), udp(7).
#include "tests/linux/inet.h"
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <time.h>

#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26
#endif
#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif
#ifndef IPV6_ORIGDSTADDR
#define IPV6_ORIGDSTADDR 74
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef UDP_NO_CHECK6_TX
#define UDP_NO_CHECK6_TX 101
#define UDP_NO_CHECK6_RX 102
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

/// It begins as `first` and takes each of the values, but not those that are wrong.
static void range(int fd, int level, int name, int first, std::initializer_list<int> right,
                  std::initializer_list<int> wrong, int error = EINVAL) {
    int before = failures;
    CHECK(get(fd, level, name) == first);
    for (int value : right) CHECK(set(fd, level, name, value) == 0 && get(fd, level, name) == value);
    int last = get(fd, level, name);
    for (int value : wrong) {
        FAILS(error, set(fd, level, name, value));
        CHECK(get(fd, level, name) == last);
    }
    if (failures != before) printf("  option %d of level %d\n", name, level);
}
static void on_and_off(int fd, int level, std::initializer_list<int> names, int first = 0) {
    for (int name : names) {
        int before = failures;
        CHECK(get(fd, level, name) == first && set(fd, level, name, 1) == 0 && get(fd, level, name) == 1);
        CHECK(set(fd, level, name, 0) == 0 && get(fd, level, name) == 0);
        if (failures != before) printf("  option %d of level %d\n", name, level);
    }
}

static void ip_values() {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    range(fd, SOL_IP, IP_TOS, 0, {0x10, 0xb8, 255, 0}, {});
    CHECK(set(fd, SOL_IP, IP_TOS, 0x1b8) == 0 && get(fd, SOL_IP, IP_TOS) == 0xb8);
    range(fd, SOL_IP, IP_TTL, 64, {1, 64, 255}, {0, 256, -2});
    CHECK(set(fd, SOL_IP, IP_TTL, -1) == 0 && get(fd, SOL_IP, IP_TTL) == 64);
    range(fd, SOL_IP, IP_MINTTL, 0, {5, 255, 0}, {-1, 256});
    range(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT,
          {IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IP_PMTUDISC_PROBE, 4, 5, IP_PMTUDISC_WANT}, {-1, 6});
    range(fd, SOL_IP, IP_MULTICAST_TTL, 1, {0, 5, 255, 1}, {256, -2});
    on_and_off(fd, SOL_IP, {IP_MULTICAST_LOOP, IP_MULTICAST_ALL}, 1);
    FAILS(EINVAL, set(fd, SOL_IP, IP_MULTICAST_ALL, 2));
    on_and_off(fd, SOL_IP,
               {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVOPTS, IP_RETOPTS, IP_RECVORIGDSTADDR, IP_CHECKSUM,
                IP_RECVERR, IP_RECVERR_RFC4884, IP_FREEBIND, IP_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT});
    // Bytes, and the ends of values.
    unsigned char byte = 7;
    socklen_t size = 1;
    CHECK(setsockopt(fd, SOL_IP, IP_TTL, &byte, 1) == 0 && get(fd, SOL_IP, IP_TTL) == 7);
    byte = 0;
    CHECK(getsockopt(fd, SOL_IP, IP_TTL, &byte, &size) == 0 && byte == 7 && size == 1);
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_TTL, &byte, 0));
    FAILS(EFAULT, setsockopt(fd, SOL_IP, IP_TTL, reinterpret_cast<void*>(8), 4));
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_TTL, &byte, static_cast<socklen_t>(-1)));
    int value;
    size = sizeof value;
    CHECK(getsockopt(fd, SOL_IP, IP_OPTIONS, &value, &size) == 0 && size == 0);
    CHECK(setsockopt(fd, SOL_IP, IP_OPTIONS, &value, 0) == 0);
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_OPTIONS, &value, 41));
    FAILS(ENOTCONN, (get(fd, SOL_IP, IP_MTU) == -ENOTCONN ? (errno = ENOTCONN, -1) : 0));
    FAILS(ENOPROTOOPT, set(fd, SOL_IP, IP_HDRINCL, 1));
    FAILS(ENOPROTOOPT, set(fd, SOL_IP, 199, 1));
    FAILS(ENOPROTOOPT, set(fd, SOL_IPV6, IPV6_V6ONLY, 1));
    FAILS(ENOPROTOOPT, set(fd, IPPROTO_TCP, 1, 1));
    CHECK(get(fd, SOL_IP, 199) == -ENOPROTOOPT);
    for (int level : {500, SOL_IPV6, int{IPPROTO_TCP}}) CHECK(get(fd, level, 1) == -EOPNOTSUPP);
    // By which interface.
    in_addr lo{htonl(INADDR_LOOPBACK)}, far{htonl(0xc0000201)};
    ip_mreqn by{{}, lo, 0};
    size = sizeof far;
    CHECK(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo) == 0);
    in_addr got{};
    CHECK(getsockopt(fd, SOL_IP, IP_MULTICAST_IF, &got, &size) == 0 && got.s_addr == lo.s_addr);
    FAILS(EADDRNOTAVAIL, setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &far, sizeof far));
    CHECK(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &by, sizeof by) == 0);
    by.imr_ifindex = 1;
    CHECK(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &by, sizeof by) == 0);
    by.imr_ifindex = 9999;
    FAILS(EADDRNOTAVAIL, setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &by, sizeof by));
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &by, 3));
    range(fd, SOL_IP, IP_UNICAST_IF, 0, {static_cast<int>(htonl(1)), 0}, {static_cast<int>(htonl(9999))},
          EADDRNOTAVAIL);
    close(fd);
    FAILS(ENOTSOCK, set(0 * open("/dev/null", O_RDONLY) + open("/dev/null", O_RDONLY), SOL_IP, IP_TTL, 1));
}

static void ipv6_values() {
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    range(fd, SOL_IPV6, IPV6_UNICAST_HOPS, 64, {0, 1, 255}, {256, -2});
    CHECK(set(fd, SOL_IPV6, IPV6_UNICAST_HOPS, -1) == 0 && get(fd, SOL_IPV6, IPV6_UNICAST_HOPS) == 64);
    range(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, 1, {0, 5, 255}, {256, -2});
    range(fd, SOL_IPV6, IPV6_TCLASS, 0, {0xb8, 255, 0}, {256, -2});
    CHECK(set(fd, SOL_IPV6, IPV6_TCLASS, -1) == 0 && get(fd, SOL_IPV6, IPV6_TCLASS) == 0);
    range(fd, SOL_IPV6, IPV6_MINHOPCOUNT, 0, {5, 255, 0}, {-1, 256});
    range(fd, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, {0, 2, 3, 4, 5, 1}, {-1, 6});
    on_and_off(fd, SOL_IPV6, {IPV6_MULTICAST_LOOP, IPV6_MULTICAST_ALL}, 1);
    FAILS(EINVAL, set(fd, SOL_IPV6, IPV6_MULTICAST_LOOP, 2));
    on_and_off(fd, SOL_IPV6,
               {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVRTHDR, IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS,
                IPV6_RECVTCLASS, IPV6_RECVPATHMTU, IPV6_DONTFRAG, IPV6_RECVERR, IPV6_RECVERR_RFC4884, IPV6_ORIGDSTADDR,
                IPV6_V6ONLY, IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292RTHDR, IPV6_2292HOPOPTS, IPV6_2292DSTOPTS});
    range(fd, SOL_IPV6, IPV6_MULTICAST_IF, 0, {1, 0}, {9999}, ENODEV);
    range(fd, SOL_IPV6, IPV6_UNICAST_IF, 0, {static_cast<int>(htonl(1)), 0}, {static_cast<int>(htonl(9999))},
          EADDRNOTAVAIL);
    CHECK(set(fd, SOL_IPV6, IPV6_MTU, 1280) == 0);
    FAILS(EINVAL, set(fd, SOL_IPV6, IPV6_MTU, 1279));
    CHECK(get(fd, SOL_IPV6, IPV6_MTU) == -ENOTCONN);
    char byte = 1;
    FAILS(EINVAL, setsockopt(fd, SOL_IPV6, IPV6_UNICAST_HOPS, &byte, 1));
    FAILS(EINVAL, setsockopt(fd, SOL_IPV6, IPV6_RECVPKTINFO, &byte, 1));
    FAILS(ENOPROTOOPT, set(fd, SOL_IPV6, 199, 1));
    CHECK(get(fd, SOL_IPV6, 199) == -ENOPROTOOPT && get(fd, 500, 1) == -ENOPROTOOPT);
    // Those of IPv4 are there as well.
    CHECK(set(fd, SOL_IP, IP_TTL, 9) == 0 && get(fd, SOL_IP, IP_TTL) == 9 &&
          get(fd, SOL_IPV6, IPV6_UNICAST_HOPS) == 64);
    close(fd);
}

static void udp_values() {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    on_and_off(fd, SOL_UDP, {UDP_CORK, UDP_GRO, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX});
    range(fd, SOL_UDP, UDP_SEGMENT, 0, {1000, 65'535, 0}, {-1, 65'536});
    FAILS(ENOPROTOOPT, set(fd, SOL_UDP, 99, 1));
    CHECK(get(fd, SOL_UDP, 99) == -ENOPROTOOPT);
    char byte = 1;
    FAILS(EINVAL, setsockopt(fd, SOL_UDP, UDP_CORK, &byte, 1));
    close(fd);
}

static void devices() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1"), out = socket(AF_INET, SOCK_DGRAM, 0);
    char name[16] = "";
    socklen_t size = sizeof name;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0 && size == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
    size = sizeof name;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0 && size == 3 && strcmp(name, "lo") == 0);
    size = 3;
    FAILS(EINVAL, getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size));
    Name to = name_of(fd);
    CHECK(sendto(out, "lo", 2, 0, to, to.size) == 2 && reads(fd, "lo"));
    FAILS(ENODEV, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "none", 5));
    CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0 && get(fd, SOL_SOCKET, SO_BINDTOIFINDEX) == 0);
    CHECK(set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 1) == 0 && get(fd, SOL_SOCKET, SO_BINDTOIFINDEX) == 1);
    FAILS(EINVAL, set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, -1));
    CHECK(set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 9999) == 0); // even one that is not there
    close(fd), close(out);
}

static void with_a_datagram_v4() {
    int fd = bound(SOCK_DGRAM, "0.0.0.0"), out = bound(SOCK_DGRAM, "127.0.0.1");
    Name to{"127.0.0.3", name_of(fd).port()};
    for (int name : {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVORIGDSTADDR}) CHECK(set(fd, SOL_IP, name, 1) == 0);
    CHECK(set(out, SOL_IP, IP_TOS, 0x28) == 0 && set(out, SOL_IP, IP_TTL, 33) == 0);
    CHECK(sendto(out, "x", 1, 0, to, to.size) == 1);
    Message m{fd};
    in_pktinfo info{};
    int ttl = 0;
    uint8_t tos = 0;
    sockaddr_in original{};
    CHECK(m.is("x") && m.count() == 4 && m.find(SOL_IP, IP_PKTINFO, info) && m.find(SOL_IP, IP_TTL, ttl) &&
          m.find(SOL_IP, IP_TOS, tos) && m.find(SOL_IP, IP_ORIGDSTADDR, original));
    CHECK(info.ipi_ifindex == 1 && info.ipi_addr.s_addr == htonl(0x7f000003) &&
          info.ipi_spec_dst.s_addr == htonl(0x7f000003));
    CHECK(ttl == 33 && tos == 0x28 && original.sin_family == AF_INET && original.sin_addr.s_addr == htonl(0x7f000003) &&
          ntohs(original.sin_port) == to.port());
    // No room for all of it.
    CHECK(sendto(out, "x", 1, 0, to, to.size) == 1);
    Message cut{fd, 0, 8, CMSG_SPACE(sizeof(in_pktinfo))};
    CHECK(cut.is("x") && cut.header.msg_flags == MSG_CTRUNC && cut.count() == 1);
    CHECK(sendto(out, "x", 1, 0, to, to.size) == 1);
    Message none{fd, 0, 8, 0};
    CHECK(none.is("x") && none.header.msg_flags == MSG_CTRUNC);
    // How one message is sent.
    CHECK(send_with(out, &to, "ttl", SOL_IP, IP_TTL, int{7}) == 3);
    Message by_ttl{fd};
    CHECK(by_ttl.is("ttl") && by_ttl.find(SOL_IP, IP_TTL, ttl) && ttl == 7);
    CHECK(send_with(out, &to, "tos", SOL_IP, IP_TOS, int{0x60}) == 3);
    Message by_tos{fd};
    CHECK(by_tos.is("tos") && by_tos.find(SOL_IP, IP_TOS, tos) && tos == 0x60);
    CHECK(send_with(out, &to, "tos", SOL_IP, IP_TOS, uint8_t{0x64}) == 3);
    Message by_byte{fd};
    CHECK(by_byte.find(SOL_IP, IP_TOS, tos) && tos == 0x64);
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IP, IP_TTL, int{0}));
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IP, IP_TTL, int{256}));
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IP, IP_TTL, char{1}));
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IP, IP_TOS, int{256}));
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IP, IP_RECVTTL, int{1}));
    CHECK(send_with(out, &to, "another level", SOL_IPV6, IPV6_HOPLIMIT, int{5}) == 13);
    Message other{fd};
    CHECK(other.is("another level") && other.find(SOL_IP, IP_TTL, ttl) && ttl == 33);
    int free = socket(AF_INET, SOCK_DGRAM, 0);
    in_pktinfo from{0, {htonl(0x7f000009)}, {}};
    CHECK(send_with(free, &to, "from 9", SOL_IP, IP_PKTINFO, from) == 6);
    Message nine{fd};
    CHECK(nine.is("from 9") && nine.from.is("127.0.0.9"));
    from.ipi_spec_dst.s_addr = htonl(0xc0000201);
    CHECK(send_with(free, &to, "x", SOL_IP, IP_PKTINFO, from) == -1); // EINVAL, and later ENETUNREACH
    from = {1, {}, {}};
    CHECK(send_with(free, &to, "by lo", SOL_IP, IP_PKTINFO, from) == 5 && reads(fd, "by lo"));
    for (int each : {fd, out, free}) close(each);
}

static void with_a_datagram_v6() {
    int fd = bound(SOCK_DGRAM, "::"), out = bound(SOCK_DGRAM, "::1");
    Name to{"::1", name_of(fd).port()};
    for (int name : {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_ORIGDSTADDR})
        CHECK(set(fd, SOL_IPV6, name, 1) == 0);
    CHECK(set(out, SOL_IPV6, IPV6_TCLASS, 0x28) == 0 && set(out, SOL_IPV6, IPV6_UNICAST_HOPS, 33) == 0);
    CHECK(sendto(out, "x", 1, 0, to, to.size) == 1);
    Message m{fd};
    in6_pktinfo info{};
    int hops = 0, tclass = 0;
    sockaddr_in6 original{};
    CHECK(m.is("x") && m.count() == 4 && m.find(SOL_IPV6, IPV6_PKTINFO, info) &&
          m.find(SOL_IPV6, IPV6_HOPLIMIT, hops) && m.find(SOL_IPV6, IPV6_TCLASS, tclass) &&
          m.find(SOL_IPV6, IPV6_ORIGDSTADDR, original));
    CHECK(info.ipi6_ifindex == 1 && IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr) && hops == 33 && tclass == 0x28 &&
          IN6_IS_ADDR_LOOPBACK(&original.sin6_addr) && ntohs(original.sin6_port) == to.port());
    CHECK(send_with(out, &to, "hops", SOL_IPV6, IPV6_HOPLIMIT, int{7}) == 4);
    Message by_hops{fd};
    CHECK(by_hops.is("hops") && by_hops.find(SOL_IPV6, IPV6_HOPLIMIT, hops) && hops == 7);
    CHECK(send_with(out, &to, "class", SOL_IPV6, IPV6_TCLASS, int{0x60}) == 5);
    Message by_class{fd};
    CHECK(by_class.find(SOL_IPV6, IPV6_TCLASS, tclass) && tclass == 0x60);
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IPV6, IPV6_HOPLIMIT, int{256}));
    FAILS(EINVAL, send_with(out, &to, "bad", SOL_IPV6, IPV6_TCLASS, int{-2}));
    // IPv4 to the same socket: the address is told in IPv6's way, the rest as IPv4's options say.
    CHECK(set(fd, SOL_IP, IP_RECVTTL, 1) == 0);
    int four = socket(AF_INET, SOCK_DGRAM, 0);
    Name to4{"127.0.0.1", to.port()};
    CHECK(sendto(four, "4", 1, 0, to4, to4.size) == 1);
    Message m4{fd};
    CHECK(m4.is("4") && m4.count() == 2 && m4.find(SOL_IPV6, IPV6_PKTINFO, info) &&
          IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr) && m4.find(SOL_IP, IP_TTL, hops) && hops == 64);
    for (int each : {fd, out, four}) close(each);
}

static void times() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1"), out = socket(AF_INET, SOCK_DGRAM, 0);
    Name to = name_of(fd);
    timespec now{}, when{};
    timeval coarse{};
    CHECK(set(fd, SOL_SOCKET, SO_TIMESTAMP, 1) == 0 && sendto(out, "t", 1, 0, to, to.size) == 1);
    clock_gettime(CLOCK_REALTIME, &now);
    Message m{fd};
    CHECK(m.find(SOL_SOCKET, SO_TIMESTAMP, coarse) && coarse.tv_sec <= now.tv_sec && coarse.tv_sec >= now.tv_sec - 2);
    CHECK(set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0 && get(fd, SOL_SOCKET, SO_TIMESTAMP) == 0);
    CHECK(sendto(out, "t", 1, 0, to, to.size) == 1);
    Message fine{fd};
    CHECK(fine.count() == 1 && fine.find(SOL_SOCKET, SO_TIMESTAMPNS, when) && when.tv_sec >= coarse.tv_sec);
    CHECK(set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 0) == 0 && sendto(out, "t", 1, 0, to, to.size) == 1);
    Message none{fd};
    CHECK(none.is("t") && none.count() == 0);
    // All that is known of when, and of the last one read.
    constexpr int software = 1 << 3 | 1 << 4; // SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE
    CHECK(set(fd, SOL_SOCKET, SO_TIMESTAMPING, software) == 0 && get(fd, SOL_SOCKET, SO_TIMESTAMPING) == software);
    FAILS(EINVAL, set(fd, SOL_SOCKET, SO_TIMESTAMPING, -1));
    timespec three[3]{};
    // Linux begins to take times a moment after it was asked.
    CHECK(eventually([&] {
        CHECK(sendto(out, "t", 1, 0, to, to.size) == 1);
        return Message{fd}.find(SOL_SOCKET, SO_TIMESTAMPING, three);
    }));
    CHECK(three[0].tv_sec >= when.tv_sec && three[1].tv_sec == 0 && three[2].tv_sec == 0);
    CHECK(ioctl(fd, SIOCGSTAMP, &coarse) == 0 && coarse.tv_sec >= when.tv_sec);
    CHECK(sendto(out, "t", 1, 0, to, to.size) == 1 && reads(fd, "t"));
    CHECK(ioctl(fd, SIOCGSTAMPNS, &now) == 0 && now.tv_sec >= when.tv_sec && now.tv_nsec < 1'000'000'000);
    FAILS(ENOENT, ioctl(out, SIOCGSTAMP, &coarse));
    close(fd), close(out);
}

static void errors(const char* own) {
    Name gone;
    {
        int fd = bound(SOCK_DGRAM, own);
        gone = name_of(fd);
        close(fd);
    }
    bool v4 = gone.family() == AF_INET;
    int fd = socket(gone.family(), SOCK_DGRAM, 0), level = v4 ? SOL_IP : SOL_IPV6,
        name = v4 ? IP_RECVERR : IPV6_RECVERR;
    FAILS(EAGAIN, recv(fd, &level, 1, MSG_ERRQUEUE)); // it never waits
    CHECK(set(fd, level, name, 1) == 0 && sendto(fd, "refused", 7, 0, gone, gone.size) == 7);
    CHECK(eventually([&] { return ready(fd) == (POLLOUT | POLLERR); }));
    FAILS(ECONNREFUSED, recv(fd, &level, 1, MSG_DONTWAIT)); // though it is not connected
    CHECK(ready(fd) == (POLLOUT | POLLERR));
    Message m{fd, MSG_ERRQUEUE};
    struct {
        sock_extended_err e;
        sockaddr_in offender;
    } four{};
    struct {
        sock_extended_err e;
        sockaddr_in6 offender;
    } six{};
    CHECK(m.is("refused") && m.from.port() == gone.port() && m.from.is(own) && m.header.msg_flags == MSG_ERRQUEUE);
    CHECK(v4 ? m.find(level, name, four) : m.find(level, name, six));
    const sock_extended_err& e = v4 ? four.e : six.e;
    CHECK(e.ee_errno == ECONNREFUSED && e.ee_info == 0);
    if (v4)
        CHECK(e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == 3 && e.ee_code == 3 &&
              four.offender.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && four.offender.sin_family == AF_INET);
    else
        CHECK(e.ee_origin == SO_EE_ORIGIN_ICMP6 && e.ee_type == 1 && e.ee_code == 4 &&
              IN6_IS_ADDR_LOOPBACK(&six.offender.sin6_addr));
    CHECK(ready(fd) == POLLOUT);
    FAILS(EAGAIN, Message(fd, MSG_ERRQUEUE).size);
    // Two: SO_ERROR is the next one's after the first is taken. Switched off, none is left.
    CHECK(connect(fd, gone, gone.size) == 0 && send(fd, "a", 1, 0) == 1);
    CHECK(eventually([&] { return ready(fd) & POLLERR; }));
    FAILS(ECONNREFUSED, send(fd, "b", 1, 0));
    CHECK(send(fd, "c", 1, 0) == 1);
    usleep(3000);
    CHECK(Message(fd, MSG_ERRQUEUE).is("a") && get(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    CHECK(get(fd, SOL_SOCKET, SO_ERROR) == 0 && ready(fd) == (POLLOUT | POLLERR));
    CHECK(set(fd, level, name, 0) == 0 && ready(fd) == POLLOUT);
    FAILS(EAGAIN, Message(fd, MSG_ERRQUEUE).size);
    close(fd);
}

static void sizes() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1"), out = socket(AF_INET, SOCK_DGRAM, 0);
    Name to = name_of(fd);
    CHECK(connect(out, to, to.size) == 0 && get(out, SOL_IP, IP_MTU) == 65'535);
    // Segments: several datagrams by one call, received each for itself, or together.
    static char data[5000], got[6000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = static_cast<char>(i / 10);
    CHECK(set(out, SOL_UDP, UDP_SEGMENT, 1000) == 0 && send(out, data, 2500, 0) == 2500);
    CHECK(recv(fd, got, sizeof got, MSG_DONTWAIT) == 1000 && recv(fd, got + 1000, 5000, MSG_DONTWAIT) == 1000 &&
          recv(fd, got + 2000, 4000, MSG_DONTWAIT) == 500 && memcmp(data, got, 2500) == 0);
    FAILS(EAGAIN, recv(fd, got, 1, MSG_DONTWAIT));
    CHECK(send(out, data, 1000, 0) == 1000 && recv(fd, got, 6000, MSG_DONTWAIT) == 1000);
    CHECK(set(fd, SOL_UDP, UDP_GRO, 1) == 0 && send(out, data, 2500, 0) == 2500);
    int size = 0, total = 0;
    while (total < 2500) { // together, as far as it came so
        Message m{fd, 0, sizeof m.data};
        CHECK(m.size > 0);
        if (m.size <= 0) break;
        if (m.size > 1000) CHECK(m.find(SOL_UDP, UDP_GRO, size) && size == 1000);
        total += static_cast<int>(m.header.msg_flags & MSG_TRUNC ? 2500 : m.size);
    }
    CHECK(set(out, SOL_UDP, UDP_SEGMENT, 0) == 0 && set(fd, SOL_UDP, UDP_GRO, 0) == 0);
    CHECK(send_with(out, nullptr, "onetwothree", SOL_UDP, UDP_SEGMENT, uint16_t{3}) == 11);
    CHECK(reads(fd, "one") && reads(fd, "two") && reads(fd, "thr") && reads(fd, "ee"));
    CHECK(set(out, SOL_UDP, UDP_SEGMENT, 10) == 0);
    FAILS(EINVAL, send(out, data, 5000, 0)); // too many segments
    FAILS(EINVAL, send_with(out, nullptr, "x", SOL_UDP, UDP_SEGMENT, int{3}));
    FAILS(EINVAL, send_with(out, nullptr, "x", SOL_UDP, UDP_CORK, int{3}));
    close(fd), close(out);
}

int main() {
    ip_values();
    ipv6_values();
    udp_values();
    devices();
    with_a_datagram_v4();
    with_a_datagram_v6();
    times();
    errors("127.0.0.1");
    errors("::1");
    sizes();
    return finish("inet_options");
}
