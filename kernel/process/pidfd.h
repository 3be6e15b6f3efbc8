// Descriptors for processes: pidfd_open(2), CLONE_PIDFD.
#pragma once
#include "kernel/process/task.h"

namespace process {
/// A new descriptor (close-on-exec) of the current task. flags: PIDFD_NONBLOCK.
Result<int> open_pidfd(Task& current, Ref<Process>, unsigned flags);
/// For who has the number. err::srch: nobody has it any more.
Result<int> open_pidfd(Task& current, PidNumber&);
/// err::badf: not a pidfd.
Result<Ref<Process>> process_of_pidfd(File&);
/// The same, for an open /proc/pid too.
Result<Ref<Process>> process_of_pidfd_or_directory(File&);
} // namespace process
