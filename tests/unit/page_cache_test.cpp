// The page cache of files that lie elsewhere: reading, writing back, errors, memory that is short.
#include "core/alloc/frame_pool.h"
#include "core/ktest/threads.h"
#include "files.h"
#include "host/backed_files.h"
#include "kernel/file/block_on.h"
#include "kernel/file/table.h"
#include "kernel/vfs/reclaim.h"
#include "kernel/vfs/settings.h"
#include <asm/fcntl.h>
#include <gtest/gtest.h>
#include <random>
#include <string>

namespace {
using host::BackedFs;
constexpr u64 all = ~u64{0};

class Backed : public testing::Test {
protected:
    static void SetUpTestSuite() { ASSERT_TRUE(host::files_ready()); }
    void SetUp() override {
        vfs::settings.write_back_age_ms = 1'000'000; // by hand, unless a test says otherwise
        fs = *make_ref<BackedFs>();
        tree = *vfs::MountTree::create(fs, "disk", 0);
        auto root = tree->root();
        walker = {root, root, *make_ref<Credentials>(), 022};
        place = *vfs::resolve(walker, "/file", 0);
    }
    vfs::BackedCache& pages() { return *place.inode().pages()->backed(); }
    host::Disk& disk() { return fs->disk; }
    Ref<File> open(u32 flags = O_RDWR) { return *vfs::open(walker, "/file", {.flags = flags}); }
    /// Content of `n` pages on the disk: page i is full of i + 1.
    void prepare(u64 n) {
        ASSERT_TRUE(pages().resize(n * page_size));
        for (u64 i = 0; i < n; i++) disk().fill(i, static_cast<int>(i + 1));
    }
    /// A file of another owner's, instead of the test's own.
    Ref<host::BackedInode> inode_of(MemoryAccount& account) {
        place = {};
        Charging whom{account};
        return *make_ref<host::BackedInode>(*fs);
    }
    Result<usize> write(u64 at, std::string_view text) {
        Source from{std::as_bytes(std::span{text})};
        u64 end;
        return pages().write(from, at, false, &end);
    }
    Result<std::string> read(u64 at, usize n) {
        std::string text(n, '?');
        Sink to{std::as_writable_bytes(std::span{text.data(), text.size()})};
        text.resize(TRY(pages().read(to, at)));
        return text;
    }
    /// A byte as reading shows it.
    int byte(u64 at) { return static_cast<unsigned char>(read(at, 1).value_or("?")[0]); }
    bool present(u64 index) {
        FrameRef frame;
        pages().present_pages(index, {&frame, 1});
        return static_cast<bool>(frame);
    }
    void sync() { pages().write_back(0, all); }
    /// Some thread is to bring it about.
    static void wait_for(auto ready) {
        for (int i = 0; i < 2000 && !ready(); i++) {
            Sleeper self;
            (void)self.sleep(clocks::in(5'000'000), false);
        }
        EXPECT_TRUE(ready());
    }

    Ref<BackedFs> fs;
    Ref<vfs::MountTree> tree;
    vfs::Walker walker;
    vfs::Path place;
};

TEST_F(Backed, ReadsPagesWhenTheyAreWanted) {
    prepare(100);
    disk().punch(50, 1);
    EXPECT_EQ(byte(70 * page_size), 71);
    EXPECT_EQ(disk().pages_read, 1u);
    EXPECT_EQ(byte(70 * page_size + 5), 71);
    EXPECT_EQ(disk().pages_read, 1u);
    EXPECT_EQ(byte(71 * page_size), 72); // in order: some ahead
    EXPECT_GT(disk().pages_read, 2u);
    EXPECT_EQ(byte(50 * page_size), 0);
    auto text = *read(0, 200 * page_size);
    ASSERT_EQ(text.size(), 100 * page_size);
    for (u64 i = 0; i < 100; i++) ASSERT_EQ(text[i * page_size + 17], static_cast<char>(i == 50 ? 0 : i + 1));
    EXPECT_EQ(disk().pages_read, 100u);
}

TEST_F(Backed, ShortReadsAndWritesGoOn) {
    prepare(40);
    disk().at_once = 3;
    EXPECT_EQ(read(0, 40 * page_size)->size(), 40 * page_size);
    EXPECT_EQ(write(0, std::string(40 * page_size, 'x')), 40 * page_size);
    sync();
    for (u64 i = 0; i < 40; i++) ASSERT_EQ(disk().byte(i, page_size - 1), 'x');
    EXPECT_GE(disk().writes, 13u);
    EXPECT_TRUE(pages().errors.sample() == 0);
}

TEST_F(Backed, FailedReadsAreTold) {
    prepare(4);
    disk().failing_reads = 1;
    EXPECT_EQ(read(0, 1), err::io);
    EXPECT_EQ(byte(0), 1);
    // What was read before an error counts.
    EXPECT_EQ(pages().reclaim(4).dropped + pages().reclaim(4).dropped, 4u);
    disk().at_once = 2;
    disk().fails_from = 2;
    EXPECT_EQ(read(0, 4 * page_size)->size(), 2 * page_size);
    EXPECT_EQ(read(2 * page_size, page_size), err::io);
    EXPECT_EQ(byte(page_size), 2);
}

TEST_F(Backed, ChangesStayUntilTheyAreWritten) {
    prepare(3);
    EXPECT_EQ(write(page_size + 10, "hello"), 5u);
    EXPECT_EQ(disk().byte(1, 10), 2);
    EXPECT_EQ(read(page_size + 9, 7), "\2hello\2");
    sync();
    EXPECT_EQ(disk().byte(1, 9), 2);
    EXPECT_EQ(disk().byte(1, 10), 'h');
    EXPECT_EQ(disk().byte(1, 15), 2);
    EXPECT_EQ(disk().pages_written, 1u);
    sync(); // nothing is left to do
    EXPECT_EQ(disk().pages_written, 1u);
    // A range.
    EXPECT_EQ(write(0, "a"), 1u);
    EXPECT_EQ(write(2 * page_size, "c"), 1u);
    pages().write_back(2, 3);
    EXPECT_EQ(disk().byte(0), 1);
    EXPECT_EQ(disk().byte(2), 'c');
}

TEST_F(Backed, WholePagesBeyondTheEndAreNotRead) {
    EXPECT_EQ(write(0, std::string(5 * page_size, 'n')), 5 * page_size);
    EXPECT_EQ(disk().reads, 0u);
    EXPECT_EQ(write(10 * page_size + 1, "x"), 1u);
    EXPECT_EQ(byte(7 * page_size), 0); // the gap
    sync();
    EXPECT_EQ(disk().byte(4), 'n');
    EXPECT_EQ(disk().byte(10, 1), 'x');
    EXPECT_EQ(disk().byte(10, 2), 0);
}

TEST_F(Backed, EachOpenFileHearsOfAnErrorOnce) {
    prepare(2);
    auto a = open(), b = open(), reader = open(O_RDONLY);
    EXPECT_EQ(write(0, "x"), 1u);
    disk().failing_writes = 1;
    sync(); // as the thread does: nobody is told yet
    auto late = open();
    EXPECT_EQ(a->sync({}), err::io);
    EXPECT_TRUE(a->sync({}));
    EXPECT_EQ(late->sync({SyncRange::Scope::data}), err::io); // nobody had heard of it when it was opened
    auto after = open();
    EXPECT_TRUE(after->sync({}));
    EXPECT_EQ(b->sync({SyncRange::Scope::pages, 0, 1}), err::io);
    EXPECT_TRUE(b->sync({}));
    EXPECT_EQ(reader->sync({}), err::io);
    EXPECT_EQ(a->sync_filesystem(), err::io);
    EXPECT_TRUE(a->sync_filesystem());
    // A second error is another one.
    EXPECT_EQ(write(0, "y"), 1u);
    disk().failing_writes = 1;
    EXPECT_EQ(a->sync({}), err::io);
    EXPECT_EQ(after->sync({}), err::io);
    EXPECT_TRUE(a->sync({}));
    EXPECT_EQ(write(0, "z"), 1u);
    EXPECT_TRUE(a->sync({}));
    EXPECT_EQ(disk().byte(0), 'z');
}

TEST_F(Backed, CloseTellsOnlyWhereItWritesBack) {
    auto table = *FileTable::create();
    prepare(1);
    for (bool flushes : {false, true}) {
        fs->flushes = flushes;
        int fd = *table->install(open(), false, 64);
        EXPECT_EQ(write(0, "x"), 1u);
        disk().failing_writes = 1;
        EXPECT_EQ(table->close(fd), flushes ? Result<>{err::io} : Result<>{});
        disk().failing_writes = 0;
        EXPECT_EQ(disk().byte(0), 1);
    }
}

TEST_F(Backed, SyncReachesTheFileSystem) {
    auto file = open();
    EXPECT_TRUE(file->sync({}));
    EXPECT_TRUE(file->sync({SyncRange::Scope::data}));
    EXPECT_TRUE(file->sync({SyncRange::Scope::pages}));
    EXPECT_EQ(fs->inode_syncs, 1u);
    EXPECT_EQ(fs->data_syncs, 1u);
    EXPECT_EQ(write(0, "x"), 1u);
    EXPECT_TRUE(file->sync_filesystem());
    EXPECT_EQ(disk().byte(0), 'x');
    EXPECT_EQ(fs->metadata_syncs, 1u);
    EXPECT_EQ(write(0, "y"), 1u);
    vfs::sync_all();
    EXPECT_EQ(disk().byte(0), 'y');
    EXPECT_EQ(fs->metadata_syncs, 2u);
    // The last mount writes back what is left.
    EXPECT_EQ(write(0, "z"), 1u);
    file = nullptr;
    walker = {};
    place = {};
    tree = nullptr;
    EXPECT_EQ(disk().byte(0), 'z');
}

TEST_F(Backed, WritesOfSynchronousFilesAreOnTheDisk) {
    auto put = [](File& file, std::string_view text, Source::Sync sync = Source::Sync::no) {
        Source from{std::as_bytes(std::span{text})};
        from.sync = sync;
        return file::write_at(file, from, 0);
    };
    auto plain = open();
    EXPECT_EQ(put(*plain, "a"), 1u);
    EXPECT_EQ(disk().byte(0), 0);
    EXPECT_EQ(put(*plain, "b", Source::Sync::data), 1u);
    EXPECT_EQ(disk().byte(0), 'b');
    EXPECT_EQ(fs->data_syncs, 1u);
    EXPECT_EQ(put(*plain, "c", Source::Sync::all), 1u);
    EXPECT_EQ(fs->inode_syncs, 1u);
    EXPECT_EQ(put(*open(O_RDWR | O_DSYNC), "d"), 1u);
    EXPECT_EQ(disk().byte(0), 'd');
    EXPECT_EQ(fs->data_syncs, 2u);
    EXPECT_EQ(put(*open(O_RDWR | O_SYNC), "e"), 1u);
    EXPECT_EQ(disk().byte(0), 'e');
    EXPECT_EQ(fs->inode_syncs, 2u);
    disk().failing_writes = 1;
    EXPECT_EQ(put(*open(O_RDWR | O_DSYNC), "f"), err::io);
}

TEST_F(Backed, TruncationReachesTheDisk) {
    prepare(10);
    EXPECT_EQ(write(8 * page_size, "dirty"), 5u);
    ASSERT_TRUE(pages().resize(3 * page_size + 100));
    EXPECT_EQ(disk().byte(4), 0);
    ASSERT_TRUE(pages().resize(10 * page_size));
    EXPECT_EQ(byte(8 * page_size), 0);
    EXPECT_EQ(byte(3 * page_size + 99), 4);
    EXPECT_EQ(byte(3 * page_size + 100), 0);
    sync();
    EXPECT_EQ(disk().byte(3, 99), 4);
    EXPECT_EQ(disk().byte(3, 100), 0); // the rest of the page was cut, too
    EXPECT_EQ(disk().byte(8), 0);
    ASSERT_TRUE(pages().allocate(3, 10, 2 * page_size)); // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    EXPECT_EQ(byte(9), 1);
    EXPECT_EQ(byte(10), 0);
    EXPECT_EQ(byte(page_size), 0);
    EXPECT_EQ(byte(2 * page_size + 9), 0);
    EXPECT_EQ(byte(2 * page_size + 10), 3);
    sync();
    EXPECT_EQ(disk().byte(0, 10), 0);
    EXPECT_EQ(disk().byte(1), 0);
    EXPECT_EQ(pages().allocate(0, 0, page_size), err::opnotsupp);
    EXPECT_EQ(pages().seek(5, false), 5u);
    EXPECT_EQ(pages().seek(5, true), 10 * page_size);
}

TEST_F(Backed, MappedPagesAreMarkedWhenTheyAreWritten) {
    prepare(4);
    EXPECT_EQ(pages().page(1, false), err::again);
    EXPECT_EQ(pages().page(1, true), err::again);
    EXPECT_EQ(pages().page(4, false), err::nxio);
    ASSERT_TRUE(pages().fetch(1, 1));
    auto frame = *pages().page(1, true);
    frame->bytes()[0] = std::byte{'m'};
    sync();
    EXPECT_EQ(disk().byte(1), 'm');
    // Beyond the end, what a mapping wrote is not kept.
    ASSERT_TRUE(pages().resize(page_size + 7));
    frame = *pages().page(1, true);
    frame->bytes()[6] = frame->bytes()[7] = std::byte{'n'};
    sync();
    EXPECT_EQ(disk().byte(1, 6), 'n');
    EXPECT_EQ(disk().byte(1, 7), 0);
}

TEST_F(Backed, CleanPagesGoAndDirtyOnesStay) {
    prepare(64);
    (void)read(0, 64 * page_size);
    EXPECT_EQ(write(5 * page_size, "d"), 1u);
    u64 before = mm::memory_info().of(FrameUse::page_cache);
    EXPECT_EQ(pages().reclaim(64).dropped, 0u); // all were used lately
    (void)byte(7 * page_size);
    usize gone = pages().reclaim(64).dropped;
    EXPECT_EQ(gone, 62u);
    EXPECT_EQ(before - mm::memory_info().of(FrameUse::page_cache), 62 * page_size);
    EXPECT_TRUE(present(5));
    EXPECT_TRUE(present(7));
    EXPECT_FALSE(present(8));
    FrameRef used = *pages().fetch_page(9, false);
    for (int i = 0; i < 4; i++) (void)vfs::reclaim_pages(&MemoryAccount::kernel(), 1000);
    EXPECT_TRUE(present(5));
    EXPECT_TRUE(present(9)); // somebody holds it
    EXPECT_FALSE(present(7));
    sync();
    used = {};
    EXPECT_GE(vfs::reclaim_pages(nullptr, 1000), 2u);
    EXPECT_FALSE(present(5));
    EXPECT_EQ(byte(5 * page_size), 'd');
}

TEST_F(Backed, ACacheStaysWithinItsAccount) {
    auto account = *MemoryAccount::create(4 * MiB);
    auto inode = inode_of(*account);
    auto& cache = *inode->pages();
    ASSERT_TRUE(cache.resize(16 * MiB));
    std::string buffer(64 * KiB, 0);
    for (u64 at = 0; at < 16 * MiB; at += buffer.size()) {
        Sink to{std::as_writable_bytes(std::span{buffer.data(), buffer.size()})};
        ASSERT_EQ(cache.read(to, at), buffer.size());
        ASSERT_LE(account->used(), 4 * MiB);
    }
    EXPECT_GT(account->used(), 3 * MiB);
    // Writing makes dirty pages only up to a bound.
    for (u64 at = 0; at < 16 * MiB; at += buffer.size()) {
        Source from{std::as_bytes(std::span{buffer})};
        u64 end;
        ASSERT_EQ(cache.write(from, at, false, &end), buffer.size());
        cache.balance();
        ASSERT_LE(account->dirty, 4 * MiB / 8 + buffer.size());
    }
    EXPECT_GT(disk().pages_written, 3000u);
    cache.write_back(0, all);
    EXPECT_EQ(account->dirty, 0u);
    inode = nullptr;
    account->close();
}

/// The thread that writes back, and those who read, work for the owner of the cache, within its limit.
TEST_F(Backed, TheOwnerPaysForWhatIsDoneForIt) {
    auto account = *MemoryAccount::create(1 * MiB);
    auto inode = inode_of(*account);
    auto& cache = *inode->pages();
    auto change = [&](std::string_view text) {
        Source from{std::as_bytes(std::span{text})};
        u64 end;
        ASSERT_EQ(cache.write(from, 0, false, &end), text.size());
    };
    ASSERT_TRUE(cache.resize(64 * page_size));
    ASSERT_TRUE(cache.fetch(0, 1));
    EXPECT_EQ(disk().payer, account);
    disk().payer = nullptr;
    vfs::settings.write_back_age_ms = 1;
    vfs::settings.write_back_interval_ms = 1;
    change("a");
    wait_for([&] { return disk().pages_written == 1; });
    EXPECT_EQ(disk().payer, account);
    EXPECT_EQ(disk().refused, 0u);
    // At its limit it is refused more; what is dirty is written all the same.
    account->set_limit(account->used());
    change("b");
    wait_for([&] { return disk().pages_written == 2; });
    EXPECT_EQ(disk().refused, 1u);
    EXPECT_EQ(disk().payer, &MemoryAccount::kernel());
    EXPECT_EQ(cache.errors.sample(), 0u);
    // Others can go on reading, though what the owner gives back makes no room.
    account->set_limit(0);
    auto reader = *MemoryAccount::create(1 * MiB);
    {
        Charging whom{*reader};
        ASSERT_TRUE(cache.fetch(50, 1));
    }
    EXPECT_EQ(disk().payer, reader);
    EXPECT_GE(reader->used(), page_size);
    vfs::settings.write_back_interval_ms = 5'000;
    inode = nullptr;
    account->close();
    reader->close();
}

TEST_F(Backed, CleanPagesGoBeforeAnythingIsRefused) {
    auto account = *MemoryAccount::create(4 * MiB);
    auto inode = inode_of(*account);
    auto& cache = *inode->pages();
    ASSERT_TRUE(cache.resize(16 * MiB));
    auto fill = [&] {
        for (u64 at = 0; at < 16 * MiB; at += 32 * page_size) ASSERT_TRUE(cache.fetch(at >> page_shift, 32));
        ASSERT_GT(account->used(), 3 * MiB);
    };
    std::vector<FrameRef> taken;
    auto take = [&] {
        auto frame = mm::allocate_frame(FrameUse::anonymous, mm::Fill::nothing, 0, account);
        if (frame) taken.push_back(std::move(*frame));
        return frame.has_value();
    };
    auto asked = [] { return Thread::current().work & arch::work_reclaim; };
    fill();
    u64 refused = account->failures();
    // Page after page for somebody else, who goes back to user mode in between. The thread may be slow to come.
    while (taken.size() < 3 * MiB / page_size) {
        ASSERT_TRUE(take()) << taken.size();
        if (asked() || account->has_little()) vfs::reclaim::help(*account);
    }
    EXPECT_EQ(account->failures(), refused);
    // The thread needs nobody's help.
    taken.clear();
    vfs::reclaim::wake();
    fill();
    while (!asked()) ASSERT_TRUE(take());
    EXPECT_FALSE(account->has_enough());
    vfs::reclaim::wake();
    wait_for([&] { return account->has_enough(); });
    inode = nullptr;
    taken.clear();
    account->close();
}

TEST_F(Backed, CleanPagesGoBeforeTheMachineIsFull) {
    u64 low = mm::low_watermark(), n = low / page_size;
    prepare(n);
    for (u64 at = 0; at < n; at += 32) ASSERT_TRUE(pages().fetch(at, 32));
    for (MemoryAccount* a = MemoryAccount::take_asking(); a; a = a->next_asking()) a->answered(); // from other tests
    Thread::current().work &= ~u32{arch::work_reclaim};
    std::vector<FrameRef> taken;
    while (!(Thread::current().work & arch::work_reclaim)) {
        auto frame = mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing);
        ASSERT_TRUE(frame);
        taken.push_back(std::move(*frame));
    }
    EXPECT_LE(mm::free_memory(), low);
    EXPECT_GT(mm::free_memory(), low * 9 / 10);
    vfs::reclaim::wake();
    wait_for([&] { return mm::free_memory() >= low * 3 / 2; });
    EXPECT_LT(pages().reclaim(2 * n).looked_at, n);
}

TEST_F(Backed, OneReadServesAllWhoWaitForIt) {
    prepare(8);
    EXPECT_EQ(byte(6 * page_size), 7);
    disk().hold(true);
    ASSERT_TRUE(ktest::run_threads(4, [&](unsigned i) {
        if (i < 3) {
            EXPECT_EQ(byte(3 * page_size), 4);
        } else {
            disk().wait_until_busy();
            EXPECT_EQ(byte(6 * page_size), 7); // is there: not kept waiting
            disk().hold(false);
        }
    }));
    EXPECT_EQ(disk().reads, 2u);
}

TEST_F(Backed, TruncationWaitsForWhatIsBeingWritten) {
    prepare(8);
    for (u64 i = 0; i < 8; i++) EXPECT_EQ(write(i * page_size, "w"), 1u);
    disk().hold(true);
    ASSERT_TRUE(ktest::run_threads(3, [&](unsigned i) {
        if (i == 0) return sync();
        disk().wait_until_busy();
        if (i == 1) {
            EXPECT_TRUE(pages().resize(page_size));
            EXPECT_FALSE(disk().busy);
        } else {
            Sleeper self;
            (void)self.sleep(clocks::in(10'000'000), false); // it had better wait meanwhile
            disk().hold(false);
        }
    }));
    EXPECT_EQ(disk().byte(0), 'w');
    EXPECT_EQ(disk().byte(1), 0); // no write came after the cut
}

TEST_F(Backed, AReadThatACutHasOvertakenBringsNothingBack) {
    prepare(8);
    disk().hold(true);
    ASSERT_TRUE(ktest::run_threads(2, [&](unsigned i) {
        if (i == 0) return (void)pages().fetch(2, 1);
        disk().wait_until_busy();
        EXPECT_TRUE(pages().resize(0));
        EXPECT_TRUE(pages().resize(8 * page_size));
        disk().fill(2, 99); // what the read finds is old
        disk().hold(false);
    }));
    EXPECT_FALSE(present(2));
    disk().punch(2, 1);
    EXPECT_EQ(byte(2 * page_size), 0);
}

TEST_F(Backed, OldChangesAreWrittenBySomebody) {
    vfs::settings.write_back_age_ms = 20;
    vfs::settings.write_back_interval_ms = 5;
    EXPECT_EQ(write(0, "t"), 1u);
    place = {}; // nobody holds the file any more
    wait_for([&] { return disk().pages_written != 0; });
    EXPECT_EQ(disk().byte(0), 't');
    vfs::settings.write_back_interval_ms = 5'000;
}

/// Everything at once. A page is written whole, with one value; who reads it must not see two.
TEST_F(Backed, AllAtOnce) {
    constexpr u64 count = 48;
    vfs::settings.write_back_age_ms = 1;
    vfs::settings.write_back_interval_ms = 1;
    prepare(count);
    disk().at_once = 5;
    disk().delay_ns = 100'000;
    constexpr u64 stripes = 8;
    Mutex<Rank::file_position> locks[stripes]; // the test's: the cache does not keep readers from writers
    std::atomic<int> last[count];
    for (u64 i = 0; i < count; i++) last[i] = static_cast<int>(i + 1);
    std::atomic<bool> over = false;
    ASSERT_TRUE(ktest::run_threads(6, [&](unsigned thread) {
        std::mt19937 random{thread};
        for (int i = 0; i < 400 && !over; i++) {
            u64 at = random() % count;
            int value = static_cast<int>(random() % 255 + 1);
            switch (thread) {
            case 0:
            case 1: {
                Holding hold{locks[at % stripes]};
                EXPECT_EQ(write(at * page_size, std::string(page_size, static_cast<char>(value))), page_size);
                last[at] = value;
                break;
            }
            case 2: {
                Holding hold{locks[at % stripes]};
                auto text = *read(at * page_size, page_size);
                ASSERT_EQ(text.size(), page_size);
                EXPECT_EQ(text, std::string(page_size, static_cast<char>(last[at])));
                break;
            }
            case 3: {
                Holding hold{locks[at % stripes]}; // a mapping
                while (true) {
                    auto frame = *pages().fetch_page(at, true);
                    std::memset(frame->data(), value, page_size);
                    // As the next fault does after the page was written back: it is marked again.
                    if (pages().page(at, true).has_value()) break;
                }
                last[at] = value;
                break;
            }
            case 4: (void)vfs::reclaim_pages(nullptr, random() % 20); break;
            case 5:
                if (i % 8 == 0) pages().write_back(0, all);
                if (i % 16 == 0) {
                    locks[0].lock();
                    for (u64 stripe = 1; stripe < stripes; stripe++) locks[stripe].lock_second();
                    EXPECT_TRUE(pages().resize((count - 4) * page_size));
                    EXPECT_TRUE(pages().resize(count * page_size));
                    for (u64 page = count - 4; page < count; page++) last[page] = 0;
                    for (u64 stripe = 1; stripe < stripes; stripe++) locks[stripe].unlock_second();
                    locks[0].unlock();
                }
                break;
            }
        }
        if (thread == 0) over = true;
    }));
    sync();
    for (u64 i = 0; i < count; i++) {
        EXPECT_EQ(byte(i * page_size), last[i]) << i;
        EXPECT_EQ(disk().byte(i), last[i]) << i;
    }
    vfs::settings.write_back_interval_ms = 5'000;
}
} // namespace
