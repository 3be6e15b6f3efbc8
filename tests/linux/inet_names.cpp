// qemu-user: does not know all requests
// Interfaces as sockets tell of them, netdevice(7), in a network of its own that has only a loopback interface.
#include "tests/linux/inet.h"
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>

static ifreq request(const char* name) {
    ifreq r{};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    return r;
}
static sockaddr_in v4(const sockaddr& a) {
    sockaddr_in in;
    memcpy(&in, &a, sizeof in);
    return in;
}
static void put(sockaddr& to, uint32_t address) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    memcpy(&to, &in, sizeof in);
}
/// SIOCGIFADDR and its relatives on lo; 0 where it fails.
static uint32_t told(int fd, unsigned long what) {
    ifreq r = request("lo");
    return ioctl(fd, what, &r) == 0 && r.ifr_addr.sa_family == AF_INET ? ntohl(v4(r.ifr_addr).sin_addr.s_addr) : 0;
}

static void looking(int fd) {
    ifreq r = request("lo");
    CHECK(ioctl(fd, SIOCGIFINDEX, &r) == 0 && r.ifr_ifindex == 1);
    CHECK(ioctl(fd, SIOCGIFNAME, &r) == 0 && strcmp(r.ifr_name, "lo") == 0);
    r.ifr_ifindex = 9999;
    FAILS(ENODEV, ioctl(fd, SIOCGIFNAME, &r));
    r = request("none");
    for (unsigned long what : {SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR})
        FAILS(ENODEV, ioctl(fd, what, &r));
    r = request("lo");
    CHECK(ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
    CHECK(ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 65'536);
    r = request("lo");
    CHECK(ioctl(fd, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK &&
          r.ifr_hwaddr.sa_data[0] == 0);
    CHECK(ioctl(fd, SIOCGIFTXQLEN, &r) == 0 && r.ifr_qlen == 1000);
    CHECK(ioctl(fd, SIOCGIFMETRIC, &r) == 0 && r.ifr_metric == 0);
    FAILS(EFAULT, ioctl(fd, SIOCGIFFLAGS, reinterpret_cast<void*>(8)));
    FAILS(ENOTTY, ioctl(fd, 0x89ef, &r));
    CHECK(if_nametoindex("lo") == 1);
}

static void addresses(int fd) {
    CHECK(told(fd, SIOCGIFADDR) == INADDR_LOOPBACK && told(fd, SIOCGIFNETMASK) == 0xff000000);
    CHECK(told(fd, SIOCGIFBRDADDR) == 0 && told(fd, SIOCGIFDSTADDR) == INADDR_LOOPBACK);
    ifreq r = request("none");
    FAILS(ENODEV, ioctl(fd, SIOCGIFADDR, &r));
    ifreq list[4];
    ifconf conf{};
    conf.ifc_len = sizeof list;
    conf.ifc_req = list;
    CHECK(ioctl(fd, SIOCGIFCONF, &conf) == 0 && conf.ifc_len == sizeof(ifreq) && strcmp(list[0].ifr_name, "lo") == 0 &&
          ntohl(v4(list[0].ifr_addr).sin_addr.s_addr) == INADDR_LOOPBACK);
    conf.ifc_len = 0;
    conf.ifc_req = nullptr;
    CHECK(ioctl(fd, SIOCGIFCONF, &conf) == 0 && conf.ifc_len == sizeof(ifreq));
    conf.ifc_len = sizeof(ifreq) - 1;
    conf.ifc_req = list;
    CHECK(ioctl(fd, SIOCGIFCONF, &conf) == 0 && conf.ifc_len == 0);
}

static void changing(int fd) {
    ifreq r = request("lo");
    r.ifr_mtu = 1500;
    CHECK(ioctl(fd, SIOCSIFMTU, &r) == 0 && ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 1500);
    // What is larger is cut and put together again, unless that is forbidden.
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
    Name to = name_of(a);
    static char data[30'000], got[30'000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = static_cast<char>(i * 3 + i / 1000);
    CHECK(sendto(b, data, sizeof data, 0, to, to.size) == sizeof data);
    CHECK(recv(a, got, sizeof got, MSG_DONTWAIT) == sizeof got && memcmp(data, got, sizeof got) == 0);
    CHECK(set(b, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO) == 0);
    FAILS(EMSGSIZE, sendto(b, data, 1473, 0, to, to.size));
    CHECK(sendto(b, data, 1472, 0, to, to.size) == 1472 && recv(a, got, sizeof got, MSG_DONTWAIT) == 1472);
    CHECK(connect(b, to, to.size) == 0 && get(b, SOL_IP, IP_MTU) == 1500);
    close(a), close(b);
    a = bound(SOCK_DGRAM, "::1"), b = socket(AF_INET6, SOCK_DGRAM, 0), to = name_of(a);
    CHECK(sendto(b, data, sizeof data, 0, to, to.size) == sizeof data);
    CHECK(recv(a, got, sizeof got, MSG_DONTWAIT) == sizeof got && memcmp(data, got, sizeof got) == 0);
    CHECK(set(b, SOL_IPV6, IPV6_DONTFRAG, 1) == 0);
    FAILS(EMSGSIZE, sendto(b, data, 1453, 0, to, to.size));
    close(a), close(b);
    // Another address; down, and up again.
    put(r.ifr_addr, 0x0a090807);
    CHECK(ioctl(fd, SIOCSIFADDR, &r) == 0 && told(fd, SIOCGIFADDR) == 0x0a090807 &&
          told(fd, SIOCGIFNETMASK) == 0xff000000);
    r = request("lo");
    put(r.ifr_netmask, 0xffffff00);
    CHECK(ioctl(fd, SIOCSIFNETMASK, &r) == 0 && told(fd, SIOCGIFNETMASK) == 0xffffff00);
    put(r.ifr_netmask, 0xff00ff00);
    FAILS(EINVAL, ioctl(fd, SIOCSIFNETMASK, &r));
    a = bound(SOCK_DGRAM, "10.9.8.7"), b = socket(AF_INET, SOCK_DGRAM, 0), to = name_of(a);
    CHECK(sendto(b, "own", 3, 0, to, to.size) == 3 && reads(a, "own"));
    r = request("lo");
    r.ifr_flags = 0;
    CHECK(ioctl(fd, SIOCSIFFLAGS, &r) == 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && !(r.ifr_flags & IFF_UP));
    r.ifr_flags = IFF_UP;
    CHECK(ioctl(fd, SIOCSIFFLAGS, &r) == 0 && sendto(b, "up", 2, 0, to, to.size) == 2 && reads(a, "up"));
    close(a), close(b);
    // As it was: others may have this network, too.
    put(r.ifr_addr, INADDR_LOOPBACK);
    CHECK(ioctl(fd, SIOCSIFADDR, &r) == 0 && told(fd, SIOCGIFNETMASK) == 0xff000000);
    r.ifr_mtu = 65'536;
    CHECK(ioctl(fd, SIOCSIFMTU, &r) == 0);
}

static void routes(int fd) {
    int b = socket(AF_INET, SOCK_DGRAM, 0);
    Name far{"192.0.2.9", 7};
    FAILS(ENETUNREACH, sendto(b, "x", 1, 0, far, far.size));
    char lo[] = "lo", none[] = "none";
    rtentry route{};
    put(route.rt_dst, 0xc0000200);
    put(route.rt_genmask, 0xffffff00);
    route.rt_flags = RTF_UP;
    route.rt_dev = lo;
    CHECK(ioctl(fd, SIOCADDRT, &route) == 0 && sendto(b, "x", 1, 0, far, far.size) == 1);
    FAILS(EEXIST, ioctl(fd, SIOCADDRT, &route));
    CHECK(ioctl(fd, SIOCDELRT, &route) == 0);
    FAILS(ESRCH, ioctl(fd, SIOCDELRT, &route));
    FAILS(ENETUNREACH, sendto(b, "x", 1, 0, far, far.size));
    route.rt_dev = none;
    FAILS(ENODEV, ioctl(fd, SIOCADDRT, &route));
    route.rt_dev = lo;
    put(route.rt_genmask, 0xff00ff00);
    FAILS(EINVAL, ioctl(fd, SIOCADDRT, &route));
    put(route.rt_genmask, 0xffff0000); // the address has bits behind it
    FAILS(EINVAL, ioctl(fd, SIOCADDRT, &route));
    close(b);
}

static int without_rights() {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (setuid(65534) != 0) return 3;
    ifreq r = request("lo");
    rtentry route{};
    for (unsigned long what : {SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFADDR, SIOCSIFNETMASK})
        FAILS(EPERM, ioctl(fd, what, &r));
    FAILS(EPERM, ioctl(fd, SIOCADDRT, &route));
    CHECK(ioctl(fd, SIOCGIFFLAGS, &r) == 0);
    FAILS(EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    FAILS(EPERM, set(fd, SOL_IP, IP_TRANSPARENT, 1));
    FAILS(EPERM, set(fd, SOL_SOCKET, SO_MARK, 1));
    return failures;
}

int main() {
    // Linux starts a new network with everything down; where none can be made, there is nothing but loopback.
    bool own = unshare(CLONE_NEWNET) == 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq r = request("lo");
    r.ifr_flags = IFF_UP;
    if (own) CHECK(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
    looking(fd);
    addresses(fd);
    CHECK(exit_of(start(without_rights)) == 0);
    routes(fd);
    changing(fd);
    close(fd);
    return finish("inet_names");
}
