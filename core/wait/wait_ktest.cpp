#include "core/ktest/ktest.h"
#include "core/ktest/threads.h"
#include "core/rng/rng.h"
#include "core/time/clock.h"
#include "core/wait/mutex.h"

using ktest::run_threads;

KTEST(spinlock_excludes) {
    static Guarded<u64, Spinlock<Rank::device>> counter;
    counter.unguarded() = 0;
    bool ran = run_threads(4, [](unsigned) {
        for (unsigned i = 0; i < 5000; i++) ++*counter.lock();
    });
    REQUIRE(ran);
    EXPECT(counter.unguarded() == 4 * 5000);
}

KTEST(mutex_excludes) {
    static Guarded<u64, Mutex<Rank::pipe>> counter;
    counter.unguarded() = 0;
    bool ran = run_threads(6, [](unsigned) {
        for (unsigned i = 0; i < 500; i++) {
            auto access = counter.lock();
            u64 before = *access;
            if (i % 16 == 0) sched::yield(); // with the lock held: the others must sleep
            *access = before + 1;
        }
    });
    REQUIRE(ran);
    EXPECT(counter.unguarded() == 6 * 500);
}

KTEST(rw_mutex_excludes) {
    static RwMutex<Rank::pipe> lock;
    static u64 first, second;
    static std::atomic<unsigned> torn;
    first = second = torn = 0;
    bool ran = run_threads(6, [](unsigned n) {
        for (unsigned i = 0; i < 400; i++) {
            if (n < 2) {
                Holding hold{lock};
                first++;
                if (i % 16 == 0) sched::yield(); // the others must sleep
                second++;
            } else {
                Sharing hold{lock};
                u64 before = first;
                if (i % 32 == n) sched::yield();
                SharingNested again{lock};
                if (second != before || first != before) torn++;
            }
        }
    });
    REQUIRE(ran);
    EXPECT(torn == 0 && first == 2 * 400 && second == first);
    lock.lock(); // nobody is left in it
    lock.unlock();
}

KTEST(rw_mutex_shares_and_lets_writers_in) {
    static RwMutex<Rank::pipe> lock;
    static std::atomic<unsigned> inside, late;
    static std::atomic<bool> written, writer_waits;
    inside = late = 0;
    written = writer_waits = false;
    bool ran = run_threads(4, [&](unsigned n) {
        if (n < 2) {
            Sharing hold{lock};
            inside++;
            while (inside != 2) sched::yield(); // both at once
            while (!writer_waits) sched::yield();
            Sleeper self;
            (void)self.sleep(clocks::in(20'000'000),
                             false);   // the writer had better wait by now, and the reader behind it
            SharingNested again{lock}; // gets past both
            EXPECT(!written);
        } else if (n == 2) {
            while (inside != 2) sched::yield();
            writer_waits = true;
            Holding hold{lock};
            written = true;
            EXPECT(late == 0);
        } else {
            while (!writer_waits) sched::yield();
            Sleeper self;
            (void)self.sleep(clocks::in(10'000'000), false);
            Sharing hold{lock};
            late++;
            EXPECT(written);
        }
    });
    REQUIRE(ran);
    EXPECT(late == 1 && written);
}

KTEST(wait_wakes_sleeper) {
    static WaitQueue queue;
    static std::atomic<bool> ready;
    ready = false;
    bool ran = run_threads(2, [](unsigned n) {
        if (n == 0) {
            (void)wait_until(queue, [] { return ready.load(); });
        } else {
            ready = true;
            queue.notify_all();
        }
    });
    EXPECT(ran);
}

KTEST(wait_times_out) {
    WaitQueue queue;
    u64 before = clocks::monotonic_ns();
    auto result = wait_until(queue, [] { return false; }, clocks::in(3'000'000));
    u64 took = clocks::monotonic_ns() - before;
    EXPECT(result == err::timedout);
    EXPECT(took >= 3'000'000);
    EXPECT(wait_until(queue, [] { return false; }, Deadline{before}) == err::timedout);
}

KTEST(notify_one_wakes_one) {
    struct Counted final : Waiter {
        bool notified(u32) override {
            count++;
            return true;
        }
        unsigned count = 0;
    };
    WaitQueue queue;
    Counted shared, first, second;
    first.exclusive = second.exclusive = true;
    queue.add(shared);
    queue.add(first);
    queue.add(second);
    queue.notify_one();
    EXPECT(shared.count == 1 && first.count == 1 && second.count == 0);
    queue.notify_one();
    EXPECT(shared.count == 2 && first.count == 1 && second.count == 1);
    queue.notify_all();
    EXPECT(shared.count == 3 && first.count == 2 && second.count == 2);
    queue.remove(shared);
    queue.remove(first);
    queue.remove(second);
    EXPECT(queue.empty());
}

/// Two threads hand a token to and fro; a lost wakeup would end in the deadline.
KTEST(no_wakeup_is_lost) {
    static WaitQueue queue;
    static std::atomic<unsigned> token, late;
    token = late = 0;
    bool ran = run_threads(2, [](unsigned n) {
        for (unsigned i = 0; i < 2000; i++) {
            auto mine = [n] { return token.load(std::memory_order_acquire) % 2 == n; };
            if (!wait_until(queue, mine, clocks::in(2 * clocks::ns_per_second))) late++;
            token.fetch_add(1, std::memory_order_release);
            queue.notify_all();
        }
    });
    REQUIRE(ran);
    EXPECT(late == 0);
    EXPECT(token == 4000);
}

KTEST(random_differs) {
    u64 a = rng::number(), b = rng::number();
    EXPECT(a != b && a != 0 && b != 0);
    std::byte bytes[1000]{};
    rng::fill(bytes);
    unsigned bits = 0;
    for (std::byte byte : bytes) bits += static_cast<unsigned>(std::popcount(static_cast<u8>(byte)));
    EXPECT(bits > 3700 && bits < 4300); // 4000 expected, deviation 45
    for (unsigned i = 0; i < 100; i++) EXPECT(rng::below(7) < 7);
}
