#include "boot/ktests.h"
#include <iterator>

#if RUNDLET_CHECK
#define TEST(name)                                                                                                     \
    {#name, [] {                                                                                                       \
         KTEST(name);                                                                                                  \
         return &ktest_##name;                                                                                         \
     }()}

/// In the order in which they run: what later ones rely on comes first.
static constexpr ktest::Test list[] = {
    TEST(copies_between_phases),
    TEST(spinlock_excludes),
    TEST(mutex_excludes),
    TEST(rw_mutex_excludes),
    TEST(rw_mutex_shares_and_lets_writers_in),
    TEST(wait_wakes_sleeper),
    TEST(wait_times_out),
    TEST(notify_one_wakes_one),
    TEST(no_wakeup_is_lost),
    TEST(spawn_many),
    TEST(yield_alternates),
    TEST(fair_shares_follow_nice),
    TEST(realtime_runs_first),
    TEST(affinity_is_kept),
    TEST(all_cpus_work),
    TEST(realtime_leaves_a_share),
    TEST(kernel_is_preempted),
    TEST(readers_and_spinlocks_are_not_preempted),
    TEST(timers_fire_in_order),
    TEST(timer_cancel_waits),
    TEST(calls_reach_all_cpus),
    TEST(random_differs),
    TEST(mm_demand_paging),
    TEST(mm_protection),
    TEST(mm_fork_copies_on_write),
    TEST(mm_fixed_and_hints),
    TEST(mm_stack_grows),
    TEST(mm_remap),
    TEST(mm_break),
    TEST(mm_account_limits_a_space),
    TEST(mm_spaces_give_everything_back),
    TEST(mm_stacks_give_everything_back),
    TEST(mm_large_memory_is_refused_not_fatal),
    TEST(fetch_leaves_the_space_to_others),
    TEST(fetch_finds_what_is_there_afterwards),
    TEST(fetch_serves_every_way_to_a_page),
    TEST(mm_faults_share_the_space),
    TEST(mm_faults_in_parallel_count_once),
    TEST(mm_sleepers_are_not_asked_to_flush),
    TEST(mm_unmapped_pages_wait_for_one_flush),
    TEST(huge_when),
    TEST(huge_parts),
    TEST(huge_fork),
    TEST(huge_protection),
    TEST(huge_remap),
    TEST(huge_limits),
    TEST(huge_balance),
    TEST(huge_threads),
    TEST(provoke_kasan),
    TEST(provoke_ubsan),
    TEST(provoke_lock_order),
};

ktest::List boot::tests() { return {list, std::size(list)}; }
#else
ktest::List boot::tests() { return {nullptr, 0}; }
#endif
