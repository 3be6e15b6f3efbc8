// Sequence numbers (RFC 9293, 3.4): they wrap around, so what comes first is known only within half of their space.
#pragma once
#include "lib/types.h"

namespace net::tcp {
struct Seq {
    u32 value = 0;
    friend constexpr bool operator==(Seq, Seq) = default;
    friend constexpr Seq operator+(Seq a, u32 n) { return {a.value + n}; }
    friend constexpr Seq operator-(Seq a, u32 n) { return {a.value - n}; }
    /// How far b is behind a: a comes no earlier.
    friend constexpr u32 operator-(Seq a, Seq b) { return a.value - b.value; }
    friend constexpr bool operator<(Seq a, Seq b) { return static_cast<i32>(a.value - b.value) < 0; }
    friend constexpr bool operator>(Seq a, Seq b) { return b < a; }
    friend constexpr bool operator<=(Seq a, Seq b) { return !(b < a); }
    friend constexpr bool operator>=(Seq a, Seq b) { return !(a < b); }
};
constexpr Seq later(Seq a, Seq b) { return a < b ? b : a; }
constexpr Seq earlier(Seq a, Seq b) { return a < b ? a : b; }

/// Nanoseconds of a clock that never goes back. The caller gives it.
using Time = u64;
inline constexpr Time ms = 1'000'000, second = 1000 * ms, never = ~Time{0};
} // namespace net::tcp
