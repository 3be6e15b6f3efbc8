// qemu-user: leaves /proc to the Linux below it
// /proc/net as netstat(8), lsof(8) and ifconfig(8) read it: headings, the line of each socket and interface.
#include "tests/linux/sockets.h"
#include <ctype.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string_view>

/// One of a few buffers, so that some texts can be used together.
static std::string_view slurp(const char* path) {
    static char buffers[2][1 << 18];
    static int turn;
    char* all = buffers[turn++ % 2];
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    size_t size = 0;
    ssize_t n;
    while ((n = read(fd, all + size, 1000)) > 0 && size < sizeof buffers[0] - 2000) size += static_cast<size_t>(n);
    CHECK(n == 0);
    close(fd);
    return {all, size};
}
/// As substr(), which would want a C++ library.
static std::string_view part(std::string_view of, size_t from, size_t n = ~size_t{0}) {
    if (from > of.size()) from = of.size();
    return {of.data() + from, n < of.size() - from ? n : of.size() - from};
}
static const char* format(const char* how, auto... what) {
    static char buffers[8][256];
    static int turn;
    char* to = buffers[turn++ % 8];
    snprintf(to, sizeof buffers[0], how, what...);
    return to;
}
static const char* word(unsigned long n) { return format("%lu", n); }
static ino_t inode_of(int fd) {
    struct stat s{};
    CHECK(fstat(fd, &s) == 0);
    return s.st_ino;
}
/// The line of which the word in a column (the first one is 0) is this one; "": none, or several.
static std::string_view line_with(std::string_view text, std::string_view wanted, int column) {
    std::string_view found;
    for (size_t at = 0; at < text.size();) {
        size_t end = text.find('\n', at);
        std::string_view line = part(text, at, end - at);
        at = end + 1;
        int n = 0;
        for (size_t w = 0; w < line.size(); n++) {
            size_t begin = line.find_first_not_of(" \t", w);
            if (begin == std::string_view::npos) break;
            w = line.find_first_of(" \t", begin);
            if (w == std::string_view::npos) w = line.size();
            if (n != column || part(line, begin, w - begin) != wanted) continue;
            if (!found.empty()) return "";
            found = line;
        }
    }
    return found;
}
constexpr int tcp_inode = 9, unix_inode = 6; // columns
static std::string_view socket_line(const char* path, int fd) {
    return line_with(slurp(path), word(inode_of(fd)), strstr(path, "unix") ? unix_inode : tcp_inode);
}

/// Whether a line has the text, at a place if that is given; says what it has if not.
static bool has(std::string_view line, const char* wanted, size_t at = ~size_t{0}) {
    size_t found = line.find(wanted);
    bool good = found != std::string_view::npos && (at == ~size_t{0} || at == found);
    if (!good) printf("%.*s: not %s\n", (int)line.size(), line.data(), wanted);
    return good;
}

static void headings() {
    struct {
        const char *path, *text;
        size_t width; // of the first line, where it is filled up
    } all[] = {
        {"dev",
         "Inter-|   Receive                                                |  Transmit\n"
         " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
         "carrier compressed\n",
         0},
        {"tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ",
         149},
        {"udp",
         "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
         "pointer drops ",
         127},
        {"raw",
         "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
         "drops\n",
         0},
        {"tcp6",
         "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
         "tm->when retrnsmt   uid  timeout inode\n",
         0},
        {"udp6",
         "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
         "tm->when retrnsmt   uid  timeout inode ref pointer drops\n",
         0},
        {"unix", "Num       RefCount Protocol Flags    Type St Inode Path\n", 0},
        {"route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT ", 127},
        {"arp", "IP address       HW type     Flags       HW address            Mask     Device\n", 0},
        {"igmp", "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n", 0},
        {"protocols",
         "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh "
         "gp em\n",
         0},
        {"packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n", 0},
        {"sockstat", "sockets: used ", 0},
        {"sockstat6", "TCP6: inuse ", 0},
        {"snmp", "Ip: Forwarding DefaultTTL InReceives InHdrErrors ", 0},
        {"netstat", "TcpExt: SyncookiesSent ", 0},
    };
    for (auto& f : all) {
        std::string_view text = slurp(format("/proc/net/%s", f.path));
        bool begins = text.starts_with(f.text);
        if (!begins || (f.width && text.find('\n') != f.width))
            printf("%s begins otherwise: %zu, %s\n", f.path, text.find('\n'), f.text), failures++;
    }
    char link[20] = {};
    CHECK(readlink("/proc/net", link, sizeof link) == 8 && !strcmp(link, "self/net"));
    CHECK(slurp("/proc/self/net/arp") == slurp("/proc/net/arp"));
    // Each line of names has one of values.
    for (const char* path : {"/proc/net/snmp", "/proc/net/netstat"}) {
        std::string_view text = slurp(path), first = part(text, 0, text.find('\n'));
        std::string_view second = part(text, first.size() + 1, text.find('\n', first.size() + 1) - first.size() - 1);
        auto words = [](std::string_view s) {
            int n = 1;
            for (char c : s) n += c == ' ';
            return n;
        };
        CHECK(words(first) == words(second));
    }
}

static void loopback() {
    std::string_view line = line_with(slurp("/proc/net/dev"), "lo:", 0);
    unsigned long n[16] = {};
    CHECK(line.starts_with("    lo: "));
    int got =
        sscanf(line.data(), " lo: %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", n, n + 1, n + 2,
               n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12, n + 13, n + 14, n + 15);
    CHECK(got == 16 && n[0] == n[8] && n[1] == n[9]);
    CHECK(line_with(slurp("/proc/net/if_inet6"), "00000000000000000000000000000001", 0) ==
          "00000000000000000000000000000001 01 80 10 80       lo");
    std::string_view own = line_with(slurp("/proc/net/ipv6_route"), "00000000000000000000000000000001", 0);
    CHECK(own.starts_with("00000000000000000000000000000001 80 ") &&
          own.find(" 80200001       lo") != std::string_view::npos);
}

static void tcp_sockets() {
    int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    CHECK(bind(l, (sockaddr*)&at, size) == 0 && getsockname(l, (sockaddr*)&at, &size) == 0);
    CHECK(socket_line("/proc/net/tcp", l) == ""); // what is only bound is not shown
    CHECK(listen(l, 5) == 0);
    char ours[40], theirs[40];
    snprintf(ours, sizeof ours, "0100007F:%04X", ntohs(at.sin_port));
    std::string_view line = socket_line("/proc/net/tcp", l);
    CHECK(line.size() == 149);
    CHECK(line.find(format(": %s 00000000:0000 0A 00000000:00000000 00:00000000 00000000 ", ours)) == 4);
    char tail[40];
    snprintf(tail, sizeof tail, " %5u %8d %lu 1 ", getuid(), 0, (unsigned long)inode_of(l));
    CHECK(line.find(tail) != std::string_view::npos && line.find(" 100 0 0 10 0 ") != std::string_view::npos);

    int a = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(a, (sockaddr*)&at, sizeof at) == 0);
    CHECK(has(socket_line("/proc/net/tcp", l), " 0A 00000000:00000001 ")); // one waits
    int b = accept(l, nullptr, nullptr);
    sockaddr_in from{};
    size = sizeof from;
    CHECK(getsockname(a, (sockaddr*)&from, &size) == 0);
    snprintf(theirs, sizeof theirs, "0100007F:%04X", ntohs(from.sin_port));
    CHECK(write(a, "abc", 3) == 3);
    CHECK(has(socket_line("/proc/net/tcp", b), format(": %s %s 01 00000000:00000003 00:", ours, theirs), 4));
    CHECK(eventually([&] {
        return socket_line("/proc/net/tcp", a)
                   .find(format(": %s %s 01 00000000:00000000 00:00000000 00000000 ", theirs, ours)) == 4;
    }));
    CHECK(setsockopt(a, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0);
    // Of an established connection, too.
    CHECK(has(socket_line("/proc/net/tcp", a), " 02:000")); // the timer that keeps it alive
    char c[3];
    CHECK(read(b, c, 3) == 3);
    CHECK(shutdown(b, SHUT_WR) == 0);
    CHECK(eventually([&] { // the FIN may count as a byte to be read
        auto line = socket_line("/proc/net/tcp", a);
        return line.find(" 08 00000000:00000001 ") != std::string_view::npos ||
               line.find(" 08 00000000:00000000 ") != std::string_view::npos;
    }));
    CHECK(eventually([&] { return socket_line("/proc/net/tcp", b).find(" 05 ") != std::string_view::npos; }));
    close(a), close(b), close(l);

    int six = socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    size = sizeof any;
    CHECK(bind(six, (sockaddr*)&any, size) == 0 && listen(six, 1) == 0 &&
          getsockname(six, (sockaddr*)&any, &size) == 0);
    char name[80];
    snprintf(name, sizeof name, "00000000000000000000000000000000:%04X", ntohs(any.sin6_port));
    CHECK(has(socket_line("/proc/net/tcp6", six), format(": %s 00000000000000000000000000000000:0000 0A ", name), 4));
    CHECK(socket_line("/proc/net/tcp", six) == "");
    // A connection of IPv4 to it is among those of IPv6.
    at.sin_port = any.sin6_port;
    int four = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(four, (sockaddr*)&at, sizeof at) == 0);
    int taken = accept(six, nullptr, nullptr);
    snprintf(name, sizeof name, "0000000000000000FFFF00000100007F:%04X", ntohs(any.sin6_port));
    CHECK(has(socket_line("/proc/net/tcp6", taken), format(": %s", name), 4));
    CHECK(socket_line("/proc/net/tcp", four) != "");
    close(four), close(taken), close(six);
}

/// More than are shown in one piece: each once.
static void many_sockets() {
    static int fds[300];
    for (int& fd : fds) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fd >= 0 && listen(fd, 1) == 0);
    }
    std::string_view text = slurp("/proc/net/tcp");
    int missing = 0;
    for (int fd : fds) missing += line_with(text, word(inode_of(fd)), tcp_inode).empty();
    CHECK(missing == 0);
    for (int fd : fds) close(fd);
}

static void unix_sockets() {
    unlink("network_files.socket");
    int l = listening(SOCK_STREAM, "network_files.socket", 4), d = bound(SOCK_DGRAM, "@network_files");
    auto tail = [&](int fd, const char* fields, const char* path) {
        char wanted[200];
        snprintf(wanted, sizeof wanted, "%s %5lu%s", fields, (unsigned long)inode_of(fd), path);
        std::string_view line = socket_line("/proc/net/unix", fd);
        bool same = line.size() > 17 && part(line, line.find(": ")) == format(": %s", wanted);
        if (!same) printf("%.*s, not %s\n", (int)line.size(), line.data(), wanted);
        return same;
    };
    CHECK(tail(l, "00000002 00000000 00010000 0001 01", " network_files.socket"));
    CHECK(tail(d, "00000002 00000000 00000000 0002 01", " @network_files"));
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    CHECK(tail(pair[0], "00000003 00000000 00000000 0005 03", ""));
    char link[64], wanted[64];
    snprintf(wanted, sizeof wanted, "/proc/self/fd/%d", pair[0]);
    ssize_t n = readlink(wanted, link, sizeof link - 1);
    link[n < 0 ? 0 : n] = 0;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", (unsigned long)inode_of(pair[0]));
    CHECK(!strcmp(link, wanted));
    ino_t was = inode_of(d);
    close(d), close(l), close(pair[0]), close(pair[1]);
    CHECK(line_with(slurp("/proc/net/unix"), word(was), unix_inode).empty());
    unlink("network_files.socket");
}

static void routes() {
    // A line of IPv4's routes: the mask says how long the destination is.
    std::string_view text = slurp("/proc/net/route");
    for (size_t at = text.find('\n') + 1; at < text.size(); at = text.find('\n', at) + 1) {
        char name[20];
        unsigned to, gateway, flags, mask;
        int a, b, metric;
        CHECK(sscanf(text.data() + at, "%16s\t%X\t%X\t%X\t%d\t%d\t%d\t%X\t", name, &to, &gateway, &flags, &a, &b,
                     &metric, &mask) == 8);
        CHECK((to & ~mask) == 0 && (flags & 1) && !!(flags & 2) == !!gateway && if_nametoindex(name) > 0);
        CHECK(text.find('\n', at) - at == 127);
    }
}

int main() {
    headings();
    loopback();
    tcp_sockets();
    many_sockets();
    unix_sockets();
    routes();
    return finish("network_files");
}
