// Interfaces of devices: what waits for one that has no room, and what it brings.
#include "net/inet/stack/ethernet.h"

namespace net::inet {
DeviceInterface::DeviceInterface(Stack& stack, std::string_view called, Device& device)
    : EthernetInterface{stack, called, device.address(), std::min(device.most_mtu(), u32{1500})}, device_{device} {
    offloads = device.offloads();
}

/// Of the memory that packets keep: a block of frames counts for each segment of a connection that lies in it.
constexpr usize most_memory_waiting = 16 * MiB;

/// Packets keep their order: while some wait, others wait behind them.
void DeviceInterface::transmit(PacketBox p, Outbox&) {
    usize size = p->size();
    if (!stopped_.load(std::memory_order_acquire) && device_.transmit(p, false)) {
        counters.left(size);
        return;
    }
    auto waiting = waiting_.lock();
    if (waiting->bytes() >= most_waiting || waiting->true_size() >= most_memory_waiting) {
        counters.dropped_out.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    counters.left(size);
    waiting->push(std::move(p));
    stopped_.store(true, std::memory_order_release);
    send_waiting(*waiting); // room may have come before anything waited for it
}

/// Under the queue's lock. Where the device has no room, it will tell.
void DeviceInterface::send_waiting(PacketQueue& waiting) {
    while (PacketBox p = waiting.pop())
        if (!device_.transmit(p, !waiting.empty())) return waiting.push_front(std::move(p));
    stopped_.store(false, std::memory_order_release);
}
void DeviceInterface::has_room() { send_waiting(*waiting_.lock()); }

void DeviceInterface::carrier_changed() {
    (void)stack().set_flags(*this, device_.has_carrier() ? IFF_RUNNING : 0, IFF_RUNNING);
}

void DeviceInterface::changed() {
    EthernetInterface::changed();
    if (!up()) waiting_.lock()->clear();
}

void DeviceInterface::received(PacketQueue& packets) {
    Outbox box;
    while (PacketBox p = packets.pop()) {
        counters.came(p->size());
        arrive(std::move(p), box);
        box.flush();
    }
}
} // namespace net::inet
