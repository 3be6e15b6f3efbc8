// Numbers written in text.
#pragma once
#include "lib/result.h"
#include "lib/types.h"
#include <concepts>
#include <string_view>

/// The whole of `s` as a number in `base` (up to 16), without sign or prefix. err::inval: empty, another character;
/// err::range: too large.
template <std::unsigned_integral T>
constexpr Result<T> parse_number(std::string_view s, unsigned base = 10) {
    if (s.empty()) return err::inval;
    T n = 0;
    for (char c : s) {
        unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                         : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                : 16;
        if (digit >= base) return err::inval;
        if (__builtin_mul_overflow(n, static_cast<T>(base), &n) || __builtin_add_overflow(n, static_cast<T>(digit), &n))
            return err::range;
    }
    return n;
}
