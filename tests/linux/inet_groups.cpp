// qemu-user: does not know all options of groups
// Broadcast and multicast over loopback: who is a member, who hears, how it is sent; ip(7), ipv6(7).
#include "tests/linux/inet.h"

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif

static ip_mreqn member(const char* group, int interface = 1) {
    ip_mreqn r{};
    inet_pton(AF_INET, group, &r.imr_multiaddr);
    r.imr_ifindex = interface;
    return r;
}
static int join(int fd, const char* group, int interface = 1) {
    ip_mreqn r = member(group, interface);
    return setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &r, sizeof r);
}
static int leave(int fd, const char* group, int interface = 1) {
    ip_mreqn r = member(group, interface);
    return setsockopt(fd, SOL_IP, IP_DROP_MEMBERSHIP, &r, sizeof r);
}
static int source(int fd, int option, const char* group, const char* from) {
    ip_mreq_source r{};
    inet_pton(AF_INET, group, &r.imr_multiaddr);
    inet_pton(AF_INET, from, &r.imr_sourceaddr);
    r.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
    return setsockopt(fd, SOL_IP, option, &r, sizeof r);
}
static int group_request(int fd, int level, int option, const char* group, int interface = 1) {
    group_req r{};
    Name name{group, 0};
    r.gr_interface = static_cast<uint32_t>(interface);
    memcpy(&r.gr_group, &name.of, name.size);
    return setsockopt(fd, level, option, &r, sizeof r);
}
/// A sender by loopback.
static int sender() {
    int fd = bound(SOCK_DGRAM, "127.0.0.1");
    in_addr lo{htonl(INADDR_LOOPBACK)};
    CHECK(setsockopt(fd, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo) == 0);
    return fd;
}

static void broadcast() {
    int a = bound(SOCK_DGRAM, "0.0.0.0"), out = socket(AF_INET, SOCK_DGRAM, 0);
    Name to{"127.255.255.255", name_of(a).port()};
    FAILS(EACCES, sendto(out, "x", 1, 0, to, to.size));
    FAILS(EACCES, connect(out, to, to.size));
    CHECK(set(out, SOL_SOCKET, SO_BROADCAST, 1) == 0 && sendto(out, "all", 3, 0, to, to.size) == 3);
    CHECK(set(a, SOL_IP, IP_PKTINFO, 1) == 0);
    Message m{a};
    in_pktinfo info{};
    CHECK(m.is("all") && m.from.is("127.0.0.1"));
    CHECK(connect(out, to, to.size) == 0 && send(out, "more", 4, 0) == 4);
    Message more{a};
    CHECK(more.is("more") && more.find(SOL_IP, IP_PKTINFO, info) && info.ipi_addr.s_addr == htonl(0x7fffffff) &&
          info.ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK));
    // Everybody who has the port, but for who is bound to one address. Nobody: silence.
    int b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0);
    Name any{"0.0.0.0", 0}, one{"127.0.0.1", 0};
    for (int fd : {b, c, d}) CHECK(set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    CHECK(bind(b, any, any.size) == 0);
    any = Name{"0.0.0.0", name_of(b).port()};
    one = Name{"127.0.0.1", name_of(b).port()};
    CHECK(bind(c, any, any.size) == 0 && bind(d, one, one.size) == 0);
    to = Name{"127.255.255.255", any.port()};
    CHECK(sendto(out, "both", 4, 0, to, to.size) == 4 && reads(b, "both") && reads(c, "both") && !reads(d, "both"));
    close(b), close(c), close(d);
    CHECK(connect(out, to, to.size) == 0 && send(out, "none", 4, 0) == 4);
    usleep(2000);
    CHECK(ready(out) == POLLOUT);
    close(a), close(out);
}

static void members() {
    int fd = bound(SOCK_DGRAM, "0.0.0.0");
    CHECK(join(fd, "239.1.2.3") == 0);
    FAILS(EADDRINUSE, join(fd, "239.1.2.3"));
    CHECK(leave(fd, "239.1.2.3") == 0);
    FAILS(EADDRNOTAVAIL, leave(fd, "239.1.2.3"));
    FAILS(EINVAL, join(fd, "10.1.2.3"));
    FAILS(ENODEV, join(fd, "239.1.2.3", 9999));
    ip_mreq old{};
    inet_pton(AF_INET, "239.1.2.3", &old.imr_multiaddr);
    old.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &old, sizeof old) == 0);
    CHECK(setsockopt(fd, SOL_IP, IP_DROP_MEMBERSHIP, &old, sizeof old) == 0);
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_ADD_MEMBERSHIP, &old, 4));
    for (int i = 0; i < 20; i++) {
        char group[20];
        snprintf(group, sizeof group, "239.1.2.%d", i);
        CHECK(join(fd, group) == 0);
    }
    FAILS(ENOBUFS, join(fd, "239.1.3.1"));
    close(fd);
    fd = bound(SOCK_DGRAM, "0.0.0.0");
    CHECK(group_request(fd, SOL_IP, MCAST_JOIN_GROUP, "239.1.2.3") == 0);
    FAILS(EADDRINUSE, group_request(fd, SOL_IP, MCAST_JOIN_GROUP, "239.1.2.3"));
    CHECK(group_request(fd, SOL_IP, MCAST_LEAVE_GROUP, "239.1.2.3") == 0);
    FAILS(EADDRNOTAVAIL, group_request(fd, SOL_IP, MCAST_LEAVE_GROUP, "239.1.2.3"));
    FAILS(EINVAL, group_request(fd, SOL_IP, MCAST_JOIN_GROUP, "ff15::1"));
    close(fd);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    if (stream >= 0) FAILS(EPROTO, join(stream, "239.1.2.3"));
    close(stream);
}

static void groups() {
    int out = sender(), a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    Name any{"0.0.0.0", 0};
    for (int fd : {a, b}) CHECK(set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    CHECK(bind(a, any, any.size) == 0);
    any = Name{"0.0.0.0", name_of(a).port()};
    CHECK(bind(b, any, any.size) == 0);
    Name to{"239.7.7.7", any.port()}, other{"239.7.7.8", any.port()};
    // Nobody has joined: nobody hears.
    CHECK(sendto(out, "0", 1, 0, to, to.size) == 1 && !reads(a, "0"));
    // One has: so does the other, on the same machine, unless it wants its own groups only.
    CHECK(join(a, "239.7.7.7") == 0 && sendto(out, "1", 1, 0, to, to.size) == 1 && reads(a, "1") && reads(b, "1"));
    CHECK(set(b, SOL_IP, IP_MULTICAST_ALL, 0) == 0 && sendto(out, "2", 1, 0, to, to.size) == 1);
    CHECK(reads(a, "2") && !reads(b, "2"));
    CHECK(sendto(out, "3", 1, 0, other, other.size) == 1 && !reads(a, "3"));
    CHECK(join(b, "239.7.7.8") == 0 && sendto(out, "4", 1, 0, other, other.size) == 1 && reads(a, "4") &&
          reads(b, "4"));
    // A socket bound to the group hears of nothing else.
    int c = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(set(c, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind(c, to, to.size) == 0);
    CHECK(sendto(out, "5", 1, 0, to, to.size) == 1 && reads(c, "5") && reads(a, "5"));
    CHECK(sendto(out, "6", 1, 0, other, other.size) == 1 && !reads(c, "6") && reads(a, "6") && reads(b, "6"));
    Name lo{"127.0.0.1", any.port()};
    CHECK(sendto(out, "7", 1, 0, lo, lo.size) == 1 && !reads(c, "7"));
    while (reads(a, "7") || reads(b, "7")) {}
    // Where it came to.
    CHECK(set(a, SOL_IP, IP_PKTINFO, 1) == 0 && set(a, SOL_IP, IP_RECVTTL, 1) == 0);
    CHECK(set(out, SOL_IP, IP_MULTICAST_TTL, 3) == 0 && sendto(out, "8", 1, 0, to, to.size) == 1);
    Message m{a};
    in_pktinfo info{};
    int ttl = 0;
    CHECK(m.is("8") && m.find(SOL_IP, IP_PKTINFO, info) && info.ipi_addr.s_addr == inet_addr("239.7.7.7") &&
          info.ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK) && m.find(SOL_IP, IP_TTL, ttl) && ttl == 3);
    // Who leaves, and who closes, hears no more.
    CHECK(leave(a, "239.7.7.7") == 0 && sendto(out, "9", 1, 0, to, to.size) == 1 && !reads(a, "9"));
    for (int fd : {a, b, c, out}) close(fd);
}

static void sources() {
    int fd = bound(SOCK_DGRAM, "0.0.0.0"), one = bound(SOCK_DGRAM, "127.0.0.1"), two = bound(SOCK_DGRAM, "127.0.0.2");
    ip_mreqn lo{{}, {}, 1};
    for (int out : {one, two}) CHECK(setsockopt(out, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo) == 0);
    Name to{"239.8.8.8", name_of(fd).port()};
    FAILS(EINVAL, source(fd, IP_BLOCK_SOURCE, "239.8.8.8", "127.0.0.1")); // no member
    CHECK(source(fd, IP_ADD_SOURCE_MEMBERSHIP, "239.8.8.8", "127.0.0.1") == 0);
    FAILS(EADDRNOTAVAIL, source(fd, IP_ADD_SOURCE_MEMBERSHIP, "239.8.8.8", "127.0.0.1"));
    CHECK(sendto(one, "1", 1, 0, to, to.size) == 1 && reads(fd, "1"));
    CHECK(sendto(two, "2", 1, 0, to, to.size) == 1 && !reads(fd, "2"));
    FAILS(EINVAL, source(fd, IP_BLOCK_SOURCE, "239.8.8.8", "127.0.0.1")); // it is of the other kind
    FAILS(EADDRNOTAVAIL, source(fd, IP_DROP_SOURCE_MEMBERSHIP, "239.8.8.8", "127.0.0.2"));
    CHECK(source(fd, IP_DROP_SOURCE_MEMBERSHIP, "239.8.8.8", "127.0.0.1") == 0); // the last one: it has left
    FAILS(EADDRNOTAVAIL, leave(fd, "239.8.8.8"));
    CHECK(join(fd, "239.8.8.8") == 0 && source(fd, IP_BLOCK_SOURCE, "239.8.8.8", "127.0.0.1") == 0);
    CHECK(sendto(one, "1", 1, 0, to, to.size) == 1 && !reads(fd, "1"));
    CHECK(sendto(two, "2", 1, 0, to, to.size) == 1 && reads(fd, "2"));
    CHECK(source(fd, IP_UNBLOCK_SOURCE, "239.8.8.8", "127.0.0.1") == 0);
    CHECK(sendto(one, "1", 1, 0, to, to.size) == 1 && reads(fd, "1"));
    // All at once: only those, or all but those.
    struct {
        ip_msfilter f;
        in_addr more[2];
    } filter{};
    auto list = [&](uint32_t mode, std::initializer_list<const char*> sources) {
        inet_pton(AF_INET, "239.8.8.8", &filter.f.imsf_multiaddr);
        filter.f.imsf_interface.s_addr = htonl(INADDR_LOOPBACK);
        filter.f.imsf_fmode = mode;
        filter.f.imsf_numsrc = 0;
        for (const char* s : sources) inet_pton(AF_INET, s, &filter.f.imsf_slist[0] + filter.f.imsf_numsrc++);
        auto size = static_cast<socklen_t>(IP_MSFILTER_SIZE(filter.f.imsf_numsrc));
        return setsockopt(fd, SOL_IP, IP_MSFILTER, &filter, size);
    };
    CHECK(list(MCAST_INCLUDE, {"127.0.0.2", "127.0.0.9"}) == 0);
    CHECK(sendto(one, "1", 1, 0, to, to.size) == 1 && !reads(fd, "1"));
    CHECK(sendto(two, "2", 1, 0, to, to.size) == 1 && reads(fd, "2"));
    filter.f.imsf_fmode = filter.f.imsf_slist[0].s_addr = 77;
    filter.f.imsf_numsrc = 1; // room for one
    socklen_t size = sizeof filter;
    CHECK(getsockopt(fd, SOL_IP, IP_MSFILTER, &filter, &size) == 0 && filter.f.imsf_fmode == MCAST_INCLUDE);
    CHECK(filter.f.imsf_numsrc == 2 && filter.f.imsf_slist[0].s_addr == htonl(0x7f000002));
    CHECK(list(MCAST_EXCLUDE, {"127.0.0.2"}) == 0);
    CHECK(sendto(one, "1", 1, 0, to, to.size) == 1 && reads(fd, "1"));
    CHECK(sendto(two, "2", 1, 0, to, to.size) == 1 && !reads(fd, "2"));
    FAILS(EINVAL, list(7, {}));
    FAILS(EINVAL, setsockopt(fd, SOL_IP, IP_MSFILTER, &filter, 8));
    CHECK(list(MCAST_INCLUDE, {}) == 0); // hears nobody: it has left
    FAILS(EADDRNOTAVAIL, leave(fd, "239.8.8.8"));
    for (int each : {fd, one, two}) close(each);
}

static void groups_v6() {
    int fd = bound(SOCK_DGRAM, "::");
    ipv6_mreq r{};
    inet_pton(AF_INET6, "ff15::7", &r.ipv6mr_multiaddr);
    r.ipv6mr_interface = 1;
    CHECK(setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &r, sizeof r) == 0);
    FAILS(EADDRINUSE, setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &r, sizeof r));
    CHECK(setsockopt(fd, SOL_IPV6, IPV6_DROP_MEMBERSHIP, &r, sizeof r) == 0);
    FAILS(EADDRNOTAVAIL, setsockopt(fd, SOL_IPV6, IPV6_DROP_MEMBERSHIP, &r, sizeof r));
    FAILS(EINVAL, setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &r, 8));
    r.ipv6mr_interface = 9999;
    FAILS(ENODEV, setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &r, sizeof r));
    inet_pton(AF_INET6, "::1", &r.ipv6mr_multiaddr);
    FAILS(EINVAL, setsockopt(fd, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &r, sizeof r));
    CHECK(group_request(fd, SOL_IPV6, MCAST_JOIN_GROUP, "ff15::8") == 0);
    CHECK(group_request(fd, SOL_IPV6, MCAST_LEAVE_GROUP, "ff15::8") == 0);
    close(fd);
}

int main() {
    broadcast();
    members();
    groups();
    sources();
    groups_v6();
    return finish("inet_groups");
}
