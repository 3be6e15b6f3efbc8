// What a program sends by UDP.
#include "kernel/socket/numbers.h"
#include "net/inet/socket/udp_socket.h"
#include "net/inet/stack/output.h"
#include "net/inet/udp.h"

namespace net::inet {
using namespace sockets;

Result<> UdpSocket::send_one(const Path& path, PacketBox p, const Sending& s, const IpSend& ip, Outbox& box) {
    auto& e = end();
    bool v4 = ip.destination.is_v4();
    bool no_sum = v4 ? options().on(Flag::no_check) : no_sum_v6_.load(std::memory_order_relaxed);
    UdpChecksum how = path.out->loopback() || no_sum ? UdpChecksum::none : UdpChecksum::partial;
    u16 segment = p->segment_size;
    if (segment && !path.out->loopback()) return cut(path, *p, segment, s, ip, box);
    TRY(push_udp(*p, {ip.source, e.local.port}, s.to, how));
    e.stack().statistics.add(Count::udp_out);
    return send_ip(path, std::move(p), ip, box);
}

/// UDP_SEGMENT for a device: datagrams of `size` bytes each.
Result<> UdpSocket::cut(const Path& path, const Packet& whole, u16 size, const Sending& s, const IpSend& ip,
                        Outbox& box) {
    for (usize at = 0; at < whole.size(); at += size) {
        auto part = TRY(whole.slice(at, size));
        part->segment_size = 0;
        TRY(send_one(path, std::move(part), s, ip, box));
    }
    return {};
}

/// What is looked at before the bytes are.
Result<> UdpSocket::begin(SendMessage& m, Sending& s) {
    TRY(prepare(m, s));
    if (!s.to.port && m.to) return err::inval;
    if (!s.control.segment_size) s.control.segment_size = segment_size_.load(std::memory_order_relaxed);
    return may_send();
}

Result<usize> UdpSocket::send(SendMessage& m) {
    TRY(autobind());
    usize n = m.data.remaining();
    if (n > 65535) return err::msgsize;
    if (m.flags & msg_oob && domain() == af_inet) return err::opnotsupp;
    if (m.flags & msg_more || corks_.load(std::memory_order_relaxed) || corked_.load(std::memory_order_relaxed))
        return send_corked(m);
    Sending s;
    TRY(begin(m, s));
    PacketBox p = TRY(packet_of(m.data, n));
    TRY(transmit(std::move(p), s));
    return n;
}

/// Appends to what there is, for where its first part goes.
Result<usize> UdpSocket::send_corked(SendMessage& m) {
    Holding one{end().writing};
    if (!cork_.packet) {
        cork_.as = {};
        TRY(begin(m, cork_.as));
        cork_.bytes.reset();
        cork_.packet = TRY(Packet::create());
        corked_.store(true, std::memory_order_relaxed);
    }
    usize n = m.data.remaining();
    usize most = 65535 - sizeof(UdpHeader) - (cork_.as.to.address.is_v4() ? ipv4_header_size : 0);
    auto appended =
        cork_.packet->size() + n > most ? Result<>{err::msgsize} : cork_.bytes.append(*cork_.packet, m.data, n);
    if (!appended) { // all of it is lost, as on Linux
        cork_.packet = nullptr;
        corked_.store(false, std::memory_order_relaxed);
        return std::unexpected(appended.error());
    }
    if (!(m.flags & msg_more) && !corks_.load(std::memory_order_relaxed)) TRY(flush_cork());
    return n;
}

/// Under `writing`.
Result<> UdpSocket::flush_cork() {
    if (!cork_.packet) return {};
    corked_.store(false, std::memory_order_relaxed);
    cork_.bytes.reset();
    return transmit(std::move(cork_.packet), cork_.as);
}
} // namespace net::inet
