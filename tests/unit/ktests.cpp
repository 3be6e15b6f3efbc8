// The in-kernel tests of core/wait and core/sched, run by the host's machine as well.
#include "core/ktest/ktest.h"
#include <gtest/gtest.h>
#include <string>

void ktest::Context::expect(bool holds, std::string_view text, std::source_location at) {
    if (holds) return;
    __atomic_fetch_add(&failures_, 1, __ATOMIC_RELAXED);
    ADD_FAILURE_AT(at.file_name(), static_cast<int>(at.line())) << std::string{text};
}

#define RUN(name)                                                                                                      \
    KTEST(name);                                                                                                       \
    TEST(Ktest, name) {                                                                                                \
        ktest::Context context;                                                                                        \
        ktest_##name(context);                                                                                         \
    }
// All but those that need interrupts in loops without locks, or that nobody else uses the machine.
RUN(spinlock_excludes)
RUN(mutex_excludes)
RUN(rw_mutex_excludes)
RUN(rw_mutex_shares_and_lets_writers_in)
RUN(wait_wakes_sleeper)
RUN(wait_times_out)
RUN(notify_one_wakes_one)
RUN(no_wakeup_is_lost)
RUN(spawn_many)
RUN(yield_alternates)
RUN(realtime_runs_first)
RUN(affinity_is_kept)
RUN(all_cpus_work)
RUN(kernel_is_preempted)
RUN(timers_fire_in_order)
RUN(timer_cancel_waits)
RUN(calls_reach_all_cpus)
// kernel/process/signals/signals_test.cpp
RUN(signals_arrive_once)
RUN(signals_merge)
RUN(signals_end_sleeps)
RUN(signals_find_who_takes_them)
RUN(signals_are_discarded)
RUN(signals_kill_all)
