#include "net/inet/socket/raw_socket.h"
#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/ip_wire.h"
#include "net/inet/socket/raw_table.h"
#include "net/inet/stack/output.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <linux/capability.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
using namespace sockets;

namespace {
enum : int { icmp_filter = 1, icmp6_filter = 1, sol_icmpv6 = 58 };
} // namespace

Result<Ref<Socket>> RawSocket::create(bool v6, int protocol) {
    if (protocol == 0) return err::protonosupport;
    if (protocol > 255) return err::protonosupport;
    auto maker = TRY(Maker::caller());
    if (!may_make(*maker.network)) return err::perm;
    auto e = TRY(make_ref<RawEndpoint>(static_cast<u8>(protocol), v6, std::move(maker)));
    e->local.port = static_cast<u16>(protocol); // as getsockname(2) shows it
    e->has_header = protocol == IPPROTO_RAW;
    if (v6 && protocol == IPPROTO_ICMPV6) e->checksum_at = 2;
    auto socket = TRY(make_ref<RawSocket>(e, TRY(make_inode())));
    RawTable::enter(*e);
    return socket;
}
bool RawSocket::may_make(const NetworkNamespace& in) {
    Caller* who = Caller::current();
    return !who || who->credentials().can_in(in.owner.get(), CAP_NET_RAW);
}
RawSocket::~RawSocket() { RawTable::leave(raw()); }

Result<> RawSocket::may_bind(const Endpoint& at) const {
    if (at.address.multicast() || at.address.broadcast()) return {};
    return DatagramSocket::may_bind(at);
}
Result<> RawSocket::take_port(const Endpoint& at) {
    auto& e = raw();
    Holding held{e.lock};
    RawTable::change(e, at.address, e.remote);
    e.local.interface = at.interface;
    e.address_given = !at.address.unspecified();
    e.port_given = true;
    e.forget_path();
    return {};
}
void RawSocket::associate(const Address& local, const Endpoint& remote) { RawTable::change(raw(), local, remote); }

/// Bytes that IPV6_CHECKSUM says get the sum, which is over the pseudo-header as well.
static Result<> write_checksum(Packet& p, int at, const IpSend& ip) {
    if (at < 0 || ip.destination.is_v4()) return {};
    usize place = static_cast<usize>(at);
    if (place + 2 > p.size()) return err::inval;
    const Big16 zero = u16{0};
    if (!p.write_own(place, std::as_bytes(std::span{&zero, 1}))) return err::inval;
    Checksum sum = pseudo_header(ip.source, ip.destination, ip.protocol, p.size());
    p.add_to(sum, 0, p.size());
    const Big16 value = ip.protocol == IPPROTO_UDP ? sum.value_not_zero() : sum.value();
    p.write_own(place, std::as_bytes(std::span{&value, 1}));
    return {};
}

Result<> RawSocket::send_one(const Path& path, PacketBox p, const Sending&, const IpSend& ip, Outbox& box) {
    if (raw().has_header) return send_with_header(path, std::move(p), ip, box);
    TRY(write_checksum(*p, raw().checksum_at.load(std::memory_order_relaxed), ip));
    return send_ip(path, std::move(p), ip, box);
}

/// The user's own header: what ip(7) says is filled in.
Result<> RawSocket::send_with_header(const Path& path, PacketBox p, const IpSend& ip, Outbox& box) {
    if (p->size() > path.mtu) return err::msgsize;
    if (ip.destination.is_v4()) {
        auto h = Reader{*p}.take<Ipv4Header>();
        if (!h) return err::inval;
        usize size = (h->version_and_words & 15u) * 4u;
        if (size > p->size()) return err::inval;
        h->total_length = static_cast<u16>(p->size());
        if (u32{h->source} == 0) h->source = ip.source.v4_value();
        if (u16{h->id} == 0) h->id = static_cast<u16>(ip.id);
        h->checksum = 0;
        p->write(0, std::as_bytes(std::span{&*h, 1}));
        if (size >= sizeof *h) {
            Checksum sum;
            p->add_to(sum, 0, size);
            h->checksum = sum.value();
            p->write(0, std::as_bytes(std::span{&*h, 1}));
        }
    } else if (p->size() < ipv6_header_size) {
        return err::inval;
    }
    path.out->send(std::move(p), path.next_hop, box);
    return {};
}

Result<usize> RawSocket::send(SendMessage& m) {
    auto& e = raw();
    usize n = m.data.remaining();
    if (n > 65535) return err::msgsize;
    if (m.flags & msg_oob && domain() == af_inet) return err::opnotsupp;
    Sending s;
    TRY(prepare(m, s));
    if (domain() == af_inet6 && m.to && s.to.port && s.to.port != e.protocol()) return err::inval;
    if (s.to.address.is_v4() == e.v6) return err::netunreach;
    TRY(may_send());
    if (e.has_header && domain() == af_inet && n < ipv4_header_size) return err::inval;
    PacketBox p = TRY(packet_of(m.data, n));
    TRY(transmit(std::move(p), s));
    return n;
}

Result<usize> RawSocket::receive(ReceiveMessage& m) {
    if (m.flags & msg_oob) return err::opnotsupp;
    return DatagramSocket::receive(m);
}

Result<> RawSocket::set_checksum(int level, int value) {
    auto& e = raw();
    if (e.protocol() == IPPROTO_ICMPV6 && level == sol_ipv6) return err::inval;
    if (value > 0 && value & 1) return err::inval;
    e.checksum_at = value < 0 ? -1 : value;
    return {};
}

Result<> RawSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    auto& e = raw();
    if (level == sol_raw && domain() == af_inet) {
        if (option != icmp_filter) return err::noprotoopt;
        if (e.protocol() != IPPROTO_ICMP) return err::opnotsupp;
        u32 types = 0;
        TRY(arch::copy_in(&types, value.data.address(), std::min(value.size, sizeof types)));
        e.filter_v4 = types;
        return {};
    }
    if (level == sol_icmpv6 && domain() == af_inet6) {
        if (e.protocol() != IPPROTO_ICMPV6) return err::opnotsupp;
        if (option != icmp6_filter) return err::noprotoopt;
        u32 types[8]{};
        TRY(arch::copy_in(types, value.data.address(), std::min(value.size, sizeof types)));
        for (usize i = 0; i < std::size(types); i++) e.filter_v6[i] = types[i];
        return {};
    }
    bool checksums = domain() == af_inet6 && option == IPV6_CHECKSUM && (level == sol_ipv6 || level == sol_raw);
    if (checksums) return set_checksum(level, TRY(option_value<int>(value)));
    bool header = (level == sol_ip && option == IP_HDRINCL && domain() == af_inet) ||
                  (level == sol_ipv6 && option == IPV6_HDRINCL && domain() == af_inet6);
    if (header) return e.has_header = TRY(option_value<int>(value)), Result<>{};
    if (level == sol_ip && option == IP_NODEFRAG) return {};
    return DatagramSocket::set_option(level, option, value);
}

Result<usize> RawSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    auto& e = raw();
    if (level == sol_raw && domain() == af_inet) {
        if (option != icmp_filter) return err::noprotoopt;
        if (e.protocol() != IPPROTO_ICMP) return err::opnotsupp;
        return put_option(value, e.filter_v4.load());
    }
    if (level == sol_icmpv6 && domain() == af_inet6) {
        if (e.protocol() != IPPROTO_ICMPV6) return err::opnotsupp;
        if (option != icmp6_filter) return err::noprotoopt;
        std::array<u32, 8> types;
        for (usize i = 0; i < types.size(); i++) types[i] = e.filter_v6[i];
        return put_option(value, types);
    }
    bool checksums = domain() == af_inet6 && option == IPV6_CHECKSUM && (level == sol_ipv6 || level == sol_raw);
    if (checksums) return put_option(value, e.checksum_at.load());
    bool header = (level == sol_ip && option == IP_HDRINCL && domain() == af_inet) ||
                  (level == sol_ipv6 && option == IPV6_HDRINCL && domain() == af_inet6);
    if (header) return put_option(value, int{e.has_header});
    return DatagramSocket::get_option(level, option, value);
}
} // namespace net::inet
