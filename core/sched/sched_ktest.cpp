#include "core/cpu/cross_call.h"
#include "core/cpu/online.h"
#include "core/ktest/ktest.h"
#include "core/ktest/threads.h"
#include "core/sync/epoch.h"
#include "core/sync/lock.h"
#include "core/time/clock.h"
#include <bit>

using ktest::run_threads;

namespace {
void spin_for(u64 ns) {
    u64 end = clocks::monotonic_ns() + ns;
    while (clocks::monotonic_ns() < end) arch::pause();
}
constexpr u64 only_cpu0 = 1;
} // namespace

KTEST(spawn_many) {
    static std::atomic<unsigned> ran;
    ran = 0;
    unsigned before = sched::load().threads;
    for (unsigned round = 0; round < 10; round++) EXPECT(run_threads(20, [](unsigned) { ran++; }));
    EXPECT(ran == 200);
    for (unsigned i = 0; i < 1000 && sched::load().threads > before; i++) sched::yield();
    u64 end = clocks::monotonic_ns() + clocks::ns_per_second;
    while (sched::load().threads > before && clocks::monotonic_ns() < end) sched::yield();
    EXPECT(sched::load().threads <= before);
}

KTEST(yield_alternates) {
    static std::atomic<unsigned> steps[2];
    static std::atomic<bool> apart;
    steps[0] = steps[1] = 0;
    apart = false;
    EXPECT(run_threads(2, [](unsigned n) {
        (void)Thread::current().set_affinity(only_cpu0);
        sched::yield();
        for (unsigned i = 0; i < 100; i++) {
            steps[n]++;
            sched::yield();
        }
    }));
    EXPECT(steps[0] == 100 && steps[1] == 100);
}

KTEST(fair_shares_follow_nice) {
    static std::atomic<u64> used[2];
    static std::atomic<u64> end;
    end = clocks::monotonic_ns() + 200'000'000;
    EXPECT(run_threads(2, [](unsigned n) {
        Thread& self = Thread::current();
        (void)self.set_affinity(only_cpu0);
        self.set_parameters({.nice = n == 0 ? 0 : 5});
        sched::yield();
        u64 before = self.cpu_time().user_ns + self.cpu_time().system_ns;
        while (clocks::monotonic_ns() < end) arch::pause();
        used[n] = self.cpu_time().user_ns + self.cpu_time().system_ns - before;
    }));
    // 1024 to 335 by weight.
    EXPECT(used[0] > 2 * used[1]);
    EXPECT(used[1] * 6 > used[0]);
}

KTEST(realtime_runs_first) {
    static std::atomic<unsigned> order, place[2];
    order = 0;
    EXPECT(run_threads(2, [](unsigned n) {
        Thread& self = Thread::current();
        (void)self.set_affinity(only_cpu0);
        sched::yield();
        if (n == 1) self.set_parameters({.policy = SchedPolicy::fifo, .priority = 10});
        sched::yield();
        spin_for(20'000'000);
        place[n] = order++;
        if (n == 1) self.set_parameters({});
    }));
    EXPECT(place[1] < place[0]);
}

KTEST(realtime_leaves_a_share) {
    static std::atomic<bool> spins, ran;
    spins = ran = false;
    static std::atomic<u64> waited;
    EXPECT(run_threads(2, [](unsigned n) {
        Thread& self = Thread::current();
        (void)self.set_affinity(only_cpu0);
        sched::yield();
        if (n == 1) {
            while (!spins) sched::yield();
            ran = true;
            return;
        }
        self.set_parameters({.policy = SchedPolicy::fifo, .priority = 10});
        u64 start = clocks::monotonic_ns(), end = start + 3 * clocks::ns_per_second;
        spins = true;
        while (!ran && clocks::monotonic_ns() < end) arch::pause();
        waited = clocks::monotonic_ns() - start;
        self.set_parameters({});
    }));
    EXPECT(waited > sched::realtime_share_ns / 2); // what it used before counts as well
    EXPECT(waited < 2 * sched::realtime_period_ns);
}

KTEST(affinity_is_kept) {
    static std::atomic<unsigned> wrong;
    wrong = 0;
    EXPECT(run_threads(2 * arch::cpu_count(), [](unsigned n) {
        unsigned cpu = n % arch::cpu_count();
        if (!Thread::current().set_affinity(u64{1} << cpu)) wrong++;
        for (unsigned i = 0; i < 20; i++) {
            sched::yield();
            if (arch::cpu_id() != cpu) wrong++;
        }
    }));
    EXPECT(wrong == 0);
    EXPECT(Thread::current().set_affinity(u64{1} << 63) == err::inval);
}

KTEST(all_cpus_work) {
    static std::atomic<u64> seen;
    seen = 0;
    EXPECT(run_threads(3 * arch::cpu_count(), [](unsigned) {
        u64 end = clocks::monotonic_ns() + 100'000'000;
        while (clocks::monotonic_ns() < end) { seen.fetch_or(u64{1} << arch::cpu_id()); }
    }));
    EXPECT(seen == online_cpus());
}

KTEST(kernel_is_preempted) {
    static std::atomic<bool> stop, seen;
    stop = seen = false;
    EXPECT(run_threads(2, [](unsigned n) {
        (void)Thread::current().set_affinity(only_cpu0);
        sched::yield();
        if (n == 1) { // runs when its alarm rings, though the other one neither sleeps nor yields
            WaitQueue nobody;
            (void)wait_until(nobody, [] { return false; }, clocks::in(20'000'000));
            stop = true;
            return;
        }
        u64 end = clocks::monotonic_ns() + 2 * clocks::ns_per_second;
        while (!stop && clocks::monotonic_ns() < end) arch::pause();
        seen = stop.load();
    }));
    EXPECT(seen);
}

KTEST(readers_and_spinlocks_are_not_preempted) {
    static Spinlock<Rank::device> lock;
    static std::atomic<u64> rounds;
    static std::atomic<bool> stop;
    static std::atomic<unsigned> disturbed;
    rounds = disturbed = 0;
    stop = false;
    EXPECT(run_threads(2, [](unsigned n) {
        (void)Thread::current().set_affinity(only_cpu0);
        sched::yield();
        if (n == 1) {
            while (!stop) rounds++;
            return;
        }
        auto alone = [] {
            u64 before = rounds, end = clocks::monotonic_ns() + 4'000'000; // more than a slice
            while (clocks::monotonic_ns() < end) arch::pause();
            if (rounds != before) disturbed++;
        };
        for (unsigned i = 0; i < 3; i++) {
            {
                epoch::Reading reading;
                alone();
            }
            {
                Holding held{lock};
                alone();
            }
            u64 before = rounds, end = clocks::monotonic_ns() + 2 * clocks::ns_per_second;
            while (rounds == before && clocks::monotonic_ns() < end) arch::pause(); // its turn comes afterwards
        }
        stop = true;
    }));
    EXPECT(rounds > 0);
    EXPECT(disturbed == 0);
}

KTEST(timers_fire_in_order) {
    static std::atomic<unsigned> count;
    struct Noting : Timer {
        Noting() : Timer{[](Timer& t) { static_cast<Noting&>(t).place = ++count; }} {}
        std::atomic<unsigned> place = 0;
    };
    count = 0;
    Noting timers[5];
    for (unsigned i = 0; i < 5; i++) timers[i].arm(clocks::in((5 - i) * 2'000'000));
    timers[2].cancel();
    EXPECT(!timers[2].armed());
    WaitQueue nobody;
    (void)wait_until(nobody, [] { return false; }, clocks::in(20'000'000));
    EXPECT(timers[4].place == 1 && timers[3].place == 2 && timers[1].place == 3 && timers[0].place == 4);
    EXPECT(timers[2].place == 0);
}

KTEST(timer_cancel_waits) {
    struct Slow : Timer {
        Slow()
            : Timer{[](Timer& t) {
                  auto& self = static_cast<Slow&>(t);
                  self.inside = true;
                  u64 end = clocks::monotonic_ns() + 500'000;
                  while (clocks::monotonic_ns() < end) arch::pause();
                  self.inside = false;
              }} {}
        std::atomic<bool> inside = false;
    };
    for (unsigned i = 0; i < 20; i++) {
        Slow timer;
        timer.arm(clocks::in(100'000 + i * 30'000));
        spin_for(500'000);
        timer.cancel();
        EXPECT(!timer.inside);
        EXPECT(!timer.armed());
    }
}

KTEST(calls_reach_all_cpus) {
    static std::atomic<u64> reached;
    for (unsigned i = 0; i < 200; i++) {
        reached = 0;
        call_on(~u64{0}, [](void*) { reached.fetch_or(u64{1} << arch::cpu_id()); }, nullptr);
        REQUIRE(reached == online_cpus());
    }
    // From all CPUs at once, with interrupts off.
    EXPECT(run_threads(arch::cpu_count(), [](unsigned n) {
        (void)Thread::current().set_affinity(u64{1} << n);
        for (unsigned i = 0; i < 200; i++) call_on(~u64{0}, [](void*) {}, nullptr);
    }));
}
