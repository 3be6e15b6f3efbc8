// Reading a flattened device tree (Devicetree Specification 0.4, chapter 5), without allocating.
#pragma once
#include "lib/types.h"
#include <optional>
#include <span>
#include <string_view>

/// Bytes of a property; cells are big-endian.
struct DeviceProperty {
    std::span<const u8> bytes;
    usize cells() const { return bytes.size() / 4; }
    u32 cell(usize i) const; // 0 beyond the end
    /// `count` cells from `i` as one number.
    u64 number(usize i, unsigned count) const;
    /// The first of the strings.
    std::string_view string() const;
    /// Whether one of the strings is `s`.
    bool lists(std::string_view s) const;
};

class DeviceTree;

/// A node. Copies freely; lives as long as the tree.
class DeviceNode {
public:
    std::string_view name() const;
    std::optional<DeviceProperty> property(std::string_view name) const;
    bool compatible(std::string_view with) const;
    /// status is missing or "okay".
    bool enabled() const;
    /// Of its children's reg properties.
    unsigned address_cells() const, size_cells() const;

    std::optional<DeviceNode> first_child() const;
    std::optional<DeviceNode> next_sibling() const;

    struct Range {
        u64 start = 0, size = 0;
    };
    /// The i-th range of reg, as `parent` encodes them.
    std::optional<Range> reg(const DeviceNode& parent, usize i = 0) const;

private:
    friend class DeviceTree;
    DeviceNode(const DeviceTree& tree, u32 offset) : tree_{&tree}, offset_{offset} {}
    u32 after_properties() const;
    const DeviceTree* tree_;
    u32 offset_; // of the FDT_BEGIN_NODE token, in the structure block
};

class DeviceTree {
public:
    /// Nothing if `at` holds no device tree of a known version.
    static std::optional<DeviceTree> open(const void* at);
    usize size() const { return size_; }
    DeviceNode root() const { return {*this, 0}; }
    /// Calls visit(start, size) for each memory reservation.
    template <class F>
    void for_each_reservation(F visit) const {
        for (usize at = reservations_; at + 16 <= size_; at += 16) {
            u64 start = word64(at), size = word64(at + 8);
            if (start == 0 && size == 0) return;
            visit(start, size);
        }
    }

private:
    friend class DeviceNode;
    u32 word(usize at) const;
    u64 word64(usize at) const { return u64{word(at)} << 32 | word(at + 4); }
    /// A token of the structure block, and text at an offset in it.
    u32 token(usize at) const { return at + 4 <= structure_size_ ? word(structure_ + at) : 9; }
    std::string_view text(usize at, usize limit) const;
    /// Offset beyond the node that begins at `at`.
    u32 skip(u32 at) const;

    const u8* base_ = nullptr;
    usize size_ = 0, structure_ = 0, structure_size_ = 0, strings_ = 0, strings_size_ = 0, reservations_ = 0;
};
