// qemu-user: does not know the messages of all protocols
// AF_NETLINK: ports and groups, errors and acknowledgements, interfaces, addresses, routes, rules, what is told to
// groups, listings in pieces, sock_diag(7): netlink(7), rtnetlink(7).
#include "tests/linux/sockets.h"
#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>

static int make(int protocol, unsigned groups = 0) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    any.nl_groups = groups;
    CHECK(fd >= 0 && bind(fd, (sockaddr*)&any, sizeof any) == 0);
    return fd;
}
static sockaddr_nl name_of(int fd) {
    sockaddr_nl name{};
    socklen_t size = sizeof name;
    CHECK(getsockname(fd, (sockaddr*)&name, &size) == 0 && size == sizeof name && name.nl_family == AF_NETLINK);
    return name;
}

/// A request that is being written.
struct Request {
    nlmsghdr header{};
    char rest[512]{};
    Request(int type, int flags) {
        static unsigned sequence = 100;
        header.nlmsg_len = sizeof header;
        header.nlmsg_type = (unsigned short)type;
        header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
        header.nlmsg_seq = sequence++;
    }
    Request& bytes(const void* data, size_t n) {
        memcpy((char*)this + header.nlmsg_len, data, n);
        header.nlmsg_len += NLMSG_ALIGN((unsigned)n);
        return *this;
    }
    Request& put(const auto& value) { return bytes(&value, sizeof value); }
    Request& attribute(int type, const void* data, size_t n) {
        nlattr a{(unsigned short)(sizeof a + n), (unsigned short)type};
        return put(a).bytes(data, n);
    }
    Request& attribute(int type, const auto& value) { return attribute(type, &value, sizeof value); }
    Request& text(int type, const char* s) { return attribute(type, s, strlen(s) + 1); }
};
static void send_to_kernel(int fd, const Request& r) {
    CHECK(send(fd, &r, r.header.nlmsg_len, 0) == (ssize_t)r.header.nlmsg_len);
}
static const nlattr* find(const nlmsghdr* m, size_t fixed, int type) {
    size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(fixed);
    while (at + sizeof(nlattr) <= m->nlmsg_len) {
        auto* a = (const nlattr*)((const char*)m + at);
        if ((a->nla_type & NLA_TYPE_MASK) == type) return a;
        if (a->nla_len < sizeof *a) break;
        at += NLA_ALIGN(a->nla_len);
    }
    return nullptr;
}
static const void* value_of(const nlattr* a) { return a ? (const char*)a + NLA_HDRLEN : nullptr; }
template <class T>
static T number_of(const nlattr* a, T none = {}) {
    T value = none;
    if (a) memcpy(&value, value_of(a), sizeof value);
    return value;
}
template <class T>
static const T& body(const nlmsghdr* m) {
    return *(const T*)((const char*)m + NLMSG_HDRLEN);
}

alignas(8) static char buffer[65536];
/// Each message that answers: f(const nlmsghdr*). Returns the error of the end (0, or negative), or 1: one came and is
/// all.
template <class F>
static int answers(int fd, const Request& r, F f) {
    send_to_kernel(fd, r);
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        CHECK(n > 0);
        if (n <= 0) return 2;
        unsigned left = (unsigned)n;
        for (auto* m = (nlmsghdr*)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            CHECK(m->nlmsg_seq == r.header.nlmsg_seq && m->nlmsg_pid == name_of(fd).nl_pid);
            if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) return body<int>(m);
            f(m);
            if (!(m->nlmsg_flags & NLM_F_MULTI) && !(r.header.nlmsg_flags & NLM_F_ACK)) return 1;
        }
    }
}
static int ask(int fd, const Request& r) {
    return answers(fd, r, [](const nlmsghdr*) {});
}

static void ports() {
    FAILS(ESOCKTNOSUPPORT, socket(AF_NETLINK, SOCK_STREAM, 0));
    FAILS(EPROTONOSUPPORT, socket(AF_NETLINK, SOCK_RAW, 31));
    FAILS(EPROTONOSUPPORT, socket(AF_NETLINK, SOCK_RAW, 99));
    FAILS(EPROTONOSUPPORT, socket(AF_NETLINK, SOCK_RAW, -1));
    int a = make(NETLINK_ROUTE), b = make(NETLINK_ROUTE, 1 << (RTNLGRP_LINK - 1));
    CHECK(name_of(a).nl_pid == (unsigned)getpid() && name_of(a).nl_groups == 0);
    CHECK(name_of(b).nl_pid != (unsigned)getpid() && name_of(b).nl_pid != 0 && name_of(b).nl_groups == 1);
    int c = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), d = make(NETLINK_GENERIC);
    CHECK(name_of(c).nl_pid == 0);
    CHECK(name_of(d).nl_pid == (unsigned)getpid()); // each protocol has ports of its own
    sockaddr_nl at{};
    at.nl_family = AF_NETLINK;
    at.nl_pid = (unsigned)getpid();
    FAILS(EADDRINUSE, bind(c, (sockaddr*)&at, sizeof at));
    FAILS(EINVAL, bind(c, (sockaddr*)&at, sizeof at - 1));
    at.nl_family = AF_INET;
    FAILS(EINVAL, bind(c, (sockaddr*)&at, sizeof at));
    at.nl_family = AF_NETLINK;
    at.nl_pid = 77777;
    CHECK(bind(c, (sockaddr*)&at, sizeof at) == 0 && name_of(c).nl_pid == 77777);
    at.nl_pid = 77778;
    FAILS(EINVAL, bind(c, (sockaddr*)&at, sizeof at));
    at.nl_pid = 4'000'000; // nobody
    FAILS(ECONNREFUSED, sendto(c, "hello", 5, 0, (sockaddr*)&at, sizeof at));
    at.nl_pid = 77777; // from one program to another
    CHECK(sendto(a, "hello", 5, 0, (sockaddr*)&at, sizeof at) == 5);
    sockaddr_nl from{};
    socklen_t size = sizeof from;
    char text[8];
    CHECK(recvfrom(c, text, sizeof text, 0, (sockaddr*)&from, &size) == 5 && !memcmp(text, "hello", 5));
    CHECK(from.nl_pid == name_of(a).nl_pid && from.nl_groups == 0);
    FAILS(EOPNOTSUPP, listen(a, 1));
    FAILS(EOPNOTSUPP, send(a, "x", 1, MSG_OOB));
    FAILS(EAGAIN, recv(a, text, sizeof text, MSG_DONTWAIT));
    CHECK(ready(a, POLLIN | POLLOUT) == POLLOUT);
    // Options.
    int group = RTNLGRP_IPV4_IFADDR, zero = 0, one = 1;
    CHECK(setsockopt(a, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0 && name_of(a).nl_groups == 16);
    unsigned members[2] = {};
    size = sizeof members;
    CHECK(getsockopt(a, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, members, &size) == 0 && size >= 8 && members[0] == 16);
    CHECK(setsockopt(a, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group) == 0 && name_of(a).nl_groups == 0);
    group = 1000;
    FAILS(EINVAL, setsockopt(a, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &zero, sizeof zero));
    FAILS(EINVAL, setsockopt(a, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group));
    FAILS(ENOPROTOOPT, setsockopt(a, SOL_NETLINK, 500, &one, sizeof one));
    CHECK(setsockopt(a, SOL_NETLINK, NETLINK_EXT_ACK, &one, 2) == 0); // too short: 0
    for (int option : {NETLINK_PKTINFO, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_NO_ENOBUFS}) {
        int value = -1;
        size = sizeof value;
        CHECK(setsockopt(a, SOL_NETLINK, option, &one, sizeof one) == 0);
        CHECK(getsockopt(a, SOL_NETLINK, option, &value, &size) == 0 && value == 1);
    }
    for (int fd : {a, b, c, d}) close(fd);
}

static void links(int fd) {
    int seen = 0;
    ifinfomsg any{};
    CHECK(answers(fd, Request{RTM_GETLINK, NLM_F_DUMP}.put(any), [&](const nlmsghdr* m) {
              auto& i = body<ifinfomsg>(m);
              CHECK(m->nlmsg_type == RTM_NEWLINK && m->nlmsg_flags & NLM_F_MULTI);
              auto* name = (const char*)value_of(find(m, sizeof i, IFLA_IFNAME));
              CHECK(name && *name);
              if (i.ifi_index != 1) return;
              seen++;
              CHECK(!strcmp(name, "lo") && i.ifi_type == 772 && i.ifi_family == AF_UNSPEC);
              CHECK((i.ifi_flags & (IFF_LOOPBACK | IFF_UP | IFF_RUNNING)) == (IFF_LOOPBACK | IFF_UP | IFF_RUNNING));
              CHECK(number_of<unsigned>(find(m, sizeof i, IFLA_MTU)) == 65536);
              CHECK(find(m, sizeof i, IFLA_STATS64) &&
                    !strcmp((const char*)value_of(find(m, sizeof i, IFLA_QDISC)), "noqueue"));
          }) == 0);
    CHECK(seen == 1);
    // One, by its name or number, and an acknowledgement if that is wanted.
    CHECK(answers(fd, Request{RTM_GETLINK, 0}.put(any).text(IFLA_IFNAME, "lo"), [](const nlmsghdr* m) {
              CHECK(body<ifinfomsg>(m).ifi_index == 1 && !(m->nlmsg_flags & NLM_F_MULTI));
          }) == 1);
    ifinfomsg lo{};
    lo.ifi_index = 1;
    seen = 0;
    CHECK(answers(fd, Request{RTM_GETLINK, NLM_F_ACK}.put(lo), [&](const nlmsghdr*) { seen++; }) == 0 && seen == 1);
    CHECK(ask(fd, Request{RTM_GETLINK, 0}.put(any)) == -EINVAL);
    CHECK(ask(fd, Request{RTM_GETLINK, 0}.put(any).text(IFLA_IFNAME, "no-such")) == -ENODEV);
    ifinfomsg none{};
    none.ifi_index = 99'999;
    CHECK(ask(fd, Request{RTM_GETLINK, 0}.put(none)) == -ENODEV);
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(none)) == -ENODEV);
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(any)) == -ENODEV);
    CHECK(ask(fd, Request{RTM_SETLINK, NLM_F_ACK}.put(any)) == -EINVAL);
    CHECK(ask(fd, Request{RTM_DELLINK, NLM_F_ACK}.put(lo)) == -EOPNOTSUPP);
    Request unknown{RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL};
    unknown.put(any).text(IFLA_IFNAME, "new0");
    struct {
        nlattr outer, inner;
        char kind[12];
    } info{{20, IFLA_LINKINFO}, {16, IFLA_INFO_KIND}, "nosuchkind"};
    CHECK(ask(fd, unknown.put(info)) == -EOPNOTSUPP);
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL}.put(lo)) == -EEXIST);
    // The MTU, there and back.
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(lo).attribute(IFLA_MTU, 30000)) == 0);
    CHECK(answers(fd, Request{RTM_GETLINK, 0}.put(lo), [](const nlmsghdr* m) {
              CHECK(number_of<unsigned>(find(m, sizeof(ifinfomsg), IFLA_MTU)) == 30000);
          }) == 1);
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(lo).attribute(IFLA_MTU, 65536)) == 0);
    // Down and up again.
    lo.ifi_change = IFF_UP;
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(lo)) == 0);
    CHECK(answers(fd, Request{RTM_GETLINK, 0}.put(lo), [](const nlmsghdr* m) {
              CHECK((body<ifinfomsg>(m).ifi_flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK)) == IFF_LOOPBACK);
          }) == 1);
    lo.ifi_flags = IFF_UP;
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(lo)) == 0);
    CHECK(ask(fd, Request{RTM_MAX + 1, NLM_F_ACK}.put(lo)) == -EOPNOTSUPP);
}

/// What an error brings back of the request.
static void errors(int fd) {
    ifinfomsg none{};
    none.ifi_index = 99'999;
    Request r{RTM_GETLINK, 0};
    r.put(none);
    auto error = [&](int flags, size_t size) {
        send_to_kernel(fd, r);
        CHECK(recv(fd, buffer, sizeof buffer, 0) == (ssize_t)size);
        auto* m = (nlmsghdr*)buffer;
        auto& e = body<nlmsgerr>(m);
        CHECK(m->nlmsg_type == NLMSG_ERROR && m->nlmsg_flags == flags && m->nlmsg_len == size);
        CHECK(e.error == -ENODEV && e.msg.nlmsg_seq == r.header.nlmsg_seq && e.msg.nlmsg_len == r.header.nlmsg_len);
    };
    error(0, sizeof(nlmsghdr) + sizeof(int) + r.header.nlmsg_len);
    int one = 1, zero = 0;
    CHECK(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one) == 0);
    error(NLM_F_CAPPED, sizeof(nlmsghdr) + sizeof(nlmsgerr));
    CHECK(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &zero, sizeof zero) == 0);
    // Two requests in one message: two answers. What is no request is not answered.
    Request a{RTM_GETLINK, 0}, b{RTM_GETLINK, 0};
    a.put(none), b.put(none);
    char both[200];
    memcpy(both, &a, a.header.nlmsg_len);
    memcpy(both + a.header.nlmsg_len, &b, b.header.nlmsg_len);
    CHECK(send(fd, both, a.header.nlmsg_len + b.header.nlmsg_len, 0) > 0);
    for (auto* q : {&a, &b}) {
        CHECK(recv(fd, buffer, sizeof buffer, 0) > 0);
        CHECK(body<nlmsgerr>((nlmsghdr*)buffer).msg.nlmsg_seq == q->header.nlmsg_seq);
    }
    a.header.nlmsg_flags = 0;
    send_to_kernel(fd, a);
    FAILS(EAGAIN, recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
    nlmsghdr noop{sizeof noop, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 7, 0};
    CHECK(send(fd, &noop, sizeof noop, 0) == sizeof noop);
    CHECK(recv(fd, buffer, sizeof buffer, 0) > 0 && body<nlmsgerr>((nlmsghdr*)buffer).error == 0);
    noop.nlmsg_len = 4; // less than it is
    CHECK(send(fd, &noop, sizeof noop, 0) == sizeof noop);
    FAILS(EAGAIN, recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
    // A message that finds no room is cut off; a look at it tells how long it is.
    send_to_kernel(fd, r);
    size_t whole = sizeof(nlmsghdr) + sizeof(int) + r.header.nlmsg_len;
    CHECK(recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC) == (ssize_t)whole);
    iovec piece{buffer, 20};
    sockaddr_nl from{};
    msghdr m{};
    m.msg_name = &from, m.msg_namelen = sizeof from, m.msg_iov = &piece, m.msg_iovlen = 1;
    CHECK(recvmsg(fd, &m, 0) == 20 && m.msg_flags == MSG_TRUNC && from.nl_pid == 0 && from.nl_family == AF_NETLINK);
    FAILS(EAGAIN, recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
}

static Request address_request(int type, int flags, unsigned address, int bits) {
    Request r{type, flags};
    ifaddrmsg a{};
    a.ifa_family = AF_INET, a.ifa_prefixlen = (unsigned char)bits, a.ifa_index = 1;
    unsigned wire = htonl(address);
    r.put(a).attribute(IFA_LOCAL, wire).attribute(IFA_ADDRESS, wire);
    return r;
}

static void addresses(int fd) {
    int four = 0, six = 0;
    ifaddrmsg any{};
    CHECK(answers(fd, Request{RTM_GETADDR, NLM_F_DUMP}.put(any), [&](const nlmsghdr* m) {
              auto& a = body<ifaddrmsg>(m);
              if (a.ifa_index != 1) return;
              if (a.ifa_family == AF_INET6 && a.ifa_prefixlen == 128 && a.ifa_scope == RT_SCOPE_HOST) six++;
              if (a.ifa_family != AF_INET || number_of<unsigned>(find(m, sizeof a, IFA_LOCAL)) != htonl(0x7f000001))
                  return;
              four++;
              CHECK(a.ifa_prefixlen == 8 && a.ifa_scope == RT_SCOPE_HOST && a.ifa_flags & IFA_F_PERMANENT);
              CHECK(!strcmp((const char*)value_of(find(m, sizeof a, IFA_LABEL)), "lo"));
              auto times = number_of<ifa_cacheinfo>(find(m, sizeof a, IFA_CACHEINFO));
              CHECK(times.ifa_valid == ~0u && times.ifa_prefered == ~0u);
          }) == 0);
    CHECK(four == 1 && six == 1);

    int hears = make(NETLINK_ROUTE, 1 << (RTNLGRP_IPV4_IFADDR - 1));
    constexpr unsigned ours = 0x7f4d0001; // 127.77.0.1
    CHECK(ask(fd, address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ours, 32)) == 0);
    CHECK(recv(hears, buffer, sizeof buffer, 0) > 0);
    auto* m = (nlmsghdr*)buffer;
    CHECK(m->nlmsg_type == RTM_NEWADDR && number_of<unsigned>(find(m, sizeof(ifaddrmsg), IFA_LOCAL)) == htonl(ours));
    CHECK(ask(fd, address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ours, 32)) == -EEXIST);
    CHECK(ask(fd, address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, ours, 33)) == -EINVAL);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(ours);
    int user = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(user, (sockaddr*)&at, sizeof at) == 0);
    close(user);
    CHECK(ask(fd, address_request(RTM_DELADDR, NLM_F_ACK, ours, 32)) == 0);
    CHECK(recv(hears, buffer, sizeof buffer, 0) > 0 && ((nlmsghdr*)buffer)->nlmsg_type == RTM_DELADDR);
    CHECK(ask(fd, address_request(RTM_DELADDR, NLM_F_ACK, ours, 32)) == -EADDRNOTAVAIL);
    Request nowhere = address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, ours, 32);
    ((ifaddrmsg*)nowhere.rest)->ifa_index = 99'999;
    CHECK(ask(fd, nowhere) == -ENODEV);
    close(hears);

    // More than the queue takes: the reader is told once, and gets what was there.
    hears = make(NETLINK_ROUTE, 1 << (RTNLGRP_IPV4_IFADDR - 1));
    int small = 1;
    CHECK(setsockopt(hears, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    for (int i = 0; i < 40; i++) {
        CHECK(ask(fd, address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, ours, 32)) == 0);
        CHECK(ask(fd, address_request(RTM_DELADDR, NLM_F_ACK, ours, 32)) == 0);
    }
    CHECK(ready(hears, POLLIN) & POLLERR);
    FAILS(ENOBUFS, recv(hears, buffer, sizeof buffer, MSG_DONTWAIT));
    int got = 0;
    while (recv(hears, buffer, sizeof buffer, MSG_DONTWAIT) > 0) got++;
    CHECK(got > 0 && got < 80);
    CHECK(ask(fd, address_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, ours, 32)) == 0);
    CHECK(recv(hears, buffer, sizeof buffer, MSG_DONTWAIT) > 0); // there is room again
    CHECK(ask(fd, address_request(RTM_DELADDR, NLM_F_ACK, ours, 32)) == 0);
    close(hears);
}

static Request route_request(int type, int flags, unsigned to, int kind = RTN_UNREACHABLE) {
    Request r{type, flags};
    rtmsg m{};
    m.rtm_family = AF_INET, m.rtm_dst_len = 32, m.rtm_table = RT_TABLE_MAIN, m.rtm_protocol = RTPROT_BOOT;
    m.rtm_type = (unsigned char)kind;
    unsigned wire = htonl(to);
    r.put(m).attribute(RTA_DST, wire);
    return r;
}

static void routes(int fd) {
    constexpr unsigned there = 0xc6336407; // 198.51.100.7
    int hears = make(NETLINK_ROUTE, 1 << (RTNLGRP_IPV4_ROUTE - 1));
    int create = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    CHECK(ask(fd, route_request(RTM_NEWROUTE, create, there)) == 0);
    CHECK(recv(hears, buffer, sizeof buffer, 0) > 0);
    auto* told = (nlmsghdr*)buffer;
    CHECK(told->nlmsg_type == RTM_NEWROUTE && body<rtmsg>(told).rtm_type == RTN_UNREACHABLE &&
          body<rtmsg>(told).rtm_dst_len == 32 && body<rtmsg>(told).rtm_protocol == RTPROT_BOOT &&
          number_of<unsigned>(find(told, sizeof(rtmsg), RTA_DST)) == htonl(there));
    CHECK(ask(fd, route_request(RTM_NEWROUTE, create, there)) == -EEXIST);
    sockaddr_in at{};
    at.sin_family = AF_INET, at.sin_port = htons(9), at.sin_addr.s_addr = htonl(there);
    int user = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(EHOSTUNREACH, connect(user, (sockaddr*)&at, sizeof at));
    close(user);
    CHECK(ask(fd, route_request(RTM_GETROUTE, 0, there)) == -EHOSTUNREACH);
    CHECK(ask(fd, route_request(RTM_DELROUTE, NLM_F_ACK, there)) == 0);
    CHECK(recv(hears, buffer, sizeof buffer, 0) > 0 && told->nlmsg_type == RTM_DELROUTE);
    CHECK(ask(fd, route_request(RTM_DELROUTE, NLM_F_ACK, there)) == -ESRCH);
    CHECK(ask(fd, route_request(RTM_NEWROUTE, NLM_F_ACK, there)) == -ENOENT); // neither there nor to be made
    // By a gateway that no link leads to; by an interface that is not there.
    unsigned gateway = htonl(there + 1), interface = 99'999;
    Request far = route_request(RTM_NEWROUTE, create, there, RTN_UNICAST);
    CHECK(ask(fd, far.attribute(RTA_GATEWAY, gateway)) == -ENETUNREACH);
    Request missing = route_request(RTM_NEWROUTE, create, there, RTN_UNICAST);
    CHECK(ask(fd, missing.attribute(RTA_OIF, interface)) == -ENODEV);
    close(hears);

    // The way to ourselves.
    CHECK(answers(fd, route_request(RTM_GETROUTE, 0, 0x7f000001, 0), [](const nlmsghdr* m) {
              auto& r = body<rtmsg>(m);
              CHECK(m->nlmsg_type == RTM_NEWROUTE && r.rtm_type == RTN_LOCAL && r.rtm_dst_len == 32);
              CHECK(r.rtm_table == RT_TABLE_MAIN && r.rtm_flags == (0x80000000 | RTM_F_CLONED));
              CHECK(number_of<int>(find(m, sizeof r, RTA_OIF)) == 1);
              CHECK(number_of<unsigned>(find(m, sizeof r, RTA_PREFSRC)) == htonl(0x7f000001));
          }) == 1);
    int own = 0;
    rtmsg any{};
    any.rtm_family = AF_INET;
    CHECK(answers(fd, Request{RTM_GETROUTE, NLM_F_DUMP}.put(any), [&](const nlmsghdr* m) {
              auto& r = body<rtmsg>(m);
              CHECK(r.rtm_family == AF_INET);
              own += r.rtm_table == RT_TABLE_LOCAL && r.rtm_type == RTN_LOCAL && r.rtm_scope == RT_SCOPE_HOST &&
                     number_of<unsigned>(find(m, sizeof r, RTA_DST)) == htonl(0x7f000001) && r.rtm_dst_len == 32;
          }) == 0);
    CHECK(own == 1);

    // As many as make several pieces; with an interval between that does not hurt.
    constexpr unsigned many = 600, first = 0xc6120000; // 198.18.0.0
    for (unsigned i = 0; i < many; i++) CHECK(ask(fd, route_request(RTM_NEWROUTE, create, first + i)) == 0);
    int lists = make(NETLINK_ROUTE); // pieces are as long as its reader has had room for
    unsigned listed = 0;
    send_to_kernel(lists, Request{RTM_GETROUTE, NLM_F_DUMP}.put(any));
    Request second{RTM_GETROUTE, NLM_F_DUMP};
    send_to_kernel(lists, second.put(any));
    bool ended = false, refused = false;
    int pieces = 0;
    while (!ended) {
        ssize_t n = recv(lists, buffer, 4000, 0);
        CHECK(n > 0 && n < 4000);
        if (n <= 0) break;
        pieces++;
        unsigned left = (unsigned)n;
        for (auto* m = (nlmsghdr*)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            ended = ended || m->nlmsg_type == NLMSG_DONE;
            if (m->nlmsg_type == NLMSG_ERROR)
                refused = body<nlmsgerr>(m).error == -EBUSY && m->nlmsg_seq == second.header.nlmsg_seq;
            if (m->nlmsg_type != RTM_NEWROUTE) continue;
            unsigned to = ntohl(number_of<unsigned>(find(m, sizeof(rtmsg), RTA_DST)));
            listed += to >= first && to < first + many;
        }
    }
    CHECK(listed == many && pieces > 4 && refused);
    close(lists);
    for (unsigned i = 0; i < many; i++) CHECK(ask(fd, route_request(RTM_DELROUTE, NLM_F_ACK, first + i)) == 0);
}

static void rules(int fd) {
    fib_rule_hdr any{};
    any.family = AF_INET;
    unsigned tables[4] = {}, n = 0;
    CHECK(answers(fd, Request{RTM_GETRULE, NLM_F_DUMP}.put(any), [&](const nlmsghdr* m) {
              CHECK(body<fib_rule_hdr>(m).action == FR_ACT_TO_TBL);
              if (n < 4) tables[n++] = number_of<unsigned>(find(m, sizeof any, FRA_TABLE));
          }) == 0);
    CHECK(n == 3 && tables[0] == RT_TABLE_LOCAL && tables[1] == RT_TABLE_MAIN && tables[2] == RT_TABLE_DEFAULT);
}

/// The C library's own.
static void library() {
    struct if_nameindex* all = if_nameindex();
    CHECK(all && all[0].if_index == 1 && !strcmp(all[0].if_name, "lo"));
    if_freenameindex(all);
    ifaddrs* list = nullptr;
    CHECK(getifaddrs(&list) == 0);
    int found = 0;
    for (ifaddrs* i = list; i; i = i->ifa_next)
        found += i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !strcmp(i->ifa_name, "lo") &&
                 ((sockaddr_in*)i->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    CHECK(found == 1);
    freeifaddrs(list);
}

static unsigned inode_of(int fd) {
    struct stat s{};
    CHECK(fstat(fd, &s) == 0);
    return (unsigned)s.st_ino;
}
static void diag() {
    int fd = make(NETLINK_SOCK_DIAG);
    int l = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    CHECK(bind(l, (sockaddr*)&at, size) == 0 && listen(l, 7) == 0 && getsockname(l, (sockaddr*)&at, &size) == 0);
    int a = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(a, (sockaddr*)&at, sizeof at) == 0);
    int b = accept(l, nullptr, nullptr);
    CHECK(write(a, "abcd", 4) == 4);
    inet_diag_req_v2 q{};
    q.sdiag_family = AF_INET, q.sdiag_protocol = IPPROTO_TCP, q.idiag_states = ~0u;
    q.idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1);
    int listeners = 0, ends = 0;
    CHECK(answers(fd, Request{SOCK_DIAG_BY_FAMILY, NLM_F_DUMP}.put(q), [&](const nlmsghdr* m) {
              auto& d = body<inet_diag_msg>(m);
              CHECK(d.idiag_family == AF_INET);
              if (d.idiag_inode == inode_of(l)) {
                  listeners++;
                  CHECK(d.idiag_state == TCP_LISTEN && d.id.idiag_sport == at.sin_port && d.idiag_wqueue == 7);
              }
              if (d.idiag_inode != inode_of(a) && d.idiag_inode != inode_of(b)) return;
              ends++;
              CHECK(d.idiag_state == TCP_ESTABLISHED && d.id.idiag_src[0] == htonl(INADDR_LOOPBACK));
              if (d.idiag_inode == inode_of(b)) CHECK(d.idiag_rqueue == 4);
              auto* info = (const tcp_info*)value_of(find(m, sizeof d, INET_DIAG_INFO));
              CHECK(info && info->tcpi_state == TCP_ESTABLISHED && find(m, sizeof d, INET_DIAG_CONG));
          }) == 0);
    CHECK(listeners == 1 && ends == 2);
    q.idiag_states = 1 << TCP_LISTEN;
    CHECK(answers(fd, Request{SOCK_DIAG_BY_FAMILY, NLM_F_DUMP}.put(q),
                  [](const nlmsghdr* m) { CHECK(body<inet_diag_msg>(m).idiag_state == TCP_LISTEN); }) == 0);
    // One, by its addresses.
    q.id.idiag_sport = at.sin_port, q.id.idiag_src[0] = at.sin_addr.s_addr;
    q.id.idiag_cookie[0] = q.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    CHECK(answers(fd, Request{SOCK_DIAG_BY_FAMILY, 0}.put(q),
                  [&](const nlmsghdr* m) { CHECK(body<inet_diag_msg>(m).idiag_inode == inode_of(l)); }) == 1);
    close(a), close(b), close(l);
    CHECK(ask(fd, Request{SOCK_DIAG_BY_FAMILY, 0}.put(q)) == -ENOENT);
    q.sdiag_family = 44;
    CHECK(ask(fd, Request{SOCK_DIAG_BY_FAMILY, NLM_F_DUMP}.put(q)) == -ENOENT);
    CHECK(ask(fd, Request{99, NLM_F_ACK}.put(q)) == -EINVAL);

    int s = listening(SOCK_STREAM, "@netlink_sockets", 3);
    unix_diag_req u{};
    u.sdiag_family = AF_UNIX, u.udiag_states = ~0u, u.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN;
    listeners = 0;
    CHECK(answers(fd, Request{SOCK_DIAG_BY_FAMILY, NLM_F_DUMP}.put(u), [&](const nlmsghdr* m) {
              auto& d = body<unix_diag_msg>(m);
              if (d.udiag_ino != inode_of(s)) return;
              listeners++;
              CHECK(d.udiag_state == TCP_LISTEN && d.udiag_type == SOCK_STREAM);
              auto* name = find(m, sizeof d, UNIX_DIAG_NAME);
              CHECK(name && name->nla_len == NLA_HDRLEN + 16 && !memcmp(value_of(name), "\0netlink_sockets", 16));
              CHECK(number_of<unix_diag_rqlen>(find(m, sizeof d, UNIX_DIAG_RQLEN)).udiag_wqueue == 3);
          }) == 0);
    CHECK(listeners == 1);
    close(s), close(fd);
}

static void others() {
    int fd = make(NETLINK_GENERIC);
    genlmsghdr get{CTRL_CMD_GETFAMILY, 1, 0};
    CHECK(answers(fd, Request{GENL_ID_CTRL, 0}.put(get).text(CTRL_ATTR_FAMILY_NAME, "nlctrl"), [](const nlmsghdr* m) {
              CHECK(m->nlmsg_type == GENL_ID_CTRL && body<genlmsghdr>(m).cmd == CTRL_CMD_NEWFAMILY);
              CHECK(number_of<unsigned short>(find(m, sizeof(genlmsghdr), CTRL_ATTR_FAMILY_ID)) == GENL_ID_CTRL);
          }) == 1);
    CHECK(ask(fd, Request{GENL_ID_CTRL, 0}.put(get).text(CTRL_ATTR_FAMILY_NAME, "no-such")) == -ENOENT);
    close(fd);
    fd = make(NETLINK_KOBJECT_UEVENT, 1);
    CHECK(ready(fd, POLLIN) == 0);
    close(fd);
}

int main() {
    (void)unshare(CLONE_NEWNET); // where a program may have its own
    int fd = make(NETLINK_ROUTE);
    ifinfomsg up{};
    up.ifi_index = 1, up.ifi_flags = up.ifi_change = IFF_UP;
    CHECK(ask(fd, Request{RTM_NEWLINK, NLM_F_ACK}.put(up)) == 0);
    close(fd);
    ports();
    fd = make(NETLINK_ROUTE);
    links(fd);
    errors(fd);
    addresses(fd);
    routes(fd);
    rules(fd);
    close(fd);
    library();
    diag();
    others();
    return finish("netlink_sockets");
}
