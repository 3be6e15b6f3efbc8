// The machine that the tests on the host run on.
#pragma once

namespace host {
/// Starts the CPUs, calls function() in a kernel thread and returns what it returns. Once, by main().
int run(int (*function)());
/// A test has ended: when none does for five minutes, the process is aborted, because a thread sleeps for ever.
void progress();
} // namespace host
