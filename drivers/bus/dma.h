// Memory that a device reads and writes by itself.
#pragma once
#include "core/alloc/frame.h"
#include "drivers/bus/device.h"
#include "lib/vector.h"

namespace bus {
/// Where the memory may lie: devices whose addresses have 32 bits ask for the second.
enum class DmaReach : u8 { everywhere, below_4g };

/// Zeroed frames at fixed physical addresses, charged to the current account. They are given back with the object,
/// unless the device still reaches memory: then they are kept for ever and the log says so, because it could write
/// there.
class DmaBuffer {
public:
    DmaBuffer() = default;
    /// One block. At most 4 MiB. err::nomem.
    static Result<DmaBuffer> contiguous(Device& device, usize bytes, DmaReach reach = DmaReach::everywhere);
    /// Frames that need not lie together: for lists of addresses.
    static Result<DmaBuffer> pages(Device& device, usize bytes, DmaReach reach = DmaReach::everywhere);
    DmaBuffer(DmaBuffer&&) noexcept = default;
    DmaBuffer& operator=(DmaBuffer o) noexcept {
        std::swap(device_, o.device_);
        std::swap(blocks_, o.blocks_);
        std::swap(order_, o.order_);
        return *this;
    }
    ~DmaBuffer();

    usize size() const { return blocks_.size() * block_size(); }
    /// Of the byte at `offset`; the bytes up to the next multiple of block_size() follow it.
    arch::PhysAddr address(usize offset = 0) const {
        return blocks_[offset / block_size()]->address() + offset % block_size();
    }
    template <class T = std::byte>
    T* at(usize offset = 0) const {
        auto* block = static_cast<std::byte*>(blocks_[offset / block_size()]->data());
        return reinterpret_cast<T*>(block + offset % block_size());
    }
    usize block_size() const { return page_size << order_; }

private:
    static Result<DmaBuffer> create(Device& device, usize blocks, unsigned order, DmaReach reach);
    Device* device_ = nullptr;
    Vector<FrameRef> blocks_;
    unsigned order_ = 0;
};
} // namespace bus
