// libFuzzer: a client of stateless DHCPv6, and servers that say anything, sometimes as an answer to what was asked. The
// client is not busy, does not send before its time, and what it believes is servers and names that somebody can have.
#include "net/inet/dhcp6.h"
#include <algorithm>
#include <cstring>

using namespace net;
using namespace net::inet;

namespace {
constexpr LinkAddress own{{2, 0, 0, 0, 0, 9}};
struct World final : Dhcp6Client::Output {
    void send_dhcp6(PacketBox p) override {
        if (p->size() != sizeof asked) __builtin_trap();
        (void)p->copy(0, std::as_writable_bytes(std::span{asked}));
        sent++;
    }
    void told_by_dhcp6(const Dhcp6Reply& r) override {
        for (const Address& a : std::span{r.dns}.first(r.dns_count))
            if (a.is_v4() || a.multicast() || a.unspecified()) __builtin_trap();
        for (char c : r.search.view())
            if (c <= ' ' && c != ' ') __builtin_trap();
    }
    unsigned char asked[36] = {};
    unsigned sent = 0;
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    World w;
    Dhcp6Client client{own, SipHash{1, 2}};
    u64 now = 1000 * Dhcp6Client::second, begun = now;
    client.start(now);
    unsigned free = 1;
    std::span<const unsigned char> rest{data, size};
    while (rest.size() > 2) {
        unsigned kind = rest[0];
        auto part = rest.subspan(2, std::min<usize>(rest[1] * 2u, rest.size() - 2));
        rest = rest.subspan(2 + part.size());
        if (kind % 8 == 0) {
            client.stop(w);
            client.start(now);
            free++;
        } else if (kind % 8 < 3) {
            if (client.deadline() == Dhcp6Client::never) continue;
            now = std::max(now, client.deadline());
            client.timer(now, w);
            if (client.deadline() <= now && client.deadline() + 1 <= now) __builtin_trap();
        } else { // an answer: to what was asked, with a server's name, except where the input says otherwise
            unsigned char message[4 + 14 + 5 + 512] = {};
            usize at = 0;
            if (kind & 128) {
                message[0] = 7;
                std::copy(w.asked + 1, w.asked + 4 + 14, message + 1);
                message[19] = 2, message[21] = 1;
                at = 4 + 14 + 5;
            }
            std::copy(part.begin(), part.end(), message + at);
            auto p = Packet::create(at + part.size());
            if (!p) return 0;
            if (usize n = at + part.size()) std::memcpy((*p)->append_linear(n).data(), message, n);
            client.received(**p, now, w);
            free++;
        }
    }
    if (w.sent > free + 2 * (now - begun) / Dhcp6Client::second) __builtin_trap();
    return 0;
}
