#include "net/inet/stack/ethernet.h"
#include "core/rng/rng.h"
#include "net/inet/arp.h"
#include "net/inet/stack/groups.h"
#include "net/inet/stack/output.h"
#include <linux/icmpv6.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>

namespace net::inet {
/// What the table of neighbours asks for, carried out under its lock.
class EthernetInterface::Link final : public NeighbourTable::Output {
public:
    Link(EthernetInterface& on, Outbox& box) : on_{on}, box_{box} {}
    void solicit(const Address& target, const std::optional<LinkAddress>& to) override {
        target.is_v4() ? ask_by_arp(target, to) : ask_by_ndp(target, to);
    }
    void transmit(PacketBox p, const LinkAddress& to) override {
        u16 type = p->protocol;
        on_.send_to(std::move(p), to, type, box_);
    }
    /// RFC 1122, 2.3.2.2: whoever sent it is told as by a router.
    void unreachable(PacketBox p) override {
        on_.counters.errors_out.fetch_add(1, std::memory_order_relaxed);
        auto ip = parse_ip(*p);
        if (!ip) return;
        Stack& stack = on_.stack();
        Address from = stack.is_local(ip->source) ? ip->source : stack.source_on(on_, ip->source);
        auto message = icmp_error(*p, *ip, from, Refusal::host_unreachable);
        if (!message || !*message) return;
        IpSend back{.source = from, .destination = ip->source, .protocol = icmp_of(ip->source)};
        if (!push_ip(**message, back)) return;
        (*message)->checksum = ChecksumState::verified;
        box_.give(std::move(*message), on_.stack().loopback());
    }

private:
    void ask_by_arp(const Address& target, const std::optional<LinkAddress>& to) {
        auto asking = make_arp(
            {.sender_link = on_.link_address(), .sender = on_.stack().source_on(on_, target), .target = target});
        if (asking) on_.send_to(std::move(*asking), to.value_or(link_broadcast), ETH_P_ARP, box_);
    }
    void ask_by_ndp(const Address& target, const std::optional<LinkAddress>& to) {
        Address source = on_.stack().source_on(on_, target), destination = to ? target : target.solicited_node();
        auto asking = make_solicitation({.target = target, .link = on_.link_address()}, source, destination);
        if (!asking) return;
        IpSend ip{.source = source, .destination = destination, .protocol = IPPROTO_ICMPV6, .hop_limit = 255};
        if (push_ip(**asking, ip))
            on_.send_to(std::move(*asking), to.value_or(link_multicast(destination)), ETH_P_IPV6, box_);
    }
    EthernetInterface& on_;
    Outbox& box_;
};

EthernetInterface::EthernetInterface(Stack& stack, std::string_view called, const LinkAddress& own, u32 most)
    : Interface{stack, called, ARPHRD_ETHER, IFF_BROADCAST | IFF_MULTICAST, most},
      link_address_{own},
      neighbours_{SipHash{rng::number(), rng::number()}} {}
EthernetInterface::~EthernetInterface() {
    timer_.cancel();
    stop();
}

void EthernetInterface::send(PacketBox p, const Address& next_hop, Outbox& box) {
    if (!up()) return;
    p->protocol = next_hop.is_v4() ? ETH_P_IP : ETH_P_IPV6;
    if (next_hop.multicast() || next_hop.broadcast()) {
        LinkAddress to = next_hop.multicast() ? link_multicast(next_hop) : link_broadcast;
        u16 type = p->protocol;
        return send_to(std::move(p), to, type, box);
    }
    Link link{*this, box};
    u64 deadline;
    {
        auto table = neighbours_.lock();
        table->send(std::move(p), next_hop, box.now, link);
        deadline = table->deadline();
    }
    expect(deadline);
}

void EthernetInterface::send_to(PacketBox p, const LinkAddress& to, u16 type, Outbox& box) {
    if (!p->push_header(EthernetHeader{to, link_address(), type})) return;
    stack().show({*this, *p, type, true});
    transmit(std::move(p), box);
}

void EthernetInterface::send_frame(PacketBox p, Outbox& box, const void* sender) {
    auto header = Reader{*p}.take<EthernetHeader>();
    if (!header || !up()) return;
    stack().show({*this, *p, header->type, true, sender});
    transmit(std::move(p), box);
}

void EthernetInterface::group_changed(const Address& group, bool joined) {
    Outbox box;
    report_group(*this, group, joined, box);
}

Result<> EthernetInterface::set_neighbour(const Address& a, const LinkAddress& link, Reachability state) {
    Outbox box;
    Link output{*this, box};
    return neighbours_.lock()->set(a, link, state, box.now, output);
}
Result<> EthernetInterface::remove_neighbour(const Address& a) {
    return neighbours_.lock()->remove(a) ? Result<>{} : Result<>{err::noent};
}

void EthernetInterface::changed() {
    if (auto* watcher = watcher_.load(std::memory_order_acquire)) watcher->changed();
    if (auto* configurer = configurer_.load(std::memory_order_acquire)) configurer->changed();
    if (!up()) neighbours_.lock()->clear();
}

/// The timer is armed by one at a time: who makes the deadline earlier.
void EthernetInterface::expect(u64 deadline) {
    u64 armed = armed_for_.load(std::memory_order_relaxed);
    while (deadline < armed)
        if (armed_for_.compare_exchange_weak(armed, deadline)) return queue();
}

bool EthernetInterface::run(unsigned) {
    Outbox box;
    Link link{*this, box};
    u64 deadline;
    armed_for_ = ~u64{0};
    {
        auto table = neighbours_.lock();
        if (table->deadline() <= box.now) table->timer(box.now, link);
        deadline = table->deadline();
    }
    if (deadline == ~u64{0}) return false;
    armed_for_ = deadline;
    timer_.arm(Deadline{deadline});
    return false;
}

void EthernetInterface::arrive(PacketBox p, Outbox& box) {
    auto header = Reader{*p}.take<EthernetHeader>();
    if (!header || !up()) return;
    p->protocol = header->type;
    const LinkAddress& to = header->destination;
    p->destination = to == link_broadcast   ? Destination::broadcast
                     : to.multicast()       ? Destination::multicast
                     : to == link_address() ? Destination::host
                                            : Destination::other;
    bool others = p->destination == Destination::other;
    if (!others || promiscuity.load(std::memory_order_relaxed)) stack().show({*this, *p, header->type, false});
    if (others) return;
    p->trim_front(sizeof *header);
    switch (p->protocol) {
    case ETH_P_IP:
        if (auto* watcher = watcher_.load(std::memory_order_acquire); watcher && watcher->took(p)) return;
        return input(*this, std::move(p), box);
    case ETH_P_IPV6:
        if (auto* configurer = configurer_.load(std::memory_order_acquire); configurer && configurer->took(p)) return;
        return input(*this, std::move(p), box);
    case ETH_P_ARP: return take_arp(*p, box);
    default: counters.dropped_in.fetch_add(1, std::memory_order_relaxed);
    }
}

/// RFC 826: who asks us will soon hear from us.
void EthernetInterface::take_arp(const Packet& p, Outbox& box) {
    auto arp = parse_arp(p);
    if (!arp) return;
    Link link{*this, box};
    bool for_us = stack().is_local(arp->target) && !arp->target.loopback();
    if (for_us && !arp->reply) {
        auto reply = make_arp({.reply = true,
                               .sender_link = link_address(),
                               .target_link = arp->sender_link,
                               .sender = arp->target,
                               .target = arp->sender});
        if (reply) send_to(std::move(*reply), arp->sender_link, ETH_P_ARP, box);
    }
    auto table = neighbours_.lock();
    if (arp->sender.unspecified()) return;
    if (for_us && !arp->reply)
        table->heard(arp->sender, arp->sender_link, box.now, link);
    else
        table->advertised(arp->sender, arp->sender_link,
                          {.solicited = arp->reply && for_us, .override_old = true, .router = false}, box.now, link);
}

void EthernetInterface::neighbour_discovery(Arrival& a, u8 type) {
    if (a.in.type() != ARPHRD_ETHER || a.ip.was_fragmented()) return; // RFC 6980
    auto& self = static_cast<EthernetInterface&>(a.in);
    if (type == ndp::neighbour_solicitation) {
        if (auto m = parse_solicitation(*a.packet, a.ip)) self.solicited(a, *m);
    } else if (type == ndp::neighbour_advertisement) {
        if (auto m = parse_advertisement(*a.packet, a.ip)) self.advertised(a, *m);
    } else if (type == ndp::router_advertisement) {
        if (auto m = parse_router_advertisement(*a.packet, a.ip)) self.advertised(a, *m);
    }
}

/// Whether a message is about an address that is not (yet) this interface's to answer for; `claims`: who sends it has
/// the address, or is about to (RFC 4862, 5.4.3, 5.4.4).
bool EthernetInterface::is_contest(const NeighbourMessage& m, bool claims) {
    auto flags = stack().address_flags(*this, m.target);
    if (!flags || !(*flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))) return false;
    auto* configurer = configurer_.load(std::memory_order_acquire);
    if (claims && configurer) configurer->contested(m.target);
    return true;
}

/// RFC 4861, 7.2.3 and 7.2.4.
void EthernetInterface::solicited(Arrival& a, const NeighbourMessage& m) {
    if (!stack().is_local(m.target)) return;
    bool probe = a.ip.source.unspecified(); // it looks whether the address is free
    if (is_contest(m, probe)) return;
    Link link{*this, a.box};
    if (!probe && m.link) neighbours_.lock()->heard(a.ip.source, *m.link, a.box.now, link);
    Address to = probe ? all_nodes : a.ip.source;
    Advertised says{.solicited = !probe, .override_old = true, .router = stack().settings.forward_v6};
    auto answer = make_advertisement({.target = m.target, .link = link_address(), .says = says}, m.target, to);
    if (!answer) return;
    IpSend ip{.source = m.target, .destination = to, .protocol = IPPROTO_ICMPV6, .hop_limit = 255};
    if (push_ip(**answer, ip)) send(std::move(*answer), to, a.box);
}

void EthernetInterface::advertised(Arrival& a, const RouterAdvertisement& ra) {
    auto* configurer = configurer_.load(std::memory_order_acquire);
    if (!configurer) return;
    Link link{*this, a.box};
    if (ra.link) neighbours_.lock()->heard(a.ip.source, *ra.link, a.box.now, link);
    configurer->advertised(ra, a.ip.source);
}

void EthernetInterface::advertised(Arrival& a, const NeighbourMessage& m) {
    if (is_contest(m, true)) return;
    Link link{*this, a.box};
    neighbours_.lock()->advertised(m.target, m.link, m.says, a.box.now, link);
}
} // namespace net::inet
