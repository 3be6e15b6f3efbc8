// Sending and taking from several threads, in the manner of an in-kernel test: GoogleTest's headers bring the C
// library's own siginfo_t. tests/unit/ktests.cpp names them.
#include "core/ktest/ktest.h"
#include "core/ktest/threads.h"
#include "core/time/clock.h"
#include "kernel/process/signals/state.h"
#include "tasks.h"
#include <vector>

namespace {
using ktest::run_threads;
constexpr int first_realtime = 34, second_realtime = 35;
constexpr SignalSet realtime = signal_bit(first_realtime) | signal_bit(second_realtime);
Deadline too_late() { return clocks::in(20 * clocks::ns_per_second); }

/// A process whose tasks run bodies of the test's; `user` counts what is queued for them.
struct Family {
    Ref<Process> process = host::make_process();
    Ref<User> user = host::user(1000);
    std::vector<Ref<Task>> tasks;
    template <class Body>
    Task& start(Body body) {
        tasks.push_back(host::start_task(*process, user, body));
        return *tasks.back();
    }
    void end() { host::end_process(*process); }
    /// What is left, after the end.
    unsigned queued() {
        auto lock = process->lock_signals();
        unsigned sum = process->signals(lock).pending.queued;
        for (auto& task : tasks) sum += task->signals(lock).pending.queued;
        return sum;
    }
    void discard() {
        auto lock = process->lock_signals();
        process->signals(lock).pending.discard(~SignalSet{0}, lock);
    }
};
siginfo_t queued(int number, int value) {
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_int = value;
    return info;
}
void block(SignalSet set) { signals::set_blocked(Task::current(), set); }
/// Until `others` tasks have come here, too.
void meet(std::atomic<unsigned>& here, unsigned others) {
    here++;
    while (here < others) sched::yield();
}
} // namespace

/// Three send values within the limit, two take them: each comes once, those of a sender and a number in order.
KTEST(signals_arrive_once) {
    constexpr unsigned takers = 2, senders = 3;
    constexpr int rounds = 200;
    Family family;
    family.process->limits.set(RLIMIT_SIGPENDING, {10, 10});
    std::atomic<unsigned> ready = 0, refused = 0, wrong = 0;
    std::vector<std::atomic<u8>> seen(senders * rounds);
    std::atomic<int> left = senders * rounds;
    for (unsigned t = 0; t < takers; t++)
        family.start([&] {
            block(realtime);
            ready++;
            while (refused == 0) sched::yield(); // the limit is reached before anybody takes
            int last[senders][2];
            for (auto& l : last) l[0] = l[1] = -1;
            while (left > 0) {
                auto info = signals::wait(Task::current(), realtime, clocks::in(20'000'000));
                if (!info) {
                    if (info != err::again) wrong++;
                    continue;
                }
                int n = info->si_int, &before = last[n / rounds][info->si_signo - first_realtime];
                if (n % rounds <= before || seen[static_cast<unsigned>(n)]++) wrong++;
                before = n % rounds;
                left--;
            }
        });
    while (ready != takers) sched::yield();
    EXPECT(run_threads(senders, [&](unsigned s) {
        for (int i = 0; i < rounds; i++) {
            auto info = queued(i % 2 ? first_realtime : second_realtime, static_cast<int>(s) * rounds + i);
            for (Result<> sent = signals::send(*family.process, info); !sent;
                 sent = signals::send(*family.process, info)) {
                if (sent != err::again) wrong++;
                refused++;
                sched::yield();
            }
        }
    }));
    family.end();
    EXPECT(left == 0);
    EXPECT(wrong == 0);
    EXPECT(refused > 0);
    EXPECT(family.user->signals == 0);
    EXPECT(family.queued() == 0);
}

/// A standard signal is pending once, however often it is sent; but after the last one has been sent it is taken again.
KTEST(signals_merge) {
    constexpr int rounds = 100;
    Family family;
    std::atomic<int> sent = 0, handled = 0;
    std::atomic<unsigned> ready = 0, late = 0, taken = 0;
    family.start([&] {
        block(signal_bit(SIGUSR1));
        ready++;
        while (handled != 2 * rounds) {
            if (!signals::wait(Task::current(), signal_bit(SIGUSR1), too_late())) {
                late++;
                return;
            }
            taken++;
            handled = sent.load();
        }
    });
    while (!ready) sched::yield();
    EXPECT(run_threads(2, [&](unsigned) {
        for (int i = 0; i < rounds; i++) {
            int mine = ++sent;
            (void)signals::send(*family.process, signals::info_kernel(SIGUSR1));
            while (handled < mine && !late) sched::yield();
        }
    }));
    family.end();
    EXPECT(late == 0);
    EXPECT(taken >= rounds && taken <= 2 * rounds);
    family.discard(); // the last one may have come after it was counted as handled
    EXPECT(family.user->signals == 0);
}

/// What is sent to a thread ends its sleep, also when that is about to begin; no other takes it.
KTEST(signals_end_sleeps) {
    constexpr unsigned threads = 2, rounds = 150;
    Family family;
    WaitQueue nobody;
    std::atomic<unsigned> wrong = 0, taken[threads] = {};
    for (unsigned t = 0; t < threads; t++)
        family.start([&, t] {
            Task& self = Task::current();
            while (taken[t] < rounds) {
                if (wait_until(nobody, [] { return false; }, too_late()) != err::restartsys) {
                    wrong++;
                    return;
                }
                siginfo_t info;
                Box<QueuedSignal> freed;
                auto lock = self.process().lock_signals();
                while (self.signals(lock).pending.take(self.blocked(), info, freed, lock)) {
                    if (info.si_int != static_cast<int>(t)) wrong++;
                    taken[t]++;
                    freed.reset();
                }
                signals::recalculate(self, lock);
            }
        });
    EXPECT(run_threads(threads, [&](unsigned t) {
        for (unsigned i = 0; i < rounds && !wrong; i++) {
            (void)signals::send(*family.tasks[t], queued(first_realtime, static_cast<int>(t)));
            if (i % 3 == 0)
                while (taken[t] <= i && !wrong) sched::yield();
        }
    }));
    family.end();
    EXPECT(wrong == 0);
    EXPECT(family.user->signals == 0);
}

/// Two threads block and unblock a signal of the process: whichever does not block it hears of it.
KTEST(signals_find_who_takes_them) {
    constexpr unsigned threads = 2, rounds = 100;
    Family family;
    std::atomic<unsigned> taken = 0, late = 0, ready = 0;
    WaitQueue nobody;
    for (unsigned t = 0; t < threads; t++)
        family.start([&, t] {
            Task& self = Task::current();
            meet(ready, threads);
            for (unsigned i = t; taken < rounds && !late; i++) {
                block(i % 2 ? signal_bit(SIGUSR1) : 0); // the other one's turn: perhaps
                if (i % 2) {
                    sched::yield();
                    continue;
                }
                (void)wait_until(nobody, [] { return false; }, clocks::in(1'000'000));
                siginfo_t info;
                Box<QueuedSignal> freed;
                auto lock = self.process().lock_signals();
                if (self.process().signals(lock).pending.take(self.blocked(), info, freed, lock)) taken++;
                signals::recalculate(self, lock);
            }
        });
    while (ready != threads) sched::yield();
    for (unsigned i = 0; i < rounds; i++) {
        (void)signals::send(*family.process, signals::info_kernel(SIGUSR1));
        Deadline end = too_late();
        while (taken <= i && !late) {
            sched::yield();
            if (clocks::monotonic_ns() > end.ns) late++;
        }
    }
    family.end();
    EXPECT(late == 0);
    EXPECT(taken == rounds);
}

/// An action that is changed to "ignore" while others send: nothing is left, and what it was counted for is given back.
KTEST(signals_are_discarded) {
    Family family;
    std::atomic<bool> done = false;
    family.start([&] {
        SignalAction ignore{.handler = 1}, handle{.handler = 0x1000};
        block(realtime);
        for (unsigned i = 0; i < 150; i++) {
            (void)signals::set_action(Task::current(), first_realtime, &handle);
            sched::yield();
            block(0); // what is blocked is kept
            (void)signals::set_action(Task::current(), first_realtime, &ignore);
            block(realtime);
        }
        block(0);
        (void)signals::set_action(Task::current(), first_realtime, &ignore);
        done = true;
    });
    EXPECT(run_threads(2, [&](unsigned) {
        while (!done) {
            (void)signals::send(*family.process, queued(first_realtime, 1));
            (void)signals::send(*family.tasks[0], queued(first_realtime, 2));
        }
    }));
    family.end();
    EXPECT(family.queued() == 0);
    EXPECT(family.user->signals == 0);
}

/// SIGKILL ends the sleeps of all threads, whatever they block.
KTEST(signals_kill_all) {
    for (unsigned round = 0; round < 20; round++) {
        Family family;
        std::atomic<unsigned> ended = 0, wrong = 0, ready = 0;
        WaitQueue nobody;
        for (unsigned t = 0; t < 3; t++)
            family.start([&] {
                block(~SignalSet{0});
                ready++;
                if (wait_until(nobody, [] { return false; }, too_late()) != err::restartsys) wrong++;
                if (!signals::dying(Task::current())) wrong++;
                ended++;
            });
        while (ready != 3) sched::yield();
        EXPECT(signals::send(*family.process, signals::info_kernel(SIGKILL)));
        family.end();
        EXPECT(ended == 3 && wrong == 0);
    }
}
