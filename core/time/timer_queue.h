// Between the timers and the scheduler: one hardware deadline per CPU serves both.
#pragma once
#include "core/time/clock.h"

namespace timers {
/// Makes the queues of all CPUs. Before the first Timer::arm().
void init();
/// This CPU's next scheduler tick, in place of the last one set. Interrupts off.
void set_tick(Deadline);
/// The hardware will interrupt this CPU at the earliest of its deadlines; exactly then, for a CPU that goes to sleep.
void program(bool exactly);
/// After the hardware has interrupted this CPU, which clears its deadline: calls what has expired. program() follows.
void expire(u64 now_ns);
} // namespace timers
