// The receiving half of virtio-net (5.1.6.3, 5.1.6.4). What the device writes is believed no more than what a peer
// sends.
#include "drivers/virtio/net.h"
#include "net/stack/wire.h"
#include <algorithm>
#include <linux/if_ether.h>
#include <linux/in.h>

namespace virtio {
namespace {
constexpr u16 least_segment = 8; // bytes of data: nobody cuts into smaller ones
constexpr u16 tcp_checksum = 16; // where it stands in the header

/// Whether a packet is TCP over the version of IP that its header claims: only such come uncut.
bool is_tcp(const net::Packet& p, bool v4) {
    net::Reader kind{p, ETH_HLEN - 2}, next{p, usize{ETH_HLEN} + (v4 ? 9 : 6)};
    auto type = kind.take<net::Big16>();
    auto protocol = next.take<u8>();
    return type && protocol && *type == (v4 ? ETH_P_IP : ETH_P_IPV6) && *protocol == IPPROTO_TCP;
}
} // namespace

NetReceive::NetReceive(NetDevice& device, NetTransmit& transmit)
    : Timer{[](Timer& t) { static_cast<NetReceive&>(t).queue(); }}, device_{device}, transmit_{transmit} {}

Result<> NetReceive::make(u16 index, unsigned cpu, u16 frames) {
    queue_ = TRY(device_.device_.make_queue(index, frames, this, cpu));
    most_ = queue_->room();
    return {};
}

bool NetReceive::run(unsigned budget) {
    auto state = device_.state();
    if (state == NetDevice::State::reset)
        while (void* frame = queue_->take_back()) (void)FrameRef::adopt(static_cast<Frame*>(frame));
    auto* user = device_.user();
    if (state != NetDevice::State::works || !user) return false;
    net::PacketQueue packets;
    Result<> taken;
    while (budget && (taken = take_packet(packets))) budget--;
    if (taken == err::proto) {
        device_.fail();
        return false;
    }
    fill();
    queue_->kick();
    transmit_.reclaim();
    if (!packets.empty()) user->received(packets);
    return budget == 0 || queue_->done();
}

void NetReceive::fill() {
    while (queue_->in_flight() < most_) {
        auto frame = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
        if (!frame) { // if none is left in the queue, nothing will come of itself
            if (!armed()) arm(clocks::in(pause_ns));
            return;
        }
        put(std::move(*frame));
    }
}

void NetReceive::put(FrameRef frame) {
    Piece all{frame->address(), page_size};
    if (queue_->add({}, {&all, 1}, frame.get())) (void)frame.release();
}

/// A packet, or nothing when it had to be dropped. err::again: there is none; err::proto: the rules are broken.
Result<> NetReceive::take_packet(net::PacketQueue& to) {
    auto used = TRY(queue_->take());
    auto frame = FrameRef::adopt(static_cast<Frame*>(used.token));
    NetHeader header;
    if (used.written < sizeof header) {
        put(std::move(frame));
        return {};
    }
    std::memcpy(&header, frame->data(), sizeof header);
    unsigned buffers = device_.has(net_merging) ? header.buffers : 1;
    if (buffers == 0 || buffers > most_) return err::proto;
    auto packet = gather(std::move(frame), used.written - sizeof header, buffers);
    if (packet == err::proto) return err::proto;
    if (packet && accept(**packet, header)) to.push(std::move(*packet));
    return {};
}

/// Puts together what lies in `frame` behind the header, and in the buffers after it.
Result<net::PacketBox> NetReceive::gather(FrameRef frame, usize size, unsigned buffers) {
    bool is_short = buffers == 1 && size <= net::Packet::most_linear;
    usize offset = sizeof(NetHeader), linear = is_short ? size : std::min(size, most_headers);
    auto packet = net::Packet::create(linear);
    if (packet) std::memcpy((*packet)->append_linear(linear).data(), frame->bytes().data() + offset, linear);
    offset += linear;
    size -= linear;
    for (;;) {
        if (packet && size) {
            net::Piece rest{std::exchange(frame, {}), static_cast<u32>(offset), static_cast<u32>(size)};
            if (auto added = (*packet)->append(std::move(rest)); !added) packet = std::unexpected(added.error());
        }
        if (frame) put(std::move(frame)); // nothing of it is needed any more
        if (--buffers == 0) return packet;
        auto used = queue_->take();
        if (!used) return err::proto; // all of a packet's are shown together (5.1.6.4.1)
        frame = FrameRef::adopt(static_cast<Frame*>(used->token));
        offset = 0;
        size = used->written;
    }
}

/// Notes what the header says of the packet. False: it makes no sense, and the packet is dropped.
bool NetReceive::accept(net::Packet& p, const NetHeader& h) const {
    if (p.size() < ETH_HLEN) return false;
    bool partial = h.flags & NetHeader::needs_checksum;
    if (partial) {
        usize at = usize{h.checksum_start} + h.checksum_offset;
        std::byte field[2];
        // It can be completed later: the field is there, and among the bytes that may be written.
        if (!device_.has(net_guest_checksum) || h.checksum_start < ETH_HLEN || !p.copy(at, field) ||
            !p.write(at, field))
            return false;
        p.checksum = net::ChecksumState::partial;
        p.checksum_start = h.checksum_start;
        p.checksum_offset = h.checksum_offset;
    } else if (h.flags & NetHeader::data_valid && device_.has(net_guest_checksum)) {
        p.checksum = net::ChecksumState::verified;
    }
    u8 kind = h.segmentation & ~NetHeader::ecn;
    if (kind == NetHeader::none) return true;
    bool v4 = kind == NetHeader::tcp_v4;
    if (!(v4 ? device_.has(net_guest_tso4) : kind == NetHeader::tcp_v6 && device_.has(net_guest_tso6))) return false;
    if (h.segment_size < least_segment || !is_tcp(p, v4) || (partial && h.checksum_offset != tcp_checksum))
        return false;
    p.segment_size = h.segment_size;
    return true;
}
} // namespace virtio
