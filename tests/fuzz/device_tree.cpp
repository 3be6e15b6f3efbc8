// libFuzzer: a device tree whose header is right and whose blocks are anything: walking it ends, and reads nothing
// beyond it. The first byte says where the structure ends and the strings begin.
#include "arch/common/device_tree.h"
#include <cstring>
#include <vector>

static unsigned steps;

static void walk(const DeviceNode& node, const DeviceNode* parent, unsigned depth) {
    if (++steps > 5000 || depth > 40) return;
    volatile usize sum = node.name().size() + node.enabled() + node.compatible("virtio,mmio");
    if (auto reg = node.property("reg")) sum = sum + reg->number(0, 2) + reg->cell(reg->cells()) + reg->string().size();
    if (parent)
        for (usize i = 0; i < 3; i++)
            if (auto range = node.reg(*parent, i)) sum = sum + range->size;
    auto child = node.first_child();
    while (child && steps <= 5000) {
        walk(*child, &node, depth + 1);
        child = child->next_sibling();
    }
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    if (size < 1 || size > 65536) return 0;
    constexpr u32 header_size = 40, reserved = 16;
    u32 body = static_cast<u32>(size - 1), structure = (body * data[0] / 255) & ~3u, start = header_size + reserved;
    const u32 header[] = {0xd00dfeed, start + body, start, start + structure, header_size,
                          17,         16,           0,     body - structure,  structure};
    std::vector<u8> blob(start + body);
    for (usize i = 0; i < 10; i++)
        for (usize k = 0; k < 4; k++) blob[4 * i + k] = static_cast<u8>(header[i] >> (24 - 8 * k));
    std::memcpy(blob.data() + start, data + 1, body);
    auto tree = DeviceTree::open(blob.data());
    if (!tree) return 0;
    steps = 0;
    walk(tree->root(), nullptr, 0);
    tree->for_each_reservation([](u64, u64) {});
    return 0;
}
