#include "arch/common/device_tree.h"

namespace {
constexpr u32 magic = 0xd00d'feed;
constexpr u32 begin_node = 1, end_node = 2, property_token = 3, nop = 4;

u32 big_endian(const u8* p) { return u32{p[0]} << 24 | u32{p[1]} << 16 | u32{p[2]} << 8 | p[3]; }
std::string_view terminated(std::string_view s) { return s.substr(0, s.find('\0')); }
} // namespace

u32 DeviceProperty::cell(usize i) const { return i < cells() ? big_endian(bytes.data() + 4 * i) : 0; }

u64 DeviceProperty::number(usize i, unsigned count) const {
    u64 n = 0;
    while (count--) n = n << 32 | cell(i++);
    return n;
}

std::string_view DeviceProperty::string() const {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    return terminated({text, bytes.size()});
}

bool DeviceProperty::lists(std::string_view s) const {
    for (auto rest = *this; !rest.bytes.empty();) {
        auto one = rest.string();
        if (one == s) return true;
        if (one.size() >= rest.bytes.size()) return false;
        rest.bytes = rest.bytes.subspan(one.size() + 1);
    }
    return false;
}

std::optional<DeviceTree> DeviceTree::open(const void* at) {
    DeviceTree t;
    t.base_ = static_cast<const u8*>(at);
    auto header = [&](unsigned i) { return usize{big_endian(t.base_ + 4 * i)}; };
    if (header(0) != magic || header(5) < 17 || header(6) > 17) return {}; // version, last compatible version
    t.size_ = header(1);
    t.structure_ = header(2);
    t.strings_ = header(3);
    t.reservations_ = header(4);
    t.strings_size_ = header(8);
    t.structure_size_ = header(9);
    if (t.structure_ + t.structure_size_ > t.size_ || t.strings_ + t.strings_size_ > t.size_) return {};
    return t;
}

u32 DeviceTree::word(usize at) const { return at + 4 <= size_ ? big_endian(base_ + at) : 0; }

std::string_view DeviceTree::text(usize at, usize limit) const {
    if (at >= limit) return {};
    const auto* s = reinterpret_cast<const char*>(base_ + at);
    return terminated({s, limit - at});
}

std::string_view DeviceNode::name() const {
    return tree_->text(tree_->structure_ + offset_ + 4, tree_->structure_ + tree_->structure_size_);
}

namespace {
constexpr u32 after_name(u32 offset, std::string_view name) {
    return static_cast<u32>(align_up(offset + 4 + name.size() + 1, 4));
}
} // namespace

std::optional<DeviceProperty> DeviceNode::property(std::string_view wanted) const {
    for (u32 at = after_name(offset_, name());;) {
        u32 token = tree_->token(at);
        if (token == nop) {
            at += 4;
        } else if (token == property_token) {
            u32 size = tree_->token(at + 4), name = tree_->token(at + 8);
            if (at + usize{12} + size > tree_->structure_size_) return {};
            if (tree_->text(tree_->strings_ + name, tree_->strings_ + tree_->strings_size_) == wanted)
                return DeviceProperty{{tree_->base_ + tree_->structure_ + at + 12, size}};
            at += 12 + static_cast<u32>(align_up(size, 4));
        } else {
            return {};
        }
    }
}

u32 DeviceNode::after_properties() const {
    u32 at = after_name(offset_, name());
    for (;;) {
        u32 token = tree_->token(at);
        u32 size = tree_->token(at + 4);
        if (token == nop)
            at += 4;
        else if (token == property_token && at + usize{12} + size <= tree_->structure_size_)
            at += 12 + static_cast<u32>(align_up(size, 4));
        else
            return at;
    }
}

u32 DeviceTree::skip(u32 at) const {
    unsigned depth = 0;
    for (;;) {
        u32 token = this->token(at);
        if (token == begin_node) {
            at = DeviceNode{*this, at}.after_properties();
            depth++;
        } else if (token == end_node) {
            at += 4;
            if (--depth == 0) return at;
        } else if (token == nop) {
            at += 4;
        } else {
            return static_cast<u32>(structure_size_); // damaged: ends every walk
        }
    }
}

std::optional<DeviceNode> DeviceNode::first_child() const {
    u32 at = after_properties();
    if (tree_->token(at) != begin_node) return {};
    return DeviceNode{*tree_, at};
}

std::optional<DeviceNode> DeviceNode::next_sibling() const {
    u32 at = tree_->skip(offset_);
    while (tree_->token(at) == nop) at += 4;
    if (tree_->token(at) != begin_node) return {};
    return DeviceNode{*tree_, at};
}

bool DeviceNode::compatible(std::string_view with) const {
    auto p = property("compatible");
    return p && p->lists(with);
}

bool DeviceNode::enabled() const {
    auto p = property("status");
    return !p || p->string() == "okay" || p->string() == "ok";
}

unsigned DeviceNode::address_cells() const {
    auto p = property("#address-cells");
    return p ? p->cell(0) : 2;
}

unsigned DeviceNode::size_cells() const {
    auto p = property("#size-cells");
    return p ? p->cell(0) : 1;
}

std::optional<DeviceNode::Range> DeviceNode::reg(const DeviceNode& parent, usize i) const {
    auto p = property("reg");
    unsigned a = parent.address_cells(), s = parent.size_cells();
    if (!p || a > 2 || s > 2 || (i + 1) * (a + s) > p->cells()) return {};
    return Range{p->number(i * (a + s), a), p->number(i * (a + s) + a, s)};
}
