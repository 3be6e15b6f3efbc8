// Processes in the host's tests: what their tasks do in user mode is a function of the test's.
#pragma once
#include "kernel/process/task.h"
#include <functional>

namespace host {
/// A process of the root view without a task.
Ref<Process> make_process();
/// Adds a task that will run body(), and starts it. The first one leads the process.
Ref<Task> start_task(Process&, Ref<User>, std::function<void()> body);
/// The user `uid` of the root view.
Ref<User> user(u32 uid);
/// Takes the process apart; its tasks have returned from their bodies.
void end_process(Process&);
} // namespace host
