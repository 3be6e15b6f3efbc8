#include "lib/format.h"
#include <gtest/gtest.h>

namespace {
template <class... A>
std::string formatted(std::string_view format, const A&... a) {
    char text[200];
    BufferWriter out{text};
    print(out, format, a...);
    return std::string{out.text()};
}
} // namespace

TEST(Format, Numbers) {
    EXPECT_EQ(formatted("{} {} {}", 1, -2, 18446744073709551615ull), "1 -2 18446744073709551615");
    EXPECT_EQ(formatted("{:x} {:#x} {:o} {:08x}", 255, 255, 8, 0xbeef), "ff 0xff 10 0000beef");
    EXPECT_EQ(formatted("{}", -9223372036854775807ll - 1), "-9223372036854775808");
}

TEST(Format, Padding) { EXPECT_EQ(formatted("[{:>5}][{:<5}]", "ab", 12), "[   ab][12   ]"); }

TEST(Format, WhatDoesNotFitIsCounted) {
    char text[4];
    BufferWriter out{text};
    print(out, "{}", "abcdef");
    EXPECT_EQ(out.text(), "abcd");
    EXPECT_EQ(out.dropped(), 2u);
}
