// When memory is short: whose process ends.
#pragma once
#include "kernel/process/task.h"

namespace oom {
/// What lacked a page is tried again afterwards, or has failed: then caches have to give enough for more than one page.
enum class Shortage : u8 { retries, failed };
/// A page for `task` could not be had. Gives caches back, for who tries again; if they have nothing, kills a process
/// and waits a little for its memory.
/// - A container at its memory.limit loses its own largest process, its init included.
/// - When the whole machine is short, those without a limit come first: of the containers without one (their account:
///   pages, files and kernel objects) and the host world (its programs' pages together) whoever owns most loses its
///   largest process. Containers within their limits lose one only when what the others own is less than a sixteenth of
///   memory: then the limits add up to more than there is, and the largest of all is chosen.
/// - The machine's init is never killed. A container's oom_score_adj orders its own processes, but does not save it.
void make_room(Task& current, Shortage);
/// How much ending the process would help, in pages, moved by oom_score_adj. err::perm: it is never killed.
Result<i64> badness(Process&);
} // namespace oom
