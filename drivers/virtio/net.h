// virtio-net (Virtual I/O Device 1.2, 5.1): an Ethernet device with pairs of queues, one for each direction.
#pragma once
#include "core/time/clock.h"
#include "drivers/virtio/device.h"
#include "lib/hash.h"
#include "net/stack/device.h"

namespace virtio {
/// What net_driver asks for (5.1.3).
enum NetFeature : u64 {
    net_checksum = u64{1} << 0,       // the device completes checksums
    net_guest_checksum = u64{1} << 1, // it hands over packets whose checksum it vouches for, or is not complete
    net_mtu = u64{1} << 3,
    net_mac = u64{1} << 5,
    net_guest_tso4 = u64{1} << 7, // it hands over TCP packets longer than the MTU
    net_guest_tso6 = u64{1} << 8,
    net_guest_ecn = u64{1} << 9,
    net_host_tso4 = u64{1} << 11, // it cuts TCP packets
    net_host_tso6 = u64{1} << 12,
    net_host_ecn = u64{1} << 13,
    net_merging = u64{1} << 15, // a received packet may lie in several buffers
    net_status = u64{1} << 16,
    net_control = u64{1} << 17,
    net_pairs = u64{1} << 22,
};

/// In front of every packet: struct virtio_net_hdr (5.1.6).
struct NetHeader {
    enum Flags : u8 { needs_checksum = 1, data_valid = 2 };
    enum Segmentation : u8 { none = 0, tcp_v4 = 1, tcp_v6 = 4, ecn = 0x80 };
    u8 flags = 0, segmentation = none;
    u16 header_length = 0, segment_size = 0, checksum_start = 0, checksum_offset = 0;
    u16 buffers = 0; // received: how many the packet lies in
};
static_assert(sizeof(NetHeader) == 12);

class NetDevice;
class NetTransmit;

/// A receive queue. It is filled with frames: what is short is copied out of its frame, which goes back at once; a long
/// packet keeps its frames, and they are replaced. Its state is its work's.
class NetReceive final : public Work, private Timer {
public:
    NetReceive(NetDevice&, NetTransmit&);
    Result<> make(u16 index, unsigned cpu, u16 frames);
    bool run(unsigned budget) override;

private:
    static constexpr u64 pause_ns = 100'000'000; // before memory is asked for again
    static constexpr usize most_headers = 256;   // bytes that a long packet has in one piece
    void fill();
    void put(FrameRef);
    Result<> take_packet(net::PacketQueue& to);
    Result<net::PacketBox> gather(FrameRef, usize size, unsigned buffers);
    bool accept(net::Packet&, const NetHeader&) const;

    NetDevice& device_;
    NetTransmit& transmit_; // of the same pair
    Box<Queue> queue_;
    u16 most_ = 0; // frames in it
};

/// A transmit queue. What has been sent is let go when the next packet is sent or received, or by a timer; the device
/// interrupts only when there was no room.
class NetTransmit final : public Work, private Timer {
public:
    explicit NetTransmit(NetDevice&);
    Result<> make(u16 index, unsigned cpu);
    Result<> send(net::PacketBox&, bool more);
    bool run(unsigned budget) override;
    /// Lets go of what has been sent.
    void reclaim();

private:
    static constexpr unsigned most_pieces = net::Packet::most_pieces + 1;
    static constexpr u16 most_entries = 128;
    static constexpr unsigned look_every = 32;   // packets: then an interrupt, when half of them are sent
    static constexpr usize most_bytes = 1 * MiB; // that wait in the queue: latency for who comes behind
    static constexpr u64 pause_ns = 4'000'000;   // in which what was sent keeps its memory
    void look_later(bool soon);
    bool collect(net::Packet*& done);
    Result<> put(net::PacketBox&, net::Packet*& done);
    bool wait_for_room(usize entries, usize bytes, net::Packet*& done);
    bool has_room(usize entries, usize bytes) const;
    Result<NetHeader> header_of(const net::Packet&) const;

    NetDevice& device_;
    Spinlock<Rank::device> lock_; // of the rest
    Box<Queue> queue_;
    bool stopped_ = false; // has_room() is owed
    u16 enough_ = 0;       // entries that are room again
    usize bytes_ = 0;      // in the queue
};

class NetDevice final : public net::Device, public Work {
public:
    explicit NetDevice(virtio::Device&);
    /// Makes the device run. After an error it has been reset.
    Result<> prepare();
    /// Before it is destroyed: prepare() has failed, or nobody uses it any more.
    void stop_works();

    std::string_view driver() const override { return "virtio_net"; }
    bool has_carrier() const override { return carrier_.load(std::memory_order_relaxed); }
    void start(net::DeviceUser&) override;
    Result<> transmit(net::PacketBox&, bool more) override;
    /// Looks at its state after the device said that something has changed.
    bool run(unsigned budget) override;

    unsigned pairs() const { return pairs_; }
    NetReceive& receiver(unsigned i) { return pair_[i]->receive; }
    NetTransmit& transmitter(unsigned i) { return pair_[i]->transmit; }

private:
    friend class NetReceive;
    friend class NetTransmit;
    static constexpr unsigned most_pairs = arch::max_cpus;
    struct Pair {
        explicit Pair(NetDevice& d) : transmit{d}, receive{d, transmit} {}
        NetTransmit transmit;
        NetReceive receive;
    };
    /// lost: it did not let itself be reset, and may still write to what it was given.
    enum class State : u8 { works, broken, reset, lost };

    Result<> negotiate();
    Result<> read_config();
    Result<> make_pairs();
    Result<> use_pairs();
    void read_carrier();
    /// It has broken the rules: it will be reset. From any context.
    void fail();
    void give_up();
    unsigned pair_for(const net::Packet&) const;
    bool has(u64 feature) const { return features_ & feature; }
    State state() const { return state_.load(std::memory_order_acquire); }
    net::DeviceUser* user() const { return user_.load(std::memory_order_acquire); }

    virtio::Device& device_;
    const FoldHash flow_hash_;
    u64 features_ = 0;
    unsigned pairs_ = 1, most_of_device_ = 1;
    Box<Pair> pair_[most_pairs];
    Box<Queue> control_; // with more than one pair
    bus::DmaBuffer command_;
    std::atomic<net::DeviceUser*> user_ = nullptr;
    std::atomic<State> state_ = State::works;
    std::atomic<bool> carrier_ = true;
};
} // namespace virtio
