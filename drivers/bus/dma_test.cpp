// Memory of devices comes back when the device has let go of it, and not before.
#include "drivers/bus/dma.h"
#include <gtest/gtest.h>

namespace {
struct Fake final : bus::Device {
    Fake() = default;
    bool is(const bus::Match&) const override { return false; }
    Result<bus::Registers> registers(unsigned) override { return err::nodev; }
    Result<> connect_line(IrqHandler&) override { return err::nodev; }
    void disconnect() override {}
};

u64 free_bytes() {
    mm::drain_caches();
    return mm::memory_info().free;
}
} // namespace

TEST(DmaBuffer, ComesBackWhenTheDeviceHasLetGo) {
    Fake device;
    u64 before = free_bytes();
    {
        auto block = bus::DmaBuffer::contiguous(device, 3 * page_size);
        ASSERT_TRUE(block);
        EXPECT_EQ(block->size(), 4 * page_size);
        EXPECT_EQ(block->address(page_size + 5), block->address() + page_size + 5);
        EXPECT_EQ(arch::physical(block->at(page_size)), block->address(page_size));
        EXPECT_EQ(*block->at(4 * page_size - 1), std::byte{0});
        auto pages = bus::DmaBuffer::pages(device, 5 * page_size + 1, bus::DmaReach::below_4g);
        ASSERT_TRUE(pages);
        EXPECT_EQ(pages->size(), 6 * page_size);
        for (usize i = 0; i < 6; i++)
            EXPECT_EQ(arch::physical(pages->at(i * page_size)), pages->address(i * page_size));
        EXPECT_LT(free_bytes(), before);
        device.let_reach_memory(true);
        device.let_reach_memory(false);
    }
    EXPECT_EQ(free_bytes(), before);
    EXPECT_EQ(bus::DmaBuffer::contiguous(device, 0).error(), Errno::inval);
    EXPECT_EQ(bus::DmaBuffer::contiguous(device, 5 * MiB).error(), Errno::inval);
}

TEST(DmaBuffer, IsLostWhileTheDeviceReachesIt) {
    Fake device;
    u64 before = free_bytes();
    {
        auto block = bus::DmaBuffer::contiguous(device, page_size);
        ASSERT_TRUE(block);
        device.let_reach_memory(true);
    }
    EXPECT_EQ(free_bytes(), before - page_size);
}
