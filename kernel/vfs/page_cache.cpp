#include "kernel/vfs/page_cache.h"
#include "kernel/file/current.h"
#include "kernel/vfs/inode.h"
#include "kernel/vfs/memfd.h"
#include "kernel/vfs/reclaim.h"
#include <algorithm>
#include <linux/falloc.h>
#include <linux/fcntl.h>

namespace vfs {
namespace {
constexpr u64 last_page = PageCache::max_size >> page_shift;
constexpr u64 pages_for(u64 bytes) { return (bytes >> page_shift) + ((bytes & (page_size - 1)) != 0); }
std::byte* bytes_of(const FrameRef& frame) { return static_cast<std::byte*>(frame->data()); }
} // namespace

PageCache::PageCache(Inode& inode, FileContent& content) : inode_{inode}, content_{&content} {
    (void)claim_last(); // counted for those who hold it besides the inode
}

Ref<MemoryObject> PageCache::object() {
    auto keep = Ref<Inode>::share(&inode_);
    if (retain_first()) (void)keep.release(); // unreferenced() gives it back
    return Ref<MemoryObject>::adopt(this);
}
void PageCache::unreferenced() { Ref<Inode>::adopt(&inode_); }

Mutex<Rank::inode>& PageCache::lock() const { return inode_.lock_; }

u64 PageCache::size() const {
    Holding hold{lock()};
    return content_->size;
}

Result<usize> PageCache::read(Sink& to, u64 offset) {
    // Most reads are of one page.
    bool one = (offset & (page_size - 1)) + to.remaining() <= page_size;
    return one ? read_batches<1>(to, offset) : read_batches<8>(to, offset);
}

/// Of `left` bytes from `in_page` on those that lie in pages which are there. They are marked as used.
usize PageCache::present_part(std::span<const FrameRef> frames, usize in_page, usize left) const {
    usize n = 0;
    for (; n < frames.size() && frames[n]; n++) frames[n]->cached.recent = true;
    return n ? std::min(left, n * page_size - in_page) : 0;
}

/// `batch`: pages found under one lock.
template <usize batch>
Result<usize> PageCache::read_batches(Sink& to, u64 offset) {
    usize moved = 0;
    while (!to.done() && !(moved && file::killed())) {
        FrameRef frames[batch];
        usize in_page = offset & (page_size - 1), left;
        {
            Holding hold{lock()};
            if (offset >= content_->size) break;
            left = std::min<u64>({to.remaining(), content_->size - offset, batch * page_size - in_page});
            for (usize i = 0; i < pages_for(in_page + left); i++)
                frames[i] = content_->pages.find((offset >> page_shift) + i);
            if (content_->backed) [[unlikely]]
                left = present_part(frames, in_page, left);
        }
        if (!left) {
            auto fetched = fetch(offset >> page_shift, pages_for(in_page + to.remaining()));
            if (!fetched) return moved ? Result<usize>{moved} : std::unexpected(fetched.error());
        }
        for (usize i = 0; left; i++) {
            usize n = std::min(left, page_size - in_page);
            auto did = frames[i] ? to.put({bytes_of(frames[i]) + in_page, n}) : to.put_zeros(n);
            if (!did) return moved ? Result<usize>{moved} : did;
            moved += *did;
            offset += *did;
            if (*did < n) return moved;
            left -= n;
            in_page = 0;
        }
    }
    return moved;
}

bool PageCache::must_fetch(u64 index) const {
    return content_->backed && index < pages_for(content_->size) && !content_->pages.holds(index);
}

/// The page for a change, with its block charged. Inside the gate, locked, the content owned. err::again: fetch it.
Result<FrameRef> PageCache::own_page(u64 index, mm::Fill fill) {
    PageTree& pages = content_->pages;
    bool fresh = !pages.holds(index);
    if (fresh && must_fetch(index)) return err::again;
    if (fresh) TRY(charge(1));
    auto owned = pages.own(index, fill);
    if (!owned) {
        if (fresh) uncharge(1);
        return std::unexpected(owned.error());
    }
    if (owned->changed) unmap(index, 1, false);
    return std::move(owned->frame);
}

/// The same; where the page has to be fetched, the lock is given up for a while.
Result<FrameRef> PageCache::own_fetched_page(u64 index, mm::Fill fill) {
    while (must_fetch(index)) {
        lock().unlock();
        auto fetched = fetch(index, 1);
        lock().lock();
        TRY(fetched);
    }
    return own_page(index, fill);
}

Result<usize> PageCache::write(Source& from, u64 offset, bool append, u64* end) {
    Sharing inside{inode_.superblock().gate};
    Holding hold_writer{writing_};
    u64 size;
    bool backed;
    {
        Holding hold{lock()};
        TRY(own_content());
        size = content_->size;
        backed = content_->backed;
        if (append) offset = size;
        if (content_->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return err::perm;
        if (content_->seals & F_SEAL_GROW && offset + from.remaining() > size) {
            if (offset >= size) return err::perm;
            from.limit(size - offset);
        }
    }
    if (offset >= max_size) return err::fbig;
    from.limit(max_size - offset);
    usize moved = 0;
    Result<usize> answer = usize{0};
    while (!from.done() && !(moved && file::killed())) {
        usize in_page = offset & (page_size - 1), n = page_size - in_page;
        if (n > from.remaining()) n = from.remaining();
        // Nobody can see a page beyond the end, so a whole one there need not be cleared first.
        bool unseen = n == page_size && offset >= size;
        if (MemoryAccount::any_asks()) [[unlikely]] // the way out to user mode may be far
            reclaim::wake();
        FrameRef frame;
        {
            Holding hold{lock()};
            auto owned = own_fetched_page(offset >> page_shift, unseen ? mm::Fill::nothing : mm::Fill::zeros);
            if (!owned) {
                answer = std::unexpected(owned.error());
                break;
            }
            frame = std::move(*owned);
        }
        auto did = from.get({bytes_of(frame) + in_page, n});
        usize got = did.value_or(0);
        if (unseen && got < n) std::memset(bytes_of(frame) + got, 0, n - got);
        if (got && backed) {
            Holding hold{lock()};
            page_changed(offset >> page_shift, false); // after the change: it may have been written back meanwhile
        }
        moved += got;
        offset += got;
        if (got < n) {
            answer = did;
            break;
        }
    }
    if (!moved) return answer;
    Holding hold{lock()};
    if (offset > content_->size) content_->size = offset; // owned above, and no snapshot since
    modified();
    *end = offset;
    return moved;
}

/// Fills [from, to) of one page with zeros, if the page exists.
Result<> PageCache::zero_part(u64 from, u64 to) {
    u64 index = from >> page_shift;
    if (from >= to || !(content_->pages.holds(index) || must_fetch(index))) return {};
    auto frame = TRY(own_fetched_page(index, mm::Fill::zeros));
    std::memset(bytes_of(frame) + (from & (page_size - 1)), 0, to - from);
    if (content_->backed) page_changed(index, false);
    return {};
}

/// Takes pages away, from mappings first.
Result<> PageCache::drop_pages(u64 first, u64 n, bool private_too) {
    if (content_->backed) before_drop(first, n);
    unmap(first, n, private_too);
    PageTree& pages = content_->pages;
    u64 before = pages.pages();
    auto done = pages.erase(first, n);
    uncharge(before - pages.pages());
    return done;
}

Result<> PageCache::resize(u64 size) {
    Sharing inside{inode_.superblock().gate};
    Holding hold_writer{writing_};
    return resized(TRY(set_size(size)));
}

/// Returns the size before.
Result<u64> PageCache::set_size(u64 size) {
    Holding hold{lock()};
    TRY(own_content());
    FileContent& content = *content_;
    if (size > max_size) return err::inval;
    if (size < content.size && content.seals & F_SEAL_SHRINK) return err::perm;
    if (size > content.size && content.seals & F_SEAL_GROW) return err::perm;
    u64 old = std::exchange(content.size, size);
    if (size < old) {
        auto done = zero_part(size, page_up(size));
        if (done) done = drop_pages(pages_for(size), last_page + 1 - pages_for(size), true);
        if (!done) {
            content.size = old;
            return std::unexpected(done.error());
        }
    }
    modified();
    return old;
}

Result<u64> PageCache::seek(u64 offset, bool hole) const {
    Holding hold{lock()};
    const FileContent& content = *content_;
    if (offset >= content.size) return err::nxio;
    u64 index = offset >> page_shift, found;
    if (content.backed) return hole ? content.size : offset; // where holes are is not known
    if (hole) {
        found = content.pages.next_hole(index);
        if (found > last_page) return content.size;
    } else {
        auto page = content.pages.next_page(index);
        if (!page) return err::nxio;
        found = *page;
    }
    u64 at = found == index ? offset : found << page_shift;
    if (at < content.size) return at;
    return hole ? Result<u64>{content.size} : Result<u64>{err::nxio};
}

Result<> PageCache::allocate(int mode, u64 offset, u64 bytes) {
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return err::opnotsupp;
    u64 end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > max_size) return err::fbig;
    bool punches = mode & FALLOC_FL_PUNCH_HOLE, keeps_size = mode & FALLOC_FL_KEEP_SIZE;
    if (punches && !keeps_size) return err::opnotsupp;
    Sharing inside{inode_.superblock().gate};
    Holding hold_writer{writing_};
    TRY(punches ? punch_bytes(offset, end) : fill_holes(offset, end));
    Holding hold{lock()};
    if (!keeps_size && end > content_->size) content_->size = end;
    modified();
    return {};
}

Result<> PageCache::punch_bytes(u64 offset, u64 end) {
    u64 first = page_up(offset), last = page_down(end);
    {
        Holding hold{lock()};
        TRY(own_content());
        if (content_->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return err::perm;
        if (first > last) return zero_part(offset, end); // inside of one page
        TRY(zero_part(offset, first));
        TRY(zero_part(last, end));
        TRY(drop_pages(first >> page_shift, (last - first) >> page_shift, false));
    }
    return punched(first >> page_shift, (last - first) >> page_shift);
}

Result<> PageCache::fill_holes(u64 offset, u64 end) {
    u64 old_pages;
    {
        Holding hold{lock()};
        TRY(own_content());
        if (end > content_->size && content_->seals & F_SEAL_GROW) return err::perm;
        old_pages = pages_for(content_->size);
    }
    for (u64 i = offset >> page_shift; i < pages_for(end); i++) {
        auto done = [&]() -> Result<> {
            if (file::interrupted()) return err::intr;
            Holding hold{lock()};
            if (!content_->pages.holds(i)) TRY(own_page(i, mm::Fill::zeros));
            return {};
        }();
        if (!done) {
            // What lies beyond the old end was not there before.
            Holding hold{lock()};
            u64 first = offset >> page_shift > old_pages ? offset >> page_shift : old_pages;
            if (i > first) (void)drop_pages(first, i - first, false);
            return done;
        }
    }
    return {};
}

Result<FrameRef> PageCache::page(u64 index, bool for_write) {
    if (!for_write) {
        Holding hold{lock()};
        if (index >= pages_for(content_->size)) return err::nxio;
        // Whoever fills the hole takes this page out of the mappings: own_page().
        auto frame = content_->pages.find(index);
        if (!frame && content_->backed) return err::again;
        if (content_->backed) frame->cached.recent = true;
        return frame ? std::move(frame) : FrameRef::share(mm::zero_frame());
    }
    SharingNested inside{inode_.superblock().gate};
    Holding hold{lock()};
    if (index >= pages_for(content_->size)) return err::nxio;
    TRY(own_content());
    auto frame = TRY(own_page(index, mm::Fill::zeros));
    page_changed(index, true);
    return frame;
}

void PageCache::present_pages(u64 first, std::span<FrameRef> out) {
    Holding hold{lock()};
    u64 end = pages_for(content_->size);
    if (first < end) content_->pages.find_range(first, out.first(std::min<u64>(out.size(), end - first)));
}

Result<> PageCache::punch(u64 first, u64 n) {
    return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first << page_shift, n << page_shift);
}

Result<u32> PageCache::seals() const {
    Holding hold{lock()};
    if (content_->seals & FileContent::unsealable) return err::inval;
    return content_->seals;
}

Result<> PageCache::add_seals(u32 more) {
    Sharing inside{inode_.superblock().gate};
    Holding hold_writer{writing_};
    Holding hold{lock()};
    u32 before = content_->seals;
    if (before & FileContent::unsealable) return err::inval;
    if (before & F_SEAL_SEAL) return err::perm;
    TRY(own_content());
    // What may be executed for ever must not change either.
    if (more & seal_execution && inode_.protection().mode & 0111)
        more |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    content_->seals = before | more;
    // What a mapping may write cannot be called back. Asked after the seal is there: begin_mapped_writing() looks the
    // other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (more & ~before & F_SEAL_WRITE && mapped_writers_.load() != 0) {
        content_->seals = before;
        return err::busy;
    }
    return {};
}

Result<> PageCache::begin_mapped_writing() {
    mapped_writers_.fetch_add(1); // before the seals are read: add_seals() looks the other way round
    if (seals().value_or(0) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
        end_mapped_writing();
        return err::perm;
    }
    return {};
}

Result<> OpenCounts::begin_writing() {
    i32 now = writers_.load(std::memory_order_relaxed);
    do {
        if (now < 0) return err::txtbsy;
    } while (!writers_.compare_exchange_weak(now, now + 1));
    return {};
}
Result<> OpenCounts::deny_writing() {
    i32 now = writers_.load(std::memory_order_relaxed);
    do {
        if (now > 0) return err::txtbsy;
    } while (!writers_.compare_exchange_weak(now, now - 1, std::memory_order_relaxed));
    return {};
}
OpenCounts* open_counts(File& file) {
    PageCache* pages = file.inode() ? file.inode()->pages() : nullptr;
    return pages ? &pages->opens : nullptr;
}
} // namespace vfs
