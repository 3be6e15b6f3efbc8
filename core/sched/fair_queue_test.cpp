#include "core/sched/fair_queue.h"
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {
/// Runs the queue as a CPU would, `step` nanoseconds at a time; returns how long each ran.
std::vector<u64> simulate(FairQueue& queue, std::vector<FairEntity>& all, u64 total, u64 step) {
    std::vector<u64> used(all.size());
    for (u64 now = 0; now < total; now += step) {
        FairEntity* next = queue.pick();
        queue.set_current(next);
        used[static_cast<usize>(next - all.data())] += step;
        queue.charge(step);
    }
    return used;
}
} // namespace

TEST(FairQueue, WeightsFollowNice) {
    EXPECT_EQ(FairQueue::weight_of_nice(0), 1024u);
    for (int nice = -19; nice < 20; nice++) {
        double ratio = double(FairQueue::weight_of_nice(nice - 1)) / FairQueue::weight_of_nice(nice);
        EXPECT_NEAR(ratio, 1.25, 0.06) << nice;
    }
}

TEST(FairQueue, EqualThreadsShareEqually) {
    FairQueue queue;
    std::vector<FairEntity> all(7);
    for (auto& e : all) queue.enqueue(e);
    for (u64 used : simulate(queue, all, 7'000'000'000, 1'000'000)) EXPECT_NEAR(used, 1e9, 10e6);
}

TEST(FairQueue, SharesFollowWeights) {
    FairQueue queue;
    std::vector<FairEntity> all(3);
    all[0].weight = FairQueue::weight_of_nice(-5);
    all[1].weight = FairQueue::weight_of_nice(0);
    all[2].weight = FairQueue::weight_of_nice(10);
    double sum = 0;
    for (auto& e : all) sum += e.weight;
    for (auto& e : all) queue.enqueue(e);
    auto used = simulate(queue, all, 10'000'000'000, 500'000);
    for (usize i = 0; i < all.size(); i++) EXPECT_NEAR(used[i], 10e9 * all[i].weight / sum, 20e6);
}

TEST(FairQueue, SleepersGainNothing) {
    FairQueue queue;
    std::vector<FairEntity> all(2);
    queue.enqueue(all[0]);
    simulate(queue, all, 1'000'000'000, 1'000'000); // alone for a second
    queue.enqueue(all[1]);
    auto used = simulate(queue, all, 100'000'000, 1'000'000);
    EXPECT_NEAR(used[1], 50e6, 10e6);
}

TEST(FairQueue, OftenSleepingKeepsItsShare) {
    FairQueue queue;
    std::vector<FairEntity> all(2);
    for (auto& e : all) queue.enqueue(e);
    std::vector<u64> used(2);
    for (unsigned i = 0; i < 4000; i++) { // the second one sleeps after each of its steps, for none of the other's
        FairEntity* next = queue.pick();
        queue.set_current(next);
        used[static_cast<usize>(next - all.data())] += 1'000'000;
        queue.charge(1'000'000);
        if (next != &all[1]) continue;
        queue.dequeue(*next);
        queue.enqueue(*next);
    }
    EXPECT_GT(used[1], 1'500'000'000u);
    EXPECT_LT(used[1], 2'500'000'000u);
}

TEST(FairQueue, RandomUseKeepsItConsistent) {
    std::mt19937 random{7};
    FairQueue queue;
    std::vector<FairEntity> all(60);
    std::vector<bool> queued(all.size());
    unsigned count = 0;
    for (unsigned step = 0; step < 50'000; step++) {
        usize i = random() % all.size();
        switch (random() % 4) {
        case 0:
            if (queued[i]) break;
            queue.enqueue(all[i]);
            queued[i] = true, count++;
            break;
        case 1:
            if (!queued[i]) break;
            queue.dequeue(all[i]);
            queued[i] = false, count--;
            break;
        case 2:
            if (queued[i]) queue.dequeue(all[i]);
            all[i].weight = FairQueue::weight_of_nice(int(random() % 40) - 20);
            if (queued[i]) queue.enqueue(all[i]);
            break;
        default:
            FairEntity* next = queue.pick();
            ASSERT_EQ(next == nullptr, count == 0);
            if (!next) break;
            ASSERT_TRUE(queued[static_cast<usize>(next - all.data())]);
            // Nobody with an earlier deadline is eligible: the definition, by looking at all.
            i64 average = queue.average();
            for (usize k = 0; k < all.size(); k++)
                if (queued[k] && all[k].vruntime <= average) ASSERT_LE(next->deadline, all[k].deadline);
            queue.set_current(next);
            queue.charge(random() % 5'000'000);
        }
        ASSERT_EQ(queue.count(), count);
    }
}
