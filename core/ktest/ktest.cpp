#include "core/ktest/ktest.h"
#include "core/check/report.h"

namespace {
/// Tests that must fail, to see that it is seen.
constexpr std::string_view on_purpose = "provoke_";
} // namespace

namespace ktest {
void Context::expect(bool holds, std::string_view text, std::source_location at) {
    if (holds) return;
    __atomic_fetch_add(&failures_, 1, __ATOMIC_RELAXED);
    check::Console out;
    print(out, "    {}:{}: {}\n", at.file_name(), at.line(), text);
}

unsigned run_all(List list, std::string_view filter) {
    check::Console out;
    unsigned passed = 0, failed = 0;
    for (usize i = 0; i < list.count; i++) {
        const Test& test = list.tests[i];
        if (test.name.find(filter) == std::string_view::npos) continue;
        if (test.name.starts_with(on_purpose) && !filter.starts_with(on_purpose)) continue;
        Context context;
        u64 reports = check::reports();
        test.run(context);
        bool good = !context.failures() && check::reports() == reports;
        print(out, "ktest: {} {}\n", good ? "ok  " : "FAIL", test.name);
        (good ? passed : failed)++;
    }
    if (!list.count) print(out, "ktest: this kernel is built without tests: the kernels with checks have them\n");
    print(out, "ktest: {} passed, {} failed\n", passed, failed);
    return passed ? failed : failed + 1;
}
} // namespace ktest
