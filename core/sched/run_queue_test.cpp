// The scheduler's queues under many threads. That none runs on two CPUs is looked at by the host's machine.
#include "core/cpu/online.h"
#include "core/ktest/threads.h"
#include "core/sched/run_queue.h"
#include "core/time/clock.h"
#include <gtest/gtest.h>
#include <random>

namespace {
using ktest::run_threads;
constexpr unsigned threads = 10, rounds = 150;

/// Threads that give up the CPU in all ways there are. step(n, random) is called in between.
template <class Step>
void mix(Step step) {
    WaitQueue nobody;
    EXPECT_TRUE(run_threads(threads, [&](unsigned n) {
        std::mt19937 random{n};
        for (unsigned i = 0; i < rounds; i++) {
            switch (random() % 4) {
            case 0:
                EXPECT_EQ(wait_until(nobody, [] { return false; }, clocks::in(random() % 200'000)), err::timedout);
                break;
            case 1: sched::preempt(); break;
            default: sched::yield();
            }
            step(n, random);
        }
    }));
}

/// One thread at a time is on a CPU.
void look_at_own_cpu() {
    static std::atomic<Thread*> on_cpu[arch::max_cpus];
    bool were_on = arch::irqs_save();
    auto& own = on_cpu[arch::cpu_id()];
    EXPECT_EQ(own.exchange(&Thread::current()), nullptr);
    EXPECT_EQ(sched::queue_of(arch::cpu_id()).current, &Thread::current());
    arch::pause();
    EXPECT_EQ(own.exchange(nullptr), &Thread::current());
    arch::irqs_restore(were_on);
}
} // namespace

TEST(RunQueue, ACpuHasOneThread) {
    mix([](unsigned, std::mt19937&) { look_at_own_cpu(); });
}

TEST(RunQueue, ThreadsMoveWhereTheyMayRun) {
    std::atomic<u64> seen = 0;
    mix([&](unsigned, std::mt19937& random) {
        u64 all = online_cpus(), mask = random() & all;
        if (!mask) mask = all;
        EXPECT_TRUE(Thread::current().set_affinity(mask));
        sched::yield();
        bool were_on = arch::irqs_save();
        u64 here = u64{1} << arch::cpu_id();
        EXPECT_TRUE(here & mask);
        seen |= here;
        arch::irqs_restore(were_on);
        look_at_own_cpu();
    });
    EXPECT_EQ(seen, online_cpus());
}

/// Others change a thread's class and place while it runs, waits and sleeps.
TEST(RunQueue, OthersChangeWhatRuns) {
    Ref<Thread> all[threads];
    std::atomic<unsigned> known = 0;
    mix([&](unsigned n, std::mt19937& random) {
        if (!all[n]) {
            all[n] = Ref<Thread>::share(&Thread::current());
            known++;
        }
        if (known == threads) {
            Thread& other = *all[random() % threads]; // perhaps it has ended
            constexpr SchedPolicy policies[] = {SchedPolicy::other, SchedPolicy::batch, SchedPolicy::idle,
                                                SchedPolicy::fifo, SchedPolicy::round_robin};
            auto policy = policies[random() % 5];
            int priority = is_realtime(policy) ? 1 + static_cast<int>(random() % 99) : 0;
            int nice = static_cast<int>(random() % 40) - 20;
            other.set_parameters({.policy = policy, .nice = nice, .priority = priority});
            EXPECT_TRUE(other.set_affinity(online_cpus() & ~(u64{1} << random() % 5)));
            (void)other.cpu_time();
        }
        look_at_own_cpu();
        if (n == 0) EXPECT_LE(sched::load().runnable, threads + 1);
    });
}
