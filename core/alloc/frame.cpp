// A buddy allocator (Knowlton 1965; Knuth, TAOCP 1, 2.5) over one array of descriptors.
#include "core/alloc/frame.h"
#include "core/alloc/fail.h"
#include "core/alloc/frame_pool.h"
#include "core/check/kasan.h"
#include "core/cpu/thread_base.h"
#include "core/sync/lock.h"
#include <cstring>

namespace mm {
namespace {
struct List {
    Frame* head = nullptr;
    void push(Frame* f) {
        f->link = {head, nullptr};
        if (head) head->link.previous = f;
        head = f;
    }
    void remove(Frame* f) {
        (f->link.previous ? f->link.previous->link.next : head) = f->link.next;
        if (f->link.next) f->link.next->link.previous = f->link.previous;
    }
};

/// Descriptors of the frames first .. first + count - 1, and the free blocks among them.
struct Buddy {
    Frame* frames = nullptr;
    u64 first = 0, count = 0;
    u64 free = 0; // frames
    List lists[max_order + 1];

    u64 number(const Frame* f) const { return first + static_cast<u64>(f - frames); }
    Frame* at(u64 number) const { return frames + (number - first); }

    void insert(Frame* f, unsigned order) {
        free += u64{1} << order;
        u64 n = number(f);
        for (; order < max_order; order++) {
            u64 other = n ^ (u64{1} << order);
            if (other < first || other - first >= count) break;
            Frame* buddy = at(other);
            if (std::atomic_ref{buddy->use}.load(std::memory_order_relaxed) != FrameUse::free || buddy->order != order)
                break;
            lists[order].remove(buddy);
            buddy->use = FrameUse::reserved;
            n &= ~(u64{1} << order);
        }
        f = at(n);
        f->use = FrameUse::free;
        f->order = static_cast<u8>(order);
        lists[order].push(f);
    }
    Frame* take(unsigned order) {
        unsigned from = order;
        while (from <= max_order && !lists[from].head) from++;
        return from <= max_order ? split(lists[from].head, from, order) : nullptr;
    }
    /// All of it below the frame with the number `limit`. Slow: looks through the lists.
    Frame* take_below(u64 limit, unsigned order) {
        for (unsigned from = order; from <= max_order; from++)
            for (Frame* f = lists[from].head; f; f = f->link.next)
                if (number(f) + (u64{1} << order) <= limit) return split(f, from, order);
        return nullptr;
    }

private:
    /// Takes the lower part of a free block.
    Frame* split(Frame* f, unsigned from, unsigned order) {
        lists[from].remove(f);
        while (from > order) {
            Frame* half = f + (u64{1} << --from);
            half->use = FrameUse::free;
            half->order = static_cast<u8>(from);
            lists[from].push(half);
        }
        set_use(f, FrameUse::reserved);
        f->order = static_cast<u8>(order);
        free -= u64{1} << order;
        return f;
    }
};
constinit Guarded<Buddy, Spinlock<Rank::frames>> buddy;

/// Written once by init_frames().
constinit Frame* frames = nullptr;
constinit u64 first_frame = 0, frame_count = 0;
constinit Frame* zeros = nullptr;
constinit std::atomic<u64> total = 0; // frames given to the allocator
/// A step of the order in which users have to leave memory to others, in frames: pages of containers leave three of
/// them, what the kernel keeps for containers two, pages of the host world one. So killing a process does not need
/// memory that is not there, and whoever commands the containers can still do so when they have taken all they can.
constinit u64 reserve = 0;

/// Single frames kept by a CPU. Its lock is nearly always free; others take it only to drain.
struct Cache {
    static constexpr unsigned size = 32, batch = size / 2, most_zeros = 16;
    unsigned count = 0, zero_count = 0;
    unsigned closed = 0; // `size` while memory is short: what is freed goes where the reserves are watched
    Frame* frames[size];
    Frame* zeros[most_zeros]; // likewise free, and known to hold nothing but zeros: page tables that were emptied
    i64 use[static_cast<unsigned>(FrameUse::kinds)]{}; // frames handed out less taken back, by this CPU
};
constinit Guarded<Cache, Spinlock<Rank::frame_cache>> caches[arch::max_cpus];

/// Above all that has to be left: what caches give back comes before anything fails.
u64 low_frames() { return 5 * reserve; }

bool for_user(FrameUse use) { return use >= FrameUse::page_cache; }

/// Frames that stay free whatever `payer` asks for.
u64 left_by(FrameUse use, const MemoryAccount& payer) {
    return reserve * ((for_user(use) ? 1 : 0) + (payer.index() ? 2 : 0));
}

Frame* refill(Cache& cache, FrameUse use, const MemoryAccount& payer) {
    auto pool = buddy.lock();
    if (pool->free < low_frames()) MemoryAccount::kernel().ask_for_reclaim();
    if (pool->free <= left_by(use, payer)) return nullptr;
    bool plenty = pool->free > 3 * reserve + Cache::size;
    cache.closed = plenty ? 0 : Cache::size;
    while (cache.count < (plenty ? Cache::batch : 1)) {
        Frame* f = pool->take(0);
        if (!f) break;
        cache.frames[cache.count++] = f;
    }
    return cache.count ? cache.frames[--cache.count] : nullptr;
}

void drain(Cache& cache, unsigned down_to) {
    auto pool = buddy.lock();
    while (cache.count > down_to) pool->insert(cache.frames[--cache.count], 0);
    while (!down_to && cache.zero_count) pool->insert(cache.zeros[--cache.zero_count], 0);
}

/// `zeros`: null, or whether the frame shall be filled with them; set to false if it is.
Frame* try_take(FrameUse use, unsigned order, const MemoryAccount& payer, bool* zeros) {
    auto cache = caches[arch::cpu_id()].lock();
    Frame* f;
    if (order == 0 && zeros && *zeros && cache->zero_count) {
        f = cache->zeros[--cache->zero_count];
        *zeros = false;
    } else if (order == 0) {
        f = cache->count ? cache->frames[--cache->count] : refill(*cache, use, payer);
    } else {
        auto pool = buddy.lock();
        f = pool->free <= left_by(use, payer) + (u64{1} << order) - 1 ? nullptr : pool->take(order);
    }
    if (f) cache->use[static_cast<unsigned>(use)] += i64{1} << order;
    return f;
}

/// The machine has no frame left for the current thread: before it goes back to its program, room must be made.
void note_shortage() {
    if (auto* thread = ThreadBase::running()) thread->work.fetch_or(arch::work_memory);
}
} // namespace

Frame* take_block(FrameUse use, unsigned order, const MemoryAccount& payer, bool* zeros) {
    constexpr unsigned worth_a_death = 3; // larger blocks may be missing for other reasons than that memory is full
    Frame* f = try_take(use, order, payer, zeros);
    if (!f) {
        drain_caches();
        f = try_take(use, order, payer, zeros);
        if (!f && order <= worth_a_death) note_shortage();
        if (!f) return nullptr;
    }
    f->account = uncharged;
    set_use(f, use);
    f->link = {};
    f->refs.store(1, std::memory_order_relaxed);
    kasan::unpoison(f->data(), page_size << order);
    return f;
}

namespace {
void give(Cache& cache, Frame* f) {
    cache.use[static_cast<unsigned>(f->use)] -= i64{1} << f->order;
    set_use(f, FrameUse::reserved);
    if (f->order) {
        auto pool = buddy.lock();
        pool->insert(f, f->order);
        return;
    }
    if (cache.count + cache.closed >= Cache::size) {
        if (cache.closed) {
            auto pool = buddy.lock();
            return pool->insert(f, 0);
        }
        drain(cache, Cache::size - Cache::batch);
    }
    cache.frames[cache.count++] = f;
}
} // namespace

void give_block(Frame* f) {
    kasan::poison(f->data(), page_size << f->order, kasan::Poison::free_frame);
    auto cache = caches[arch::cpu_id()].lock();
    give(*cache, f);
}

Result<FrameRef> allocate_frame(FrameUse use, Fill fill, unsigned order, MemoryAccount* account) {
    if (order > max_order || failures::due()) return err::nomem;
    MemoryAccount& payer = account ? *account : MemoryAccount::current();
    TRY(payer.charge(page_size << order));
    bool to_fill = fill == Fill::zeros;
    Frame* f = take_block(use, order, payer, &to_fill);
    if (!f) {
        payer.uncharge(page_size << order);
        return err::nomem;
    }
    f->account = payer.index();
    if (to_fill) std::memset(f->data(), 0, page_size << order);
    return FrameRef::adopt(f);
}

Result<FrameRef> allocate_frame_below(arch::PhysAddr limit, FrameUse use, unsigned order) {
    if (order > max_order || failures::due()) return err::nomem;
    MemoryAccount& payer = MemoryAccount::current();
    TRY(payer.charge(page_size << order));
    auto take = [&] {
        auto cache = caches[arch::cpu_id()].lock();
        auto pool = buddy.lock();
        bool room = pool->free > left_by(use, payer) + (u64{1} << order) - 1;
        Frame* f = room ? pool->take_below(limit >> page_shift, order) : nullptr;
        if (f) cache->use[static_cast<unsigned>(use)] += i64{1} << order;
        return f;
    };
    Frame* f = take();
    if (!f) {
        drain_caches();
        f = take();
    }
    if (!f) {
        payer.uncharge(page_size << order);
        return err::nomem;
    }
    f->account = payer.index();
    set_use(f, use);
    f->link = {};
    f->refs.store(1, std::memory_order_relaxed);
    kasan::unpoison(f->data(), page_size << order);
    std::memset(f->data(), 0, page_size << order);
    return FrameRef::adopt(f);
}

void drop_frame(Frame* f) {
    if (f->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (f->account != uncharged) MemoryAccount::at(f->account).uncharge(page_size << f->order);
    give_block(f);
}

void drop_zeros(Frame* f) {
    if (f->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (f->account != uncharged) MemoryAccount::at(f->account).uncharge(page_size);
    kasan::poison(f->data(), page_size, kasan::Poison::free_frame);
    auto cache = caches[arch::cpu_id()].lock();
    if (cache->zero_count == Cache::most_zeros || cache->closed) return give(*cache, f);
    cache->use[static_cast<unsigned>(f->use)]--;
    set_use(f, FrameUse::reserved);
    cache->zeros[cache->zero_count++] = f;
}

void drop_frames(std::span<Frame*> frames) {
    usize last = 0; // frames whose last reference this was
    u64 bytes = 0;  // of the account `payer`, to be given back together
    u16 payer = uncharged;
    auto settle = [&] {
        if (bytes && payer != uncharged) MemoryAccount::at(payer).uncharge(bytes);
        bytes = 0;
    };
    for (Frame* f : frames) {
        // The only reference is the caller's: nobody else can take another.
        bool only = f->refs.load(std::memory_order_acquire) == 1;
        if (!only && f->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
        if (f->account != payer) settle();
        payer = f->account;
        bytes += page_size << f->order;
        kasan::poison(f->data(), page_size << f->order, kasan::Poison::free_frame);
        frames[last++] = f;
    }
    settle();
    if (!last) return;
    auto cache = caches[arch::cpu_id()].lock();
    for (Frame* f : frames.first(last)) give(*cache, f);
}

Frame* allocate_together(FrameUse use, unsigned order) {
    MemoryAccount& payer = MemoryAccount::current();
    u64 count = u64{1} << order, bytes = page_size << order, limit = payer.limit();
    if (failures::due() || payer.used() + bytes > limit - limit / 8 || !payer.charge(bytes)) return nullptr;
    Frame* first;
    {
        auto cache = caches[arch::cpu_id()].lock();
        auto pool = buddy.lock();
        first = pool->free < count + total.load(std::memory_order_relaxed) / 8 ? nullptr : pool->take(order);
        if (first) cache->use[static_cast<unsigned>(use)] += static_cast<i64>(count);
    }
    if (!first) {
        payer.uncharge(bytes);
        return nullptr;
    }
    kasan::unpoison(first->data(), bytes);
    std::memset(first->data(), 0, bytes);
    for (Frame* f = first; f < first + count; f++) {
        f->refs.store(1, std::memory_order_relaxed);
        f->order = 0;
        f->account = payer.index();
        f->link = {};
        set_use(f, use);
    }
    return first;
}

void drop_together(Frame* first, unsigned order) {
    Frame* const end = first + (u64{1} << order);
    Frame* f = first;
    while (f < end && f->refs.load(std::memory_order_acquire) == 1) f++;
    if (f < end) { // somebody looks at one of them: each for itself
        for (f = first; f < end; f++) drop_frame(f);
        return;
    }
    MemoryAccount::at(first->account).uncharge(page_size << order);
    for (f = first + 1; f < end; f++) set_use(f, FrameUse::reserved);
    first->order = static_cast<u8>(order);
    give_block(first);
}

Frame* frame_of(arch::PhysAddr p) {
    u64 n = (p >> page_shift) - first_frame;
    return n < frame_count ? frames + n : nullptr;
}
Frame* zero_frame() { return zeros; }

void add_free_memory(arch::MemoryRange range) {
    u64 at = page_up(range.start) >> page_shift, end = range.end >> page_shift;
    auto pool = buddy.lock();
    if (at < pool->first) at = pool->first;
    if (end > pool->first + pool->count) end = pool->first + pool->count;
    while (at < end) {
        unsigned order = 0;
        while (order < max_order && !(at & (u64{1} << order)) && at + (u64{2} << order) <= end) order++;
        total.fetch_add(u64{1} << order, std::memory_order_relaxed);
        pool->insert(pool->at(at), order);
        at += u64{1} << order;
    }
}

void init_frames(const arch::BootInfo& boot) {
    u64 lowest = ~u64{0}, highest = 0;
    for (auto& r : boot.free_memory) {
        if (r.start < lowest) lowest = r.start;
        if (r.end > highest) highest = r.end;
    }
    if (boot.initrd.start < boot.initrd.end) { // given to add_free_memory() later
        if (boot.initrd.start < lowest) lowest = page_down(boot.initrd.start);
        if (boot.initrd.end > highest) highest = page_up(boot.initrd.end);
    }
    if (lowest >= highest) return; // no memory: the first allocation fails
    first_frame = lowest >> page_shift;
    frame_count = (highest - lowest) >> page_shift;
    u64 bytes = page_up(frame_count * sizeof(Frame));

    // The descriptors stand at the end of the last range that holds them.
    const arch::MemoryRange* home = nullptr;
    for (auto& r : boot.free_memory)
        if (r.end - r.start >= bytes) home = &r;
    if (!home) {
        frame_count = 0;
        return;
    }
    frames = static_cast<Frame*>(arch::direct(home->end - bytes));
    static_assert(static_cast<u8>(FrameUse::reserved) == 0);
    std::memset(static_cast<void*>(frames), 0, bytes);
    {
        auto pool = buddy.lock();
        pool->frames = frames;
        pool->first = first_frame;
        pool->count = frame_count;
    }
    for (auto& r : boot.free_memory) add_free_memory({r.start, &r == home ? r.end - bytes : r.end});
    reserve = total / 128 < 1024 ? total / 128 : 1024;
    if (auto z = allocate_frame(FrameUse::kernel, Fill::zeros, 0, &MemoryAccount::kernel())) zeros = z->release();
}

bool has_room(const MemoryAccount& payer) {
    drain_caches();
    return buddy.lock()->free > left_by(FrameUse::anonymous, payer) + Cache::batch;
}

u64 free_memory() { return buddy.lock()->free * page_size; }
u64 low_watermark() { return low_frames() * page_size; }
u64 total_memory() { return total.load(std::memory_order_relaxed) * page_size; }

MemoryInfo memory_info() {
    MemoryInfo info{};
    i64 use[static_cast<unsigned>(FrameUse::kinds)]{};
    for (auto& guarded : caches) {
        auto cache = guarded.lock();
        info.free += cache->count + cache->zero_count;
        for (unsigned i = 0; i < static_cast<unsigned>(FrameUse::kinds); i++) use[i] += cache->use[i];
    }
    auto pool = buddy.lock();
    info.total = total_memory();
    info.free = (info.free + pool->free) * page_size;
    for (unsigned i = 0; i < static_cast<unsigned>(FrameUse::kinds); i++)
        info.use[i] = use[i] > 0 ? static_cast<u64>(use[i]) * page_size : 0;
    return info;
}

void drain_caches() {
    drain_stacks();
    drain_heap();
    for (auto& guarded : caches) {
        auto cache = guarded.lock();
        drain(*cache, 0);
    }
}
} // namespace mm

arch::PhysAddr Frame::address() const { return (mm::first_frame + static_cast<u64>(this - mm::frames)) << page_shift; }
