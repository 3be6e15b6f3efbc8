// The content of regular files.
#include "fs/tmpfs/tmpfs.h"
#include "kernel/file/current.h"
#include "kernel/vfs/operations.h"
#include <algorithm>
#include <linux/falloc.h>
#include <linux/fcntl.h>

namespace tmpfs {
namespace {
constexpr u64 max_size = ~u64{0} >> 1;
constexpr u64 last_page = max_size >> page_shift;
constexpr u64 pages_for(u64 bytes) { return (bytes >> page_shift) + ((bytes & (page_size - 1)) != 0); }
std::byte* bytes_of(const FrameRef& frame) { return static_cast<std::byte*>(frame->data()); }
} // namespace

Result<usize> Inode::read_at(Sink& to, u64 offset) {
    // Most reads are of one page.
    bool one = (offset & (page_size - 1)) + to.remaining() <= page_size;
    return one ? read_pages<1>(to, offset) : read_pages<8>(to, offset);
}

/// `batch`: pages found under one lock.
template <usize batch>
Result<usize> Inode::read_pages(Sink& to, u64 offset) {
    usize moved = 0;
    while (!to.done() && !(moved && file::killed())) {
        FrameRef frames[batch];
        usize in_page = offset & (page_size - 1), left;
        {
            Holding hold{lock_};
            if (offset >= node_->size) break;
            left = std::min<u64>({to.remaining(), node_->size - offset, batch * page_size - in_page});
            for (usize i = 0; i < pages_for(in_page + left); i++)
                frames[i] = node_->pages.find((offset >> page_shift) + i);
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

/// The page for a change, with its block charged. Inside the gate, lock_ held, node_ owned.
Result<PageTree::Owned> Inode::own_page(u64 index, mm::Fill fill) {
    Node& n = *node_;
    bool fresh = !n.pages.find(index);
    if (fresh) TRY(sb().charge_blocks(1));
    auto owned = n.pages.own(index, fill);
    if (!owned) {
        if (fresh) sb().uncharge_blocks(1);
        return owned;
    }
    if (owned->changed) unmap(index, 1, false);
    return owned;
}

void Inode::unmap(u64 first, u64 n, bool private_too) {
    if (object_) object_->unmap(first, n, private_too);
}

Result<usize> Inode::write_at(Source& from, u64 offset, bool append, u64* end) {
    Changing inside{sb().gate_};
    Holding hold_writer{writing_};
    u64 size;
    {
        Holding hold{lock_};
        Node* n = TRY(own());
        size = n->size;
        if (append) offset = size;
        if (n->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return err::perm;
        if (n->seals & F_SEAL_GROW && offset + from.remaining() > size) {
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
        FrameRef frame;
        {
            Holding hold{lock_};
            auto owned = own_page(offset >> page_shift, unseen ? mm::Fill::nothing : mm::Fill::zeros);
            if (!owned) {
                answer = std::unexpected(owned.error());
                break;
            }
            frame = std::move(owned->frame);
        }
        auto did = from.get({bytes_of(frame) + in_page, n});
        usize got = did.value_or(0);
        if (unseen && got < n) std::memset(bytes_of(frame) + got, 0, n - got);
        moved += got;
        offset += got;
        if (got < n) {
            answer = did;
            break;
        }
    }
    if (!moved) return answer;
    Holding hold{lock_};
    Node& n = *node_; // owned above, and no snapshot since
    if (offset > n.size) n.size = offset;
    n.modification = n.change = vfs::now();
    *end = offset;
    return moved;
}

/// Fills [from, to) of one page with zeros, if the page exists.
Result<> Inode::zero_part(u64 from, u64 to) {
    if (from >= to || !node_->pages.find(from >> page_shift)) return {};
    auto owned = TRY(own_page(from >> page_shift, mm::Fill::zeros));
    std::memset(bytes_of(owned.frame) + (from & (page_size - 1)), 0, to - from);
    return {};
}

/// Takes pages away, from mappings first.
Result<> Inode::drop_pages(u64 first, u64 n, bool private_too) {
    unmap(first, n, private_too);
    PageTree& pages = node_->pages;
    u64 before = pages.pages();
    auto done = pages.erase(first, n);
    sb().uncharge_blocks(before - pages.pages());
    return done;
}

Result<> Inode::set_size(u64 size) {
    Node& n = *node_;
    if (size > max_size) return err::inval;
    if (size < n.size && n.seals & F_SEAL_SHRINK) return err::perm;
    if (size > n.size && n.seals & F_SEAL_GROW) return err::perm;
    if (size < n.size) {
        TRY(zero_part(size, page_up(size)));
        u64 old = n.size;
        n.size = size;
        if (auto done = drop_pages(pages_for(size), last_page + 1 - pages_for(size), true); !done) {
            n.size = old;
            return done;
        }
    }
    n.size = size;
    return {};
}

Result<u64> Inode::seek_data(u64 offset, bool hole) {
    Holding hold{lock_};
    const Node& n = *node_;
    if (offset >= n.size) return err::nxio;
    u64 index = offset >> page_shift, found;
    if (hole) {
        found = n.pages.next_hole(index);
        if (found > last_page) return n.size;
    } else {
        auto page = n.pages.next_page(index);
        if (!page) return err::nxio;
        found = *page;
    }
    u64 at = found == index ? offset : found << page_shift;
    if (at < n.size) return at;
    return hole ? Result<u64>{n.size} : Result<u64>{err::nxio};
}

Result<> Inode::allocate(int mode, u64 offset, u64 bytes) {
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return err::opnotsupp;
    u64 end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > max_size) return err::fbig;
    Changing inside{sb().gate_};
    Holding hold_writer{writing_};
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        if (!(mode & FALLOC_FL_KEEP_SIZE)) return err::opnotsupp;
        Holding hold{lock_};
        Node* n = TRY(own());
        if (n->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return err::perm;
        u64 first = page_up(offset), last = page_down(end);
        if (first > last) { // inside of one page
            TRY(zero_part(offset, end));
        } else {
            TRY(zero_part(offset, first));
            TRY(zero_part(last, end));
            TRY(drop_pages(first >> page_shift, (last - first) >> page_shift, false));
        }
        n->modification = n->change = vfs::now();
        return {};
    }
    u64 old_pages;
    {
        Holding hold{lock_};
        Node* n = TRY(own());
        if (end > n->size && n->seals & F_SEAL_GROW) return err::perm;
        old_pages = pages_for(n->size);
    }
    for (u64 i = offset >> page_shift; i < pages_for(end); i++) {
        auto done = [&]() -> Result<> {
            if (file::interrupted()) return err::intr;
            Holding hold{lock_};
            if (!node_->pages.find(i)) TRY(own_page(i, mm::Fill::zeros));
            return {};
        }();
        if (!done) {
            // What lies beyond the old end was not there before.
            Holding hold{lock_};
            u64 first = offset >> page_shift > old_pages ? offset >> page_shift : old_pages;
            if (i > first) (void)drop_pages(first, i - first, false);
            return done;
        }
    }
    Holding hold{lock_};
    Node& n = *node_;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && end > n.size) n.size = end;
    n.modification = n.change = vfs::now();
    return {};
}

Result<> Inode::adopt_page(u64 index, FrameRef frame) {
    Changing inside{sb().gate_};
    Holding hold{lock_};
    Node* n = TRY(own());
    if (index > last_page || n->pages.find(index)) return err::inval;
    TRY(sb().charge_blocks(1));
    if (auto done = n->pages.put(index, std::move(frame)); !done) {
        sb().uncharge_blocks(1);
        return done;
    }
    unmap(index, 1, false);
    return {};
}

Result<Ref<MemoryObject>> Inode::memory_object() {
    if (!is_regular()) return err::nodev;
    auto made = TRY(make_ref<FilePages>(*this));
    Holding hold{lock_};
    if (object_ && object_->try_retain()) return Ref<FilePages>::adopt(object_);
    object_ = made.get();
    return made;
}

FilePages::~FilePages() {
    Holding hold{inode_->lock_};
    if (inode_->object_ == this) inode_->object_ = nullptr;
}

Result<FrameRef> Inode::fault(u64 index, bool for_write) {
    {
        Holding hold{lock_};
        if (index >= pages_for(node_->size)) return err::nxio;
        if (!for_write) {
            // Whoever fills the hole takes this page out of the mappings: own_page(), adopt_page().
            auto frame = node_->pages.find(index);
            return frame ? std::move(frame) : FrameRef::share(mm::zero_frame());
        }
    }
    struct Nested {
        SnapshotGate& gate;
        explicit Nested(SnapshotGate& g) : gate{g} { gate.enter_nested(); }
        ~Nested() { gate.leave(); }
    } inside{sb().gate_};
    Holding hold{lock_};
    if (index >= pages_for(node_->size)) return err::nxio;
    TRY(own());
    auto owned = TRY(own_page(index, mm::Fill::zeros));
    auto written = sb().written_.lock();
    if (!written_by_mappings_) written->push_back(*this);
    written_by_mappings_ = true;
    return std::move(owned.frame);
}

Result<> FilePages::punch(u64 first, u64 n) {
    return inode_->allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first << page_shift, n << page_shift);
}

void FilePages::present_pages(u64 first, std::span<FrameRef> out) {
    Holding hold{inode_->lock_};
    const Node& n = *inode_->node_;
    u64 end = pages_for(n.size);
    if (first < end) n.pages.find_range(first, out.first(std::min<u64>(out.size(), end - first)));
}
} // namespace tmpfs
