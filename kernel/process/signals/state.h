// What sending and delivering share. All of it with the process's signal_lock held.
#pragma once
#include "kernel/process/task.h"

namespace signals {
inline SignalAction action_of(Process& process, int number) { return process.handlers->actions.lock()->of[number - 1]; }
/// Nothing would happen if the signal were delivered.
inline bool is_ignored(const SignalAction& action, int number) {
    return action.handler == handler_ignore ||
           (action.handler == handler_default && default_ignored & signal_bit(number));
}
/// Ends every thread of the process with this wait status, at the next chance. Stopped ones are woken.
void end_all(Process&, int status);
/// For timers: `element` is embedded in one. Whether it is queued now; false: the signal is ignored, or another one of
/// its number is pending already (QueuedSignal::merges).
bool queue_embedded(Process&, Task* only, QueuedSignal& element);
/// Tells the parent that the process has stopped or continued. Takes the tree lock; no lock may be held.
void notify_parent(Process&, int code);
} // namespace signals
