// How the checks of a check build speak: straight to the console, because a fault may be found with any lock held.
#pragma once
#include "lib/format.h"
#include "lib/types.h"

namespace check {
/// Prints "<what>: <text>" and a backtrace, once per place in the code (`at`, a return address).
void report(std::string_view what, std::string_view text, uptr at, uptr frame_pointer);
/// Reports so far, those of known places included. A test run is good if it is 0.
u64 reports();
} // namespace check
