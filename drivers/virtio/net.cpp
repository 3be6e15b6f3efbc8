#include "drivers/virtio/net.h"
#include "core/log/log.h"
#include "core/rng/rng.h"
#include "core/sched/thread.h"
#include <algorithm>
#include <linux/if_ether.h>

namespace virtio {
namespace {
/// struct virtio_net_config (5.1.4).
enum ConfigField : u64 { field_address = 0, field_status = 6, field_pairs = 8, field_mtu = 10 };
constexpr u16 link_up = 1;
constexpr u32 least_mtu = 68, default_mtu = 1500, longest_packet = 65535;
constexpr usize vlan_tag = 4;

constexpr u64 guest_segments = net_guest_tso4 | net_guest_tso6 | net_guest_ecn;
constexpr u64 host_segments = net_host_tso4 | net_host_tso6 | net_host_ecn;

/// Without what a feature needs, it is not used either (5.1.3.1). A long packet is received in merged buffers only.
u64 with_needs(u64 features) {
    if (!(features & net_merging) || !(features & net_guest_checksum)) features &= ~guest_segments;
    if (!(features & net_checksum)) features &= ~host_segments;
    if (!(features & net_control)) features &= ~u64{net_pairs};
    return features;
}

/// The control queue's command for the number of pairs (5.1.6.5.6), and the device's answer.
struct PairsCommand {
    u8 kind = 4, command = 0;
    u16 pairs;
    u8 answer = 0xff; // 0: done
};
constexpr u32 command_size = offsetof(PairsCommand, answer);

constexpr bus::Match matches[] = {bus::virtio(type_net)};

Result<> probe(bus::Device& found) {
    auto net = TRY(make<NetDevice>(device(found)));
    auto prepared = net->prepare();
    if (!prepared) {
        (void)device(found).reset();
        net->stop_works();
        return prepared;
    }
    net::add_device(*net.release());
    return {};
}
} // namespace

const bus::Driver net_driver{"virtio-net", matches, probe};

NetDevice::NetDevice(virtio::Device& device) : device_{device}, flow_hash_{rng::number(), rng::number()} {}

Result<> NetDevice::prepare() {
    TRY(negotiate());
    TRY(read_config());
    TRY(make_pairs());
    auto watched = device_.watch_config(*this);
    if (!watched && watched != err::nospc) return watched;
    device_.run();
    if (pairs_ > 1) TRY(use_pairs());
    read_carrier();
    auto& a = address_.bytes;
    log(LogLevel::info, "virtio-net: {}: {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}, {} pairs of queues, features {:#x}",
        device_.name(), a[0], a[1], a[2], a[3], a[4], a[5], pairs_, features_);
    return {};
}

Result<> NetDevice::negotiate() {
    u64 wanted = net_checksum | net_guest_checksum | net_mtu | net_mac | guest_segments | host_segments | net_merging |
                 net_status;
    if (arch::cpu_count() > 1) wanted |= net_control | net_pairs;
    features_ = TRY(device_.negotiate(wanted));
    if (u64 sound = with_needs(features_); sound != features_) features_ = TRY(device_.negotiate(sound));
    offloads_.checksum = has(net_checksum);
    offloads_.segment_v4 = has(net_host_tso4) ? longest_packet : 0;
    offloads_.segment_v6 = has(net_host_tso6) ? longest_packet : 0;
    return {};
}

Result<> NetDevice::read_config() {
    if (has(net_mac))
        for (u64 i = 0; i < address_.bytes.size(); i++) address_.bytes[i] = TRY(device_.config<u8>(field_address + i));
    if (!address_.valid_unicast()) { // one of our own, marked as such
        rng::fill(std::as_writable_bytes(std::span{address_.bytes}));
        address_.bytes[0] = static_cast<u8>((address_.bytes[0] & ~1) | 2);
    }
    most_mtu_ = default_mtu;
    if (has(net_mtu)) most_mtu_ = TRY(device_.config<u16>(field_mtu));
    if (most_mtu_ < least_mtu) return err::inval;
    constexpr u32 in_one_frame = page_size - sizeof(NetHeader) - ETH_HLEN - vlan_tag;
    if (!has(net_merging)) most_mtu_ = std::min(most_mtu_, in_one_frame);
    if (has(net_pairs)) most_of_device_ = TRY(device_.config<u16>(field_pairs));
    if (most_of_device_ == 0) return err::inval;
    pairs_ = std::min({most_of_device_, arch::cpu_count(), most_pairs});
    if (unsigned messages = device_.messages()) pairs_ = std::min(pairs_, std::max(messages / 2, 1u));
    return {};
}

Result<> NetDevice::make_pairs() {
    // So that small machines keep their memory; a packet of 64 KiB needs 17 frames.
    usize frames = std::clamp<usize>(mm::memory_info().total / 256 / page_size / pairs_, 32, 256);
    for (unsigned i = 0; i < pairs_; i++) {
        pair_[i] = TRY(make<Pair>(*this));
        TRY(pair_[i]->receive.make(static_cast<u16>(2 * i), i, static_cast<u16>(frames)));
        TRY(pair_[i]->transmit.make(static_cast<u16>(2 * i + 1), i));
    }
    if (pairs_ > 1) control_ = TRY(device_.make_queue(static_cast<u16>(2 * most_of_device_), 2, nullptr));
    return {};
}

/// Has the device use all pairs that were made. err::io: it does not.
Result<> NetDevice::use_pairs() {
    constexpr u64 patience_ns = 1'000'000'000;
    command_ = TRY(bus::DmaBuffer::contiguous(device_, sizeof(PairsCommand)));
    auto* command = new (command_.at()) PairsCommand{.pairs = static_cast<u16>(pairs_)};
    Piece reads{command_.address(), command_size}, writes{command_.address(command_size), 1};
    TRY(control_->add({&reads, 1}, {&writes, 1}, this));
    control_->kick();
    Result<Ring::Used> used = err::again;
    for (u64 begin = clocks::monotonic_ns(); (used = control_->take()) == err::again; sched::yield())
        if (clocks::monotonic_ns() - begin > patience_ns) break;
    if (used && *const_cast<volatile u8*>(&command->answer) == 0) return {};
    return err::io;
}

void NetDevice::stop_works() {
    for (auto& pair : pair_) {
        if (!pair) continue;
        pair->receive.stop();
        pair->transmit.stop();
    }
    stop();
}

void NetDevice::start(net::DeviceUser& user) {
    user_.store(&user, std::memory_order_release);
    for (unsigned i = 0; i < pairs_; i++) receiver(i).queue();
}

Result<> NetDevice::transmit(net::PacketBox& p, bool more) { return transmitter(pair_for(*p)).send(p, more); }

bool NetDevice::run(unsigned) {
    if (state() == State::works && device_.needs_reset()) state_.store(State::broken, std::memory_order_release);
    if (state() == State::works) read_carrier();
    if (state() == State::broken) give_up();
    return false;
}

void NetDevice::read_carrier() {
    auto status = has(net_status) ? device_.config<u16>(field_status) : link_up;
    bool up = status && *status & link_up;
    if (carrier_.exchange(up, std::memory_order_relaxed) == up) return;
    if (auto* u = user()) u->carrier_changed();
}

void NetDevice::fail() {
    State works = State::works;
    if (state_.compare_exchange_strong(works, State::broken, std::memory_order_acq_rel)) queue();
}

void NetDevice::give_up() {
    log(LogLevel::warning, "virtio-net: {} has broken the rules, and is not used any more", device_.name());
    state_.store(device_.reset() ? State::reset : State::lost, std::memory_order_release);
    for (unsigned i = 0; i < pairs_; i++) { // they let go of their memory
        receiver(i).queue();
        transmitter(i).queue();
    }
    carrier_.store(false, std::memory_order_relaxed);
    if (auto* u = user()) u->carrier_changed();
}
} // namespace virtio
