// Interrupt work on the host's four CPUs: nothing queued is forgotten, nothing runs twice at once, and what is stopped
// stays so.
#include "core/ktest/threads.h"
#include "core/work/work.h"
#include <gtest/gtest.h>
#include <memory>

namespace {
void start_workers() {
    static bool once = work::start().has_value();
    ASSERT_TRUE(once);
}

struct Counter final : Work {
    using Work::Work;
    bool run(unsigned budget) override {
        EXPECT_FALSE(inside.exchange(true));
        EXPECT_EQ(budget, Work::budget);
        payer = &MemoryAccount::current();
        u64 seen = given.load(std::memory_order_relaxed); // ordered by queue()
        u64 step = seen - done < most ? seen - done : most;
        done += step;
        runs++;
        inside.store(false);
        if (seen == done) changed.notify_all();
        return seen != done;
    }
    void give() {
        given.fetch_add(1, std::memory_order_relaxed);
        queue();
    }
    std::atomic<u64> given = 0, runs = 0;
    u64 most = ~u64{0};
    std::atomic<u64> done = 0;
    std::atomic<bool> inside = false;
    MemoryAccount* payer = nullptr;
    WaitQueue changed;
};
} // namespace

TEST(Work, NothingIsForgottenAndNothingRunsTwice) {
    start_workers();
    Counter work;
    constexpr unsigned threads = 6, each = 500;
    EXPECT_TRUE(ktest::run_threads(threads, [&](unsigned) {
        for (unsigned i = 0; i < each; i++) {
            work.give();
            if (i % 16 == 0) sched::yield();
        }
    }));
    (void)wait_until(work.changed, [&] { return work.done.load() == threads * each; }, never, false);
    work.stop();
    EXPECT_LE(work.runs, u64{threads} * each);
}

TEST(Work, WhatIsLeftIsDoneLater) {
    start_workers();
    Counter work, other;
    work.most = 3;
    work.given = 1000;
    work.queue();
    other.give(); // gets its turn
    (void)wait_until(other.changed, [&] { return other.done.load() == 1; }, never, false);
    (void)wait_until(work.changed, [&] { return work.done.load() == 1000; }, never, false);
    EXPECT_GE(work.runs, 334u);
    work.stop();
    other.stop();
}

TEST(Work, StoppedWorkDoesNotRun) {
    start_workers();
    for (unsigned round = 0; round < 50; round++) {
        auto work = std::make_unique<Counter>();
        for (unsigned i = 0; i < round; i++) work->give();
        work->stop();
        u64 runs = work->runs;
        work->queue();
        sched::yield();
        EXPECT_EQ(work->runs, runs);
    }
}

TEST(Work, ChargesItsPayer) {
    start_workers();
    auto account = MemoryAccount::create(1 * MiB);
    ASSERT_TRUE(account);
    Counter work{*account}, kernels;
    for (Counter* c : {&work, &kernels}) {
        c->give();
        (void)wait_until(c->changed, [&] { return c->done.load() == 1; }, never, false);
        c->stop();
    }
    EXPECT_EQ(work.payer, *account);
    EXPECT_EQ(kernels.payer, &MemoryAccount::kernel());
    (*account)->close();
}
