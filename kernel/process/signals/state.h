// What sending and delivering share, with the process's signal lock held.
#pragma once
#include "kernel/process/task.h"

namespace signals {
inline SignalAction action_of(Process& process, int number, const SignalLock& held) {
    return process.signals(held).handlers->actions.lock()->of[number - 1];
}
/// Nothing would happen if the signal were delivered.
inline bool is_ignored(const SignalAction& action, int number) {
    return action.handler == handler_ignore ||
           (action.handler == handler_default && default_ignored & signal_bit(number));
}
/// Ends every thread of the process with this wait status, at the next chance. Stopped ones are woken.
void end_all(Process&, int status, const SignalLock&);
/// The same for one thread: it is to look what to do, now.
void end_thread(Task&, const SignalLock&);
/// The task takes these of its process's signals no more: others that do hear of them.
void pass_on(Task&, SignalSet, const SignalLock&);
/// For timers: `element` is embedded in one. Whether it is queued now; false: the signal is ignored, or another one of
/// its number is pending already (QueuedSignal::merges).
bool queue_embedded(Process&, Task* only, QueuedSignal& element, const SignalLock&);
/// Tells the parent that the process has stopped or continued. Takes the tree lock; no lock may be held.
void notify_parent(Process&, int code);
} // namespace signals
