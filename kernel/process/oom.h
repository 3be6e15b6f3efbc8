// When memory is short: the death of a culprit within the container that is over its limit, or of the largest process.
#pragma once
#include "kernel/process/task.h"

namespace oom {
/// A page for `task` could not be had. Gives caches back; kills the process of the task's view that uses most (any
/// process, when the whole machine is short), and waits a little for its memory.
void make_room(Task& current);
/// How much ending the process would help, in pages, moved by oom_score_adj. err::perm: it is never killed.
Result<i64> badness(Process&);
} // namespace oom
