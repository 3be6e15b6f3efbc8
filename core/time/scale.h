// Multiplication by a fixed fraction: counter ticks to nanoseconds and back, without a division.
#pragma once
#include "lib/types.h"

struct Scale {
    u64 factor = 0;
    unsigned shift = 0;
    /// numerator / denominator with `shift` fraction bits; numerator << shift must fit in 64 bits.
    static constexpr Scale ratio(u64 numerator, u64 denominator, unsigned shift) {
        return {((numerator << shift) + denominator / 2) / denominator, shift};
    }
    constexpr u64 operator()(u64 n) const {
        return static_cast<u64>(static_cast<unsigned __int128>(n) * factor >> shift);
    }
};
