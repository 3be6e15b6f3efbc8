// What the kernel does with a task's user memory when it ends or execs.
#pragma once
#include "kernel/process/task.h"

namespace process {
/// Marks the robust futexes it holds, clears clear_child_tid and wakes who waits on it, and ends a vfork's loan. While
/// the task's address space is still loaded.
void release_user_memory(Task& current);
} // namespace process
