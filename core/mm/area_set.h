// The areas of one address space, in order. They never overlap. Pure bookkeeping: no locks, no page tables. Searches
// that are not for gaps may be made by several at once.
#pragma once
#include "core/mm/address_space.h"

class AreaSet {
    struct StartOf {
        using type = uptr;
        const uptr& operator()(const Area& a) const { return a.start; }
    };
    using Set = bi::set<Area, bi::base_hook<TreeLink<>>, bi::key_of_value<StartOf>, bi::constant_time_size<true>>;

public:
    /// What a growing stack keeps free below itself.
    static constexpr usize stack_gap = 1 * MiB;

    usize count() const { return set_.size(); }
    void insert(Area& a) { set_.insert(a); }
    void erase(Area& a) {
        if (recent() == &a) recent_ = nullptr;
        auto next = set_.erase(set_.iterator_to(a));
        uptr begin = next == set_.begin() ? 0 : std::prev(next)->end;
        uptr end = next == set_.end() ? known_.high : std::min(floor_of(*next), known_.high);
        if (end > known_.end && end > begin && end - begin >= known_.size) known_.end = end;
    }

    /// The first area that ends beyond `address`: the one that contains it, or the next.
    Area* first_beyond(uptr address) {
        Area* recent = this->recent();
        if (recent && recent->start <= address && address < recent->end) return recent;
        auto it = set_.upper_bound(address);
        if (it != set_.begin()) {
            Area& before = *std::prev(it);
            if (before.end > address) {
                recent_.store(&before, std::memory_order_relaxed);
                return &before;
            }
        }
        return it == set_.end() ? nullptr : &*it;
    }
    Area* find(uptr address) {
        Area* a = first_beyond(address);
        return a && a->start <= address ? a : nullptr;
    }
    /// The first area with a page in [start, end).
    Area* first_in(uptr start, uptr end) {
        Area* a = first_beyond(start);
        return a && a->start < end ? a : nullptr;
    }
    Area* next(Area& a) {
        auto it = std::next(set_.iterator_to(a));
        return it == set_.end() ? nullptr : &*it;
    }
    Area* previous(Area& a) {
        auto it = set_.iterator_to(a);
        return it == set_.begin() ? nullptr : &*std::prev(it);
    }
    Area* first() { return set_.empty() ? nullptr : &*set_.begin(); }
    Area* last() { return set_.empty() ? nullptr : &*std::prev(set_.end()); }

    /// Nothing in [start, end), and not in the gap that a stack above needs.
    bool is_free(uptr start, uptr end) {
        Area* a = first_beyond(start);
        return !a || floor_of(*a) >= end;
    }
    /// Whether every page of [start, end) is in an area.
    bool covers(uptr start, uptr end) {
        for (Area* a = find(start); a; a = next(*a)) {
            if (a->end >= end) return true;
            Area* n = next(*a);
            if (!n || n->start != a->end) return false;
        }
        return false;
    }
    /// The highest place for `size` bytes that ends at or below `high` and starts at or above `low`; 0: none.
    uptr find_gap(usize size, uptr low, uptr high) {
        bool skip = high == known_.high && size >= known_.size;
        uptr found = highest_gap(size, low, skip ? known_.end : high);
        if (found) known_ = {size, found + size, high};
        return found;
    }

private:
    uptr highest_gap(usize size, uptr low, uptr high) {
        uptr ceiling = high;
        auto it = set_.lower_bound(high); // the first that starts at or above
        if (it != set_.end() && floor_of(*it) < ceiling) ceiling = floor_of(*it);
        while (it != set_.begin()) {
            Area& a = *--it;
            if (a.end <= ceiling && ceiling - a.end >= size) break;
            if (floor_of(a) < ceiling) ceiling = floor_of(a);
            if (ceiling < low || ceiling - low < size) return 0;
        }
        return ceiling >= low && ceiling - low >= size ? ceiling - size : 0;
    }
    static uptr floor_of(const Area& a) {
        if (!a.grows_down) return a.start;
        return a.start > stack_gap ? a.start - stack_gap : 0;
    }
    Area* recent() const { return recent_.load(std::memory_order_relaxed); }
    Set set_;
    std::atomic<Area*> recent_ = nullptr; // found last
    /// What earlier searches from `high` have shown: each gap that ends above `end` is smaller than `size`. Only
    /// erase() makes gaps larger. So the next search need not pass the areas up there again.
    struct {
        usize size = ~usize{0};
        uptr end = 0, high = 0;
    } known_;
};
