// For code that needs nothing else of the scheduler.
#pragma once

namespace sched {
/// Gives others their turn.
void yield();
} // namespace sched
