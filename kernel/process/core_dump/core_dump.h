// Core dumps: what a process was when a signal ended it, as an ELF file for debuggers (core(5)).
#pragma once
#include "kernel/process/task.h"

namespace core_dump {
/// The current task's process ends by the signal `info`. Writes `core` in its working directory, if RLIMIT_CORE, its
/// right to be dumped and the file's owner let it. Its threads stay until then. Returns the wait status with which it
/// is to end. May take long; SIGKILL ends it.
int write(Task& current, const siginfo_t& info);

/// For a thread on its way out, before it gives anything up: waits until a dump of its process has been written.
void wait_for(Task& current);
/// The thread counts no more, nobody need wait for its registers.
void leaves(Task&, const SignalLock&);
} // namespace core_dump
