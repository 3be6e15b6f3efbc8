#include "drivers/bus/words.h"
#include "lib/numbers.h"

namespace bus {
namespace {
Result<u64> number(std::string_view text) {
    bool hex = text.starts_with("0x") || text.starts_with("0X");
    return parse_number<u64>(hex ? text.substr(2) : text, hex ? 16 : 10);
}

Result<u64> size(std::string_view text) {
    unsigned shift = 0;
    if (text.ends_with('K') || text.ends_with('k')) shift = 10;
    if (text.ends_with('M') || text.ends_with('m')) shift = 20;
    if (shift) text.remove_suffix(1);
    u64 n = TRY(number(text));
    if (n == 0 || n << shift >> shift != n) return err::inval;
    return n << shift;
}

/// What stands before `mark`, or all; `rest` goes on behind it.
std::string_view until(char mark, std::string_view& rest) {
    usize at = rest.find(mark);
    auto before = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return before;
}
} // namespace

Result<arch::PlatformDevice> parse_virtio_word(std::string_view value) {
    arch::PlatformDevice device{.compatible = "virtio,mmio"};
    auto bytes = size(until('@', value));
    auto start = number(until(':', value));
    auto line = number(until(':', value));
    if (!bytes || !start || !line || *line >= arch::no_line || *start + *bytes < *start) return err::inval;
    if (!value.empty() && !number(value)) return err::inval;
    device.registers = {*start, *bytes};
    device.line = static_cast<unsigned>(*line);
    return device;
}
} // namespace bus
