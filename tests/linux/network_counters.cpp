// qemu-user: leaves /proc to the Linux below it
// What /proc/net/snmp counts of TCP, UDP and ICMP: RFC 4022, 4113, 4293.
#include "tests/linux/inet.h"
#include <net/if.h>

namespace {
/// A number of /proc/net/snmp: the line of names and the line of numbers begin with the same word.
long counter(const char* protocol, const char* name) {
    static char text[1 << 14];
    int fd = open("/proc/self/net/snmp", O_RDONLY);
    size_t size = 0;
    for (ssize_t n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += static_cast<size_t>(n);
    close(fd);
    text[size] = 0;
    char heading[32];
    snprintf(heading, sizeof heading, "%s: ", protocol);
    char* names = strstr(text, heading);
    char* numbers = names ? strstr(names + 1, heading) : nullptr;
    if (!numbers) return -1;
    char *of_names, *of_numbers;
    char* word = strtok_r(names, " \n", &of_names);
    char* number = strtok_r(numbers, " \n", &of_numbers);
    while (word && number && strcmp(word, name) != 0) {
        word = strtok_r(nullptr, " \n", &of_names);
        number = strtok_r(nullptr, " \n", &of_numbers);
    }
    return word && number ? atol(number) : -1;
}
/// By how much a counter has grown.
struct Counter {
    const char *protocol, *name;
    long before;
    Counter(const char* p, const char* n) : protocol{p}, name{n}, before{counter(p, n)} { CHECK(before >= 0); }
    long grown() const { return counter(protocol, name) - before; }
    bool grows_by(long n) const {
        return eventually([&] { return grown() == n; });
    }
};

int connecting(const Name& to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, to, to.size) == 0 ? fd : (close(fd), -1);
}

void datagrams() {
    int a = bound(SOCK_DGRAM, "127.0.0.1"), b = bound(SOCK_DGRAM, "127.0.0.1");
    Name to = name_of(b);
    Counter in{"Udp", "InDatagrams"}, out{"Udp", "OutDatagrams"}, none{"Udp", "NoPorts"}, full{"Udp", "RcvbufErrors"},
        errors{"Udp", "InErrors"}, told{"Icmp", "OutDestUnreachs"}, heard{"Icmp", "InDestUnreachs"},
        messages{"Icmp", "InMsgs"};
    char byte[2000] = {};
    for (int i = 0; i < 5; i++) {
        CHECK(sendto(a, byte, 10, 0, to, to.size) == 10);
        CHECK(recv(b, byte, 10, 0) == 10);
    }
    CHECK(in.grows_by(5) && out.grows_by(5) && none.grown() == 0 && full.grown() == 0);
    Name closed = name_of(b);
    close(b);
    CHECK(sendto(a, byte, 10, 0, closed, closed.size) == 10);
    CHECK(none.grows_by(1) && told.grows_by(1) && heard.grows_by(1) && messages.grows_by(1) && out.grown() == 6);
    b = bound(SOCK_DGRAM, "127.0.0.1");
    to = name_of(b);
    CHECK(set(b, SOL_SOCKET, SO_RCVBUF, 1000) == 0);
    for (int i = 0; i < 100; i++) CHECK(sendto(a, byte, sizeof byte, 0, to, to.size) == sizeof byte);
    CHECK(out.grows_by(106) && full.grown() > 50 && full.grown() < 100 && errors.grown() == full.grown());
    close(a), close(b);
}

void connections() {
    int l = bound(SOCK_STREAM, "127.0.0.1");
    CHECK(listen(l, 5) == 0);
    Name at = name_of(l);
    Counter active{"Tcp", "ActiveOpens"}, passive{"Tcp", "PassiveOpens"}, failed{"Tcp", "AttemptFails"},
        reset{"Tcp", "EstabResets"}, sent{"Tcp", "OutRsts"}, in{"Tcp", "InSegs"}, out{"Tcp", "OutSegs"},
        again{"Tcp", "RetransSegs"}, errors{"Tcp", "InErrs"};
    int a = connecting(at), b = accept(l, nullptr, nullptr);
    CHECK(active.grows_by(1) && passive.grows_by(1) && failed.grown() == 0);
    long packets = in.grown();
    CHECK(packets >= 3 && out.grown() == packets);
    char byte[100] = {};
    CHECK(send(a, byte, 100, 0) == 100 && recv(b, byte, 50, 0) == 50);
    CHECK(in.grown() > packets && reset.grown() == 0 && sent.grown() == 0);
    close(b); // with something unread
    CHECK(sent.grows_by(1) && reset.grows_by(2));
    FAILS(ECONNRESET, recv(a, byte, 1, 0));
    close(a), close(l);
    CHECK(connecting(at) == -1 && active.grows_by(2) && failed.grows_by(1) && sent.grows_by(2));
    CHECK(again.grown() == 0 && errors.grown() == 0 && in.grown() == out.grown());
}

void echoes() {
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (fd < 0) return; // needs a right
    Counter asked{"Icmp", "InEchos"}, answered{"Icmp", "OutEchoReps"};
    unsigned char echo[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};
    Name to{"127.0.0.1", 0};
    CHECK(sendto(fd, echo, sizeof echo, 0, to, to.size) == sizeof echo);
    CHECK(asked.grows_by(1) && answered.grows_by(1));
    close(fd);
}
} // namespace

int main() {
    if (unshare(CLONE_NEWNET) == 0) { // where a program may have its own
        ifreq request{};
        strcpy(request.ifr_name, "lo");
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        request.ifr_flags = IFF_UP;
        CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
        close(fd);
    }
    datagrams();
    connections();
    echoes();
    return finish("network_counters");
}
