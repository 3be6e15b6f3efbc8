// libFuzzer: whatever a file holds, parsing it is an error or gives segments that can be checked.
#include "kernel/process/exec/elf.h"
#include <cstring>

namespace {
class Bytes final : public elf::Reader {
public:
    explicit Bytes(std::span<const std::byte> content) : content_{content} {}
    Result<> read(u64 offset, std::span<std::byte> to) override {
        if (offset > content_.size() || to.size() > content_.size() - offset) return err::io;
        if (!to.empty()) std::memcpy(to.data(), content_.data() + offset, to.size());
        return {};
    }

private:
    std::span<const std::byte> content_;
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    Bytes file{{reinterpret_cast<const std::byte*>(data), size}};
    auto image = elf::parse(file, 62);
    if (!image) return 0;
    if (elf::check_segments(*image, 0x7fff'ffff'f000) && image->lowest() > image->highest() && !image->segments.empty())
        __builtin_trap();
    char interpreter[4096];
    if (image->interpreter_size)
        if (auto n = elf::read_interpreter(file, *image, interpreter); n && *n >= sizeof interpreter) __builtin_trap();
    return 0;
}
