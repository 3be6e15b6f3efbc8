#include "core/futex/futex.h"
#include "core/ktest/threads.h"
#include "core/time/clock.h"
#include "user_memory.h"
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <random>

namespace {
using clocks::in;
using futex::Word;
using ktest::run_threads;
constexpr u64 ms = 1'000'000;
constexpr unsigned all = 1000;
/// A sleep that ends only because its wake was lost.
Deadline too_late() { return in(20 * clocks::ns_per_second); }

u32 load(u32& word) { return __atomic_load_n(&word, __ATOMIC_SEQ_CST); }
void store(u32& word, u32 value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); }

class Futex : public testing::Test {
protected:
    Ref<AddressSpace> space = *AddressSpace::create();
    host::InSpace inside{*space};
    u32 word = 0, other = 0;

    static Word at(const u32& w, bool shared = false) { return {reinterpret_cast<uptr>(&w), shared}; }
    Result<> wait(u32& w, u32 expected, futex::Moment until = too_late(), u32 bits = futex::any_bit) {
        return futex::wait(at(w), expected, bits, until);
    }
    usize wake(u32& w, unsigned n = all, u32 bits = futex::any_bit) { return *futex::wake(at(w), n, bits); }
    /// How many sleep there: they are "moved" to where they are.
    usize sleepers(u32& w) { return *futex::requeue(at(w), at(w), 0, all, {}); }
    void await_sleepers(u32& w, usize n) {
        while (sleepers(w) != n) sched::yield();
    }
    static void is_woken(const Result<>& slept) { EXPECT_TRUE(slept); }
    /// run_threads() with all of them in the test's address space.
    void run(unsigned n, auto body) {
        ASSERT_TRUE(run_threads(n, [&](unsigned i) {
            host::InSpace in_space{*space};
            body(i);
        }));
    }
};
} // namespace

TEST_F(Futex, ArgumentsAreChecked) {
    word = 7;
    EXPECT_EQ(wait(word, 8), err::again);
    EXPECT_EQ(wait(word, 7, never, 0), err::inval);
    EXPECT_EQ(futex::wait({reinterpret_cast<uptr>(&word) + 2, false}, 7, futex::any_bit, never), err::inval);
    EXPECT_EQ(futex::wait({0, false}, 7, futex::any_bit, never), err::fault);
    EXPECT_EQ(futex::wait({arch::user_top, false}, 7, futex::any_bit, never), err::fault);
    EXPECT_EQ(futex::requeue(at(word), at(other), 1, 1, 8), err::again);
    EXPECT_EQ(futex::wake(at(word), 1, 0), err::inval);
    EXPECT_EQ(wake(word), 0u);
}

TEST_F(Futex, AnAbsentPageIsBroughtIn) {
    word = 7;
    host::make_absent(&word);
    EXPECT_EQ(wait(word, 8), err::again);
    host::make_absent(&word);
    EXPECT_EQ(wait(word, 7, in(ms)), err::timedout);
    host::make_absent(&word);
    EXPECT_EQ(futex::requeue(at(word), at(other), 1, 1, 7), 0u);
    host::make_absent(&word);
    EXPECT_EQ(futex::wake_op(at(other), at(word), 1, 1, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 7)), 0u);
    EXPECT_EQ(word, 12u);
}

TEST_F(Futex, WakesAsManyAsAsked) {
    std::atomic<unsigned> back = 0;
    run(6, [&](unsigned i) {
        if (i > 0) {
            EXPECT_TRUE(wait(word, 0));
            back++;
            return;
        }
        await_sleepers(word, 5);
        EXPECT_EQ(wake(word, 2), 2u);
        EXPECT_EQ(sleepers(word), 3u);
        while (back != 2) sched::yield();
        EXPECT_EQ(wake(word), 3u);
    });
    EXPECT_EQ(back, 5u);
}

TEST_F(Futex, WakesThoseWithACommonBit) {
    run(4, [&](unsigned i) {
        if (i > 0) {
            EXPECT_TRUE(wait(word, 0, too_late(), 1u << i));
            __atomic_fetch_or(&other, 1u << i, __ATOMIC_SEQ_CST);
            return;
        }
        await_sleepers(word, 3);
        for (u32 bit : {4u, 8u, 2u}) {
            u32 before = load(other);
            EXPECT_EQ(wake(word, all, bit | 1u << 20), 1u);
            while (load(other) == before) sched::yield();
            EXPECT_EQ(load(other), before | bit);
        }
    });
}

TEST_F(Futex, RequeueMovesTheRest) {
    run(6, [&](unsigned i) {
        if (i > 0) return is_woken(wait(word, 0));
        await_sleepers(word, 5);
        EXPECT_EQ(*futex::requeue(at(word), at(other), 1, 2, 0), 3u);
        EXPECT_EQ(sleepers(word), 2u);
        EXPECT_EQ(sleepers(other), 2u);
        EXPECT_EQ(wake(other), 2u);
        EXPECT_EQ(wake(word), 2u);
    });
}

TEST_F(Futex, WakeOpLooksAtTheOldValue) {
    other = 3;
    run(3, [&](unsigned i) {
        if (i == 1) return is_woken(wait(word, 0));
        if (i == 2) return is_woken(wait(other, 3));
        await_sleepers(word, 1);
        await_sleepers(other, 1);
        EXPECT_EQ(*futex::wake_op(at(word), at(other), 1, 1, FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_GT, 3)), 1u);
        EXPECT_EQ(sleepers(other), 1u);
        EXPECT_EQ(*futex::wake_op(at(word), at(other), 1, 1, FUTEX_OP(FUTEX_OP_OR, 4, FUTEX_OP_CMP_EQ, 9)), 1u);
        EXPECT_EQ(load(other), 13u);
    });
}

TEST_F(Futex, PrivateAndSharedOnesDoNotMeet) {
    auto elsewhere = *AddressSpace::create();
    run(3, [&](unsigned i) {
        if (i == 1) return is_woken(wait(word, 0));
        if (i == 2) return is_woken(futex::wait(at(word, true), 0, futex::any_bit, too_late()));
        while (sleepers(word) != 1 || *futex::requeue(at(word, true), at(word, true), 0, all, {}) != 1) sched::yield();
        {
            host::InSpace in_other{*elsewhere};
            EXPECT_EQ(wake(word), 0u);
            EXPECT_EQ(*futex::wake(at(word, true), all), 1u);
        }
        AddressSpace::use(space.get());
        EXPECT_EQ(wake(word), 1u);
        AddressSpace::use(nullptr);
    });
}

TEST_F(Futex, TimedSleepsEnd) {
    u64 before = clocks::monotonic_ns();
    EXPECT_EQ(wait(word, 0, in(20 * ms)), err::timedout);
    EXPECT_GE(clocks::monotonic_ns() - before, 20 * ms);
    EXPECT_EQ(wait(word, 0, Deadline{before}), err::timedout);
    EXPECT_EQ(sleepers(word), 0u);
}

TEST_F(Futex, SettingTheClockMovesTheMoment) {
    constexpr i64 hour = i64{3600} * 1'000'000'000;
    i64 wall = clocks::realtime_ns();
    u64 before = clocks::monotonic_ns();
    run(2, [&](unsigned i) {
        if (i == 1) {
            EXPECT_EQ(wait(word, 0, futex::Moment::of_wall(wall + hour)), err::timedout);
            return;
        }
        await_sleepers(word, 1);
        clocks::set_realtime(wall + 2 * hour);
    });
    clocks::set_realtime(wall + static_cast<i64>(clocks::monotonic_ns() - before));
}

TEST_F(Futex, ASignalEndsASleep) {
    std::atomic<Thread*> sleeper = nullptr;
    run(2, [&](unsigned i) {
        if (i == 1) {
            sleeper = &Thread::current();
            EXPECT_EQ(wait(word, 0), err::restartsys);
            EXPECT_EQ(sleepers(word), 0u);
            Thread::current().work.fetch_and(~u32{arch::work_signal});
            return;
        }
        await_sleepers(word, 1);
        sleeper.load()->interrupt();
    });
}

TEST_F(Futex, WaitsForAnyOfSeveral) {
    run(2, [&](unsigned i) {
        futex::WaitvEntry entries[] = {{at(word), 0}, {at(other), 0}};
        if (i == 1) {
            EXPECT_EQ(*futex::wait_any(entries, too_late()), 1u);
            return;
        }
        await_sleepers(other, 1);
        EXPECT_EQ(wake(other), 1u);
    });
    EXPECT_EQ(sleepers(word), 0u);
    other = 1;
    futex::WaitvEntry differs[] = {{at(word), 0}, {at(other), 0}};
    EXPECT_EQ(futex::wait_any(differs, never), err::again);
    EXPECT_EQ(sleepers(word), 0u);
}

/// A lock of user space: 0 free, 1 held, 2 held and waited for. A wake that is lost ends in the deadline.
TEST_F(Futex, NoWakeOfALockIsLost) {
    constexpr unsigned threads = 5, rounds = 400;
    u64 count = 0; // plain: the lock guards it
    run(threads, [&](unsigned) {
        for (unsigned i = 0; i < rounds; i++) {
            u32 free = 0;
            if (!__atomic_compare_exchange_n(&word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
                while (__atomic_exchange_n(&word, 2, __ATOMIC_ACQUIRE)) EXPECT_NE(wait(word, 2), err::timedout);
            count++;
            if (i % 8 == 0) sched::yield(); // with the lock held
            if (__atomic_exchange_n(&word, 0, __ATOMIC_RELEASE) == 2) wake(word, 1);
        }
    });
    EXPECT_EQ(count, threads * rounds);
}

/// Two threads hand a token to and fro; each waits for a moment before it sleeps, so that the other one's wake comes
/// while it does.
TEST_F(Futex, NoWakeOfATokenIsLost) {
    constexpr u32 rounds = 4000;
    run(2, [&](unsigned n) {
        std::mt19937 random{n};
        for (u32 i = n; i < rounds; i += 2) {
            for (u32 seen; (seen = load(word)) != i;) {
                for (unsigned spins = random() % 200; spins && load(word) == seen; spins--) arch::pause();
                EXPECT_NE(wait(word, seen), err::timedout);
            }
            store(word, i + 1);
            wake(word, 1);
        }
    });
    EXPECT_EQ(word, rounds);
}

/// Sleeps that end in time and wakes, moved sleepers among them, at the same moment: what a waker has counted as woken
/// has been told so, and nobody else.
TEST_F(Futex, WakesAreCountedOnce) {
    constexpr unsigned sleeping = 4, waking = 2, rounds = 100;
    std::atomic<unsigned> left = sleeping;
    std::atomic<u64> told = 0, counted = 0, late = 0;
    run(sleeping + waking, [&](unsigned n) {
        std::mt19937 random{n};
        if (n < sleeping) {
            for (unsigned i = 0; i < rounds; i++) {
                u64 ns = random() % 4 ? random() % 200'000 : 0;
                auto woken = wait(random() % 2 ? word : other, 0, ns ? in(ns) : Deadline{clocks::monotonic_ns() + ms});
                if (woken)
                    told++;
                else if (woken == err::timedout)
                    late++;
                else
                    ADD_FAILURE();
            }
            left--;
            return;
        }
        while (left) {
            u32 &a = random() % 2 ? word : other, &b = &a == &word ? other : word;
            switch (random() % 3) {
            case 0: counted += wake(a, 1 + random() % 2); break;
            case 1: counted += *futex::requeue(at(a), at(b), 1, 0, {}); break; // wakes one, moves none
            default: (void)futex::requeue(at(a), at(b), 0, all, 0);            // only moves
            }
            if (random() % 4 == 0) sched::yield();
        }
    });
    EXPECT_EQ(told, counted);
    EXPECT_EQ(told + late, sleeping * rounds);
    EXPECT_GT(told, 0u);
}

/// Each wake ends one call; a call may have been woken at several of its words.
TEST_F(Futex, WakesOfAnyOfSeveralAreNotLost) {
    constexpr unsigned rounds = 500;
    u32 words[4] = {};
    std::atomic<bool> done = false;
    run(3, [&](unsigned n) {
        if (n < 2) { // consumers: each waits for all words, and takes what there is
            while (!done) {
                futex::WaitvEntry entries[4];
                for (unsigned i = 0; i < 4; i++) entries[i] = {at(words[i]), 0};
                for (u32& w : words)
                    if (__atomic_exchange_n(&w, 0, __ATOMIC_SEQ_CST)) __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
                if (done) break;
                auto woken = futex::wait_any(entries, too_late());
                EXPECT_TRUE(woken || woken == err::again);
            }
            return;
        }
        for (unsigned i = 0; i < rounds; i++) {
            u32& w = words[i % 4];
            while (load(w)) sched::yield();
            store(w, 1);
            wake(w, 1);
        }
        while (load(word) != rounds) sched::yield();
        done = true;
        for (u32& w : words) {
            store(w, 1);
            wake(w);
        }
    });
    EXPECT_EQ(word, rounds);
}

TEST_F(Futex, OwnershipIsHandedOn) {
    constexpr unsigned threads = 4, rounds = 300;
    auto alive = [](u32) { return true; };
    u64 count = 0; // plain: the owner's
    run(threads, [&](unsigned n) {
        u32 tid = 100 + n;
        for (unsigned i = 0; i < rounds; i++) {
            if (i % 3 == 0 && futex::try_lock_pi(at(word), tid, alive)) {
            } else if (auto locked = futex::lock_pi(at(word), tid, too_late(), alive); !locked) {
                ADD_FAILURE();
                return;
            }
            EXPECT_EQ(load(word) & FUTEX_TID_MASK, tid);
            count++;
            if (i % 8 == 0) sched::yield();
            EXPECT_TRUE(futex::unlock_pi(at(word), tid));
        }
    });
    EXPECT_EQ(count, threads * rounds);
    EXPECT_EQ(word, 0u);
}
