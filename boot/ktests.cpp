#include "boot/ktests.h"
#include <iterator>

// Each test by its name, in the order in which they run: what later ones rely on comes first.
#define EACH_TEST(test)                                                                                                \
    test(spinlock_excludes) test(mutex_excludes) test(rw_mutex_excludes) test(rw_mutex_shares_and_lets_writers_in)     \
        test(wait_wakes_sleeper) test(wait_times_out) test(notify_one_wakes_one) test(no_wakeup_is_lost)               \
            test(spawn_many) test(yield_alternates) test(fair_shares_follow_nice) test(realtime_runs_first)            \
                test(affinity_is_kept) test(all_cpus_work) test(realtime_leaves_a_share) test(kernel_is_preempted)     \
                    test(readers_and_spinlocks_are_not_preempted) test(timers_fire_in_order) test(timer_cancel_waits)  \
                        test(calls_reach_all_cpus) test(random_differs) test(mm_demand_paging) test(mm_protection)     \
                            test(mm_fork_copies_on_write) test(mm_fixed_and_hints) test(mm_stack_grows) test(mm_remap) \
                                test(mm_break) test(mm_account_limits_a_space) test(mm_spaces_give_everything_back)    \
                                    test(mm_stacks_give_everything_back) test(mm_large_memory_is_refused_not_fatal)    \
                                        test(fetch_leaves_the_space_to_others)                                         \
                                            test(fetch_finds_what_is_there_afterwards)                                 \
                                                test(fetch_serves_every_way_to_a_page) test(mm_faults_share_the_space) \
                                                    test(mm_faults_in_parallel_count_once) test(huge_when)             \
                                                        test(huge_parts) test(huge_fork) test(huge_protection)         \
                                                            test(huge_remap) test(huge_limits) test(huge_balance)      \
                                                                test(huge_threads) test(provoke_kasan)                 \
                                                                    test(provoke_ubsan) test(provoke_lock_order)

#define DECLARE(name) KTEST(name);
#define ENTRY(name) {#name, ktest_##name},
EACH_TEST(DECLARE)

ktest::List boot::tests() {
    static constexpr ktest::Test list[] = {EACH_TEST(ENTRY)};
    return {list, std::size(list)};
}
