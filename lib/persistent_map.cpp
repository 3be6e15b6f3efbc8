#include "lib/persistent_map.h"
#include <cstring>

struct PersistentMap::Branch {
    std::atomic<u32> refs = 1;
    u32 capacity;
    u64 owner;       // the token under which it was made
    u64 present = 0; // a bit per digit that has a slot
    u64 items = 0;   // of those, the slots that hold an item; the others hold a branch
    void* slots[];

    usize count() const { return static_cast<usize>(std::popcount(present)); }
    usize index(u64 bit) const { return static_cast<usize>(std::popcount(present & (bit - 1))); }
    Branch*& branch(usize i) { return reinterpret_cast<Branch*&>(slots[i]); }
    Branch* branch(usize i) const { return static_cast<Branch*>(slots[i]); }
    MapItem* item(usize i) const { return static_cast<MapItem*>(slots[i]); }
};

PersistentMap::Branch* PersistentMap::allocate(usize capacity, u64 token) {
    void* memory = ::operator new(sizeof(Branch) + capacity * sizeof(void*), std::nothrow);
    if (!memory) return nullptr;
    auto* b = new (memory) Branch;
    b->capacity = static_cast<u32>(capacity);
    b->owner = token;
    return b;
}

void PersistentMap::drop(Branch* b) {
    if (!b || b->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    usize i = 0;
    for (u64 left = b->present; left; left &= left - 1, i++) {
        if (b->items & left & (~left + 1))
            Ref<MapItem>::adopt(b->item(i));
        else
            drop(b->branch(i));
    }
    b->~Branch();
    ::operator delete(b);
}

PersistentMap PersistentMap::share() const {
    PersistentMap copy;
    if (root_) root_->refs.fetch_add(1, std::memory_order_relaxed);
    copy.root_ = root_;
    return copy;
}

MapItem* PersistentMap::find(u64 key) const {
    unsigned level = 0;
    for (const Branch* b = root_; b; level++) {
        u64 bit = u64{1} << digit(key, level);
        if (!(b->present & bit)) return nullptr;
        usize i = b->index(bit);
        if (b->items & bit) return b->item(i)->key() == key ? b->item(i) : nullptr;
        b = b->branch(i);
    }
    return nullptr;
}

/// `bounded`: keys below `from` may lie in this branch. False: the visitor wants no more.
bool PersistentMap::each_at(const Branch& b, unsigned level, u64 from, bool bounded, Visitor visit, void* visitor) {
    unsigned first = bounded ? digit(from, level) : 0;
    u64 left = b.present & (~u64{0} << first);
    usize i = b.count() - static_cast<usize>(std::popcount(left));
    for (; left; left &= left - 1, i++) {
        u64 bit = left & (~left + 1);
        if (b.items & bit) {
            MapItem& item = *b.item(i);
            if ((!bounded || item.key() >= from) && !visit(item, visitor)) return false;
        } else if (!each_at(*b.branch(i), level + 1, from, bounded && bit == u64{1} << first, visit, visitor)) {
            return false;
        }
    }
    return true;
}
void PersistentMap::each_from(u64 from, Visitor visit, void* visitor) const {
    if (root_) (void)each_at(*root_, 0, from, true, visit, visitor);
}
MapItem* PersistentMap::next(u64 from) const {
    MapItem* found = nullptr;
    each(from, [&](MapItem& item) {
        found = &item;
        return false;
    });
    return found;
}

/// Makes the branch behind `link` one that may be changed.
Result<> PersistentMap::own(Branch*& link, u64 token) {
    Branch* old = link;
    if (old->owner == token) return {};
    Branch* copy = allocate(old->count(), token);
    if (!copy) return err::nomem;
    copy->present = old->present;
    copy->items = old->items;
    usize i = 0;
    for (u64 left = old->present; left; left &= left - 1, i++) {
        copy->slots[i] = old->slots[i];
        if (old->items & left & (~left + 1))
            (void)Ref<MapItem>::share(old->item(i)).release();
        else
            old->branch(i)->refs.fetch_add(1, std::memory_order_relaxed);
    }
    link = copy;
    drop(old);
    return {};
}

/// Puts a new slot into a branch that we own; moves to a bigger one when it is full. Takes the value's reference.
Result<> PersistentMap::add_slot(Branch*& link, u64 bit, void* value, bool item) {
    Branch* b = link;
    usize n = b->count();
    if (n == b->capacity) {
        usize bigger = n < 2 ? 4 : n < 32 ? 2 * n : 64;
        Branch* copy = allocate(bigger, b->owner);
        if (!copy) return err::nomem;
        copy->present = b->present;
        copy->items = b->items;
        std::memcpy(copy->slots, b->slots, n * sizeof(void*));
        b->~Branch();
        ::operator delete(b);
        link = b = copy;
    }
    usize i = b->index(bit);
    std::memmove(b->slots + i + 1, b->slots + i, (n - i) * sizeof(void*));
    b->slots[i] = value;
    b->present |= bit;
    if (item) b->items |= bit;
    return {};
}

void PersistentMap::remove_slot(Branch& b, u64 bit) {
    usize i = b.index(bit), n = b.count();
    std::memmove(b.slots + i, b.slots + i + 1, (n - i - 1) * sizeof(void*));
    b.present &= ~bit;
    b.items &= ~bit;
}

Result<> PersistentMap::insert_at(Branch*& link, unsigned level, Ref<MapItem>& item, u64 token) {
    if (!link) {
        link = allocate(1, token);
        if (!link) return err::nomem;
    }
    TRY(own(link, token));
    u64 bit = u64{1} << digit(item->key(), level);
    if (!(link->present & bit)) {
        TRY(add_slot(link, bit, item.get(), true));
        (void)item.release();
        return {};
    }
    usize i = link->index(bit);
    if (!(link->items & bit)) return insert_at(link->branch(i), level + 1, item, token);
    MapItem* there = link->item(i);
    if (there->key() == item->key()) {
        link->slots[i] = item.release();
        Ref<MapItem>::adopt(there);
        return {};
    }
    // Two keys that agree so far: a level below for both.
    Branch* below = allocate(2, token);
    if (!below) return err::nomem;
    auto moved = Ref<MapItem>::share(there);
    auto done = insert_at(below, level + 1, moved, token);
    if (done) done = insert_at(below, level + 1, item, token);
    if (!done) {
        drop(below);
        return done;
    }
    link->slots[i] = below;
    link->items &= ~bit;
    Ref<MapItem>::adopt(there);
    return {};
}

Result<> PersistentMap::insert(Ref<MapItem> item, u64 token) {
    auto done = insert_at(root_, 0, item, token);
    if (root_ && !root_->present) drop(std::exchange(root_, nullptr)); // a first insertion that failed
    return done;
}

Result<> PersistentMap::prepare_at(Branch*& link, unsigned level, u64 key, u64 token) {
    if (!link) return {};
    TRY(own(link, token));
    u64 bit = u64{1} << digit(key, level);
    if (!(link->present & bit) || link->items & bit) return {};
    return prepare_at(link->branch(link->index(bit)), level + 1, key, token);
}
Result<> PersistentMap::prepare(u64 key, u64 token) { return prepare_at(root_, 0, key, token); }

/// The path to the key is owned and the key is there.
Ref<MapItem> PersistentMap::erase_at(Branch*& link, unsigned level, u64 key) {
    u64 bit = u64{1} << digit(key, level);
    usize i = link->index(bit);
    Ref<MapItem> gone;
    if (link->items & bit) {
        gone = Ref<MapItem>::adopt(link->item(i));
        remove_slot(*link, bit);
    } else {
        Branch*& below = link->branch(i);
        gone = erase_at(below, level + 1, key);
        if (!below) {
            remove_slot(*link, bit);
        } else if (below->count() == 1 && below->items) {
            // A branch with a single item is that item.
            void* last = below->slots[0];
            below->present = below->items = 0;
            drop(below);
            link->slots[i] = last;
            link->items |= bit;
        }
    }
    if (!link->present) drop(std::exchange(link, nullptr));
    return gone;
}

Result<Ref<MapItem>> PersistentMap::erase(u64 key, u64 token) {
    if (!find(key)) return Ref<MapItem>{};
    TRY(prepare(key, token));
    return erase_at(root_, 0, key);
}
