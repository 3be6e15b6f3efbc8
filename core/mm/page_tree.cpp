// Nodes and pages are shared between trees by reference counts (Driscoll et al., "Making Data Structures Persistent",
// 1989). A node with one reference, reached through such nodes only, belongs to this tree alone and is changed in
// place.
#include "core/mm/page_tree.h"
#include <algorithm>
#include <bit>
#include <cstring>

struct PageTree::Node {
    static constexpr unsigned bits = 6, fanout = 1 << bits;
    std::atomic<u32> refs = 1;
    u32 used = 0; // children that are not null
    void* child[fanout] = {};
    u64 marked[mark_kinds] = {}; // for each Mark: children that have it, or have something below that has
};

struct PageTreeOps {
    using Node = PageTree::Node;
    static constexpr u64 max_index = u64{1} << 54;

    static Node* node(void* p) { return static_cast<Node*>(p); }
    static Frame* frame(void* p) { return static_cast<Frame*>(p); }
    static unsigned slot(u64 index, unsigned height) {
        return static_cast<unsigned>(index >> (Node::bits * (height - 1))) & (Node::fanout - 1);
    }
    /// Pages that a subtree of this height can hold.
    static u64 span(unsigned height) { return u64{1} << (Node::bits * height); }

    static void retain(void* p, unsigned height) {
        if (height == 0) {
            frame(p)->cached.trees.fetch_add(1, std::memory_order_relaxed);
            frame(p)->refs.fetch_add(1, std::memory_order_relaxed);
        } else {
            node(p)->refs.fetch_add(1, std::memory_order_relaxed);
        }
    }
    static void release(void* p, unsigned height) {
        if (!p) return;
        if (height == 0) {
            frame(p)->cached.trees.fetch_sub(1, std::memory_order_release);
            mm::drop_frame(frame(p));
            return;
        }
        if (node(p)->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        for (void* c : node(p)->child) release(c, height - 1);
        delete node(p);
    }
    static u64 count(void* p, unsigned height) {
        if (!p) return 0;
        if (height == 0) return 1;
        u64 n = 0;
        if (height == 1) return node(p)->used;
        for (void* c : node(p)->child) n += count(c, height - 1);
        return n;
    }
    /// The node in `place`, made this tree's own.
    static Result<Node*> exclusive(void*& place, unsigned height) {
        Node* old = node(place);
        if (old->refs.load(std::memory_order_acquire) == 1) return old;
        Box<Node> copy = TRY(make<Node>());
        copy->used = old->used;
        for (unsigned i = 0; i < Node::fanout; i++)
            if ((copy->child[i] = old->child[i])) retain(copy->child[i], height - 1);
        release(old, height);
        place = copy.get();
        return copy.release();
    }
    static bool has_marked(const PageTree& t, unsigned mark) {
        return t.height_ == 0 ? t.root_marks_ >> mark & 1 : node(t.root_)->marked[mark] != 0;
    }
    static bool covers(const PageTree& t, u64 index) { return index < max_index && index < span(t.height_); }

    /// The page of `index`; null: none.
    static Frame* at(const PageTree& t, u64 index) {
        if (!covers(t, index)) return nullptr;
        void* p = t.root_;
        for (unsigned height = t.height_; height > 0 && p; height--) p = node(p)->child[slot(index, height)];
        return frame(p);
    }

    /// The place of `index`, on a path of this tree's own. On failure the tree holds what it held.
    static Result<void**> place_of(PageTree& t, u64 index) {
        if (index >= max_index) return err::fbig;
        while (!covers(t, index)) {
            if (t.root_) {
                Box<Node> above = TRY(make<Node>());
                above->child[0] = t.root_;
                above->used = 1;
                for (unsigned m = 0; m < PageTree::mark_kinds; m++) above->marked[m] = has_marked(t, m);
                t.root_marks_ = 0;
                t.root_ = above.release();
            }
            t.height_++;
        }
        void** place = &t.root_;
        Node* above = nullptr;
        for (unsigned height = t.height_; height > 0; height--) {
            if (!*place) {
                *place = TRY(make<Node>()).release();
                if (above) above->used++;
            }
            above = TRY(exclusive(*place, height));
            place = &above->child[slot(index, height)];
        }
        return place;
    }
    /// Puts a page with one reference into `place`.
    static void set(PageTree& t, u64 index, void** place, Frame* f) {
        f->cached.trees.store(1, std::memory_order_relaxed);
        if (*place) {
            release(std::exchange(*place, f), 0);
            return;
        }
        *place = f;
        t.pages_++;
        if (t.height_ == 0) return;
        Node* leaf = node(t.root_);
        for (unsigned height = t.height_; height > 1; height--) leaf = node(leaf->child[slot(index, height)]);
        leaf->used++;
    }

    static Result<> erase(PageTree& t, void*& place, unsigned height, u64 base, u64 first, u64 last) {
        if (!place || base > last || base + (span(height) - 1) < first) return {};
        if (first <= base && base + (span(height) - 1) <= last) {
            t.pages_ -= count(place, height);
            release(std::exchange(place, nullptr), height);
            return {};
        }
        Node* n = TRY(exclusive(place, height));
        u64 step = span(height - 1);
        unsigned from = first > base ? static_cast<unsigned>((first - base) / step) : 0;
        for (unsigned i = from; i < Node::fanout && base + i * step <= last; i++) {
            if (!n->child[i]) continue;
            TRY(erase(t, n->child[i], height - 1, base + i * step, first, last));
            Node* left = height > 1 ? node(n->child[i]) : nullptr;
            for (u64& marked : n->marked) {
                bool has = n->child[i] && (left ? left->marked[&marked - n->marked] != 0 : marked >> i & 1);
                marked = (marked & ~(u64{1} << i)) | u64{has} << i;
            }
            if (!n->child[i]) n->used--;
        }
        if (n->used == 0) {
            delete n;
            place = nullptr;
        }
        return {};
    }

    static std::optional<u64> next_page(void* p, unsigned height, u64 base, u64 from) {
        if (!p) return std::nullopt;
        if (height == 0) return base;
        u64 step = span(height - 1);
        unsigned i = from > base ? static_cast<unsigned>((from - base) / step) : 0;
        for (; i < Node::fanout; i++)
            if (auto found = next_page(node(p)->child[i], height - 1, base + i * step, from)) return found;
        return std::nullopt;
    }
    static std::optional<u64> next_marked(void* p, unsigned height, u64 base, u64 from, unsigned mark) {
        if (height == 0) return base;
        u64 step = span(height - 1);
        unsigned first = from > base ? static_cast<unsigned>((from - base) / step) : 0;
        for (u64 left = first < Node::fanout ? node(p)->marked[mark] >> first << first : 0; left; left &= left - 1) {
            unsigned i = static_cast<unsigned>(std::countr_zero(left));
            if (auto found = next_marked(node(p)->child[i], height - 1, base + i * step, from, mark)) return found;
        }
        return std::nullopt;
    }
    /// The first hole in the subtree, or the index behind it.
    static u64 next_hole(void* p, unsigned height, u64 base, u64 from) {
        if (from < base) from = base;
        if (!p) return from;
        if (height == 0) return base + 1;
        u64 step = span(height - 1), end = base + span(height);
        while (from < end) {
            unsigned i = static_cast<unsigned>((from - base) / step);
            u64 child_end = base + (i + 1) * step;
            u64 hole = next_hole(node(p)->child[i], height - 1, base + i * step, from);
            if (hole < child_end) return hole;
            from = child_end;
        }
        return end;
    }
};
using Ops = PageTreeOps;

PageTree::PageTree(PageTree&& o) noexcept
    : root_{std::exchange(o.root_, nullptr)},
      pages_{std::exchange(o.pages_, 0)},
      height_{std::exchange(o.height_, 0)},
      use_{o.use_},
      root_marks_{std::exchange(o.root_marks_, 0)} {}
PageTree& PageTree::operator=(PageTree&& o) noexcept {
    std::swap(root_, o.root_);
    std::swap(pages_, o.pages_);
    std::swap(height_, o.height_);
    std::swap(use_, o.use_);
    std::swap(root_marks_, o.root_marks_);
    return *this;
}
PageTree::~PageTree() { clear(); }

PageTree PageTree::share() const {
    if (root_) Ops::retain(root_, height_);
    return PageTree{use_, root_, height_, pages_};
}

FrameRef PageTree::find(u64 index) const { return FrameRef::share(Ops::at(*this, index)); }
bool PageTree::holds(u64 index) const { return Ops::at(*this, index); }

void PageTree::find_range(u64 first, std::span<FrameRef> out) const {
    for (usize done = 0; done < out.size();) {
        u64 index = first + done;
        if (!Ops::covers(*this, index)) return;
        if (height_ == 0) {
            out[done] = FrameRef::share(Ops::frame(root_));
            return;
        }
        Node* leaf = Ops::node(root_);
        for (unsigned height = height_; height > 1 && leaf; height--)
            leaf = Ops::node(leaf->child[Ops::slot(index, height)]);
        unsigned slot = Ops::slot(index, 1);
        usize n = std::min<usize>(Node::fanout - slot, out.size() - done);
        for (usize i = 0; leaf && i < n; i++)
            if (void* p = leaf->child[slot + i]) out[done + i] = FrameRef::share(Ops::frame(p));
        done += n;
    }
}

Result<PageTree::Owned> PageTree::own(u64 index, mm::Fill fill) {
    void** place = TRY(Ops::place_of(*this, index));
    Frame* old = Ops::frame(*place);
    if (old && old->cached.trees.load(std::memory_order_acquire) == 1) return Owned{FrameRef::share(old), false};
    FrameRef fresh = TRY(mm::allocate_frame(use_, old ? mm::Fill::nothing : fill));
    if (old) std::memcpy(fresh->data(), old->data(), page_size);
    Frame* f = fresh.get();
    Ops::set(*this, index, place, fresh.release());
    return Owned{FrameRef::share(f), true};
}

Result<> PageTree::put(u64 index, FrameRef frame) {
    void** place = TRY(Ops::place_of(*this, index));
    Ops::set(*this, index, place, frame.release());
    return {};
}

Result<> PageTree::erase(u64 first, u64 n) {
    if (n == 0 || !root_) return {};
    u64 last = first + (n - 1) < first ? ~u64{0} : first + (n - 1);
    auto next = next_page(first);
    if (!next || *next > last) return {};
    if (height_ == 0) root_marks_ = 0;
    return Ops::erase(*this, root_, height_, 0, first, last);
}

void PageTree::clear() {
    Ops::release(std::exchange(root_, nullptr), height_);
    pages_ = 0;
    height_ = 0;
    root_marks_ = 0;
}

bool PageTree::mark(u64 index, Mark m) {
    if (!find(index)) return false;
    auto kind = static_cast<unsigned>(m);
    if (height_ == 0) root_marks_ |= static_cast<u8>(1u << kind);
    void* p = root_;
    for (unsigned height = height_; height > 0; height--) {
        unsigned slot = Ops::slot(index, height);
        Ops::node(p)->marked[kind] |= u64{1} << slot;
        p = Ops::node(p)->child[slot];
    }
    return true;
}

void PageTree::unmark(u64 index, Mark m) {
    if (!is_marked(index, m)) return;
    auto kind = static_cast<unsigned>(m);
    if (height_ == 0) root_marks_ &= static_cast<u8>(~(1u << kind));
    // Upwards: a node that has none left is no longer marked above.
    for (unsigned height = 1; height <= height_; height++) {
        void* p = root_;
        for (unsigned above = height_; above > height; above--) p = Ops::node(p)->child[Ops::slot(index, above)];
        if ((Ops::node(p)->marked[kind] &= ~(u64{1} << Ops::slot(index, height)))) return;
    }
}

bool PageTree::is_marked(u64 index, Mark m) const {
    auto kind = static_cast<unsigned>(m);
    if (!Ops::covers(*this, index) || !root_) return false;
    if (height_ == 0) return root_marks_ >> kind & 1;
    void* p = root_;
    for (unsigned height = height_; height > 0; height--) {
        unsigned slot = Ops::slot(index, height);
        if (!(Ops::node(p)->marked[kind] >> slot & 1)) return false;
        p = Ops::node(p)->child[slot];
    }
    return true;
}

std::optional<u64> PageTree::next_marked(u64 from, Mark m) const {
    auto kind = static_cast<unsigned>(m);
    if (!Ops::covers(*this, from) || !root_ || !Ops::has_marked(*this, kind)) return std::nullopt;
    return Ops::next_marked(root_, height_, 0, from, kind);
}

std::optional<u64> PageTree::next_page(u64 from) const {
    if (!Ops::covers(*this, from)) return std::nullopt;
    return Ops::next_page(root_, height_, 0, from);
}
u64 PageTree::next_hole(u64 from) const {
    if (!Ops::covers(*this, from)) return from;
    return Ops::next_hole(root_, height_, 0, from);
}
