#include "core/ktest/ktest.h"
#include <array>
#include <cstring>

// memcpy and memmove between every two phases of a word, in both directions, beside byte by byte.
KTEST(copies_between_phases) {
    constexpr usize room = 96, most = 72;
    std::array<unsigned char, room> moved{}, copied{}, by_bytes{};
    for (usize from = 0; from < 8; from++)
        for (usize to = 0; to < 16; to++)
            for (usize n = 0; n <= most; n++) {
                for (usize i = 0; i < room; i++) moved[i] = static_cast<unsigned char>(i * 7 + 1);
                auto original = moved;
                by_bytes = moved, copied.fill(0xaa);
                for (usize i = 0; i < n; i++) by_bytes[to + i] = original[from + i];
                std::memmove(moved.data() + to, moved.data() + from, n);
                bool holds = moved == by_bytes;
                std::memcpy(copied.data() + to, original.data() + from, n);
                for (usize i = 0; i < room; i++)
                    holds &= copied[i] == (i >= to && i < to + n ? original[from + i - to] : 0xaa);
                REQUIRE(holds);
            }
}
