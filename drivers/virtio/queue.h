// A queue of a device: the ring, its memory, and the interrupt that brings the driver's work to run.
#pragma once
#include "arch/api/dma.h"
#include "core/work/work.h"
#include "drivers/bus/dma.h"
#include "drivers/virtio/ring.h"

namespace virtio {
/// Made by Device::make_queue(). Its user sees to it that one thread at a time is in it; interrupts may come meanwhile.
class Queue final : public IrqHandler {
public:
    explicit Queue(Work* work) : work_{work} {}

    /// As Ring::add(). The device is told by kick().
    Result<> add(std::span<const Piece> reads, std::span<const Piece> writes, void* token) {
        return ring_.add(reads, writes, token);
    }
    /// Shows the device what was added.
    void kick() {
        if (!ring_.publish()) return;
        arch::dma_write_barrier();
        if (doorbell_.size() == sizeof(u32))
            doorbell_.write<u32>(0, index_);
        else
            doorbell_.write<u16>(0, index_);
    }
    /// As Ring::take(); err::proto is said in the log once: the driver then resets the device.
    Result<Ring::Used> take();
    /// At the end of the work: whether there is more, which has come meanwhile. If not, an interrupt will queue it; as
    /// Ring::turn_on_interrupts().
    bool done(u16 after = 0) { return ring_.turn_on_interrupts(after); }
    /// Whether take() has something to say. From any context.
    bool has_used() const { return ring_.has_used(); }
    /// As the ring's.
    u16 room() const { return ring_.room(); }
    u16 in_flight() const { return ring_.in_flight(); }
    usize needs(usize pieces) const { return ring_.needs(pieces); }
    /// As Ring::take_back().
    void* take_back() { return ring_.take_back(); }

    bool interrupt() override {
        if (!ring_.has_used()) return false;
        ring_.turn_off_interrupts();
        work_->queue(); // without one there are no interrupts
        return true;
    }

private:
    friend class Device;
    Ring ring_;
    bus::DmaBuffer memory_, tables_;
    bus::Registers doorbell_;
    Work* work_;
    u16 index_ = 0;
};
} // namespace virtio
