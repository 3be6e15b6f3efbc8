#include "net/inet/stack/slaac_interface.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include "net/inet/ip_wire.h"
#include "net/inet/stack/groups.h"
#include "net/inet/stack/name_servers.h"
#include "net/inet/udp.h"
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
constexpr u32 router_metric = 1024, prefix_metric = 256; // Linux's
} // namespace

SlaacInterface::SlaacInterface(EthernetInterface& interface)
    : Timer{[](Timer& t) { static_cast<SlaacInterface&>(t).queue(); }},
      interface_{interface},
      slaac_{interface.link_address(), SipHash{rng::number(), rng::number()}},
      dhcp_{interface.link_address(), SipHash{rng::number(), rng::number()}} {}

void SlaacInterface::start() {
    interface_.configure_by(*this);
    queue();
}

void SlaacInterface::hear(const Heard::One& one) {
    auto heard = heard_.lock();
    if (heard->count < most_heard) heard->all[heard->count++] = one; // routers say it again
    queue();
}
void SlaacInterface::advertised(const RouterAdvertisement& ra, const Address& router) { hear({ra, router}); }
void SlaacInterface::contested(const Address& a) { hear({{}, a, true}); }

void SlaacInterface::start_or_stop(u64 now) {
    const auto& settings = interface_.stack().settings;
    bool up = (interface_.flags() & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
    bool runs = up && !settings.disable_v6;
    if (std::exchange(runs_, runs) == runs) return;
    if (!runs) {
        dhcp_.stop(*this);
        return slaac_.stop(*this);
    }
    u32 accepts = settings.accept_advertisements; // 2: routers, too
    slaac_.start({.probes = settings.dad_probes,
                  .listens = accepts == 2 || (accepts && !settings.forward_v6),
                  .autoconf = settings.autoconf},
                 now, *this);
}

bool SlaacInterface::run(unsigned) {
    Outbox box;
    box_ = &box;
    now_ = box.now;
    start_or_stop(now_);
    listen(now_);
    listen_to_servers(now_);
    if (now_ >= slaac_.deadline()) slaac_.timer(now_, *this);
    if (now_ >= dhcp_.deadline()) dhcp_.timer(now_, *this);
    awaits_server_.store(dhcp_.listens(), std::memory_order_relaxed);
    box_ = nullptr;
    if (u64 deadline = std::min(slaac_.deadline(), dhcp_.deadline()); deadline != Slaac::never) arm(Deadline{deadline});
    return false;
}

/// Answers of servers, which no socket waits for.
bool SlaacInterface::took(PacketBox& p) {
    if (!awaits_server_.load(std::memory_order_relaxed)) return false;
    auto udp = Reader{*p, ipv6_header_size}.take<UdpHeader>();
    if (Reader{*p, offsetof(Ipv6Header, next_header)}.take<u8>() != IPPROTO_UDP || !udp ||
        udp->source != dhcp6_server_port || udp->destination != dhcp6_client_port)
        return false;
    auto answers = answers_.lock();
    if (answers->true_size() < most_waiting) answers->push(std::move(p));
    queue();
    return true;
}

void SlaacInterface::listen_to_servers(u64 now) {
    for (;;) {
        PacketBox p = answers_.lock()->pop();
        if (!p) return;
        auto ip = parse_ip(*p);
        if (!ip || ip->is_fragment || ip->destination != own_address() || !parse_udp(*p, *ip)) continue;
        p->trim_front(ip->header + sizeof(UdpHeader));
        dhcp_.received(*p, now, *this);
    }
}

Address SlaacInterface::own_address() const { return Slaac::link_local(interface_.link_address()); }
void SlaacInterface::ask_server() { dhcp_.start(now_); }
void SlaacInterface::send_dhcp6(PacketBox p) {
    Address own = own_address();
    IpSend ip{.source = own, .destination = all_dhcp6_servers, .protocol = IPPROTO_UDP};
    if (push_udp(*p, {.address = own, .port = dhcp6_client_port},
                 {.address = all_dhcp6_servers, .port = dhcp6_server_port}, UdpChecksum::full) &&
        push_ip(*p, ip))
        interface_.send(std::move(p), all_dhcp6_servers, *box_);
}
void SlaacInterface::told_by_dhcp6(const Dhcp6Reply& r) {
    auto& servers = NameServers::of_machine();
    servers.set(interface_.index(), NameServers::Teller::dhcp_v6, std::span{r.dns}.first(r.dns_count));
    servers.set_search(interface_.index(), r.search);
}

void SlaacInterface::listen(u64 now) {
    for (;;) {
        Heard::One one;
        {
            auto heard = heard_.lock();
            if (!heard->count) return;
            one = heard->all[0];
            heard->count--;
            std::copy(heard->all + 1, heard->all + 1 + heard->count, heard->all);
        }
        one.contests ? slaac_.contested(one.from, *this) : slaac_.advertised(one.advertisement, one.from, now, *this);
    }
}

void SlaacInterface::set(const Slaac::OwnAddress& own) {
    bool local = own.address.link_local();
    InterfaceAddress a{.address = own.address,
                       .prefix = Slaac::prefix_length,
                       .scope = static_cast<u8>(local ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
                       .flags = local ? u32{IFA_F_PERMANENT} : u32{IFA_F_MANAGETEMPADDR} | IFA_F_NOPREFIXROUTE,
                       .valid_until = own.valid_until,
                       .preferred_until = own.preferred_until};
    if (own.state == Slaac::State::tentative) a.flags |= IFA_F_TENTATIVE;
    if (own.state == Slaac::State::duplicate) a.flags |= IFA_F_DADFAILED | IFA_F_TENTATIVE;
    auto& stack = interface_.stack();
    if (stack.change(interface_, a)) {
        if (own.state == Slaac::State::duplicate)
            log(LogLevel::warning, "{}: somebody else has an IPv6 address of ours", stack.name_of(interface_).view());
        return;
    }
    if (stack.add(interface_, a)) report_group(interface_, a.address.solicited_node(), true, *box_);
}
void SlaacInterface::remove(const Slaac::OwnAddress& own) {
    if (interface_.stack().remove(interface_, own.address))
        report_group(interface_, own.address.solicited_node(), false, *box_);
}

void SlaacInterface::probe(const Address& target) {
    Address to = target.solicited_node();
    auto p = make_solicitation({.target = target}, any_v6, to);
    IpSend ip{.source = any_v6, .destination = to, .protocol = IPPROTO_ICMPV6, .hop_limit = 255};
    if (p && push_ip(**p, ip)) interface_.send(std::move(*p), to, *box_);
}
void SlaacInterface::solicit(const Address& source) {
    auto p = make_router_solicitation(interface_.link_address(), source);
    IpSend ip{.source = source, .destination = all_routers, .protocol = IPPROTO_ICMPV6, .hop_limit = 255};
    if (p && push_ip(**p, ip)) interface_.send(std::move(*p), all_routers, *box_);
}

Route SlaacInterface::route_by(const Address& router) const {
    return {.destination = Prefix::of(any_v6, 0),
            .gateway = router,
            .interface = interface_.index(),
            .metric = router_metric,
            .scope = RT_SCOPE_UNIVERSE,
            .protocol = RTPROT_RA};
}
Route SlaacInterface::route_to(const Prefix& p) const {
    return {.destination = p,
            .interface = interface_.index(),
            .metric = prefix_metric,
            .scope = RT_SCOPE_UNIVERSE,
            .protocol = RTPROT_RA};
}
/// It may be there, with another MTU.
void SlaacInterface::set_route(Route r, u32 mtu) {
    r.mtu = mtu && mtu < interface_.mtu() ? mtu : 0;
    auto& stack = interface_.stack();
    if (auto added = stack.add(r); added || added != err::exist) return;
    (void)stack.remove(r);
    (void)stack.add(r);
}
void SlaacInterface::set_router(const Address& router, u32 mtu) { set_route(route_by(router), mtu); }
void SlaacInterface::remove_router(const Address& router) { (void)interface_.stack().remove(route_by(router)); }
void SlaacInterface::set_on_link(const Prefix& p, u32 mtu) { set_route(route_to(p), mtu); }
void SlaacInterface::remove_on_link(const Prefix& p) { (void)interface_.stack().remove(route_to(p)); }

void SlaacInterface::set_name_servers(std::span<const Address> servers) {
    NameServers::of_machine().set(interface_.index(), NameServers::Teller::router, servers);
}
} // namespace net::inet
