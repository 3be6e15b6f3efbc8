#include "drivers/bus/words.h"
#include <gtest/gtest.h>

TEST(VirtioWords, AreLinuxs) {
    auto d = bus::parse_virtio_word("512@0xfeb00e00:12");
    ASSERT_TRUE(d);
    EXPECT_EQ(d->compatible, "virtio,mmio");
    EXPECT_EQ(d->registers.size, 512u);
    EXPECT_EQ(d->registers.start, 0xfeb00e00u);
    EXPECT_FALSE(d->registers.io_space);
    EXPECT_EQ(d->line, 12u);
    d = bus::parse_virtio_word("4K@4096:0x5:3");
    ASSERT_TRUE(d);
    EXPECT_EQ(d->registers.size, 4096u);
    EXPECT_EQ(d->registers.start, 4096u);
    EXPECT_EQ(d->line, 5u);
    EXPECT_EQ(bus::parse_virtio_word("1M@0:1")->registers.size, MiB);
}

TEST(VirtioWords, RefuseNonsense) {
    for (auto text : {"",
                      "@",
                      "@:",
                      "512",
                      "512@",
                      "512@0",
                      "512@0:",
                      "@0xfeb00000:5",
                      "0@0xfeb00000:5",
                      "K@0:5",
                      "x@0:5",
                      "512@-1:5",
                      "512@0x:5",
                      "512@0xfeb00000:x",
                      "512@0xfeb00000:4294967295",
                      "512@0xfeb00000:5:x",
                      "512@0xffffffffffffffff:5",
                      "99999999999999999999@0:5",
                      "17592186044416M@0:5",
                      "512@0:5 "})
        EXPECT_EQ(bus::parse_virtio_word(text), err::inval) << text;
}
