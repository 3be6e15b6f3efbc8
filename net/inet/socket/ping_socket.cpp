#include "kernel/credentials/caller.h"
#include "kernel/socket/numbers.h"
#include "net/inet/icmp.h"
#include "net/inet/socket/raw_table.h"
#include "net/inet/stack/output.h"
#include "net/stack/user_bytes.h"
#include <algorithm>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>

namespace net::inet {
using namespace sockets;

namespace {
/// Whether one of the caller's groups may: net.ipv4.ping_group_range.
bool group_may_ping(const Settings& settings) {
    Caller* who = Caller::current();
    if (!who) return true;
    u32 first = settings.first_ping_group, last = settings.last_ping_group;
    auto in_range = [&](Kgid g) { return static_cast<u32>(g) >= first && static_cast<u32>(g) <= last; };
    const Credentials& is = who->credentials();
    if (in_range(is.egid)) return true;
    return std::ranges::any_of(is.groups, in_range);
}
} // namespace

Result<Ref<Socket>> PingSocket::create(bool v6) {
    auto maker = TRY(Maker::caller());
    if (!group_may_ping(maker.stack.settings)) return err::acces;
    auto e = TRY(make_ref<DatagramEndpoint>(v6 ? u8{IPPROTO_ICMPV6} : u8{IPPROTO_ICMP}, v6, std::move(maker)));
    RawTable::watch();
    return TRY(make_ref<PingSocket>(e, TRY(make_inode())));
}

/// Answers come from whoever was asked, and have no port.
void PingSocket::associate(const Address& local, const Endpoint& remote) {
    Flows::associate(end(), local, {remote.address, 0, remote.interface});
}

Result<> PingSocket::send_one(const Path& path, PacketBox p, const Sending&, const IpSend& ip, Outbox& box) {
    auto h = Reader{*p}.take<IcmpHeader>();
    p->trim_front(sizeof *h);
    h->rest = u32{end().local.port} << 16 | (h->rest & 0xffff);
    TRY(push_icmp(*p, *h, ip.source, ip.destination));
    return send_ip(path, std::move(p), ip, box);
}

Result<usize> PingSocket::send(SendMessage& m) {
    usize n = m.data.remaining();
    TRY(autobind());
    if (n > 65535) return err::msgsize;
    if (n < sizeof(IcmpHeader)) return err::inval;
    if (m.flags & msg_oob) return err::opnotsupp;
    Sending s;
    u16 family = m.to ? m.to->family() : u16{af_unspec};
    if (m.to && family != domain()) return m.to->size < 16 ? err::inval : err::afnosupport;
    TRY(prepare(m, s));
    if (s.to.address.is_v4() == end().v6) return err::inval;
    TRY(may_send());
    PacketBox p = TRY(packet_of(m.data, n));
    auto h = Reader{*p}.take<IcmpHeader>();
    if (!h || h->type != (end().v6 ? u8{ICMPV6_ECHO_REQUEST} : u8{ICMP_ECHO}) || h->code) return err::inval;
    TRY(transmit(std::move(p), s));
    return n;
}

Result<usize> PingSocket::receive(ReceiveMessage& m) {
    if (m.flags & msg_oob) return err::opnotsupp;
    return DatagramSocket::receive(m);
}
} // namespace net::inet
