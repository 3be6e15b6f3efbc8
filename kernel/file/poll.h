// Waiting for several files at once: the common core of poll, ppoll, select and pselect.
#pragma once
#include "core/time/deadline.h"
#include "kernel/file/file.h"

namespace file {
struct PollEntry {
    Ref<File> file; // null: ignored (a negative descriptor)
    u32 wanted = 0; // EPOLL* bits; ERR, HUP are reported too, unless
    bool exact = false;
    u32 ready = 0; // filled in
};
/// Waits until at least one entry is ready; returns how many are. For callers who have looked already. 0: the deadline
/// passed. err::restartnohand: a signal.
Result<usize> poll(std::span<PollEntry>, Deadline);
} // namespace file
