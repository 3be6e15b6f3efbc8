// libFuzzer: any bytes as a packet of IPv4 or IPv6: parsed, reassembled, answered by ICMP, and read as ICMP, UDP, TCP,
// ARP and Neighbor Discovery. The first byte of each packet says how long it is and how it is kept.
#include "net/inet/arp.h"
#include "net/inet/ndp.h"
#include "net/inet/reassembly.h"
#include "net/inet/tcp/segment.h"
#include "net/inet/udp.h"
#include <algorithm>
#include <linux/in.h>
#include <linux/in6.h>

using namespace net;
using namespace net::inet;

namespace {
/// Pieces of a few bytes, so that headers lie across their borders; half of it in the linear part.
PacketBox packet_of(std::span<const unsigned char> bytes, unsigned cut) {
    auto p = Packet::create();
    if (!p) __builtin_trap();
    usize head = cut % 2 ? 0 : std::min<usize>(bytes.size() / 2, 100);
    (void)(*p)->push(std::as_bytes(bytes.first(head)));
    usize each = std::max<usize>(bytes.size() / 12, 1 + cut % 40);
    for (usize at = head; at < bytes.size(); at += each) {
        auto f = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
        if (!f) __builtin_trap();
        usize n = std::min(each, bytes.size() - at);
        std::memcpy((*f)->data(), bytes.data() + at, n);
        if (!(*p)->append(Piece{std::move(*f), 0, static_cast<u32>(n)})) __builtin_trap();
    }
    return std::move(*p);
}

void read_transport(PacketBox p, const Ip& ip) {
    (void)icmp_checksum_is_right(*p, ip);
    (void)parse_icmp_error(*p, ip);
    (void)parse_solicitation(*p, ip);
    (void)parse_advertisement(*p, ip);
    (void)parse_router_advertisement(*p, ip);
    for (Refusal r : {Refusal::port_unreachable, Refusal::protocol_unreachable, Refusal::too_big, Refusal::parameter})
        if (auto error = icmp_error(*p, ip, ip.destination, r, 1400);
            error && *error && !parse_icmp_error(**error, Ip{}).has_value())
            continue;
    if (auto copy = p->clone()) (void)make_echo_reply(**copy, ip);
    p->checksum = ChecksumState::verified;
    if (auto copy = p->clone()) (void)parse_udp(**copy, ip);
    (void)tcp::parse(std::move(p), ip);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    Reassembly reassembly{SipHash{1, 2}};
    std::span<const unsigned char> rest{data, size};
    u64 now = 1;
    while (rest.size() > 2) {
        usize n = std::min<usize>(rest[0] * 8u, rest.size() - 2);
        auto p = packet_of(rest.subspan(2, n), rest[1]);
        rest = rest.subspan(2 + n);
        (void)parse_arp(*p);
        auto ip = parse_ip(*p);
        now += Reassembly::second;
        reassembly.timer(now, [](const Packet& first, const Ip& of) {
            (void)icmp_error(first, of, of.destination, Refusal::reassembly_time);
        });
        if (!ip) continue;
        if (ip->header > p->size()) __builtin_trap();
        if (!ip->is_fragment) {
            read_transport(std::move(p), *ip);
            continue;
        }
        auto whole = reassembly.add(std::move(p), *ip, now);
        if (!whole) continue;
        auto again = parse_ip(*whole->packet);
        if (!again || again->is_fragment) __builtin_trap(); // what was put together is a packet
        read_transport(std::move(whole->packet), whole->ip);
    }
    return 0;
}
