// The pages of a file: a persistent radix tree from page index to frame. A snapshot shares the whole tree in O(1);
// whoever writes copies the path and the page. Not locked: the owner's lock protects a tree, and trees that share pages
// need no common lock.
#pragma once
#include "core/alloc/frame.h"
#include <optional>

class PageTree {
public:
    /// New pages are of this use: page_cache for files, shared for shared anonymous memory.
    explicit PageTree(FrameUse use = FrameUse::page_cache) : use_{use} {}
    PageTree(PageTree&&) noexcept;
    PageTree& operator=(PageTree&&) noexcept;
    ~PageTree();

    /// A second tree with the same pages. O(1), never fails. Mappings of this tree that can write must be unmapped by
    /// the owner first (MemoryObject::unmap), so that their next write comes through own().
    PageTree share() const;

    /// The page for reading; null: a hole.
    FrameRef find(u64 index) const;
    bool holds(u64 index) const; // whether there is one
    /// find() of first, first + 1, ... into `out`, whose elements are null.
    void find_range(u64 first, std::span<FrameRef> out) const;

    struct Owned {
        FrameRef frame;
        bool changed; // find() gave another page before, or none: existing mappings of the index must be forgotten
    };
    /// The page for writing: made if absent, copied if another tree shares it. err::nomem.
    /// Fill::nothing: a page that did not exist is not zeroed; the caller will write all of it.
    Result<Owned> own(u64 index, mm::Fill = mm::Fill::zeros);
    /// Puts `frame` (of a page_cache or shared use, in no tree) at `index`, in place of what was there. err::nomem.
    Result<> put(u64 index, FrameRef frame);

    /// Drops the pages [first, first + n). err::nomem only where a shared path must be copied.
    Result<> erase(u64 first, u64 n);
    void clear();

    /// The first index at or after `from` that has a page / has none. SEEK_DATA, SEEK_HOLE.
    std::optional<u64> next_page(u64 from) const;
    u64 next_hole(u64 from) const;
    /// How many pages the tree holds, shared or not: for st_blocks.
    u64 pages() const { return pages_; }

    /// What an owner notes of an index that has a page; it goes with the page. Only of trees that share nothing.
    enum class Mark : u8 { dirty, writing };
    bool mark(u64 index, Mark); // false: there is no page
    void unmark(u64 index, Mark);
    bool is_marked(u64 index, Mark) const;
    /// The first marked index at or after `from`.
    std::optional<u64> next_marked(u64 from, Mark) const;

private:
    static constexpr unsigned mark_kinds = 2;
    struct Node;
    friend struct PageTreeOps;
    explicit PageTree(FrameUse use, void* root, u8 height, u64 pages)
        : root_{root}, pages_{pages}, height_{height}, use_{use} {}
    void* root_ = nullptr; // height 0: the Frame of index 0; else a Node with 64 children of height - 1
    u64 pages_ = 0;
    u8 height_ = 0;
    FrameUse use_;
    u8 root_marks_ = 0; // of index 0, while the height is 0: a bit for each Mark
};
