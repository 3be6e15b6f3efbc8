// Sockets of AF_PACKET: what passes by an interface.
// qemu-user: does not know these sockets' options and addresses
#include "tests/linux/inet.h"
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/mman.h>

static int lo;

static int watching(int type, int protocol, int interface) {
    int fd = socket(AF_PACKET, type, htons(static_cast<uint16_t>(protocol)));
    CHECK(fd >= 0);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(static_cast<uint16_t>(protocol));
    at.sll_ifindex = interface;
    CHECK(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    return fd;
}

struct Frame {
    unsigned char data[2048];
    sockaddr_ll from{};
    socklen_t from_size = sizeof from;
    ssize_t size;
    explicit Frame(int fd, int flags = 0, size_t room = sizeof data) {
        size = recvfrom(fd, data, room, flags | MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &from_size);
    }
};

/// Sends "hello" by UDP over loopback to a port that nobody minds.
static void send_udp(int port, const char* text = "hello") {
    int to = bound(SOCK_DGRAM, "127.0.0.1", port), fd = socket(AF_INET, SOCK_DGRAM, 0);
    Name at{"127.0.0.1", port};
    CHECK(sendto(fd, text, strlen(text), 0, at, at.size) == static_cast<ssize_t>(strlen(text)));
    CHECK(reads(to, text));
    close(fd), close(to);
}
static bool is_udp_to(const unsigned char* ip, ssize_t size, int port) {
    return size >= 28 && ip[0] == 0x45 && ip[9] == IPPROTO_UDP && ip[22] == port >> 8 && ip[23] == (port & 255);
}

static void making() {
    FAILS(ESOCKTNOSUPPORT, socket(AF_PACKET, SOCK_STREAM, 0));
    FAILS(ESOCKTNOSUPPORT, socket(AF_PACKET, SOCK_SEQPACKET, 0));
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    CHECK(fd >= 0 && get(fd, SOL_SOCKET, SO_TYPE) == SOCK_RAW && get(fd, SOL_SOCKET, SO_DOMAIN) == AF_PACKET);
    sockaddr_ll at{};
    socklen_t size = sizeof at;
    auto* name = reinterpret_cast<sockaddr*>(&at);
    CHECK(getsockname(fd, name, &size) == 0 && size == 12 && at.sll_family == AF_PACKET && at.sll_protocol == 0 &&
          at.sll_ifindex == 0);
    FAILS(EOPNOTSUPP, getpeername(fd, name, &size));
    FAILS(EOPNOTSUPP, listen(fd, 1));
    FAILS(EOPNOTSUPP, connect(fd, name, sizeof at));
    FAILS(EOPNOTSUPP, shutdown(fd, SHUT_RD));
    FAILS(EINVAL, bind(fd, name, 12));
    at.sll_family = AF_INET;
    FAILS(EINVAL, bind(fd, name, sizeof at));
    at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 12345};
    FAILS(ENODEV, bind(fd, name, sizeof at));
    at.sll_ifindex = lo;
    CHECK(bind(fd, name, sizeof at) == 0);
    size = sizeof at;
    CHECK(getsockname(fd, name, &size) == 0 && size == 18 && at.sll_protocol == htons(ETH_P_IP) &&
          at.sll_ifindex == lo && at.sll_hatype == 772 && at.sll_halen == 6);
    FAILS(EINVAL, recv(fd, &at, sizeof at, MSG_DONTWAIT | MSG_OOB));
    FAILS(EAGAIN, recv(fd, &at, sizeof at, MSG_DONTWAIT));
    close(fd);
    if (pid_t child = start([] {
            CHECK(setuid(65534) == 0);
            FAILS(EPERM, socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
            FAILS(EPERM, socket(AF_PACKET, SOCK_STREAM, 0));
            return failures;
        }))
        CHECK(exit_of(child) == 0);
}

static void seeing() {
    int raw = watching(SOCK_RAW, ETH_P_ALL, lo), cooked = watching(SOCK_DGRAM, ETH_P_IP, lo),
        arp = watching(SOCK_RAW, ETH_P_ARP, lo), none = watching(SOCK_RAW, 0, lo);
    CHECK(ready(raw) == POLLOUT);
    send_udp(7301);
    CHECK(ready(raw) == (POLLIN | POLLOUT));
    int queued = -1;
    CHECK(ioctl(raw, FIONREAD, &queued) == 0 && queued == 14 + 28 + 5);
    for (unsigned char kind : {PACKET_OUTGOING, PACKET_HOST}) {
        Frame f{raw};
        CHECK(f.size == 14 + 28 + 5 && f.data[12] == 8 && f.data[13] == 0 && is_udp_to(f.data + 14, f.size - 14, 7301));
        CHECK(f.from_size == sizeof f.from && f.from.sll_family == AF_PACKET &&
              f.from.sll_protocol == htons(ETH_P_IP) && f.from.sll_ifindex == lo && f.from.sll_hatype == 772 &&
              f.from.sll_pkttype == kind && f.from.sll_halen == 6);
    }
    CHECK(Frame{raw}.size == -1 && errno == EAGAIN);
    Frame only{cooked};
    CHECK(only.size == 28 + 5 && is_udp_to(only.data, only.size, 7301) && only.from.sll_pkttype == PACKET_HOST);
    CHECK(Frame{cooked}.size == -1 && Frame{arp}.size == -1 && Frame{none}.size == -1);
    // A part of one, looked at and taken.
    send_udp(7301);
    Frame peeked{cooked, MSG_PEEK | MSG_TRUNC, 4}, taken{cooked, 0, 4};
    CHECK(peeked.size == 33 && taken.size == 4 && taken.data[0] == 0x45 && Frame{cooked}.size == -1);
    CHECK(set(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) == 0 && get(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING) == 1);
    while (Frame{raw}.size > 0) {}
    send_udp(7301);
    CHECK(Frame{raw}.from.sll_pkttype == PACKET_HOST && Frame{raw}.size == -1);
    for (int fd : {raw, cooked, arp, none}) close(fd);
}

static void sending() {
    int raw = watching(SOCK_RAW, ETH_P_ALL, lo), other = watching(SOCK_RAW, ETH_P_ALL, lo),
        own = watching(SOCK_DGRAM, 0x88b5, lo);
    unsigned char frame[60]{};
    frame[12] = 0x88, frame[13] = 0xb5, frame[14] = 42;
    CHECK(send(raw, frame, sizeof frame, 0) == sizeof frame);
    // Who has sent it does not see it leave.
    CHECK(Frame{raw}.from.sll_pkttype == PACKET_HOST && Frame{raw}.size == -1);
    CHECK(Frame{other}.from.sll_pkttype == PACKET_OUTGOING && Frame{other}.from.sll_pkttype == PACKET_HOST);
    Frame f{own};
    CHECK(f.size == 46 && f.data[0] == 42 && f.from.sll_protocol == htons(0x88b5));
    sockaddr_ll to{.sll_family = AF_PACKET, .sll_protocol = htons(0x88b5), .sll_ifindex = lo, .sll_halen = 6};
    auto* name = reinterpret_cast<sockaddr*>(&to);
    CHECK(sendto(own, "cooked", 6, 0, name, sizeof to) == 6);
    Frame made{raw};
    CHECK(made.size == 20 && made.data[12] == 0x88 && memcmp(made.data + 14, "cooked", 6) == 0 &&
          made.from.sll_pkttype == PACKET_OUTGOING);
    CHECK(send(own, "bound", 5, 0) == 5);
    FAILS(EINVAL, send(raw, frame, 13, 0));
    FAILS(EINVAL, sendto(own, "x", 1, 0, name, 12));
    to.sll_ifindex = 0;
    FAILS(ENXIO, sendto(own, "x", 1, 0, name, sizeof to));
    to.sll_ifindex = 12345;
    FAILS(ENXIO, sendto(own, "x", 1, 0, name, sizeof to));
    static unsigned char large[70000];
    FAILS(EMSGSIZE, send(raw, large, sizeof large, 0));
    int unbound = socket(AF_PACKET, SOCK_RAW, 0);
    FAILS(ENXIO, send(unbound, frame, sizeof frame, 0));
    for (int fd : {raw, other, own, unbound}) close(fd);
}

static void memberships() {
    int fd = watching(SOCK_RAW, ETH_P_ALL, lo);
    packet_mreq m{.mr_ifindex = lo, .mr_type = PACKET_MR_PROMISC};
    auto change = [&](int how, size_t size = sizeof(packet_mreq)) {
        return setsockopt(fd, SOL_PACKET, how, &m, static_cast<socklen_t>(size));
    };
    CHECK(change(PACKET_DROP_MEMBERSHIP) == 0); // there is none
    CHECK(change(PACKET_ADD_MEMBERSHIP) == 0 && change(PACKET_ADD_MEMBERSHIP) == 0);
    CHECK(change(PACKET_DROP_MEMBERSHIP) == 0 && change(PACKET_DROP_MEMBERSHIP) == 0);
    CHECK(change(PACKET_DROP_MEMBERSHIP) == 0); // there is none
    FAILS(EINVAL, change(PACKET_ADD_MEMBERSHIP, 8));
    m = {.mr_ifindex = lo, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6, .mr_address = {1, 0, 0x5e}};
    CHECK(change(PACKET_ADD_MEMBERSHIP) == 0 && change(PACKET_DROP_MEMBERSHIP) == 0);
    m.mr_alen = 8;
    FAILS(EINVAL, change(PACKET_ADD_MEMBERSHIP));
    m = {.mr_ifindex = 12345, .mr_type = PACKET_MR_ALLMULTI};
    FAILS(ENODEV, change(PACKET_ADD_MEMBERSHIP));
    close(fd);
}

static void options() {
    int fd = watching(SOCK_RAW, ETH_P_ALL, lo);
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    send_udp(7302);
    CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 && size == 8 && stats.tp_packets == 2 &&
          stats.tp_drops == 0);
    CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 && stats.tp_packets == 0);
    while (Frame{fd}.size > 0) {}
    CHECK(set(fd, SOL_PACKET, PACKET_AUXDATA, 1) == 0 && get(fd, SOL_PACKET, PACKET_AUXDATA) == 1);
    CHECK(set(fd, SOL_SOCKET, SO_TIMESTAMP, 1) == 0);
    send_udp(7302);
    Message m{fd, MSG_TRUNC, 20};
    tpacket_auxdata aux;
    timeval when;
    CHECK(m.size == 47 && (m.header.msg_flags & MSG_TRUNC) && m.find(SOL_PACKET, PACKET_AUXDATA, aux));
    CHECK(aux.tp_len == 47 && aux.tp_snaplen == 47 && aux.tp_mac == 0 && aux.tp_net == 14 &&
          (aux.tp_status & TP_STATUS_USER) && aux.tp_vlan_tci == 0);
    CHECK(m.find(SOL_SOCKET, SO_TIMESTAMP, when) && when.tv_sec > 1'600'000'000);
    int version = TPACKET_V2;
    size = sizeof version;
    CHECK(getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &size) == 0 && version == sizeof(tpacket2_hdr));
    version = TPACKET_V1;
    CHECK(getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &size) == 0 && version == sizeof(tpacket_hdr));
    version = 77;
    FAILS(EINVAL, getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &size));
    size = 2;
    FAILS(EINVAL, getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &size));
    CHECK(get(fd, SOL_PACKET, PACKET_VERSION) == TPACKET_V1);
    FAILS(EINVAL, set(fd, SOL_PACKET, PACKET_VERSION, 77));
    FAILS(ENOPROTOOPT, set(fd, SOL_PACKET, 99, 1));
    FAILS(ENOPROTOOPT, set(fd, SOL_IP, IP_TTL, 1));
    FAILS(EINVAL, setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &version, 2));
    close(fd);
}

/// Of both versions: a full ring drops, and what is given back is filled again.
template <class Header>
static void ring(int version) {
    int fd = watching(SOCK_RAW, ETH_P_IP, lo);
    CHECK(set(fd, SOL_PACKET, PACKET_VERSION, version) == 0);
    tpacket_req wrong{4096, 1, 1024, 5}, asked{8192, 1, 2048, 4};
    FAILS(EINVAL, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &wrong, sizeof wrong));
    wrong = {1000, 1, 1000, 1};
    FAILS(EINVAL, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &wrong, sizeof wrong));
    wrong = {4096, 1, 16, 256};
    FAILS(EINVAL, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &wrong, sizeof wrong));
    FAILS(EINVAL, mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    CHECK(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &asked, sizeof asked) == 0);
    FAILS(EBUSY, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &asked, sizeof asked));
    FAILS(EBUSY, set(fd, SOL_PACKET, PACKET_VERSION, version));
    auto* memory = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK(memory != MAP_FAILED && ready(fd) == POLLOUT);
    for (int i = 0; i < 6; i++) send_udp(7303);
    CHECK(ready(fd) == (POLLIN | POLLOUT));
    for (int i = 0; i < 4; i++) {
        auto& h = *reinterpret_cast<volatile Header*>(memory + i * 2048);
        auto* from = reinterpret_cast<sockaddr_ll*>(memory + i * 2048 + TPACKET_ALIGN(sizeof(Header)));
        CHECK((h.tp_status & TP_STATUS_USER) && h.tp_len == 47 && h.tp_snaplen == 47 && h.tp_net == h.tp_mac + 14 &&
              (h.tp_net & 15) == 0 && h.tp_sec > 1'600'000'000);
        CHECK(from->sll_pkttype == PACKET_HOST && from->sll_ifindex == lo && from->sll_protocol == htons(ETH_P_IP));
        CHECK(is_udp_to(reinterpret_cast<unsigned char*>(memory) + i * 2048 + h.tp_net, 33, 7303));
    }
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 && stats.tp_packets == 6 &&
          stats.tp_drops == 2);
    for (int i = 0; i < 4; i++) reinterpret_cast<volatile Header*>(memory + i * 2048)->tp_status = TP_STATUS_KERNEL;
    CHECK(ready(fd) == POLLOUT);
    send_udp(7303);
    CHECK(reinterpret_cast<volatile Header*>(memory)->tp_status & TP_STATUS_USER);
    tpacket_req no{};
    FAILS(EBUSY, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &no, sizeof no));
    CHECK(munmap(memory, 8192) == 0 && setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &no, sizeof no) == 0);
    // A frame that is longer than its place is cut.
    asked = {4096, 1, 128, 32};
    CHECK(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &asked, sizeof asked) == 0);
    memory = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char text[200];
    memset(text, 'x', sizeof text - 1), text[sizeof text - 1] = 0;
    send_udp(7303, text);
    auto& h = *reinterpret_cast<volatile Header*>(memory);
    CHECK((h.tp_status & TP_STATUS_USER) && h.tp_len == 14 + 28 + 199 && h.tp_mac + h.tp_snaplen == 128);
    close(fd);
    send_udp(7303); // the memory is still there
    munmap(memory, 4096);
}

static void listed() {
    int fd = watching(SOCK_RAW, ETH_P_ALL, lo);
    char line[256], wanted[64];
    snprintf(wanted, sizeof wanted, " 3    0003   %-5d 1 ", lo);
    bool found = false;
    FILE* list = fopen("/proc/net/packet", "r");
    CHECK(list && fgets(line, sizeof line, list) &&
          strcmp(line, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n") == 0);
    while (fgets(line, sizeof line, list)) found |= strstr(line, wanted) != nullptr;
    CHECK(found);
    fclose(list), close(fd);
}

int main() {
    CHECK(unshare(CLONE_NEWNET) == 0 || errno == EPERM || errno == EINVAL || errno == ENOSYS);
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq up{};
    strcpy(up.ifr_name, "lo");
    up.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    CHECK(ioctl(any, SIOCSIFFLAGS, &up) == 0);
    lo = static_cast<int>(if_nametoindex("lo"));
    CHECK(lo > 0);
    making();
    seeing();
    sending();
    memberships();
    options();
    ring<tpacket_hdr>(TPACKET_V1);
    ring<tpacket2_hdr>(TPACKET_V2);
    listed();
    return finish("packet_sockets");
}
