#include "net/inet/udp.h"
#include <linux/in.h>

namespace net::inet {
Result<UdpHeader> parse_udp(Packet& p, const Ip& ip) {
    auto h = Reader{p, ip.header}.take<UdpHeader>();
    if (!h || h->length < sizeof *h || h->length > p.size() - ip.header) return err::inval;
    p.truncate(usize{ip.header} + h->length);
    if (p.checksum != ChecksumState::unknown) return *h;
    if (h->checksum == 0) {
        if (!ip.source.is_v4()) return err::badmsg; // IPv6 has no other
        return *h;
    }
    Checksum sum = pseudo_header(ip.source, ip.destination, IPPROTO_UDP, h->length);
    p.add_to(sum, ip.header, h->length);
    if (sum.value() != 0) return err::badmsg;
    return *h;
}

Result<> push_udp(Packet& p, const Endpoint& source, const Endpoint& destination, UdpChecksum how) {
    usize length = p.size() + sizeof(UdpHeader);
    if (length > 65535) return err::msgsize;
    UdpHeader h{source.port, destination.port, static_cast<u16>(length), 0};
    if (how != UdpChecksum::none) {
        Checksum sum = pseudo_header(source.address, destination.address, IPPROTO_UDP, length);
        if (how == UdpChecksum::full) {
            sum.add(std::as_bytes(std::span{&h, 1}));
            p.add_to(sum, 0, p.size());
        }
        h.checksum = how == UdpChecksum::partial ? sum.partial() : sum.value_not_zero();
    }
    TRY(p.push_header(h));
    p.checksum = how == UdpChecksum::partial ? ChecksumState::partial : ChecksumState::unknown;
    p.checksum_start = 0;
    p.checksum_offset = offsetof(UdpHeader, checksum);
    return {};
}
} // namespace net::inet
