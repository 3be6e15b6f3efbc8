#include "core/ktest/threads.h"
#include "core/time/clock.h"
#include "files.h"
#include "kernel/file/block_on.h"
#include "kernel/file/poll.h"
#include "kernel/ipc/epoll.h"
#include "kernel/ipc/event.h"
#include "kernel/ipc/pipe.h"
#include <gtest/gtest.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <random>
#include <vector>

namespace {
using clocks::in;
using ktest::run_threads;
constexpr u64 ms = 1'000'000;
/// A wait that ends only because a notification was lost.
Deadline too_late() { return in(20 * clocks::ns_per_second); }

struct Events final : epoll::EventSink {
    std::vector<epoll::Event> all;
    Result<> put(const epoll::Event& e) override {
        all.push_back(e);
        return {};
    }
};

class EpollTest : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready()); }
    Ref<File> poller = *epoll::create();

    static Ref<File> counter(bool semaphore = false) { return *event::create_counter(0, semaphore, O_NONBLOCK); }
    static void add_to(File& counter, u64 n = 1) {
        Source from{std::as_bytes(std::span{&n, 1})};
        EXPECT_EQ(*file::write(counter, from), sizeof n);
    }
    /// 0: there was nothing.
    static u64 take_from(File& counter) {
        u64 n = 0;
        Sink to{std::as_writable_bytes(std::span{&n, 1})};
        return file::read(counter, to) ? n : 0;
    }
    void add(const Ref<File>& file, int fd, u32 events) {
        EXPECT_TRUE(epoll::add(*poller, file, fd, {events, static_cast<u64>(fd)}));
    }
    /// The events of one wait, at most `most`.
    std::vector<epoll::Event> wait(usize most = 8, Deadline until = too_late()) {
        Events events;
        auto n = epoll::wait(*poller, events, most, until);
        EXPECT_TRUE(n);
        if (n) EXPECT_EQ(*n, events.all.size());
        return std::move(events.all);
    }
};
} // namespace

TEST_F(EpollTest, WaitsEnd) {
    u64 before = clocks::monotonic_ns();
    EXPECT_TRUE(wait(1, in(20 * ms)).empty());
    EXPECT_GE(clocks::monotonic_ns() - before, 20 * ms);
    std::atomic<Thread*> sleeper = nullptr;
    EXPECT_TRUE(run_threads(2, [&](unsigned n) {
        if (n == 1) {
            while (!sleeper) sched::yield();
            sleeper.load()->interrupt();
            return;
        }
        sleeper = &Thread::current();
        Events events;
        EXPECT_EQ(epoll::wait(*poller, events, 1, too_late()), err::intr);
        Thread::current().work.fetch_and(~u32{arch::work_signal});
    }));
}

/// A file that is ready stays so until somebody has read; several threads read what several others write.
TEST_F(EpollTest, LevelsAreReportedUntilTheyAreTaken) {
    constexpr unsigned files = 3, rounds = 400;
    Ref<File> counters[files];
    for (unsigned i = 0; i < files; i++) add(counters[i] = counter(), static_cast<int>(i), EPOLLIN);
    std::atomic<u64> taken = 0;
    EXPECT_TRUE(run_threads(4, [&](unsigned n) {
        if (n < 2) {
            for (unsigned i = 0; i < rounds; i++) add_to(*counters[(i + n) % files]);
            return;
        }
        while (taken < 2 * rounds) {
            for (auto& event : wait()) taken += take_from(*counters[event.data]);
            if (taken == 2 * rounds) add_to(*counters[0], 2 * rounds); // the other one hears of it
        }
    }));
    EXPECT_GE(taken, 2 * rounds);
}

/// Whoever is woken by a level that stays wakes the next one.
TEST_F(EpollTest, LevelsWakeAllInTurn) {
    auto file = counter();
    add(file, 1, EPOLLIN);
    for (unsigned round = 0; round < 10; round++) {
        EXPECT_TRUE(run_threads(4, [&](unsigned n) {
            if (n > 0) {
                EXPECT_EQ(wait().size(), 1u);
                return;
            }
            WaitQueue nobody;
            (void)wait_until(nobody, [] { return false; }, in(2 * ms)); // until the others sleep
            add_to(*file);
        }));
        EXPECT_EQ(take_from(*file), 1u);
    }
}

/// Whoever gets the event has the file for itself until it asks again.
TEST_F(EpollTest, OneShotsGoToOneWaiter) {
    constexpr unsigned files = 2, waiters = 3, rounds = 400;
    Ref<File> counters[files];
    for (unsigned i = 0; i < files; i++) add(counters[i] = counter(true), static_cast<int>(i), EPOLLIN | EPOLLONESHOT);
    std::atomic<bool> owned[files] = {};
    std::atomic<u64> taken = 0;
    auto done = [&] { return taken == files * rounds; };
    auto stop = counter();
    add(stop, 99, EPOLLIN);
    EXPECT_TRUE(run_threads(waiters + 1, [&](unsigned n) {
        if (n == waiters) {
            for (unsigned i = 0; i < files * rounds; i++) {
                add_to(*counters[i % files]);
                if (i % 2) sched::yield();
            }
            return;
        }
        while (!done())
            for (auto& event : wait(2)) {
                if (event.data == 99) continue;
                EXPECT_FALSE(owned[event.data].exchange(true));
                taken += take_from(*counters[event.data]);
                if (done()) add_to(*stop);
                sched::yield(); // more comes meanwhile
                owned[event.data] = false;
                auto fd = static_cast<int>(event.data);
                EXPECT_TRUE(epoll::modify(*poller, *counters[fd], fd, {EPOLLIN | EPOLLONESHOT, event.data}));
            }
    }));
    EXPECT_EQ(taken, files * rounds);
}

/// An edge is reported once: to one of the waiters.
TEST_F(EpollTest, EdgesGoToOneWaiter) {
    constexpr unsigned waiters = 3, rounds = 100;
    auto file = counter(), stop = counter();
    add(file, 0, EPOLLIN | EPOLLET);
    add(stop, 1, EPOLLIN);
    std::atomic<unsigned> reported = 0, sent = 0;
    EXPECT_TRUE(run_threads(waiters + 1, [&](unsigned n) {
        if (n == waiters) {
            for (unsigned i = 0; i < rounds; i++) {
                sent++;
                add_to(*file); // nobody ever reads it
                while (reported != sent) sched::yield();
            }
            for (unsigned i = 0; i < 20; i++) sched::yield(); // none comes later
            EXPECT_EQ(reported, rounds);
            add_to(*stop);
            return;
        }
        for (bool stopped = false; !stopped;)
            for (auto& event : wait()) event.data == 0 ? void(reported++) : void(stopped = true);
    }));
    EXPECT_EQ(reported, rounds);
}

/// What is added, changed and removed while it becomes ready, and while others wait.
TEST_F(EpollTest, ChangesMeetNotifications) {
    constexpr unsigned rounds = 300;
    auto file = counter(), tick = counter();
    add(tick, 7, EPOLLIN);
    std::atomic<bool> done = false;
    std::atomic<unsigned> stale = 0;
    EXPECT_TRUE(run_threads(4, [&](unsigned n) {
        std::mt19937 random{n};
        if (n == 0) {
            for (unsigned i = 0; i < rounds; i++) {
                add(file, 3, random() % 2 ? EPOLLIN | EPOLLET : EPOLLIN);
                if (random() % 2) sched::yield();
                EXPECT_TRUE(epoll::modify(*poller, *file, 3, {random() % 2 ? EPOLLOUT : EPOLLIN, 3}));
                EXPECT_EQ(epoll::add(*poller, file, 3, {EPOLLIN, 3}), err::exist);
                EXPECT_TRUE(epoll::remove(*poller, *file, 3));
                EXPECT_EQ(epoll::remove(*poller, *file, 3), err::noent);
            }
            done = true;
            add_to(*tick);
        } else if (n == 1) {
            while (!done) {
                add_to(*file);
                if (random() % 2) (void)take_from(*file);
                if (random() % 4 == 0) sched::yield();
            }
        } else {
            while (!done)
                for (auto& event : wait()) stale += event.data != 3 && event.data != 7;
        }
    }));
    EXPECT_EQ(stale, 0u);
    // Nothing of it is left, and what is added now is seen.
    take_from(*tick);
    EXPECT_TRUE(wait(8, in(0)).empty());
    add(file, 3, EPOLLOUT);
    EXPECT_EQ(wait().size(), 1u);
}

/// Files that are closed, with the last reference, while others wait for them and look at them.
TEST_F(EpollTest, ClosedFilesVanish) {
    constexpr unsigned rounds = 300;
    auto stop = counter();
    add(stop, 1, EPOLLIN);
    u64 open = static_cast<u64>(File::count.sum());
    EXPECT_TRUE(run_threads(4, [&](unsigned n) {
        if (n < 2) {
            for (bool stopped = false; !stopped;)
                for (auto& event : wait()) stopped |= event.data == 1;
            return;
        }
        int fd = static_cast<int>(n) * 10;
        for (unsigned i = 0; i < rounds; i++) {
            auto ends = *pipes::create(0);
            add(ends.read, fd, i % 2 ? EPOLLIN : EPOLLIN | EPOLLET);
            add(ends.write, fd + 1, EPOLLOUT);
            if (i % 2) ends.write = {}; // a hang-up, while it may be looked at
            if (i % 3 == 0) sched::yield();
        }
        if (n == 2) add_to(*stop);
    }));
    take_from(*stop);
    EXPECT_TRUE(wait(8, in(0)).empty());
    EXPECT_EQ(static_cast<u64>(File::count.sum()), open);
}

/// The epoll itself goes while its files are notified.
TEST_F(EpollTest, AnEpollIsClosedUnderItsFiles) {
    auto file = counter();
    std::atomic<bool> done = false;
    EXPECT_TRUE(run_threads(2, [&](unsigned n) {
        if (n == 1) {
            while (!done) {
                add_to(*file);
                (void)take_from(*file);
            }
            return;
        }
        for (unsigned i = 0; i < 300; i++) {
            auto made = *epoll::create();
            EXPECT_TRUE(epoll::add(*made, file, 1, {EPOLLIN, 1}));
            if (i % 4 == 0) sched::yield();
        }
        done = true;
    }));
}

/// A pipe's bytes, an epoll on it, and an epoll on that: each round one notification climbs up.
TEST_F(EpollTest, NestedOnesAreWoken) {
    constexpr unsigned rounds = 500;
    auto file = counter(), answer = counter();
    auto inner = *epoll::create(), other = *epoll::create();
    EXPECT_TRUE(epoll::add(*inner, file, 1, {EPOLLIN, 1}));
    EXPECT_TRUE(epoll::add(*other, answer, 1, {EPOLLIN, 1}));
    add(inner, 2, EPOLLIN);
    EXPECT_EQ(epoll::add(*inner, poller, 2, {EPOLLIN, 2}), err::loop);
    EXPECT_TRUE(run_threads(2, [&](unsigned n) {
        for (unsigned i = 0; i < rounds; i++) {
            if (n == 0) {
                add_to(*file);
                Events events;
                EXPECT_EQ(*epoll::wait(*other, events, 1, too_late()), 1u);
                EXPECT_EQ(take_from(*answer), 1u);
            } else {
                EXPECT_EQ(wait().size(), 1u);
                EXPECT_EQ(take_from(*file), 1u);
                add_to(*answer);
            }
        }
    }));
}

/// EPOLLEXCLUSIVE: several epolls on one file; each thing is taken, whoever is woken for it.
TEST_F(EpollTest, ExclusiveOnesMissNothing) {
    constexpr unsigned waiters = 3, rounds = 500;
    auto file = counter(true), stop = counter();
    std::atomic<u64> taken = 0, woken = 0;
    EXPECT_TRUE(run_threads(waiters + 1, [&](unsigned n) {
        if (n == waiters) {
            for (unsigned i = 0; i < rounds; i++) add_to(*file);
            while (taken != rounds) sched::yield();
            add_to(*stop);
            return;
        }
        auto own = *epoll::create();
        EXPECT_TRUE(epoll::add(*own, file, 1, {EPOLLIN | EPOLLEXCLUSIVE, 1}));
        EXPECT_TRUE(epoll::add(*own, stop, 2, {EPOLLIN, 2}));
        for (bool stopped = false; !stopped;) {
            Events events;
            EXPECT_TRUE(epoll::wait(*own, events, 2, too_late()));
            EXPECT_FALSE(events.all.empty());
            woken++;
            for (auto& event : events.all) event.data == 1 ? void(taken += take_from(*file)) : void(stopped = true);
        }
    }));
    EXPECT_EQ(taken, rounds);
}

/// poll(2): the same without an epoll.
TEST_F(EpollTest, PollSeesEachOfSeveral) {
    constexpr unsigned files = 12, rounds = 300; // more than its own stack has places for
    Ref<File> counters[files], answer = counter();
    for (auto& c : counters) c = counter();
    EXPECT_TRUE(run_threads(2, [&](unsigned n) {
        for (unsigned i = 0; i < rounds; i++) {
            if (n == 0) {
                add_to(*counters[i * 5 % files]);
                file::PollEntry entry{answer, EPOLLIN};
                EXPECT_EQ(*file::poll(std::span{&entry, 1}, too_late()), 1u);
                EXPECT_EQ(take_from(*answer), 1u);
                continue;
            }
            std::vector<file::PollEntry> entries;
            for (auto& c : counters) entries.push_back({c, EPOLLIN});
            EXPECT_EQ(*file::poll(entries, too_late()), 1u);
            EXPECT_TRUE(entries[i * 5 % files].ready & EPOLLIN);
            EXPECT_EQ(take_from(*counters[i * 5 % files]), 1u);
            add_to(*answer);
        }
    }));
    file::PollEntry entry{answer, EPOLLIN};
    EXPECT_EQ(*file::poll(std::span{&entry, 1}, in(ms)), 0u);
}
