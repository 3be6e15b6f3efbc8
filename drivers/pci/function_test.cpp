// A PCI function whose configuration space holds anything.
#include "devices.h"
#include "drivers/bus/bus.h"
#include "drivers/pci/function.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {
std::vector<arch::RegisterRange> mapped;
alignas(64) char registers[page_size];

void* map(arch::PhysAddr at, usize size) {
    EXPECT_GE(at, host::memory_end);
    EXPECT_LE(size, sizeof registers);
    for (auto& other : mapped) EXPECT_TRUE(at + size <= other.start || other.start + other.size <= at);
    mapped.push_back({at, size});
    return registers;
}

struct Fixture {
    Fixture() {
        static const bool once = (bus::start({}), true);
        EXPECT_TRUE(once);
        host::map_device = map;
        std::memset(bytes, 0, sizeof bytes);
        EXPECT_TRUE(host.start({.registers = {0, 1}, .pci = &bridge}, {}));
    }
    pci::Function function() { return {host, {}, pci::Config{bus::Registers{bytes, sizeof bytes}}}; }
    void word(u16 at, u32 value) { std::memcpy(bytes + at, &value, 4); }
    void byte(u16 at, u32 value) { bytes[at] = static_cast<u8>(value); }

    alignas(4096) u8 bytes[pci::Config::size];
    arch::PciHost bridge{.windows = {{0xa000'0000, 0xa000'0100}, {}}};
    pci::Host host;
};
} // namespace

TEST(PciFunction, CapabilitiesInACircleEnd) {
    Fixture f;
    f.byte(6, 1 << 4);
    f.byte(0x34, 0x40);
    f.byte(0x40, 9);
    f.byte(0x41, 0x50);
    f.byte(0x50, 0x11);
    f.byte(0x51, 0x42); // to 0x40: the low bits do not count
    auto function = f.function();
    EXPECT_EQ(function.find_capability(pci::Capability::vendor), 0x40);
    EXPECT_EQ(function.find_capability(pci::Capability::msi_x), 0x50);
    EXPECT_EQ(function.find_capability(pci::Capability::msi), 0);
    EXPECT_EQ(function.find_capability(pci::Capability::vendor, 100), 0);
    f.byte(0x51, 0x10); // into the header
    EXPECT_EQ(function.find_capability(pci::Capability::vendor, 1), 0);
}

TEST(PciFunction, RegistersAreNotOnTopOfMemoryOrOfOthers) {
    Fixture f;
    // As plain memory keeps what is written, each BAR has 16 bytes.
    f.word(0x10, 0x1000);
    f.word(0x14, 0x9000'0000);
    f.word(0x18, 0x9000'0000);
    f.word(0x1c, 0); // to be placed
    f.word(0x20, 0); // the same
    f.word(0x24, 4); // would be wide
    auto function = f.function();
    EXPECT_EQ(function.registers(0).error(), Errno::busy);
    EXPECT_EQ(function.registers(1)->size(), 16u);
    EXPECT_EQ(function.registers(1)->size(), 16u); // the same ones
    EXPECT_EQ(function.registers(2).error(), Errno::busy);
    EXPECT_TRUE(function.registers(3));
    EXPECT_TRUE(function.registers(4));
    EXPECT_EQ(function.registers(5).error(), Errno::nodev);
    EXPECT_EQ(function.registers(6).error(), Errno::nodev);
    u32 placed[2];
    std::memcpy(placed, f.bytes + 0x1c, 8);
    EXPECT_EQ(placed[0], 0xa000'0000);
    EXPECT_EQ(placed[1], 0xa000'0010);
}

TEST(PciFunction, AnythingIsSurvived) {
    std::mt19937 random{5};
    for (unsigned round = 0; round < 500; round++) {
        Fixture f;
        for (auto& b : f.bytes) b = static_cast<u8>(random());
        f.byte(6, 1 << 4);
        f.byte(0x34, 0x40 + random() % 0xc0);
        auto function = f.function();
        for (unsigned i = 0; i < 8; i++) (void)function.registers(i);
        struct Handler final : IrqHandler {
            bool interrupt() override { return true; }
        } handler;
        unsigned messages = function.messages();
        EXPECT_LE(messages, 2048u);
        EXPECT_EQ(function.connect_message(messages, 0, handler), err::inval);
        if (messages) (void)function.connect_message(random() % messages, 0, handler);
        (void)function.connect_line(handler);
        function.disconnect();
    }
}
