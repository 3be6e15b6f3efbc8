#include "net/inet/arp.h"
#include <linux/if_ether.h>

namespace net::inet {
namespace {
constexpr u16 hardware_ethernet = 1, operation_request = 1, operation_reply = 2;

struct Wire {
    Big16 hardware = hardware_ethernet, protocol = ETH_P_IP;
    u8 hardware_size = 6, protocol_size = 4;
    Big16 operation;
    std::array<u8, 6> sender_link;
    std::array<u8, 4> sender;
    std::array<u8, 6> target_link;
    std::array<u8, 4> target;
};
static_assert(sizeof(Wire) == 28);

Address address(const std::array<u8, 4>& b) { return Address::v4(b[0], b[1], b[2], b[3]); }
std::array<u8, 4> bytes(const Address& a) { return {a.bytes[12], a.bytes[13], a.bytes[14], a.bytes[15]}; }
} // namespace

Result<Arp> parse_arp(const Packet& p) {
    auto w = Reader{p}.take<Wire>();
    if (!w || w->hardware != hardware_ethernet || w->protocol != ETH_P_IP || w->hardware_size != 6 ||
        w->protocol_size != 4 || (w->operation != operation_request && w->operation != operation_reply))
        return err::inval;
    Arp arp{
        w->operation == operation_reply, {w->sender_link}, {w->target_link}, address(w->sender), address(w->target)};
    if (!arp.sender_link.valid_unicast() || !arp.sender.valid_source() || arp.sender.loopback() ||
        arp.target.multicast() || arp.target.loopback())
        return err::inval;
    return arp;
}

Result<PacketBox> make_arp(const Arp& arp) {
    auto p = TRY(Packet::create());
    Wire w;
    w.operation = arp.reply ? operation_reply : operation_request;
    w.sender_link = arp.sender_link.bytes;
    w.target_link = arp.target_link.bytes;
    w.sender = bytes(arp.sender);
    w.target = bytes(arp.target);
    TRY(p->push_header(w));
    p->protocol = ETH_P_ARP;
    return p;
}
} // namespace net::inet
