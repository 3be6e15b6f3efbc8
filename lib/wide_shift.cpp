// Shifts of 128 bits, which the compiler calls where it makes code small.
#include "lib/types.h"

namespace {
struct Halves {
    u64 low, high;
};
using Wide = unsigned __int128;
Halves halves_of(Wide value) { return __builtin_bit_cast(Halves, value); }
Wide wide_of(u64 low, u64 high) { return __builtin_bit_cast(Wide, Halves{low, high}); }
} // namespace

extern "C" {
Wide __lshrti3(Wide value, int by) {
    auto [low, high] = halves_of(value);
    if (by >= 64) return wide_of(high >> (by - 64), 0);
    return by ? wide_of(low >> by | high << (64 - by), high >> by) : value;
}
Wide __ashlti3(Wide value, int by) {
    auto [low, high] = halves_of(value);
    if (by >= 64) return wide_of(0, low << (by - 64));
    return by ? wide_of(low << by, high << by | low >> (64 - by)) : value;
}
__int128 __ashrti3(__int128 value, int by) {
    auto [low, high] = halves_of(static_cast<Wide>(value));
    auto sign = static_cast<i64>(high) >> 63;
    if (by >= 64)
        return static_cast<__int128>(
            wide_of(static_cast<u64>(static_cast<i64>(high) >> (by - 64)), static_cast<u64>(sign)));
    if (!by) return value;
    return static_cast<__int128>(
        wide_of(low >> by | high << (64 - by), static_cast<u64>(static_cast<i64>(high) >> by)));
}
}
