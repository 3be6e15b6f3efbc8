// Programs of classic BPF: whatever Linux's rules let through ends, and reads nothing that is not there.
#include "lib/bpf.h"
#include <cstring>

namespace {
class Input final : public bpf::Subject {
public:
    explicit Input(std::span<const u8> of) : of_{of} {}
    bool load(u32 offset, std::span<std::byte> to) const override {
        if (offset > of_.size() || to.size() > of_.size() - offset) return false;
        std::memcpy(to.data(), of_.data() + offset, to.size());
        return true;
    }
    u32 size() const override { return static_cast<u32>(of_.size()); }
    u32 ancillary(u32 which) const override { return which; }

private:
    std::span<const u8> of_;
};
} // namespace

/// The first byte: how many instructions; what follows them is the packet.
extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
    if (!size) return 0;
    usize count = std::min<usize>(data[0], (size - 1) / sizeof(sock_filter));
    Vector<sock_filter> code;
    if (!code.resize(count)) return 0;
    if (count) std::memcpy(code.data(), data + 1, count * sizeof(sock_filter));
    if (auto p = bpf::Program::create(code))
        (void)(*p)->run(Input{{data + 1 + count * sizeof(sock_filter), size - 1 - count * sizeof(sock_filter)}});
    return 0;
}
