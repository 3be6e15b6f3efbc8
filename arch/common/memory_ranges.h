// A small sorted set of disjoint physical memory ranges, for the time before the frame allocator. Pure.
#pragma once
#include "arch/api/machine.h"

namespace arch {
/// Ranges are of whole pages. More than there is room for are left out: memory is lost, nothing breaks.
class MemoryRanges {
public:
    /// What of the range is not in it already.
    void add(MemoryRange r) {
        remove(r);
        if (r.start >= r.end || count_ == limit) return;
        unsigned i = count_++;
        for (; i > 0 && at_[i - 1].start > r.start; i--) at_[i] = at_[i - 1];
        at_[i] = r;
        if (i + 1 < count_ && at_[i].end == at_[i + 1].start) join(i); // neighbours become one
        if (i > 0 && at_[i - 1].end == at_[i].start) join(i - 1);
    }
    void remove(MemoryRange r) {
        for (unsigned i = 0; i < count_;) {
            MemoryRange old = at_[i];
            if (r.start >= r.end || r.end <= old.start || old.end <= r.start) {
                i++;
                continue;
            }
            bool below = old.start < r.start, above = r.end < old.end;
            if (below && above && count_ < limit) {
                for (unsigned j = count_++; j > i + 1; j--) at_[j] = at_[j - 1];
                at_[i++].end = r.start;
                at_[i++] = {r.end, old.end};
            } else if (below) {
                at_[i++].end = r.start;
            } else if (above) {
                at_[i++].start = r.end;
            } else {
                erase(i);
            }
        }
    }
    /// Whether all of the range is in it; whether any of it is.
    bool has(MemoryRange r) const {
        for (auto& one : all())
            if (one.start <= r.start && r.end <= one.end) return true;
        return false;
    }
    bool overlaps(MemoryRange r) const {
        for (auto& one : all())
            if (r.start < one.end && one.start < r.end) return true;
        return false;
    }
    /// Takes the lowest `size` bytes that lie in one range between `from` and `below`. 0: there are none.
    PhysAddr take(u64 size, PhysAddr from = 0, PhysAddr below = ~PhysAddr{0}) {
        for (auto& one : all()) {
            PhysAddr start = one.start > from ? one.start : from, end = one.end < below ? one.end : below;
            if (start >= end || end - start < size) continue;
            remove({start, start + size});
            return start;
        }
        return 0;
    }
    /// Beyond the highest one.
    PhysAddr end() const { return count_ ? at_[count_ - 1].end : 0; }
    std::span<const MemoryRange> all() const { return {at_, count_}; }

private:
    static constexpr unsigned limit = 64;
    void erase(unsigned i) {
        for (count_--; i < count_; i++) at_[i] = at_[i + 1];
    }
    void join(unsigned i) {
        at_[i].end = at_[i + 1].end;
        erase(i + 1);
    }
    MemoryRange at_[limit]{};
    unsigned count_ = 0;
};
} // namespace arch
