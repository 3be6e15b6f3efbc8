// Options of level SOL_PACKET.
#include "kernel/socket/numbers.h"
#include "net/packet/socket.h"
#include <algorithm>
#include <linux/if_ether.h>

namespace packet_sockets {
using namespace sockets;
using namespace net::inet;

void PacketSocket::count_promiscuous(const Membership& m, i32 by) {
    if (m.type != PACKET_MR_PROMISC) return;
    if (auto i = stack_.find(m.interface)) i->promiscuity.fetch_add(static_cast<u32>(by), std::memory_order_relaxed);
}

/// Groups and all multicast are counted only: devices here give what they get.
Result<> PacketSocket::change_membership(UserSpan<const std::byte> value, bool add) {
    packet_mreq asked{};
    if (value.size < sizeof asked) return err::inval;
    TRY(arch::copy_in(&asked, value.data.address(), sizeof asked));
    if (asked.mr_alen > sizeof asked.mr_address) return err::inval;
    Membership m{.interface = static_cast<u32>(asked.mr_ifindex),
                 .type = asked.mr_type,
                 .size = asked.mr_alen,
                 .address = {},
                 .count = 1};
    std::memcpy(m.address.data(), asked.mr_address, asked.mr_alen);
    Holding one{changing_};
    usize at = 0;
    auto same = [&](const Membership& o) {
        return o.interface == m.interface && o.type == m.type && o.size == m.size && o.address == m.address;
    };
    while (at < memberships_.size() && !same(memberships_[at])) at++;
    bool found = at < memberships_.size();
    if (!add) {
        if (!found || --memberships_[at].count) return {};
        count_promiscuous(memberships_[at], -1);
        memberships_.erase(at);
        return {};
    }
    if (!stack_.find(m.interface)) return err::nodev;
    if (m.size > ETH_ALEN) return err::inval;
    if (found) return memberships_[at].count++, Result<>{};
    if (memberships_.size() == most_memberships) return err::nobufs;
    if (m.type > PACKET_MR_UNICAST) return err::inval;
    TRY(memberships_.push(m));
    count_promiscuous(m, 1);
    return {};
}

Result<> PacketSocket::set_ring(UserSpan<const std::byte> value) {
    auto asked = TRY(option_value<tpacket_req>(value));
    Holding one{changing_};
    Ref<Ring> made;
    {
        Holding held{watchers_.lock};
        if (ring_ && ring_->ref_count() > 1) return err::busy; // somebody has it mapped
        if (asked.tp_block_nr && ring_) return err::busy;
    }
    if (asked.tp_block_nr)
        made = TRY(Ring::create(asked, layout_));
    else if (asked.tp_frame_nr)
        return err::inval;
    net::PacketQueue gone;
    Holding held{watchers_.lock};
    std::swap(ring_, made);
    while (auto p = queue_.pop()) gone.push(std::move(p));
    return {};
}

Result<> PacketSocket::set_number(int option, int value) {
    switch (option) {
    case PACKET_AUXDATA: return auxiliary_ = value, Result<>{};
    case PACKET_ORIGDEV: return keeps_origin_ = value, Result<>{};
    case PACKET_IGNORE_OUTGOING:
        if (value < 0 || value > 1) return err::inval;
        return ignores_outgoing_ = value, Result<>{};
    case PACKET_TIMESTAMP: return timestamp_ = value, Result<>{};
    case PACKET_LOSS: return loss_ = value != 0, Result<>{};
    case PACKET_QDISC_BYPASS: return bypass_ = value != 0, Result<>{};
    case PACKET_COPY_THRESH: return copy_threshold_ = value, Result<>{};
    case PACKET_VERSION:
    case PACKET_RESERVE: break;
    default: return err::noprotoopt;
    }
    Holding one{changing_};
    if (option == PACKET_VERSION && value != TPACKET_V1 && value != TPACKET_V2) return err::inval;
    if (option == PACKET_RESERVE && value < 0) return err::inval;
    Holding held{watchers_.lock};
    if (ring_) return err::busy;
    if (option == PACKET_VERSION)
        layout_.version = static_cast<u8>(value);
    else
        layout_.reserve = static_cast<u32>(value);
    return {};
}

Result<> PacketSocket::set_option(int level, int option, UserSpan<const std::byte> value) {
    if (level == sol_socket) return Socket::set_option(level, option, value);
    if (level != sol_packet) return err::noprotoopt;
    switch (option) {
    case PACKET_ADD_MEMBERSHIP:
    case PACKET_DROP_MEMBERSHIP: return change_membership(value, option == PACKET_ADD_MEMBERSHIP);
    case PACKET_RX_RING: return set_ring(value);
    default: return set_number(option, TRY(option_value<int>(value)));
    }
}

/// The value says which version is asked for.
Result<usize> PacketSocket::get_header_size(UserSpan<std::byte> value) {
    int version = TRY(option_value<int>({value.data, value.size}));
    if (version != TPACKET_V1 && version != TPACKET_V2) return err::inval;
    return put_option(value, static_cast<int>(RingLayout{static_cast<u8>(version)}.header()));
}

Result<usize> PacketSocket::get_statistics(UserSpan<std::byte> value) {
    tpacket_stats told;
    {
        Holding held{watchers_.lock};
        told = {std::exchange(seen_, 0), std::exchange(dropped_, 0)};
    }
    return put_option(value, told);
}

Result<usize> PacketSocket::get_option(int level, int option, UserSpan<std::byte> value) {
    if (level == sol_socket) return Socket::get_option(level, option, value);
    if (level != sol_packet) return err::noprotoopt;
    switch (option) {
    case PACKET_STATISTICS: return get_statistics(value);
    case PACKET_HDRLEN: return get_header_size(value);
    case PACKET_AUXDATA: return put_option(value, int{auxiliary_});
    case PACKET_ORIGDEV: return put_option(value, int{keeps_origin_});
    case PACKET_IGNORE_OUTGOING: return put_option(value, int{ignores_outgoing_});
    case PACKET_TIMESTAMP: return put_option(value, timestamp_.load());
    case PACKET_LOSS: return put_option(value, loss_.load());
    case PACKET_QDISC_BYPASS: return put_option(value, bypass_.load());
    case PACKET_COPY_THRESH: return put_option(value, copy_threshold_.load());
    case PACKET_VERSION: return put_option(value, int{layout_.version});
    case PACKET_RESERVE: return put_option(value, layout_.reserve);
    default: return err::noprotoopt;
    }
}
} // namespace packet_sockets
