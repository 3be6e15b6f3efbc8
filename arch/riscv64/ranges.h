// A small sorted set of physical memory ranges, for the time before the frame allocator.
#pragma once
#include "arch/api/machine.h"

namespace riscv {
class Ranges {
public:
    /// Ranges must not overlap. More than there is room for are ignored: memory is lost, nothing breaks.
    void add(arch::MemoryRange r) {
        if (r.start >= r.end || count_ == limit) return;
        unsigned i = count_++;
        for (; i > 0 && items_[i - 1].start > r.start; i--) items_[i] = items_[i - 1];
        items_[i] = r;
    }
    void remove(arch::MemoryRange r) {
        Ranges kept;
        for (auto& old : all()) {
            kept.add({old.start, old.end < r.start ? old.end : r.start});
            kept.add({old.start > r.end ? old.start : r.end, old.end});
        }
        *this = kept;
    }
    /// The lowest page, taken out; there must be one.
    arch::PhysAddr take_page() {
        arch::PhysAddr at = items_[0].start;
        if ((items_[0].start += page_size) == items_[0].end) erase(0);
        return at;
    }
    arch::PhysAddr end() const { return count_ ? items_[count_ - 1].end : 0; }
    std::span<const arch::MemoryRange> all() const { return {items_, count_}; }

private:
    static constexpr unsigned limit = 32;
    void erase(unsigned i) {
        for (count_--; i < count_; i++) items_[i] = items_[i + 1];
    }
    arch::MemoryRange items_[limit]{};
    unsigned count_ = 0;
};
} // namespace riscv
