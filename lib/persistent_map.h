// An ordered map from 64-bit keys to counted objects whose copies share everything until one of them is changed: a
// radix trie with compressed branches, 6 bits of the key to a level, the highest first. share() is O(1).
#pragma once
#include "lib/memory.h"
#include "lib/types.h"

/// Base of what a PersistentMap holds. An item may be in many maps; who changes it in place must know that it is not.
class MapItem : public RefCounted<MapItem> {
public:
    explicit MapItem(u64 key) : key_{key} {}
    virtual ~MapItem() = default;
    u64 key() const { return key_; }

private:
    u64 key_;
};

/// Not locked. Every change names the writer's token: branches made under it are changed in place, others are copied
/// first. Whoever shares a map gives both sides new tokens; tokens are never used again.
class PersistentMap {
public:
    PersistentMap() = default;
    PersistentMap(PersistentMap&& o) noexcept : root_{std::exchange(o.root_, nullptr)} {}
    PersistentMap& operator=(PersistentMap&& o) noexcept {
        std::swap(root_, o.root_);
        return *this;
    }
    ~PersistentMap() { drop(root_); }
    PersistentMap share() const;

    /// Null: no such key. Valid until the map changes.
    MapItem* find(u64 key) const;
    /// Calls visit(MapItem&) for the items whose keys are not below `from`, in order, until it answers false.
    template <class Visit>
    void each(u64 from, Visit visit) const {
        each_from(from, [](MapItem& item, void* v) { return (*static_cast<Visit*>(v))(item); }, &visit);
    }
    /// The item with the smallest key that is not below `from`; null at the end.
    MapItem* next(u64 from) const;
    /// Adds, or replaces the item with the same key. err::nomem.
    Result<> insert(Ref<MapItem>, u64 token);
    /// Makes a later insert() or erase() of an existing key, under the same token, unable to fail.
    Result<> prepare(u64 key, u64 token);
    /// Removes; null if there was none. err::nomem only where prepare() could.
    Result<Ref<MapItem>> erase(u64 key, u64 token);
    bool empty() const { return !root_; }

private:
    struct Branch;
    static constexpr unsigned levels = 11;
    static unsigned digit(u64 key, unsigned level) {
        return level + 1 < levels ? static_cast<unsigned>(key >> (58 - 6 * level)) & 63
                                  : static_cast<unsigned>(key & 15);
    }
    static Branch* allocate(usize capacity, u64 token);
    static void drop(Branch*);
    static Result<> own(Branch*& link, u64 token);
    static Result<> add_slot(Branch*& link, u64 bit, void* value, bool item);
    static void remove_slot(Branch& b, u64 bit);
    static Result<> insert_at(Branch*& link, unsigned level, Ref<MapItem>& item, u64 token);
    static Result<> prepare_at(Branch*& link, unsigned level, u64 key, u64 token);
    static Ref<MapItem> erase_at(Branch*& link, unsigned level, u64 key);
    using Visitor = bool (*)(MapItem&, void*);
    void each_from(u64 from, Visitor, void*) const;
    static bool each_at(const Branch& b, unsigned level, u64 from, bool bounded, Visitor, void*);
    Branch* root_ = nullptr;
};
