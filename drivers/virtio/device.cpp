#include "drivers/virtio/device.h"
#include "core/log/log.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"
#include <algorithm>
#include <bit>

namespace virtio {
Result<u64> Device::negotiate(u64 wanted) {
    if (!reset()) return err::io;
    set_status(acknowledged);
    set_status(acknowledged | has_driver);
    u64 offered = device_features(0) | u64{device_features(1)} << 32;
    // Without version 1 it is a device of before the standard. Who has it may also want its addresses as they are on
    // the bus, which they are here.
    if (!(offered & feature_version_1)) return err::opnotsupp;
    features_ = offered & (wanted | feature_version_1 | feature_indirect | feature_event_index |
                           feature_platform_access | feature_platform_order);
    set_driver_features(0, static_cast<u32>(features_));
    set_driver_features(1, static_cast<u32>(features_ >> 32));
    set_status(acknowledged | has_driver | features_agreed);
    if (!(status() & features_agreed)) return err::opnotsupp;
    return features_ & wanted;
}

Result<Box<Queue>> Device::make_queue(u16 index, u16 size, Work* work, unsigned cpu, u16 pieces) {
    u16 most = select_queue(index);
    if (most == 0) return err::nodev;
    size = std::bit_floor(std::min(size, most));
    auto queue = TRY(make<Queue>(work));
    Ring::Layout layout{size};
    queue->memory_ = TRY(bus::DmaBuffer::contiguous(*this, layout.bytes));
    IndirectTables indirect;
    if (pieces > 1 && features_ & feature_indirect) {
        queue->tables_ = TRY(bus::DmaBuffer::contiguous(*this, sizeof(Descriptor) * pieces * size));
        indirect = {queue->tables_.at<Descriptor>(), queue->tables_.address(), pieces};
    }
    TRY(queue->ring_.init(queue->memory_.at(), size, features_ & feature_event_index, indirect));
    u64 at = queue->memory_.address();
    queue->index_ = index;
    let_reach_memory(true);
    auto doorbell =
        set_queue(index, size, {at, at + layout.available, at + layout.used}, cpu, work ? queue.get() : nullptr);
    if (!doorbell) {
        (void)reset(); // before its memory goes
        return std::unexpected(doorbell.error());
    }
    queue->doorbell_ = *doorbell;
    if (work)
        (void)queue->ring_.turn_on_interrupts();
    else
        queue->ring_.turn_off_interrupts();
    return queue;
}

Result<> Device::watch_config(Work& work) {
    config_handler_.work = &work;
    return set_config_handler(config_handler_);
}

void Device::run() {
    arch::dma_write_barrier();
    set_status(status() | running);
}

bool Device::reset() {
    constexpr u64 patience_ns = 1'000'000'000;
    set_status(0);
    for (u64 begin = clocks::monotonic_ns(); status() != 0; sched::yield())
        if (clocks::monotonic_ns() - begin > patience_ns) {
            log(LogLevel::warning, "virtio: {} does not reset", name());
            disconnect();
            return false;
        }
    disconnect();
    let_reach_memory(false);
    return true;
}

Result<> Device::SharedLine::add(u16 queue, IrqHandler& handler, bus::Device& wire) {
    if (queue >= most_queues) return err::nospc;
    queues_[queue].store(&handler, std::memory_order_release);
    return connect(wire);
}

Result<> Device::SharedLine::add_config(IrqHandler& handler, bus::Device& wire) {
    config_.store(&handler, std::memory_order_release);
    return connect(wire);
}

Result<> Device::SharedLine::connect(bus::Device& wire) {
    if (!connected_) TRY(wire.connect_line(*this));
    connected_ = true;
    return {};
}

void Device::SharedLine::clear() {
    for (auto& queue : queues_) queue.store(nullptr, std::memory_order_relaxed);
    config_.store(nullptr, std::memory_order_relaxed);
    connected_ = false;
}

bool Device::SharedLine::interrupt() {
    u32 why = device_.take_interrupt();
    if (why & of_queues)
        for (auto& queue : queues_)
            if (auto* handler = queue.load(std::memory_order_acquire)) handler->interrupt();
    if (why & of_config)
        if (auto* handler = config_.load(std::memory_order_acquire)) handler->interrupt();
    return why;
}

Result<Ring::Used> Queue::take() {
    bool was_broken = ring_.broken();
    auto used = ring_.take();
    if (used == err::proto && !was_broken)
        log(LogLevel::warning, "virtio: a device said that it is done with what it was not given (queue {}); stopped",
            index_);
    return used;
}
} // namespace virtio
