#include "kernel/vfs/reclaim.h"
#include "core/alloc/frame_pool.h"
#include "core/sched/thread.h"
#include "core/time/clock.h"
#include "core/wait/wait.h"
#include "kernel/vfs/backed_cache.h"
#include "kernel/vfs/inode.h"
#include "kernel/vfs/path.h"
#include <algorithm>

namespace vfs {
namespace {
/// The caches of some accounts: in turn, each gives a few pages.
struct Caches {
    Chain<BackedCache> list;
    usize count = 0;
};
constexpr unsigned list_count = 64;
constinit Guarded<Caches, Spinlock<Rank::device>> lists[list_count];
constinit std::atomic<unsigned> next_list = 0;

auto& list_of(const MemoryAccount& a) { return lists[a.index() % list_count]; }

/// The cache whose turn it is, with a reference to its inode; null: it is of another account, or on its way out.
BackedCache* next_of(Caches& caches, const MemoryAccount* payer, Ref<Inode>& held) {
    BackedCache& cache = *caches.list.pop_front();
    caches.list.push_back(cache);
    if ((payer && &cache.account() != payer) || !cache.inode().try_retain()) return nullptr;
    held = Ref<Inode>::adopt(&cache.inode());
    return &cache;
}

/// `budget`: pages that may be looked at.
usize reclaim_from(unsigned list, const MemoryAccount* payer, usize n, u64& budget) {
    constexpr usize at_once = 32;
    usize gone = 0, idle = 0; // caches in a row that had nothing
    while (gone < n && budget) {
        Ref<Inode> inode;
        BackedCache* cache;
        {
            auto caches = lists[list].lock();
            if (idle >= caches->count) break;
            cache = next_of(*caches, payer, inode);
        }
        auto got = cache ? cache->reclaim(std::min(n - gone, at_once)) : BackedCache::Reclaimed{};
        gone += got.dropped;
        idle = got.looked_at ? 0 : idle + 1;
        budget -= std::min<u64>(budget, got.looked_at);
    }
    return gone;
}
} // namespace

void cache_lists::add(BackedCache& cache) {
    auto caches = list_of(cache.account()).lock();
    caches->list.push_back(cache);
    caches->count++;
}
void cache_lists::remove(BackedCache& cache) {
    auto caches = list_of(cache.account()).lock();
    caches->list.erase(cache);
    caches->count--;
}

usize reclaim_pages(const MemoryAccount* payer, usize n) {
    // Twice round: the first time takes the marks of recent use away.
    u64 budget = 2 * (payer ? payer->used() : mm::total_memory()) >> page_shift;
    if (payer) return reclaim_from(payer->index() % list_count, payer, n, budget);
    usize gone = 0;
    for (unsigned i = 0; i < list_count && gone < n; i++)
        gone += reclaim_from(next_list.fetch_add(1, std::memory_order_relaxed) % list_count, nullptr, n - gone, budget);
    return gone;
}

void keep_room(const MemoryAccount& payer, usize n) {
    u64 limit = payer.limit(), bytes = n * page_size;
    if (limit != ~u64{0} && payer.used() + bytes > limit - limit / 16) (void)reclaim_pages(&payer, n);
    if (mm::free_memory() < mm::low_watermark() + bytes) (void)reclaim_pages(nullptr, n);
}

namespace {
constinit WaitQueue wanted;
constinit std::atomic<bool> started = false;

/// The thread. Accounts that have asked though there was nothing to be had are not heard again for a while.
struct ReclaimThread {
    static constexpr u64 rest_ns = 100'000'000;
    MemoryAccount* resting = nullptr; // chained by next_asking()
    Deadline rested = never;

    static void run(void*) {
        ReclaimThread self;
        for (;;) self.turn();
    }
    void turn() {
        (void)wait_until(wanted, MemoryAccount::any_asks, rested, false);
        if (clocks::monotonic_ns() >= rested.ns) {
            each(std::exchange(resting, nullptr), [](MemoryAccount& a) { a.answered(); });
            rested = never;
        }
        each(MemoryAccount::take_asking(), [this](MemoryAccount& a) {
            if (reclaim::enough(a)) return a.answered();
            a.next_asking() = std::exchange(resting, &a);
            if (rested == never) rested = clocks::in(rest_ns);
        });
    }
    template <class Visit>
    static void each(MemoryAccount* a, Visit visit) {
        while (a) visit(*std::exchange(a, a->next_asking()));
    }
};
} // namespace

usize reclaim::some(const MemoryAccount& payer) {
    constexpr usize at_once = 256; // pages, and names
    if (payer.index()) return reclaim_pages(&payer, at_once);
    return reclaim_pages(nullptr, at_once) + shrink_cache(at_once);
}

bool reclaim::enough(const MemoryAccount& payer) {
    while (!payer.has_enough()) {
        if (!some(payer)) return false;
        mm::drain_caches();
    }
    return true;
}

void reclaim::wake() {
    Thread::current().work.fetch_and(~u32{arch::work_reclaim});
    if (!started.exchange(true) && !Thread::spawn("reclaim", ReclaimThread::run, nullptr)) started = false;
    wanted.notify_all();
}

void reclaim::help(const MemoryAccount& payer) {
    wake();
    for (const MemoryAccount* account : {&payer, static_cast<const MemoryAccount*>(&MemoryAccount::kernel())})
        if (account->has_little()) (void)some(*account);
}
} // namespace vfs
