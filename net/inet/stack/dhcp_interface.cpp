#include "net/inet/stack/dhcp_interface.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include "lib/errno.h"
#include "net/inet/stack/name_servers.h"
#include "net/inet/stack/output.h"
#include "net/inet/udp.h"
#include <linux/in.h>
#include <linux/rtnetlink.h>

namespace net::inet {
DhcpInterface::DhcpInterface(EthernetInterface& interface, std::string_view host_name)
    : Timer{[](Timer& t) { static_cast<DhcpInterface&>(t).queue(); }},
      interface_{interface},
      client_{interface.link_address(), SipHash{rng::number(), rng::number()}, host_name},
      most_mtu_{interface.mtu()} {}

void DhcpInterface::start() {
    interface_.watch(*this);
    queue();
}

bool DhcpInterface::wait(u64 most_ns) {
    auto ready = [this] { return has_lease_.load(std::memory_order_acquire); };
    return wait_until(changed_, ready, clocks::in(most_ns), false).has_value();
}

/// What servers send to the client's port, before the stack sees it: it may not know the address yet.
bool DhcpInterface::took(PacketBox& p) {
    constexpr usize most_options = 40;
    struct Start {
        u8 version_and_length, rest[8], protocol;
    };
    auto start = Reader{*p}.take<Start>();
    if (!start || start->version_and_length >> 4 != 4 || start->protocol != IPPROTO_UDP) return false;
    usize header = (start->version_and_length & 15) * 4u;
    auto udp = Reader{*p, header}.take<UdpHeader>();
    if (!udp || header > ipv4_header_size + most_options || udp->source != dhcp_server_port ||
        udp->destination != dhcp_client_port)
        return false;
    auto heard = heard_.lock();
    if (heard->true_size() < most_waiting) heard->push(std::move(p));
    queue();
    return true;
}

bool DhcpInterface::run(unsigned) {
    Outbox box;
    box_ = &box;
    bool runs = (interface_.flags() & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
    if (std::exchange(runs_, runs) != runs) {
        if (runs)
            client_.start(box.now, *this);
        else
            client_.pause();
    }
    listen(box.now);
    if (box.now >= client_.deadline()) client_.timer(box.now, *this);
    box_ = nullptr;
    if (u64 deadline = client_.deadline(); deadline != ~u64{0}) arm(Deadline{deadline});
    return false;
}

void DhcpInterface::listen(u64 now) {
    for (;;) {
        PacketBox p = heard_.lock()->pop();
        if (!p) return;
        auto ip = parse_ip(*p);
        if (!ip || ip->is_fragment || !parse_udp(*p, *ip)) continue;
        p->trim_front(ip->header + sizeof(UdpHeader));
        client_.received(*p, now, *this);
    }
}

void DhcpInterface::send(PacketBox p, const Address& from, const Address& to) {
    IpSend ip{.source = from, .destination = to, .protocol = IPPROTO_UDP};
    if (!push_udp(*p, {.address = from, .port = dhcp_client_port}, {.address = to, .port = dhcp_server_port},
                  UdpChecksum::full))
        return;
    // A machine with other interfaces may have routes to everywhere by those.
    auto path = interface_.stack().route(to, from, interface_.index());
    if (path) (void)output(*path, std::move(p), ip, *box_);
}

void DhcpInterface::bound(const DhcpLease& l) {
    Configuration c{l.address, l.router, l.prefix, RTPROT_DHCP};
    if (set_ != c) {
        if (set_) unconfigure(interface_, *std::exchange(set_, std::nullopt));
        if (auto done = configure(interface_, c); !done)
            return log(LogLevel::warning, "{}: DHCP: {}", interface_.name.view(), errno_text(done.error()));
        set_ = c;
        auto* a = &l.address.bytes[12];
        log(LogLevel::info, "{}: DHCP: {}.{}.{}.{}/{} for {} seconds", interface_.name.view(), a[0], a[1], a[2], a[3],
            l.prefix, l.seconds);
    }
    NameServers::of_machine().set(interface_.index(), NameServers::Teller::dhcp, l.dns, l.domain);
    if (l.mtu) (void)interface_.stack().set_mtu(interface_, std::min<u32>(l.mtu, most_mtu_));
    has_lease_.store(true, std::memory_order_release);
    changed_.notify_all();
}

void DhcpInterface::lost(const DhcpLease&) {
    if (set_) unconfigure(interface_, *std::exchange(set_, std::nullopt));
    NameServers::of_machine().set(interface_.index(), NameServers::Teller::dhcp, {});
    has_lease_.store(false, std::memory_order_release);
    log(LogLevel::warning, "{}: DHCP: the lease has ended", interface_.name.view());
}
} // namespace net::inet
