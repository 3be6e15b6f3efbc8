// virtio-vsock (Virtual I/O Device 1.2, 5.10): the way to the hypervisor for sockets of AF_VSOCK.
#pragma once
#include "core/time/clock.h"
#include "drivers/virtio/device.h"
#include "net/vsock/transport.h"

namespace virtio {
/// What the device writes is checked for its form here, and for its sense by the sockets.
class VsockDevice final : public vsock::Transport, public Work, private Timer {
public:
    explicit VsockDevice(Device&);
    /// Makes the device run; its first work gives it memory to write to. After an error it is to be reset.
    Result<> prepare();
    u32 cid() const override { return cid_.load(std::memory_order_relaxed); }
    bool carries_messages() const override { return messages_; }
    void send(net::PacketBox) override;
    /// What has come, what has happened, and what was sent.
    bool run(unsigned budget) override;
    bool broken() const { return broken_.load(std::memory_order_relaxed); }

private:
    static constexpr u16 receive_entries = 64, send_entries = 128, event_entries = 4;
    static constexpr u16 most_pieces = net::Packet::most_pieces + 1;
    /// Packets without data that wait to be sent, before nothing more is received: answers are the kernel's memory.
    static constexpr unsigned most_answers = 256;
    static constexpr u64 pause_ns = 10'000'000; // before memory is asked for again
    Result<> read_cid();
    Result<> give_event(std::byte* at);
    void fill();
    void look_later();
    bool take_received(unsigned budget, bool& more);
    bool take_packet(net::PacketBox, FrameRef, u32 written);
    bool take_events(bool& more);
    bool send_waiting(bool& more);
    bool let_go_of_sent(net::PacketQueue& sent);
    void fill_sends();
    void give_up();
    bool answers_wait() const { return answers_.load(std::memory_order_relaxed) >= most_answers; }

    Device& device_;
    Box<Queue> receives_, sends_, events_; // the first and the last are the work's
    bus::DmaBuffer event_memory_;
    std::atomic<u32> cid_ = vsock::cid_any;
    bool messages_ = false;
    std::atomic<bool> broken_ = false;         // nothing is sent any more
    bool gave_up_ = false, held_back_ = false; // the work's: it is over; something waits for answers to be sent
    Spinlock<Rank::device> lock_;              // of what is sent
    net::PacketQueue waiting_;                 // for room
    std::atomic<unsigned> answers_ = 0;
};
} // namespace virtio
