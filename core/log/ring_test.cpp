#include "core/log/ring.h"
#include <gtest/gtest.h>
#include <memory>
#include <string>

TEST(LogRing, KeepsTheNewestWholeLines) {
    auto ring = std::make_unique<LogRing>();
    std::string all;
    for (int i = 0; i < 20'000; i++) {
        std::string line = "<6>line " + std::to_string(i) + "\n";
        ring->append(line);
        all += line;
    }
    std::string got(LogRing::capacity, 0);
    got.resize(ring->newest(got));
    EXPECT_EQ(got.size(), ring->size());
    EXPECT_GT(got.size(), LogRing::capacity - 40);
    EXPECT_TRUE(got.starts_with("<6>"));
    EXPECT_TRUE(all.ends_with(got));
}

TEST(LogRing, GivesWholeLinesToASmallBuffer) {
    auto ring = std::make_unique<LogRing>();
    ring->append("first\n");
    ring->append("second\n");
    char some[10];
    EXPECT_EQ(std::string(some, ring->newest(some)), "second\n");
    char few[3];
    EXPECT_EQ(ring->newest(few), 0u);
}
