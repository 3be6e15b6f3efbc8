// libFuzzer: a DHCP client, and servers that say anything, sometimes as an answer to what was asked. Whatever they say,
// the client is not busy, does not send before its time, and has an address that somebody can have.
#include "net/inet/dhcp.h"
#include <algorithm>

using namespace net;
using namespace net::inet;

namespace {
constexpr u64 second = DhcpClient::second;

struct World final : DhcpClient::Output {
    void send(PacketBox p, const Address&, const Address&) override {
        asked = std::move(p);
        sent++;
    }
    void bound(const DhcpLease& l) override {
        if (!l.address.valid_source() || l.address.unspecified() || l.prefix > 32) __builtin_trap();
        has = true;
    }
    void lost(const DhcpLease&) override {
        if (!std::exchange(has, false)) __builtin_trap();
    }
    PacketBox asked;
    unsigned sent = 0;
    bool has = false;
};

PacketBox packet_of(std::span<const unsigned char> bytes, unsigned cut) {
    auto p = Packet::create();
    if (!p) __builtin_trap();
    usize each = std::max<usize>(bytes.size() / 12, 64 + cut);
    for (usize at = 0; at < bytes.size(); at += each) {
        auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
        if (!f) __builtin_trap();
        usize n = std::min(each, bytes.size() - at);
        std::memcpy((*f)->data(), bytes.data() + at, n);
        if (!(*p)->append(Piece{std::move(*f), 0, static_cast<u32>(n)})) __builtin_trap();
    }
    return std::move(*p);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    World w;
    DhcpClient client{{{2, 0, 0, 0, 0, 9}}, SipHash{1, 2}, "host"};
    u64 now = 1000 * second, begun = now;
    client.start(now, w);
    unsigned free = 1; // what may be sent at once: the beginning, and answers
    std::span<const unsigned char> rest{data, size};
    while (rest.size() > 2) {
        unsigned kind = rest[0];
        usize n = std::min<usize>(rest[1] * 2u, rest.size() - 2);
        auto part = rest.subspan(2, n);
        rest = rest.subspan(2 + n);
        switch (kind % 8) {
        case 0:
            client.pause();
            client.start(now, w);
            free++;
            break;
        case 1:
        case 2: // time passes
            if (client.deadline() != ~u64{0}) {
                if (client.deadline() < now) __builtin_trap();
                now = client.deadline();
                client.timer(now, w);
            }
            break;
        default: { // an answer: the fixed part from what was asked, except where the input says otherwise
            unsigned char message[240 + 512] = {};
            if (kind & 128 && w.asked) (void)w.asked->copy(0, std::as_writable_bytes(std::span{message, 240}));
            if (kind & 128) message[0] = 2, message[16] = 10, message[19] = kind & 64 ? 7 : 8;
            usize from = kind & 128 ? 240 : 0;
            std::copy(part.begin(), part.end(), message + from);
            free += 2;
            client.received(*packet_of({message, from + part.size()}, kind), now, w);
        }
        }
        if (w.has != client.has_lease()) __builtin_trap();
    }
    if (w.sent > free + 2 * (now - begun) / second) __builtin_trap();
    return 0;
}
