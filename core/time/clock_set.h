// For those who wait for a moment of the wall clock: setting it moves the moment.
#pragma once
#include "core/sync/wait.h"

namespace clocks {
/// Notified after the wall clock has been set: realtime_changes() is another by then.
WaitQueue& realtime_was_set();
} // namespace clocks
