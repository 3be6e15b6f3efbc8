#include "net/inet/stack/bridge.h"
#include "core/rng/rng.h"
#include "core/sync/once.h"
#include "kernel/views/view.h"
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

namespace net::inet {
namespace {
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

BridgePort::BridgePort(Stack& stack, NetworkNamespace& in, std::string_view called, const Address& a,
                       const LinkAddress& own, Bridge& on)
    : EthernetInterface{stack, called, own, 1500}, network_{in}, bridge_{on}, address_{a} {
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
        if (auto* translation = host->translation.load()) translation->forget(p.address());
    Holding held{lock_};
    auto at = ports_.find(number_of(p.link_address()));
    if (at != ports_.end() && &*at == &p) ports_.erase(at);
}

/// A container speaks for itself only: else it could take what is for another (ARP spoofing), or blame one.
bool Bridge::speaks_for_itself(const Packet& p, const EthernetHeader& header, const BridgePort& from) {
    if (header.source != from.link_address()) return false;
    if (from.translated) return true; // the host world passes on what others say
    constexpr usize source_v4 = sizeof header + 12, sender_link = sizeof header + 8, sender_v4 = sizeof header + 14;
    auto says = [&](usize at, u32 address) {
        Big32 said;
        return p.copy(at, std::as_writable_bytes(std::span{&said, 1})) && said == address;
    };
    u32 own = from.address().v4_value();
    if (header.type == ETH_P_IP) return says(source_v4, own);
    LinkAddress link;
    return header.type == ETH_P_ARP && p.copy(sender_link, std::as_writable_bytes(std::span{link.bytes})) &&
           link == from.link_address() && (says(sender_v4, own) || says(sender_v4, 0));
}

/// Nothing is given to a network that goes.
void Bridge::forward(PacketBox p, BridgePort& from, Outbox& box) {
    auto header = Reader{*p}.take<EthernetHeader>();
    if (!header || !speaks_for_itself(*p, *header, from)) return;
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

Result<Address> Bridge::choose_address() {
    constexpr u32 first = 2, last = (1u << (32 - prefix)) - 2;
    for (u32 tried = 0; tried < last; tried++) {
        if (next_ < first || next_ > last) next_ = first;
        Address a = Address::v4((own_address.v4_value() & ~last & ~1u) | next_++);
        Holding held{lock_};
        if (ports_.find(number_of(link_address_for(a))) == ports_.end()) return a;
    }
    return err::addrnotavail;
}

Result<Ref<BridgePort>> Bridge::make_port(NetworkNamespace& in, std::string_view called, const Address& a) {
    Stack& stack = *TRY(Stack::in(in));
    auto port = TRY(make_ref<BridgePort>(stack, in, called, a, link_address_for(a), *this));
    TRY(stack.add(port));
    {
        Holding held{lock_};
        ports_.insert(*port);
    }
    TRY(stack.add(*port, {.address = a,
                          .prefix = prefix,
                          .scope = RT_SCOPE_UNIVERSE,
                          .flags = IFA_F_PERMANENT,
                          .broadcast = Address::v4(a.v4_value() | ((1u << (32 - prefix)) - 1))}));
    TRY(stack.set_flags(*port, IFF_UP | IFF_RUNNING, IFF_UP | IFF_RUNNING));
    return port;
}

Result<> Bridge::start() {
    if (started_) return {};
    auto& host = *View::root().network;
    Stack& stack = *TRY(Stack::in(host));
    if (!stack.translation) stack.translation = TRY(make<Translation>(SipHash{rng::number(), rng::number()})).release();
    TRY(make_port(host, name, own_address))->translated = true;
    stack.settings.forward_v4 = true;
    started_ = true;
    return {};
}

Result<Address> Bridge::join(NetworkNamespace& in) {
    Holding one{joining_};
    TRY(start());
    Stack& stack = *TRY(Stack::in(in));
    if (stack.find("eth0")) return err::exist;
    Address a = TRY(choose_address());
    auto port = TRY(make_port(in, "eth0", a));
    TRY(stack.add(Route{.destination = Prefix::of(any_v4, 0),
                        .gateway = own_address,
                        .interface = port->index(),
                        .scope = RT_SCOPE_UNIVERSE,
                        .protocol = RTPROT_BOOT}));
    return a;
}
} // namespace net::inet
