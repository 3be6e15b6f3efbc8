// Tests that run inside the booted kernel: `ktest` on the command line runs every test listed in boot/ktests.cpp.
//   KTEST(pipe_wakes_reader) { EXPECT(x == y); }
// stands in a file of its own (*_ktest.cpp) beside what it tests; the name is added to the list.
#pragma once
#include "lib/types.h"
#include <source_location>
#include <string_view>

namespace ktest {
/// Counts a test's failures. Made by the runner; any thread may report to it.
class Context {
public:
    void expect(bool holds, std::string_view text, std::source_location at = std::source_location::current());
    unsigned failures() const { return __atomic_load_n(&failures_, __ATOMIC_RELAXED); }

private:
    unsigned failures_ = 0;
};
struct Test {
    std::string_view name;
    void (*run)(Context&);
};
/// Every test of this kernel: boot/ktests.cpp.
struct List {
    const Test* tests;
    usize count;
};
/// Runs the tests whose names contain `filter`; prints each and "ktest: N passed, M failed". Returns the failures. A
/// test in which the checks report anything has failed. Those named provoke_* run only for a filter that begins so.
unsigned run_all(List, std::string_view filter);
} // namespace ktest

#define KTEST(name) void ktest_##name([[maybe_unused]] ktest::Context& ktest_context)
#define EXPECT(...) ktest_context.expect(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)
/// Like EXPECT, and ends the test when it does not hold.
#define REQUIRE(...)                                                                                                   \
    do {                                                                                                               \
        bool holds_ = static_cast<bool>(__VA_ARGS__);                                                                  \
        ktest_context.expect(holds_, #__VA_ARGS__);                                                                    \
        if (!holds_) return;                                                                                           \
    } while (false)
