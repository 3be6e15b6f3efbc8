// What packet sockets send and receive.
#include "kernel/socket/numbers.h"
#include "net/inet/stack/ethernet.h"
#include "net/inet/stack/outbox.h"
#include "net/packet/socket.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <linux/if_ether.h>

namespace packet_sockets {
using namespace sockets;
using namespace net;
using namespace net::inet;

sockaddr_ll address_of(const Packet& p, u16 type, u8 kind, u16 hardware, u32 interface) {
    sockaddr_ll from{};
    from.sll_family = af_packet;
    from.sll_protocol = std::byteswap(type);
    from.sll_ifindex = static_cast<int>(interface);
    from.sll_hatype = hardware;
    from.sll_pkttype = kind;
    from.sll_halen = ETH_ALEN;
    (void)p.copy(ETH_ALEN, std::as_writable_bytes(std::span{from.sll_addr}).first(ETH_ALEN));
    return from;
}

void PacketSocket::put_control(ReceiveMessage& m, const Packet& p) {
    put_time(m, options_, p.time);
    if (!auxiliary_) return;
    usize skip = cooked() ? sizeof(EthernetHeader) : 0;
    u32 sum = p.checksum == ChecksumState::partial    ? u32{TP_STATUS_CSUMNOTREADY}
              : p.checksum == ChecksumState::verified ? u32{TP_STATUS_CSUM_VALID}
                                                      : 0;
    tpacket_auxdata told{};
    told.tp_status = TP_STATUS_USER | sum;
    told.tp_len = p.sequence;
    told.tp_snaplen = static_cast<u32>(p.size() - skip);
    told.tp_net = static_cast<u16>(sizeof(EthernetHeader) - skip);
    if (m.control)
        m.control->put_value(sol_packet, PACKET_AUXDATA, told);
    else
        m.result |= msg_ctrunc;
}

Result<usize> PacketSocket::receive(ReceiveMessage& m) {
    if (m.flags & ~u32{msg_peek | msg_dontwait | msg_trunc | msg_errqueue}) return err::inval;
    if (m.flags & msg_errqueue) return m.no_error_queued(); // nothing sent is told of
    TRY(check_error(options_));
    PacketBox p;
    {
        Holding held{watchers_.lock};
        if (!m.peeks())
            p = queue_.pop();
        else if (const Packet* first = queue_.first())
            p = TRY(first->clone());
    }
    if (!p) return err::again;
    usize skip = cooked() ? sizeof(EthernetHeader) : 0, size = p->size() - skip;
    usize n = std::min(size, m.data.remaining());
    if (n < size) m.result |= msg_trunc;
    if (TRY(copy_to(m.data, *p, skip, n)) < n) return err::fault;
    last_time_ = p->time;
    if (m.from) {
        auto from =
            address_of(*p, p->protocol, static_cast<u8>(p->mark >> 16), static_cast<u16>(p->mark), p->interface);
        *m.from = sockets::Address{std::as_bytes(std::span{&from, 1})};
    }
    put_control(m, *p);
    return m.flags & msg_trunc ? size : n;
}

Result<PacketSocket::Way> PacketSocket::way_of(const SendMessage& m) {
    Way way{};
    u32 index;
    if (!m.to) {
        Holding held{watchers_.lock};
        index = interface_;
        way.type = protocol_;
    } else {
        sockaddr_ll to;
        if (m.to->size < sizeof to) return err::inval;
        std::memcpy(&to, m.to->bytes, sizeof to);
        if (m.to->size < offsetof(sockaddr_ll, sll_addr) + to.sll_halen) return err::inval;
        index = static_cast<u32>(to.sll_ifindex);
        way.type = std::byteswap(to.sll_protocol);
        std::memcpy(way.to.emplace().bytes.data(), to.sll_addr, ETH_ALEN);
    }
    way.out = index ? stack_.find(index) : Ref<Interface>{};
    if (!way.out) return err::nxio;
    if (!way.out->up()) return err::netdown;
    return way;
}

Result<usize> PacketSocket::send(SendMessage& m) {
    Way way = TRY(way_of(m));
    usize size = m.data.remaining(), header = sizeof(EthernetHeader);
    constexpr usize tag = 4; // of a VLAN
    if (size > way.out->mtu() + (cooked() ? 0 : header + tag)) return err::msgsize;
    if (cooked() ? !way.to && !way.out->loopback() : size < header) return err::inval;
    PacketBox p = TRY(packet_of(m.data, size));
    if (cooked()) {
        LinkAddress to = way.out->loopback() ? LinkAddress{} : *way.to;
        TRY(p->push_header(EthernetHeader{to, way.out->link_address(), way.type}));
    }
    Outbox box;
    way.out->send_frame(std::move(p), box, this);
    return size;
}
} // namespace packet_sockets
