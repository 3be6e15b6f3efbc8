// The transmitting half of virtio-net (5.1.6.2): a packet's bytes go out from where they are, the header in front.
#include "drivers/virtio/net.h"
#include "net/stack/wire.h"
#include <algorithm>
#include <linux/if_ether.h>
#include <linux/in.h>

namespace virtio {
namespace {
void add_to(net::Packet*& done, void* token) {
    auto* p = static_cast<net::Packet*>(token);
    p->next = done;
    done = p;
}
void let_go(net::Packet* done) {
    while (done) net::PacketBox{std::exchange(done, done->next)}.reset();
}
} // namespace

/// Packets of one flow leave by one queue, and devices bring its answers in by the same pair: so they keep their order.
unsigned NetDevice::pair_for(const net::Packet& p) const {
    struct V4 {
        u8 version_and_length, rest[5];
        net::Big16 fragment;
        u8 hops, protocol;
        net::Big16 checksum;
        std::array<char, 8> ends;
    };
    struct V6 {
        u8 rest[6], protocol, hops;
        std::array<char, 32> ends;
    };
    if (pairs_ == 1) return 0;
    auto has_ports = [](u8 protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP; };
    auto hash = [&](const auto& ends, bool ports, usize at) {
        auto both = ports ? net::Reader{p, at}.take<u32>() : std::nullopt;
        return static_cast<unsigned>(flow_hash_({ends.data(), ends.size()}, both.value_or(0)) % pairs_);
    };
    net::Reader in{p, ETH_HLEN - 2};
    auto type = in.take<net::Big16>();
    if (type && *type == ETH_P_IP) {
        auto v4 = in.take<V4>();
        bool whole = v4 && (v4->fragment & 0x3fff) == 0; // else some of its packets have no ports
        if (v4) return hash(v4->ends, whole && has_ports(v4->protocol), ETH_HLEN + (v4->version_and_length & 15) * 4u);
    } else if (type && *type == ETH_P_IPV6) {
        auto v6 = in.take<V6>();
        if (v6) return hash(v6->ends, has_ports(v6->protocol), ETH_HLEN + sizeof(V6));
    }
    return 0;
}

NetTransmit::NetTransmit(NetDevice& device)
    : Timer{[](Timer& t) { static_cast<NetTransmit&>(t).queue(); }}, device_{device} {}

Result<> NetTransmit::make(u16 index, unsigned cpu) {
    queue_ = TRY(device_.device_.make_queue(index, most_entries, this, cpu, most_pieces));
    u16 size = queue_->room();
    enough_ = std::min<u16>(size, static_cast<u16>(std::max<usize>(size / 4, queue_->needs(most_pieces))));
    return {};
}

Result<> NetTransmit::send(net::PacketBox& p, bool more) {
    net::Packet* done = nullptr;
    Result<> sent;
    {
        Holding holding{lock_};
        if (device_.state() == NetDevice::State::works) {
            sent = put(p, done);
            if (!more || !sent) queue_->kick();
            look_later(true);
        }
    }
    if (sent) p.reset(); // it is in the queue, or it is dropped
    let_go(done);
    return sent;
}

/// Puts a packet into the queue, or leaves it to be dropped. err::again: no room.
Result<> NetTransmit::put(net::PacketBox& p, net::Packet*& done) {
    (void)collect(done);
    auto header = header_of(*p);
    if (!header) return {};
    if (!p->push_header(*header)) { // little room in front
        auto copy = p->clone();
        if (!copy || !(*copy)->push_header(*header)) return {};
        p = std::move(*copy);
    }
    Piece pieces[most_pieces];
    usize count = 0;
    p->for_each(0, p->size(), [&](std::span<const std::byte> bytes) {
        pieces[count++] = {arch::physical(bytes.data()), static_cast<u32>(bytes.size())};
    });
    if (!wait_for_room(queue_->needs(count), p->size(), done)) {
        p->trim_front(sizeof *header);
        stopped_ = true;
        return err::again;
    }
    if (!queue_->add({pieces, count}, {}, p.get())) return {}; // it will never fit, or the device is at its end
    bytes_ += p.release()->size();
    if (queue_->in_flight() % look_every == 0) (void)queue_->done(look_every / 2);
    return {};
}

bool NetTransmit::has_room(usize entries, usize bytes) const {
    return queue_->room() >= entries && (bytes_ == 0 || bytes_ + bytes <= most_bytes);
}

/// False: there is no room, and an interrupt will come when there is.
bool NetTransmit::wait_for_room(usize entries, usize bytes, net::Packet*& done) {
    if (entries > usize{queue_->room()} + queue_->in_flight()) return true;
    while (!has_room(entries, bytes)) {
        if (collect(done)) continue;
        if (device_.state() != NetDevice::State::works) return true;
        queue_->kick();
        if (!queue_->done(queue_->in_flight() / 2)) return false;
    }
    return true;
}

/// Takes what the device has sent off the queue. Whether there was anything.
bool NetTransmit::collect(net::Packet*& done) {
    for (bool any = false;; any = true) {
        auto used = queue_->take();
        if (!used) {
            if (used == err::proto) device_.fail();
            return any;
        }
        bytes_ -= static_cast<net::Packet*>(used->token)->size();
        add_to(done, used->token);
    }
}

void NetTransmit::look_later(bool soon) {
    if (queue_->in_flight() && !armed()) arm(clocks::in(soon ? pause_ns : 16 * pause_ns));
}

void NetTransmit::reclaim() {
    if (queue_->has_used())
        while (run(0)) {}
}

bool NetTransmit::run(unsigned) {
    net::Packet* done = nullptr;
    bool has_room = false, more = false;
    {
        Holding holding{lock_};
        auto state = device_.state();
        if (state == NetDevice::State::works) {
            bool any = collect(done);
            has_room = this->has_room(enough_, most_bytes / 2);
            if (stopped_ && !has_room) more = queue_->done(queue_->in_flight() / 2);
            look_later(any);
        } else if (state != NetDevice::State::broken) {
            while (auto* left = state == NetDevice::State::reset ? queue_->take_back() : nullptr) add_to(done, left);
            bytes_ = 0;
            has_room = true; // for what is dropped now
        }
        has_room = has_room && std::exchange(stopped_, false);
    }
    let_go(done);
    if (has_room) device_.user()->has_room();
    return more;
}

/// err::inval: the packet says of itself what cannot be.
Result<NetHeader> NetTransmit::header_of(const net::Packet& p) const {
    constexpr usize tcp_length_at = 12;
    constexpr u8 congestion_window_reduced = 0x80;
    NetHeader h;
    if (p.checksum == net::ChecksumState::partial) {
        h.flags = NetHeader::needs_checksum;
        h.checksum_start = p.checksum_start;
        h.checksum_offset = p.checksum_offset;
    }
    if (!p.segment_size) return h;
    net::Reader kind{p, ETH_HLEN - 2}, tcp{p, p.checksum_start + tcp_length_at};
    auto type = kind.take<net::Big16>();
    auto length = tcp.take<u8>(), flags = tcp.take<u8>();
    if (!h.flags || !type || !length || !flags) return err::inval;
    h.header_length = static_cast<u16>(p.checksum_start + *length / 16 * 4);
    if (p.size() <= usize{h.header_length} + p.segment_size) return h; // one segment
    h.segment_size = p.segment_size;
    h.segmentation = *type == ETH_P_IPV6 ? NetHeader::tcp_v6 : NetHeader::tcp_v4;
    if (*flags & congestion_window_reduced && device_.has(net_host_ecn)) h.segmentation |= NetHeader::ecn;
    return h;
}
} // namespace virtio
