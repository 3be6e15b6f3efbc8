// virtio-rng on registers in memory, with a thread as the device: one that keeps the rules, and one that lies.
#include "arch/api/upcalls.h"
#include "core/ktest/threads.h"
#include "devices.h"
#include "drivers/bus/bus.h"
#include "drivers/virtio/device.h"
#include "drivers/virtio/ring.h"
#include <cstring>
#include <gtest/gtest.h>

namespace {
constexpr unsigned line = 9;

/// Plain memory does for registers: what the driver writes stays there to be read.
struct Fake final : bus::Device {
    Fake() {
        set(0, 0x74726976);
        set(4, 2);
        set(8, 4);
        set(0x10, 1); // both halves of the features: version 1
        set(0x34, 8);
    }
    void set(usize at, u32 value) { __atomic_store_n(words + at / 4, value, __ATOMIC_SEQ_CST); }
    u32 get(usize at) const { return __atomic_load_n(words + at / 4, __ATOMIC_SEQ_CST); }
    template <class T>
    T* address(usize at) const {
        return static_cast<T*>(arch::direct(get(at) | u64{get(at + 4)} << 32));
    }

    bool is(const bus::Match& m) const override { return m.compatible == "virtio,mmio"; }
    Result<bus::Registers> registers(unsigned) override { return bus::Registers{words, sizeof words}; }
    Result<> connect_line(IrqHandler& handler) override { return wire.connect(line, handler); }
    void disconnect() override { wire.disconnect(); }

    /// Answers the first request with `size` bytes, whatever it has room for, and says so with `id`.
    void answer(u32 id, u32 size) {
        while (!(get(0x70) & 4)) sched::yield();
        auto* available = address<u16>(0x90);
        while (__atomic_load_n(available + 1, __ATOMIC_ACQUIRE) == 0) sched::yield();
        auto& d = address<virtio::Descriptor>(0x80)[available[2]];
        EXPECT_EQ(d.flags, 2);
        std::memset(arch::direct(d.address), 0x42, std::min(size, d.size));
        auto* used = address<u16>(0xa0);
        std::memcpy(used + 2, &id, 4);
        std::memcpy(used + 4, &size, 4);
        __atomic_store_n(used + 1, u16{1}, __ATOMIC_RELEASE);
        set(0x60, 1);
        bool were_on = arch::irqs_save();
        upcall::interrupt(line);
        arch::irqs_restore(were_on);
        EXPECT_EQ(get(0x64), 1u); // was taken
        set(0x60, 0);
    }

    alignas(64) u32 words[128] = {};
    bus::Line wire;
};

Result<> probe_beside(Fake& device, u32 id, u32 size) {
    static constexpr const bus::Driver* drivers[] = {&virtio::rng_driver};
    static bool workers = work::start().has_value(); // a second set does no harm
    EXPECT_TRUE(workers);
    bus::start(drivers);
    host::random_given = {};
    Result<> probed = err::inval;
    EXPECT_TRUE(ktest::run_threads(2, [&](unsigned thread) {
        if (thread)
            device.answer(id, size);
        else
            probed = virtio::mmio_transport.probe(device);
    }));
    return probed;
}
} // namespace

/// The device is another thread here, which sees memory by the barriers of arch/api/dma.h alone: TSan knows none.
class VirtioRng : public testing::Test {
protected:
    void SetUp() override {
#if __has_feature(thread_sanitizer)
        GTEST_SKIP() << "TSan does not see the barriers between a device and its driver";
#endif
    }
};

TEST_F(VirtioRng, AnswersReachThePool) {
    static Fake device; // for ever, as the driver
    EXPECT_TRUE(probe_beside(device, 0, 64));
    EXPECT_EQ(host::random_given.times, 1u);
    EXPECT_EQ(host::random_given.bytes, 64u);
    EXPECT_EQ(host::random_given.value, std::byte{0x42});
    EXPECT_EQ(device.get(0x70), 1u | 2 | 4 | 8);
    EXPECT_EQ(device.get(0x38), 1u);
}

TEST_F(VirtioRng, ALiarIsReset) {
    for (auto [id, size] : {std::pair{0u, 65u}, {1u, 64u}, {~0u, 0u}}) {
        static Fake devices[3]; // a driver that has started stays
        static unsigned next = 0;
        Fake& device = devices[next++];
        EXPECT_TRUE(probe_beside(device, id, size));
        EXPECT_EQ(host::random_given.times, 0u);
        while (device.get(0x70)) sched::yield();
    }
}

TEST(VirtioMmio, WhatIsNoDeviceIsLeftAlone) {
    Fake none, old, other;
    none.set(8, 0);
    old.set(4, 1);
    other.set(0, 0);
    for (Fake* device : {&none, &old, &other}) {
        EXPECT_EQ(virtio::mmio_transport.probe(*device), err::nodev);
        EXPECT_EQ(device->get(0x70), 0u);
    }
}
