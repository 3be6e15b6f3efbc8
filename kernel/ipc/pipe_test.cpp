#include "core/ktest/threads.h"
#include "files.h"
#include "kernel/file/block_on.h"
#include "kernel/ipc/pipe.h"
#include "kernel/ipc/pipe_ring.h"
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <random>
#include <vector>

namespace {
using ktest::run_threads;

/// What the writers write: all sizes are multiples of its own, so that each comes whole where writes are atomic.
struct Record {
    u32 writer, number;
};
constexpr usize most_records = pipes::atomic_size / sizeof(Record);

Result<usize> put(File& to, std::span<const std::byte> bytes) {
    Source from{bytes};
    return file::write(to, from);
}
Result<usize> get(File& from, std::span<std::byte> bytes) {
    Sink to{bytes};
    return file::read(from, to);
}

/// Counts what has come out: each record once, and those of one writer in order for each reader.
class Ledger {
public:
    Ledger(unsigned writers, u32 records) : records_{records}, seen_(writers * records) {}
    class Reader {
    public:
        explicit Reader(Ledger& of) : of_{of}, next_(of.seen_.size() / of.records_) {}
        void take(std::span<const std::byte> bytes) {
            ASSERT_EQ(bytes.size() % sizeof(Record), 0u);
            for (; !bytes.empty(); bytes = bytes.subspan(sizeof(Record))) {
                Record r;
                std::memcpy(&r, bytes.data(), sizeof r);
                ASSERT_LT(r.writer, next_.size());
                ASSERT_LT(r.number, of_.records_);
                if (of_.in_order) ASSERT_GE(r.number, next_[r.writer]);
                next_[r.writer] = r.number + 1;
                EXPECT_EQ(of_.seen_[r.writer * of_.records_ + r.number]++, 0u);
            }
        }

    private:
        Ledger& of_;
        std::vector<u32> next_;
    };
    bool complete() const {
        return std::ranges::all_of(seen_, [](auto& n) { return n == 1; });
    }
    bool in_order = true;

private:
    const u32 records_;
    std::vector<std::atomic<u8>> seen_;
};

/// Writes its records and closes its end.
void write_all(Ref<File> to, unsigned writer, u32 records, std::mt19937& random) {
    for (u32 done = 0; done < records;) {
        Record batch[most_records];
        usize n = std::min<usize>(1 + random() % most_records, records - done);
        for (usize i = 0; i < n; i++) batch[i] = {writer, done++};
        auto written = put(*to, std::as_bytes(std::span{batch}.first(n)));
        ASSERT_TRUE(written);
        ASSERT_EQ(*written, n * sizeof(Record));
    }
}
void read_all(Ref<File> from, Ledger::Reader& reader, std::mt19937& random) {
    std::vector<std::byte> buffer(3 * pipes::atomic_size);
    while (true) {
        auto n = get(*from, std::span{buffer}.first((1 + random() % (3 * most_records)) * sizeof(Record)));
        ASSERT_TRUE(n);
        if (*n == 0) return;
        reader.take(std::span{buffer}.first(*n));
    }
}

class PipeTest : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready()); }
    /// A pipe with few pages, so that both sides sleep often.
    pipes::Ends make(usize pages = 2, u32 flags = 0) {
        auto ends = *pipes::create(flags);
        EXPECT_TRUE(ends.write->control(F_SETPIPE_SZ, pages * page_size));
        return ends;
    }
    void fill(File& pipe, usize pages) {
        std::vector<std::byte> bytes(pages * page_size);
        EXPECT_EQ(*put(pipe, bytes), bytes.size());
    }
    static constexpr u32 records = 4000;
};
} // namespace

TEST_F(PipeTest, EachByteArrivesOnceAndInOrder) {
    for (unsigned readers : {1, 3}) {
        constexpr unsigned writers = 3;
        pipes::Ends ends = make();
        std::vector<Ref<File>> to(writers, ends.write);
        ends.write = {};
        Ledger ledger{writers, records};
        EXPECT_TRUE(run_threads(writers + readers, [&](unsigned n) {
            std::mt19937 random{n};
            if (n < writers) return write_all(std::move(to[n]), n, records, random);
            Ledger::Reader reader{ledger};
            read_all(ends.read, reader, random);
        }));
        EXPECT_TRUE(ledger.complete());
    }
}

/// Longer writes may be mixed, but each writer's bytes stay in order.
TEST_F(PipeTest, LongWritesAreMixedInOrder) {
    constexpr unsigned writers = 3, rounds = 10;
    constexpr usize size = 5 * page_size + 100;
    pipes::Ends ends = make();
    std::vector<Ref<File>> to(writers, ends.write);
    ends.write = {};
    EXPECT_TRUE(run_threads(writers + 1, [&](unsigned n) {
        std::vector<std::byte> bytes(size);
        auto byte = [](unsigned writer, usize at) { return static_cast<std::byte>(writer << 6 | (at & 63)); };
        if (n < writers) {
            Ref<File> own = std::move(to[n]);
            for (usize done = 0; done < rounds * size; done += size) {
                for (usize i = 0; i < size; i++) bytes[i] = byte(n, done + i);
                EXPECT_EQ(*put(*own, bytes), size);
            }
            return;
        }
        usize next[writers] = {};
        while (usize got = *get(*ends.read, bytes))
            for (std::byte b : std::span{bytes}.first(got)) {
                auto writer = static_cast<unsigned>(b) >> 6;
                ASSERT_EQ(b, byte(writer, next[writer]++));
            }
        for (usize n : next) EXPECT_EQ(n, rounds * size);
    }));
}

/// With O_DIRECT each write is one read.
TEST_F(PipeTest, PacketsStayWhole) {
    constexpr unsigned writers = 2, readers = 2;
    constexpr u32 packets = 600;
    pipes::Ends ends = make(4, O_DIRECT);
    std::vector<Ref<File>> to(writers, ends.write);
    ends.write = {};
    std::atomic<u32> count = 0;
    EXPECT_TRUE(run_threads(writers + readers, [&](unsigned n) {
        std::vector<u32> words(1024);
        if (n < writers) {
            Ref<File> own = std::move(to[n]);
            for (u32 i = 1; i <= packets; i++) {
                usize length = 1 + i % 1000;
                std::ranges::fill(words, static_cast<u32>(length));
                EXPECT_EQ(*put(*own, std::as_bytes(std::span{words}.first(length))), length * 4);
            }
            return;
        }
        while (usize got = *get(*ends.read, std::as_writable_bytes(std::span{words}))) {
            EXPECT_EQ(got, words[0] * 4);
            EXPECT_EQ(words[got / 4 - 1], words[0]);
            count++;
        }
    }));
    EXPECT_EQ(count, writers * packets);
}

TEST_F(PipeTest, ReadersHearOfTheLastWriter) {
    for (unsigned round = 0; round < 60; round++) {
        pipes::Ends ends = make();
        EXPECT_TRUE(run_threads(3, [&](unsigned n) {
            std::byte bytes[10];
            if (n > 0) return (void)[&] {
                    EXPECT_EQ(*get(*ends.read, bytes), 0u);
                }
            ();
            for (unsigned i = 0; i < round % 4; i++) sched::yield();
            ends.write = {};
        }));
        EXPECT_EQ(ends.read->poll(), u32{EPOLLHUP});
    }
}

TEST_F(PipeTest, WritersHearOfTheLastReader) {
    for (unsigned round = 0; round < 60; round++) {
        pipes::Ends ends = make(1);
        fill(*ends.write, 1);
        host::broken_pipes = 0;
        EXPECT_TRUE(run_threads(3, [&](unsigned n) {
            std::byte bytes[10] = {};
            if (n > 0) return (void)[&] {
                    EXPECT_EQ(put(*ends.write, bytes), err::pipe);
                }
            ();
            for (unsigned i = 0; i < round % 4; i++) sched::yield();
            ends.read = {};
        }));
        EXPECT_EQ(host::broken_pipes, 2u);
        EXPECT_TRUE(ends.write->poll() & EPOLLERR);
    }
}

TEST_F(PipeTest, ASignalEndsASleep) {
    pipes::Ends ends = make(1);
    fill(*ends.write, 1);
    std::atomic<unsigned> sleep = 0;
    std::atomic<Thread*> threads[2] = {};
    pipes::Ends empty = make();
    EXPECT_TRUE(run_threads(3, [&](unsigned n) {
        std::byte bytes[10] = {};
        if (n < 2) {
            threads[n] = &Thread::current();
            sleep++;
            EXPECT_EQ(n ? put(*ends.write, bytes) : get(*empty.read, bytes), err::restartsys);
            Thread::current().work.fetch_and(~u32{arch::work_signal});
            return;
        }
        while (sleep != 2) sched::yield();
        for (auto& t : threads) t.load()->interrupt();
    }));
}

/// A byte wakes one reader. One that a signal has taken away, or that was told of several bytes, passes it on.
TEST_F(PipeTest, NoWakeUpIsLostToASignal) {
    constexpr unsigned readers = 4, bytes = 3000;
    pipes::Ends ends = make();
    std::atomic<unsigned> taken = 0;
    std::atomic<Thread*> threads[readers] = {};
    EXPECT_TRUE(run_threads(readers + 1, [&](unsigned n) {
        std::mt19937 random{n};
        std::byte some[3] = {};
        if (n == readers) {
            for (auto& t : threads)
                while (!t) sched::yield();
            for (unsigned sent = 0; sent < bytes;) {
                usize count = std::min<unsigned>(1 + random() % 3, bytes - sent);
                EXPECT_EQ(put(*ends.write, std::span{some}.first(count)), count);
                sent += count;
                threads[random() % readers].load()->interrupt();
                if (random() % 2)
                    while (taken != sent) sched::yield();
            }
            ends.write = {};
            return;
        }
        threads[n] = &Thread::current();
        while (true) {
            auto got = get(*ends.read, std::span{some}.first(1));
            if (got && !*got) return;
            if (got) taken++;
            EXPECT_TRUE(got || got.error() == Errno::restartsys);
            Thread::current().work.fetch_and(~u32{arch::work_signal});
        }
    }));
    EXPECT_EQ(taken, bytes);
}

TEST_F(PipeTest, NonblockingOnesAnswerAtOnce) {
    pipes::Ends ends = make(1, O_NONBLOCK);
    std::byte bytes[10] = {};
    EXPECT_EQ(get(*ends.read, bytes), err::again);
    fill(*ends.write, 1);
    EXPECT_EQ(put(*ends.write, bytes), err::again);
    EXPECT_EQ(pipes::wait_for_room(*ends.write, true), err::again);
}

/// The size changes under the traffic; a smaller one than what is in the pipe is refused.
TEST_F(PipeTest, SizesChangeMeanwhile) {
    constexpr unsigned writers = 2;
    pipes::Ends ends = make();
    std::vector<Ref<File>> to(writers, ends.write);
    ends.write = {};
    Ledger ledger{writers, records};
    std::atomic<bool> done = false;
    EXPECT_TRUE(run_threads(writers + 2, [&](unsigned n) {
        std::mt19937 random{n};
        if (n < writers) return write_all(std::move(to[n]), n, records, random);
        if (n == writers) {
            Ledger::Reader reader{ledger};
            read_all(ends.read, reader, random);
            done = true;
            return;
        }
        for (usize pages = 1; !done; pages = pages * 2 % 31, sched::yield()) {
            auto resized = ends.read->control(F_SETPIPE_SZ, pages * page_size);
            EXPECT_TRUE(resized || resized == err::busy);
        }
    }));
    EXPECT_TRUE(ledger.complete());
}

namespace {
/// From pipe to pipe by `movers` threads.
void pass_through(pipes::Ends first, pipes::Ends second, unsigned movers, Ledger& ledger, u32 records) {
    constexpr unsigned writers = 2;
    std::vector<Ref<File>> to(writers, first.write), onwards(movers, second.write);
    first.write = second.write = {};
    EXPECT_TRUE(run_threads(writers + movers + 1, [&](unsigned n) {
        std::mt19937 random{n};
        if (n < writers) return write_all(std::move(to[n]), n, records, random);
        if (n == writers) {
            Ledger::Reader reader{ledger};
            return read_all(second.read, reader, random);
        }
        Ref<File> own = std::move(onwards[n - writers - 1]);
        while (true) {
            usize most = (1 + random() % (2 * most_records)) * sizeof(Record);
            auto moved = pipes::pass(*first.read, *own, most, pipes::Pass::move, false);
            ASSERT_TRUE(moved);
            if (*moved == 0) return;
        }
    }));
}
} // namespace

TEST_F(PipeTest, SpliceMovesEachByteOnce) {
    for (unsigned movers : {1, 3}) {
        Ledger ledger{2, records};
        ledger.in_order = movers == 1;
        pass_through(make(), make(), movers, ledger, records);
        EXPECT_TRUE(ledger.complete());
    }
}

TEST_F(PipeTest, TeeKeepsWhatItShares) {
    pipes::Ends first = make(), second = make();
    Ledger here{1, records}, there{1, records};
    EXPECT_TRUE(run_threads(3, [&](unsigned n) {
        std::mt19937 random{n};
        if (n == 0) return write_all(std::move(first.write), 0, records, random);
        if (n == 1) {
            Ledger::Reader reader{there};
            return read_all(second.read, reader, random);
        }
        Ref<File> own = std::move(second.write);
        Ledger::Reader reader{here};
        std::vector<std::byte> buffer(2 * pipes::atomic_size);
        while (true) {
            usize most = (1 + random() % (2 * most_records)) * sizeof(Record);
            auto shared = pipes::pass(*first.read, *own, most, pipes::Pass::share, false);
            ASSERT_TRUE(shared);
            if (*shared == 0) return;
            for (usize left = *shared; left;) {
                usize got = *get(*first.read, std::span{buffer}.first(left));
                reader.take(std::span{buffer}.first(got));
                left -= got;
            }
        }
    }));
    EXPECT_TRUE(here.complete() && there.complete());
}

/// Two read by claims that they take in part, another one reads.
TEST_F(PipeTest, ClaimsKeepOthersOut) {
    constexpr unsigned writers = 2;
    pipes::Ends ends = make();
    std::vector<Ref<File>> to(writers, ends.write);
    ends.write = {};
    Ledger ledger{writers, records};
    std::atomic<unsigned> claims = 0;
    EXPECT_TRUE(run_threads(writers + 3, [&](unsigned n) {
        std::mt19937 random{n};
        if (n < writers) return write_all(std::move(to[n]), n, records, random);
        Ledger::Reader reader{ledger};
        if (n == writers) {
            while (claims == 0) sched::yield(); // it could take all before the others come
            return read_all(ends.read, reader, random);
        }
        while (*pipes::wait_for_bytes(*ends.read, false)) {
            pipes::Claim claim = pipes::claim(*ends.read, (1 + random() % most_records) * sizeof(Record));
            usize found = claim.bytes().size() / sizeof(Record);
            if (!found) continue;
            claims++;
            for (unsigned i = random() % 6; i > 0; i--) sched::yield(); // others find it claimed
            auto taken = claim.bytes().first(random() % (found + 1) * sizeof(Record));
            reader.take(taken);
            claim.taken(taken.size());
        }
    }));
    EXPECT_TRUE(ledger.complete());
    EXPECT_GT(claims, 0u);
}

TEST_F(PipeTest, PushedPagesArrive) {
    pipes::Ends ends = make();
    constexpr u32 pages = records / most_records;
    Ledger ledger{1, pages * most_records};
    EXPECT_TRUE(run_threads(2, [&](unsigned n) {
        std::mt19937 random{n};
        Ledger::Reader reader{ledger};
        if (n == 1) return read_all(ends.read, reader, random);
        Ref<File> own = std::move(ends.write);
        for (u32 i = 0; i < pages; i++) {
            pipes::PipeBuffer piece{*mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing), 0, page_size};
            auto* at = static_cast<Record*>(piece.frame->data());
            for (u32 k = 0; k < most_records; k++) at[k] = {0, i * static_cast<u32>(most_records) + k};
            do EXPECT_TRUE(pipes::wait_for_room(*own, false));
            while (pipes::push(*own, std::span{&piece, 1}) == 0);
        }
    }));
    EXPECT_TRUE(ledger.complete());
}
