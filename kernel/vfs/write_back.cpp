#include "kernel/vfs/write_back.h"
#include "core/alloc/frame_pool.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"
#include "kernel/vfs/settings.h"
#include <algorithm>

namespace vfs {
namespace {
struct Superblocks {
    Chain<BackedSuperblock> list;
    usize count = 0;
};
constinit Guarded<Superblocks, Spinlock<Rank::device>> superblocks;

/// Calls visit(BackedSuperblock&) for each that was there at the start.
template <class Visit>
void each_superblock(Visit visit) {
    for (usize n = superblocks.lock()->count; n; n--) {
        Ref<Superblock> held;
        BackedSuperblock* next;
        {
            auto all = superblocks.lock();
            next = all->list.pop_front();
            if (!next) return;
            all->list.push_back(*next);
            if (!next->try_retain()) continue;
            held = Ref<Superblock>::adopt(next);
        }
        visit(*next);
    }
}

constinit std::atomic<u64> dirty_caches = 0;
constinit std::atomic<bool> started = false, asked = false;
constinit WaitQueue wanted;
} // namespace

/// The thread is nobody's task. What it needs for a cache is on the bill of the cache's owner.
struct WriteBackThread {
    static void run(void*) {
        while (true) {
            // What there is to do comes in time: nobody need ask for it.
            u64 ms = settings.write_back_interval_ms.load(std::memory_order_relaxed);
            Deadline next = dirty_caches.load() ? clocks::in(ms * 1'000'000) : never;
            (void)wait_until(
                wanted, [&] { return asked.exchange(false) || (next == never && dirty_caches.load()); }, next, false);
            each_superblock([](BackedSuperblock& sb) { write_due(sb); });
        }
    }
    static void write_due(BackedSuperblock& sb) {
        u64 age = settings.write_back_age_ms.load(std::memory_order_relaxed) * 1'000'000, now = clocks::monotonic_ns();
        sb.each_dirty([&](BackedCache& cache) {
            MemoryAccount& account = cache.account();
            bool old = cache.dirty_since() + age <= now;
            if (old || account.dirty.load(std::memory_order_relaxed) > write_back::bound(account) / 2)
                cache.write_back(0, ~u64{0});
        });
    }
};

u64 write_back::bound(const MemoryAccount& account) { return std::min(account.limit(), mm::total_memory()) / 8; }

void write_back::wake() {
    if (!started.exchange(true) && !Thread::spawn("write-back", WriteBackThread::run, nullptr)) started = false;
    asked = true;
    wanted.notify_all();
}

BackedSuperblock::BackedSuperblock() {
    auto all = superblocks.lock();
    all->list.push_back(*this);
    all->count++;
}
BackedSuperblock::~BackedSuperblock() {
    auto all = superblocks.lock();
    all->list.erase(*this);
    all->count--;
}

/// With the inode's lock held.
void BackedSuperblock::add_dirty(BackedCache& cache) {
    (void)Ref<Inode>::share(&cache.inode()).release();
    {
        auto dirty = dirty_.lock();
        dirty->list.push_back(cache);
        dirty->count++;
    }
    if (dirty_caches.fetch_add(1) == 0) write_back::wake();
}
void BackedSuperblock::remove_dirty(BackedCache& cache) {
    dirty_caches.fetch_sub(1);
    {
        auto dirty = dirty_.lock();
        dirty->list.erase(dirty->list.iterator_to(cache));
        dirty->count--;
    }
    Ref<Inode>::adopt(&cache.inode());
}

/// Calls visit(BackedCache&) for each that is dirty, or being written, at the start.
template <class Visit>
void BackedSuperblock::each_dirty(Visit visit) {
    for (usize n = dirty_.lock()->count; n; n--) {
        Ref<Inode> held;
        BackedCache* next;
        {
            auto dirty = dirty_.lock();
            if (dirty->list.empty()) return;
            next = &dirty->list.front();
            dirty->list.splice(dirty->list.end(), dirty->list, dirty->list.begin());
            held = Ref<Inode>::share(&next->inode());
        }
        visit(*next);
    }
}

Result<> BackedSuperblock::sync() {
    each_dirty([](BackedCache& cache) { cache.write_back(0, ~u64{0}); });
    return sync_metadata();
}

void sync_all() {
    each_superblock([](BackedSuperblock& sb) { (void)sb.sync(); });
}
} // namespace vfs
