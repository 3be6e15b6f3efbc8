// Short names for the fixed-width integers, and arithmetic on sizes and addresses.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;
using uptr = std::uintptr_t;

inline constexpr usize KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;
inline constexpr usize page_size = 4 * KiB;
inline constexpr unsigned page_shift = 12;

/// `n` rounded down or up to a multiple of `unit`, a power of two. align_up wraps at the top of the type: check first.
constexpr u64 align_down(u64 n, u64 unit) { return n & ~(unit - 1); }
constexpr u64 align_up(u64 n, u64 unit) { return (n + unit - 1) & ~(unit - 1); }
constexpr bool is_aligned(u64 n, u64 unit) { return (n & (unit - 1)) == 0; }
constexpr u64 page_down(u64 n) { return align_down(n, page_size); }
constexpr u64 page_up(u64 n) { return align_up(n, page_size); }
