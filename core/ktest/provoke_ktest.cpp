// Mistakes made on purpose, one for each check: every test here must fail in a check build
// (tests/system/check_test.py).
#include "core/ktest/ktest.h"
#include "core/sched/run_queue.h"
#include "core/sync/lock.h"
#include "lib/memory.h"
#include <array>
#include <climits>

KTEST(provoke_kasan) {
    auto object = make<std::array<u8, 20>>();
    REQUIRE(object);
    volatile usize beyond = 20;
    volatile const u8* bytes = (*object)->data();
    (void)bytes[beyond];
}

KTEST(provoke_ubsan) {
    volatile int most = INT_MAX;
    most = most + 1;
}

// Four places: each is reported.
KTEST(provoke_lock_order) {
    static Spinlock<Rank::device> outer;
    static Spinlock<Rank::timer> inner;
    for (int round = 0; round < 2; round++) {
        Holding first{inner};
        Holding second{outer};
    }
    {
        Holding first{inner};
        Holding second{outer};
    }
    {
        Holding first{inner};
        outer.lock_second(); // no second one of its rank
        outer.unlock_second();
    }
    bool were_on = arch::irqs_save();
    RunQueue& queue = sched::queue_of(arch::cpu_id());
    queue.lock();
    outer.lock();
    outer.unlock();
    queue.unlock();
    arch::irqs_restore(were_on);
}
