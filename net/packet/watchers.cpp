#include "net/packet/watchers.h"
#include "core/sync/once.h"
#include "core/time/clock.h"
#include "net/inet/stack/ethernet.h"
#include "net/packet/socket.h"
#include <linux/if_packet.h>

namespace packet_sockets {
using namespace net;
using namespace net::inet;

namespace {
u8 kind_of(const PassingFrame& f, const EthernetHeader& header) {
    const LinkAddress& to = header.destination;
    if (f.outgoing) return PACKET_OUTGOING;
    if (f.by.loopback()) return PACKET_HOST;
    return to == link_broadcast        ? PACKET_BROADCAST
           : to.multicast()            ? PACKET_MULTICAST
           : to == f.by.link_address() ? PACKET_HOST
                                       : PACKET_OTHERHOST;
}
} // namespace

Result<Watchers*> Watchers::in(Stack& stack) {
    auto* there = stack.link_tap.load(std::memory_order_acquire);
    if (there) return static_cast<Watchers*>(there);
    return &keep_first(stack.link_tap, TRY(make<Watchers>()));
}

void Watchers::passes(const PassingFrame& f) {
    PacketBox headed; // of what has no header
    if (f.by.loopback()) {
        auto copy = f.packet.clone();
        if (!copy || !(*copy)->push_header(EthernetHeader{{}, {}, f.type})) return;
        headed = std::move(*copy);
    }
    const Packet& p = headed ? *headed : f.packet;
    auto header = Reader{p}.take<EthernetHeader>();
    if (!header) return;
    // What is sent to a group comes back for members here: that has been shown when it left.
    bool back = !f.outgoing && header->destination.multicast() && header->source == f.by.link_address();
    if (back) return;
    Frame frame{p, f.type, kind_of(f, *header), f.by.type(), f.sender, static_cast<u64>(clocks::realtime_ns())};
    Holding held{lock};
    for (PacketSocket& s : sockets_) s.see(frame, f.by.index());
}

Result<> Watchers::enter(PacketSocket& s) {
    Holding held{lock};
    if (users.load(std::memory_order_relaxed) == most) return err::nobufs;
    sockets_.push_back(s);
    users.fetch_add(1, std::memory_order_relaxed);
    return {};
}

void Watchers::leave(PacketSocket& s) {
    Holding held{lock};
    sockets_.erase(sockets_.iterator_to(s));
    users.fetch_sub(1, std::memory_order_relaxed);
}

bool Watchers::print(Writer& out, Stack& stack, const UserNamespace& users, u64& at) {
    auto* all = static_cast<Watchers*>(stack.link_tap.load(std::memory_order_acquire));
    PacketSocket::Shown some[16]{};
    usize n = 0, passed = 0;
    if (all) {
        Holding held{all->lock};
        for (PacketSocket& s : all->sockets_)
            if (passed++ >= at && n < std::size(some)) some[n++] = s.shown();
    }
    for (const auto& s : std::span{some, n})
        ::print(out, "{:016x} {:<6} {:<4} {:04x}   {:<5} {} {:<6} {:<6} {:<6}\n", 0, 3, s.type, s.protocol, s.interface,
                unsigned{s.runs}, s.memory, users.shown(s.owner), s.inode);
    at += n;
    return n == std::size(some);
}
} // namespace packet_sockets
