// The device tree parser of riscv64 on a small tree, and on the same tree damaged.
#include "arch/common/device_tree.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace {
class Builder {
public:
    void word(u32 n) {
        for (int shift = 24; shift >= 0; shift -= 8) structure_ += static_cast<char>(n >> shift);
    }
    void begin(std::string_view name) {
        word(1);
        padded(std::string{name} + '\0');
    }
    void end() { word(2); }
    void property(std::string_view name, std::string_view bytes) {
        word(3);
        word(static_cast<u32>(bytes.size()));
        word(static_cast<u32>(strings_.size()));
        strings_ += std::string{name} + '\0';
        padded(std::string{bytes});
    }
    void cells(std::string_view name, std::initializer_list<u32> values) {
        std::string bytes;
        for (u32 n : values)
            for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift);
        property(name, bytes);
    }
    std::vector<u8> finish() {
        word(9);
        std::string body = std::move(structure_);
        structure_.clear();
        u32 reservations = 40, structure = reservations + 32, strings = structure + static_cast<u32>(body.size());
        for (u32 n : {0xd00d'feedu, strings + static_cast<u32>(strings_.size()), structure, strings, reservations, 17u,
                      16u, 0u, static_cast<u32>(strings_.size()), static_cast<u32>(body.size())})
            word(n);
        for (u32 n : {0u, 0x8000'0000u, 0u, 0x1000u, 0u, 0u, 0u, 0u}) word(n); // one reservation and the end
        std::string all = structure_ + body + strings_;
        return {all.begin(), all.end()};
    }

private:
    void padded(std::string s) {
        s.resize((s.size() + 3) / 4 * 4);
        structure_ += s;
    }
    std::string structure_, strings_;
};

std::vector<u8> example() {
    Builder b;
    b.begin("");
    b.cells("#address-cells", {2});
    b.cells("#size-cells", {2});
    b.begin("memory@80000000");
    b.property("device_type", std::string_view{"memory", 7});
    b.cells("reg", {0, 0x8000'0000, 1, 0});
    b.end();
    b.begin("soc");
    b.cells("#address-cells", {1});
    b.cells("#size-cells", {1});
    b.begin("uart@100");
    b.property("compatible", std::string_view{"maker,uart\0ns16550a", 20});
    b.property("status", std::string_view{"disabled", 9});
    b.cells("reg", {0x100, 0x8, 0x200, 0x10});
    b.end();
    b.end();
    b.begin("chosen");
    b.end();
    b.end();
    return b.finish();
}

/// Touches everything; returns the number of nodes.
unsigned walk(const DeviceNode& n, const DeviceNode& parent, unsigned depth = 0) {
    unsigned nodes = 1;
    (void)n.name();
    (void)n.enabled();
    (void)n.compatible("x");
    for (usize i = 0; n.reg(parent, i) && i < 100; i++) {}
    if (depth == 8) return nodes;
    unsigned children = 0;
    for (auto c = n.first_child(); c && children < 100; c = c->next_sibling(), children++)
        nodes += walk(*c, n, depth + 1);
    return nodes;
}
} // namespace

TEST(DeviceTree, ReadsNodesAndProperties) {
    auto bytes = example();
    auto dt = DeviceTree::open(bytes.data());
    ASSERT_TRUE(dt);
    auto root = dt->root();
    EXPECT_EQ(walk(root, root), 5u);
    auto memory = *root.first_child();
    EXPECT_EQ(memory.name(), "memory@80000000");
    EXPECT_EQ(memory.property("device_type")->string(), "memory");
    EXPECT_EQ(memory.reg(root)->start, 0x8000'0000u);
    EXPECT_EQ(memory.reg(root)->size, u64{1} << 32);
    EXPECT_FALSE(memory.reg(root, 1));
    auto soc = *memory.next_sibling();
    auto uart = *soc.first_child();
    EXPECT_TRUE(uart.compatible("ns16550a"));
    EXPECT_FALSE(uart.compatible("ns1655"));
    EXPECT_FALSE(uart.enabled());
    EXPECT_EQ(uart.reg(soc, 1)->start, 0x200u);
    EXPECT_FALSE(uart.next_sibling());
    EXPECT_EQ(soc.next_sibling()->name(), "chosen");
    unsigned reservations = 0;
    dt->for_each_reservation([&](u64 start, u64 size) {
        reservations++;
        EXPECT_EQ(start, 0x8000'0000u);
        EXPECT_EQ(size, 0x1000u);
    });
    EXPECT_EQ(reservations, 1u);
}

TEST(DeviceTree, SurvivesDamage) {
    std::mt19937 random{1};
    for (int round = 0; round < 3000; round++) {
        auto bytes = example();
        auto size = bytes.size();
        for (int i = 0; i < 4; i++) bytes[40 + random() % (size - 40)] = static_cast<u8>(random()); // the header stays
        auto dt = DeviceTree::open(bytes.data());
        ASSERT_TRUE(dt);
        walk(dt->root(), dt->root());
    }
    auto bytes = example();
    bytes[0] = 0;
    EXPECT_FALSE(DeviceTree::open(bytes.data()));
}

TEST(DeviceTree, PropertiesEndInTheStructure) {
    constexpr usize property = 40 + 32 + 8, end_tokens = 8; // behind header, reservations and the root's name
    for (u32 more = 0; more < 24; more++) {
        Builder b;
        b.begin("");
        b.property("p", "text");
        b.end();
        auto bytes = b.finish();
        bytes[property + 7] = static_cast<u8>(4 + more);
        auto found = DeviceTree::open(bytes.data())->root().property("p");
        EXPECT_EQ(found.has_value(), more <= end_tokens) << more;
        if (found) EXPECT_LE(found->bytes.size(), 4 + end_tokens);
    }
}
