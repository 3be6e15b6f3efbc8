// How the checks of a check build speak: straight to the console, because a fault may be found with any lock held. The
// kernel goes on after a report, so that all are seen; each report fails the test step it is made in.
#pragma once
#include "lib/format.h"
#include "lib/types.h"

namespace check {
/// The console by polling, from any context.
struct Console final : Writer {
    void write(std::string_view) override;
};
/// Prints "BUG: <what>: <text>" and a backtrace from `at`, a return address: once per place in the code, which is `at`
/// unless `place` (any number) says it better. The tests look for "BUG: " on every console (tools/lab.py).
void report(std::string_view what, std::string_view text, uptr at, uptr frame_pointer, uptr place = 0);
/// Reports so far, those of known places included. Unless it is 0, power_off() ends with a failing status.
u64 reports();
/// Ends the machine with this status; with a panic's if anything has been reported.
[[noreturn]] void power_off(unsigned status);
} // namespace check
