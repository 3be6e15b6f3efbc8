// Runs the tests in a kernel thread of the host's machine: they can sleep, and make more threads.
#include "machine.h"
#include <gtest/gtest.h>

namespace {
struct Progress final : testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo&) override { host::progress(); }
};
} // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    testing::UnitTest::GetInstance()->listeners().Append(new Progress); // GoogleTest's from now on
    return host::run([] { return RUN_ALL_TESTS(); });
}
