#include "net/inet/stack/bridge.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include "kernel/views/view.h"
#include "net/inet/ip_wire.h"
#include "net/inet/slaac.h"
#include "net/inet/stack/configure.h"
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
constexpr Address network_v4 = Address::v4(10, 88, 0, 0);

u64 number_of(const LinkAddress& a) {
    u64 n = 0;
    for (u8 byte : a.bytes) n = n << 8 | byte;
    return n;
}
/// Of this machine's own making, by the IPv4 address: nobody need ask twice who that is.
LinkAddress link_address_for(const Address& a) {
    return {{0x02, 0x42, a.bytes[12], a.bytes[13], a.bytes[14], a.bytes[15]}};
}
} // namespace

u64 Bridge::ByLinkAddress::operator()(const BridgePort& p) const { return number_of(p.link_address()); }

Bridge& Bridge::get() {
    static constinit Once<Bridge> bridge;
    return bridge.get([] { return Bridge{}; });
}

BridgePort::BridgePort(Stack& stack, NetworkNamespace& in, std::string_view called, const Bridge::Addresses& has,
                       Bridge& on)
    : EthernetInterface{stack, called, link_address_for(has.v4), 1500},
      network_{in},
      bridge_{on},
      addresses_{has},
      link_local_{Slaac::link_local(link_address())} {
    // What stays in the machine is neither summed up nor cut; what leaves it, there.
    offloads = {.checksum = true, .segment_v4 = 65535, .segment_v6 = 65535};
}
void BridgePort::detach() { bridge_.remove(*this); }

Result<> Bridge::publish(const Publication& p) {
    auto* translation = TRY(Stack::in(*View::root().network))->translation.load();
    return translation ? translation->publish(p) : Result<>{err::noent};
}

void BridgePort::transmit(PacketBox p, Outbox& box) {
    counters.left(p->size());
    bridge_.forward(std::move(p), *this, box);
}

void Bridge::remove(BridgePort& p) {
    if (auto* host = Stack::find(*View::root().network))
        if (auto* translation = host->translation.load()) {
            translation->forget(p.addresses().v4);
            translation->forget(p.addresses().v6);
        }
    Holding held{lock_};
    auto at = ports_.find(number_of(p.link_address()));
    if (at != ports_.end() && &*at == &p) ports_.erase(at);
}

/// A container speaks for itself only: else it could take what is for another (ARP spoofing), or blame one.
bool BridgePort::speaks_for_itself(const Packet& p, const EthernetHeader& header) const {
    if (header.source != link_address()) return false;
    if (translated) return true; // the host world passes on what others say
    switch (header.type) {
    case ETH_P_IP: return speaks_for_itself_v4(p);
    case ETH_P_IPV6: return speaks_for_itself_v6(p);
    case ETH_P_ARP: return speaks_for_itself_arp(p);
    default: return false;
    }
}

bool BridgePort::speaks_for_itself_v4(const Packet& p) const {
    Big32 source;
    constexpr usize at = sizeof(EthernetHeader) + offsetof(Ipv4Header, source);
    return p.copy(at, std::as_writable_bytes(std::span{&source, 1})) && source == addresses_.v4.v4_value();
}

bool BridgePort::speaks_for_itself_arp(const Packet& p) const {
    struct {
        LinkAddress link;
        Big32 address;
    } sender;
    constexpr usize at = sizeof(EthernetHeader) + 8; // behind the kinds and sizes of addresses (RFC 826)
    return p.copy(at, std::as_writable_bytes(std::span{&sender, 1})) && sender.link == link_address() &&
           (sender.address == addresses_.v4.v4_value() || sender.address == 0);
}

/// Of the messages of Neighbor Discovery only what hosts say, of addresses of its own. (In fragments nobody believes
/// them: RFC 6980.)
bool BridgePort::speaks_for_itself_v6(const Packet& p) const {
    Ipv6Header h;
    if (!p.copy(sizeof(EthernetHeader), std::as_writable_bytes(std::span{&h, 1}))) return false;
    auto is_own = [this](const Address& a) { return a == addresses_.v6 || a == link_local_; };
    Address source{h.source};
    if (!is_own(source) && !source.unspecified()) return false;
    if (h.next_header == IPPROTO_TCP || h.next_header == IPPROTO_UDP) return true;
    auto whole = p.slice(sizeof(EthernetHeader), p.size() - sizeof(EthernetHeader));
    if (!whole) return false;
    auto ip = parse_ipv6(**whole);
    if (!ip) return false;
    if (ip->protocol != IPPROTO_ICMPV6 || ip->fragment_offset) return true;
    auto is_link = [this](const std::optional<LinkAddress>& link) { return !link || *link == link_address(); };
    switch (Reader{**whole, ip->header}.take<u8>().value_or(0)) {
    case ndp::neighbour_solicitation: {
        auto m = parse_solicitation(**whole, *ip);
        return m && is_link(m->link);
    }
    case ndp::neighbour_advertisement: {
        auto m = parse_advertisement(**whole, *ip);
        return m && is_own(m->target) && is_link(m->link);
    }
    case ndp::router_solicitation:
    case ndp::router_advertisement:
    case ndp::redirect: return false;
    default: return true;
    }
}

/// Nothing is given to a network that goes.
void Bridge::forward(PacketBox p, BridgePort& from, Outbox& box) {
    auto header = Reader{*p}.take<EthernetHeader>();
    if (!header || !from.speaks_for_itself(*p, *header)) return;
    const LinkAddress& to = header->destination;
    auto give = [&](PacketBox packet, BridgePort& port) {
        if (port.network_.try_retain()) box.give(std::move(packet), port, Ref<NetworkNamespace>::adopt(&port.network_));
    };
    Holding held{lock_};
    if (!to.multicast()) {
        auto at = ports_.find(number_of(to));
        if (at != ports_.end() && &*at != &from) give(std::move(p), *at);
        return;
    }
    for (BridgePort& port : ports_) {
        if (&port == &from) continue;
        auto copy = p->clone();
        if (!copy) return;
        give(std::move(*copy), port);
    }
}

/// By the number of a host in IPv4's network.
Bridge::Addresses Bridge::addresses_of(u32 host) const {
    Addresses a{.v4 = Address::v4(network_v4.v4_value() | host), .v6 = network_v6_};
    for (unsigned i = 0; i < 4; i++) a.v6.bytes[12 + i] = static_cast<u8>(host >> (24 - 8 * i));
    return a;
}

Result<Bridge::Addresses> Bridge::choose_addresses() {
    constexpr u32 first = 2, last = (1u << (32 - prefix_v4)) - 2;
    for (u32 tried = 0; tried < last; tried++) {
        if (next_ < first || next_ > last) next_ = first;
        Addresses a = addresses_of(next_++);
        Holding held{lock_};
        if (ports_.find(number_of(link_address_for(a.v4))) == ports_.end()) return a;
    }
    return err::addrnotavail;
}

/// The bridge's link addresses are its own, so nobody need be asked whether an address is free.
Result<> Bridge::make_port(NetworkNamespace& in, std::string_view called, const Addresses& has) {
    Stack& stack = *TRY(Stack::in(in));
    auto port = TRY(make_ref<BridgePort>(stack, in, called, has, *this));
    bool hosts = has.v4 == own_.v4;
    port->translated = hosts;
    TRY(stack.add(port));
    {
        Holding held{lock_};
        ports_.insert(*port);
    }
    TRY(stack.set_flags(*port, IFF_UP | IFF_RUNNING, IFF_UP | IFF_RUNNING));
    Addresses router = hosts ? Addresses{any_v4, any_v6} : own_;
    TRY(configure(*port, {has.v4, router.v4, prefix_v4, RTPROT_BOOT, IFA_F_PERMANENT}));
    if (stack.settings.disable_v6) return {};
    TRY(configure(*port, {port->link_local_, any_v6, 64, RTPROT_KERNEL, IFA_F_PERMANENT}));
    return configure(*port, {has.v6, router.v6, prefix_v6, RTPROT_BOOT, IFA_F_PERMANENT | IFA_F_NODAD});
}

Result<> Bridge::start() {
    if (started_) return {};
    if (network_v6_.unspecified()) { // RFC 4193, 3.2
        network_v6_.bytes[0] = 0xfd;
        for (unsigned i = 1; i < 6; i++) network_v6_.bytes[i] = static_cast<u8>(rng::number());
    }
    own_ = addresses_of(1);
    auto& host = *View::root().network;
    Stack& stack = *TRY(Stack::in(host));
    if (!stack.translation) {
        auto made = TRY(make<Translation>(SipHash{rng::number(), rng::number()}));
        made->hairpin_v4 = own_.v4;
        made->hairpin_v6 = own_.v6;
        stack.translation = made.release();
    }
    TRY(make_port(host, name, own_));
    stack.settings.forward_v4 = stack.settings.forward_v6 = true;
    // Who forwards hears routers only where it is asked to.
    u32 hosts_only = 1;
    stack.settings.accept_advertisements.compare_exchange_strong(hosts_only, 2);
    started_ = true;
    return {};
}

Result<Bridge::Addresses> Bridge::join(NetworkNamespace& in) {
    Holding one{joining_};
    TRY(start());
    Stack& stack = *TRY(Stack::in(in));
    if (stack.find("eth0")) return err::exist;
    Addresses a = TRY(choose_addresses());
    TRY(make_port(in, "eth0", a));
    return a;
}
} // namespace net::inet
