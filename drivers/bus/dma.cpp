#include "drivers/bus/dma.h"
#include "core/log/log.h"
#include <bit>

namespace bus {
Result<DmaBuffer> DmaBuffer::create(Device& device, usize blocks, unsigned order, DmaReach reach) {
    DmaBuffer made;
    made.device_ = &device;
    made.order_ = order;
    TRY(made.blocks_.reserve(blocks));
    for (usize i = 0; i < blocks; i++) {
        auto block = reach == DmaReach::below_4g ? mm::allocate_frame_below(4 * GiB, FrameUse::kernel, order)
                                                 : mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, order);
        TRY(made.blocks_.push(TRY(std::move(block))));
    }
    return made;
}

Result<DmaBuffer> DmaBuffer::contiguous(Device& device, usize bytes, DmaReach reach) {
    usize frames = page_up(bytes) / page_size;
    if (frames == 0 || frames > usize{1} << mm::max_order) return err::inval;
    return create(device, 1, static_cast<unsigned>(std::bit_width(frames - 1)), reach);
}

Result<DmaBuffer> DmaBuffer::pages(Device& device, usize bytes, DmaReach reach) {
    return create(device, page_up(bytes) / page_size, 0, reach);
}

DmaBuffer::~DmaBuffer() {
    if (blocks_.size() == 0 || !device_->reaches_memory()) return;
    log(LogLevel::warning, "bus: {} has not let go of {} bytes of memory; they are lost", device_->name(), size());
    for (auto& block : blocks_) (void)block.release();
}
} // namespace bus
