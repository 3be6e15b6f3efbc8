// Descriptors for signals: signalfd(2).
#pragma once
#include "kernel/process/process.h"

namespace process {
/// signalfd4(2). Reads give struct signalfd_siginfo of the reader's own pending signals. flags: O_NONBLOCK.
Result<Ref<File>> create_signalfd(SignalSet, u32 flags);
/// A new set for such a file. err::inval: it is none.
Result<> set_signalfd(File&, SignalSet);
} // namespace process
