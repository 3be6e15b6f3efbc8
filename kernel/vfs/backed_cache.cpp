#include "kernel/vfs/backed_cache.h"
#include "core/time/clock.h"
#include "kernel/credentials/caller.h"
#include "kernel/file/current.h"
#include "kernel/vfs/reclaim.h"
#include "kernel/vfs/write_back.h"
#include <algorithm>

namespace vfs {
using Mark = PageTree::Mark;
namespace {
constexpr u64 pages_for(u64 bytes) { return page_up(bytes) >> page_shift; }

/// Sleeps until ready(). err::intr: the thread is to end.
template <class Ready>
Result<> wait_unless_killed(WaitQueue& queue, Ready ready) {
    constexpr u64 look_every_ns = 100'000'000;
    while (wait_until(queue, ready, clocks::in(look_every_ns), false) == err::timedout)
        if (file::killed()) return err::intr;
    return {};
}
} // namespace

BackedCache::BackedCache(Inode& inode) : PageCache{inode, own_content_}, account_{MemoryAccount::current()} {
    own_content_.backed = true;
    cache_lists::add(*this);
}
BackedCache::~BackedCache() { cache_lists::remove(*this); }
BackedSuperblock& BackedCache::superblock() const { return static_cast<BackedSuperblock&>(inode().superblock()); }

bool BackedCache::is_reading(u64 index) const {
    return std::ranges::any_of(reading_, [&](const Reading& r) { return r.has(index); });
}

template <class Part>
auto BackedCache::at_the_cost_of_owner(MemoryAccount& other, Part part) {
    {
        WorkingFor owner{nullptr, account_};
        auto done = part();
        if (done != err::nomem) return done;
    }
    WorkingFor second{nullptr, other};
    return part();
}

Result<> BackedCache::fetch(u64 index, u64 wanted) {
    return at_the_cost_of_owner(MemoryAccount::current(), [&] { return fetch_run(index, wanted); });
}

Result<> BackedCache::fetch_run(u64 index, u64 wanted) {
    Reading run;
    while (!begin_read(run, index, wanted)) {
        {
            Holding hold{lock()};
            if (!is_reading(index)) return {}; // it is there, or beyond the end
        }
        TRY(wait_unless_killed(changed_, [&] {
            Holding hold{lock()};
            return !is_reading(index);
        }));
    }
    usize got = 0;
    auto done = allocate_frames(run);
    while (done && got < run.n) {
        auto n = read_pages(run.first + got, std::span{run.frames}.subspan(got, run.n - got));
        if (n && *n == 0) n = err::io;
        if (n)
            got += *n;
        else
            done = std::unexpected(n.error());
    }
    auto put = end_read(run, got);
    return got ? put : done;
}

/// Takes the run from `index` on that is to be read; false: the page is there, is being read, or is beyond the end.
bool BackedCache::begin_read(Reading& run, u64 index, u64 wanted) {
    Holding hold{lock()};
    const PageTree& pages = own_content_.pages;
    u64 end = pages_for(own_content_.size);
    if (index >= end || pages.holds(index) || is_reading(index)) return false;
    // Who reads in order gets more than is wanted.
    if (index == 0 || pages.holds(index - 1)) wanted = most;
    wanted = std::clamp<u64>(wanted, 1, std::min<u64>(most, end - index));
    usize n = 1;
    while (n < wanted && !pages.holds(index + n) && !is_reading(index + n)) n++;
    run.first = index;
    run.n = n;
    run.stale = false;
    reading_.push_back(run);
    return true;
}

/// Frames for the run, which becomes shorter where memory is short.
Result<> BackedCache::allocate_frames(Reading& run) {
    MemoryAccount& payer = MemoryAccount::current();
    keep_room(payer, run.n);
    for (usize i = 0; i < run.n; i++) {
        auto frame = mm::allocate_frame(FrameUse::page_cache, mm::Fill::nothing);
        if (!frame && i == 0 && reclaim_pages(&payer, most))
            frame = mm::allocate_frame(FrameUse::page_cache, mm::Fill::nothing);
        if (!frame) {
            Holding hold{lock()};
            run.n = i;
            return i ? Result<>{} : err::nomem;
        }
        run.frames[i] = std::move(*frame);
    }
    return {};
}

/// Puts the first `got` pages of the run into the tree. err::nomem: not even one.
Result<> BackedCache::end_read(Reading& run, usize got) {
    Result<> done;
    {
        Holding hold{lock()};
        reading_.erase(reading_.iterator_to(run));
        PageTree& pages = own_content_.pages;
        u64 end = run.stale ? 0 : pages_for(own_content_.size);
        for (usize i = 0; i < got && run.first + i < end; i++) {
            if (pages.holds(run.first + i)) continue; // a writer came first
            auto put = pages.put(run.first + i, std::move(run.frames[i]));
            if (!put && i == 0) done = put;
            if (!put) break;
        }
    }
    changed_.notify_all();
    return done;
}

void BackedCache::page_changed(u64 index, bool) {
    PageTree& pages = own_content_.pages;
    if (pages.is_marked(index, Mark::dirty) || !pages.mark(index, Mark::dirty)) return;
    account_.dirty.fetch_add(page_size, std::memory_order_relaxed);
    if (dirty_++ == 0) dirty_since_.store(clocks::monotonic_ns(), std::memory_order_relaxed);
    if (!std::exchange(listed_, true)) superblock().add_dirty(*this);
}

void BackedCache::clean(u64 index) {
    own_content_.pages.unmark(index, Mark::dirty);
    dirty_--;
    account_.dirty.fetch_sub(page_size, std::memory_order_relaxed);
}

/// The caller has a reference to the inode, besides the list's.
void BackedCache::leave_if_clean() {
    if (!listed_ || dirty_ || writing_) return;
    listed_ = false;
    superblock().remove_dirty(*this);
}

bool BackedCache::is_writing(u64 first, u64 end) const {
    auto next = own_content_.pages.next_marked(first, Mark::writing);
    return next && *next < end;
}

/// Until each page that is being written has been, if only for a moment.
void BackedCache::wait_for_writing(u64 first, u64 end) {
    (void)wait_until(
        changed_,
        [&] {
            Holding hold{lock()};
            auto next = own_content_.pages.next_marked(first, Mark::writing);
            first = next ? *next : end;
            return first >= end;
        },
        never, false);
}

void BackedCache::write_back(u64 first, u64 end) {
    // What becomes dirty after the call need not be written: who goes on writing must not keep us here.
    Writing run;
    for (u64 at = first; begin_write(run, at, end); at = run.first + run.n) {
        Result<> done;
        for (usize did = 0; done && did < run.n;) {
            auto frames = std::span{run.frames}.subspan(did, run.n - did);
            // A write that fails is lost: it must not be for the owner's limit.
            auto n =
                at_the_cost_of_owner(MemoryAccount::kernel(), [&] { return write_pages(run.first + did, frames); });
            if (n && *n == 0) n = err::io;
            if (n)
                did += *n;
            else
                done = std::unexpected(n.error());
        }
        end_write(run, done);
    }
    wait_for_writing(first, end);
}

/// Takes the next run of dirty pages that is to be written; false: there is none.
bool BackedCache::begin_write(Writing& run, u64 first, u64 end) {
    while (true) {
        auto found = std::optional<u64>{};
        {
            Holding hold{lock()};
            PageTree& pages = own_content_.pages;
            u64 size = own_content_.size;
            end = std::min(end, pages_for(size));
            found = pages.next_marked(first, Mark::dirty);
            if (!found || *found >= end) return false;
            if (!pages.is_marked(*found, Mark::writing)) {
                run.first = *found;
                for (run.n = 0; run.n < most && run.first + run.n < end; run.n++) {
                    u64 at = run.first + run.n;
                    if (!pages.is_marked(at, Mark::dirty) || pages.is_marked(at, Mark::writing)) break;
                    run.frames[run.n] = pages.find(at);
                    clean(at);
                    (void)pages.mark(at, Mark::writing);
                }
                writing_ += run.n;
                if (run.first + run.n == pages_for(size) && size % page_size) { // what a mapping wrote beyond the end
                    auto last = run.frames[run.n - 1]->bytes().subspan(size % page_size);
                    std::memset(last.data(), 0, last.size());
                }
                unmap(run.first, run.n, false); // who writes again marks it again
                return true;
            }
        }
        wait_for_writing(*found, *found + 1); // it has changed since that began
    }
}

void BackedCache::balance() {
    u64 bound = write_back::bound(account_), dirty = account_.dirty.load(std::memory_order_relaxed);
    if (dirty > bound / 2) write_back::wake();
    if (dirty > bound) write_back(0, ~u64{0});
}

void BackedCache::end_write(const Writing& run, Result<> done) {
    if (!done) {
        errors.set(done.error());
        superblock().errors.set(done.error());
    }
    {
        Holding hold{lock()};
        for (usize i = 0; i < run.n; i++) own_content_.pages.unmark(run.first + i, Mark::writing);
        writing_ -= run.n;
        leave_if_clean();
    }
    changed_.notify_all();
}

/// Truncation and holes: no page of the range is being written or wants to be, and what is being read is of no use. The
/// lock may be given up meanwhile; who calls is the only one to change the content.
void BackedCache::before_drop(u64 first, u64 n) {
    u64 end = first + n;
    while (is_writing(first, end)) {
        lock().unlock();
        wait_for_writing(first, end);
        lock().lock();
    }
    for (auto at = own_content_.pages.next_marked(first, Mark::dirty); at && *at < end;
         at = own_content_.pages.next_marked(*at + 1, Mark::dirty))
        clean(*at);
    leave_if_clean();
    for (Reading& run : reading_)
        if (run.first < end && run.first + run.n > first) run.stale = true;
}

BackedCache::Reclaimed BackedCache::reclaim(usize n) {
    Holding hold{lock()};
    PageTree& pages = own_content_.pages;
    Reclaimed answer;
    for (u64 left = std::min<u64>(pages.pages(), 4 * n); left && answer.dropped < n; left--) {
        auto found = pages.next_page(hand_);
        if (!found) found = pages.next_page(0);
        hand_ = *found + 1;
        answer.looked_at++;
        if (pages.is_marked(*found, Mark::dirty) || pages.is_marked(*found, Mark::writing)) continue;
        constexpr u32 unused = 2; // the tree's reference and ours
        FrameRef page = pages.find(*found);
        auto in_use = [&] { return page->refs.load(std::memory_order_acquire) > unused; };
        bool recent = std::exchange(page->cached.recent, false);
        if (in_use() && !is_locked(*found)) unmap(*found, 1, false); // a mapping that uses it will ask for it again
        if (!recent && !in_use() && pages.erase(*found, 1)) answer.dropped++;
    }
    return answer;
}
} // namespace vfs
