// The heads of a hash table's chains: as many as the machine's memory warrants, so that chains stay short where
// thousands of containers fit and small machines waste nothing.
#pragma once
#include "core/alloc/frame.h"
#include <bit>

namespace vfs {
template <class T>
class Buckets {
public:
    using Head = std::atomic<T*>;
    /// A head for each `bytes_each` of memory, within these bounds. Once, at boot. err::nomem.
    Result<> init(u64 bytes_each, usize least, usize most) {
        usize n = std::bit_floor(mm::memory_info().total / bytes_each);
        n = n < least ? least : n > most ? most : n;
        unsigned order = static_cast<unsigned>(std::bit_width((n * sizeof(Head) - 1) >> page_shift));
        FrameRef memory = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::zeros, order, &MemoryAccount::kernel()));
        heads_ = static_cast<Head*>(memory.release()->data());
        mask_ = n - 1;
        return {};
    }
    usize size() const { return mask_ + 1; }
    usize index(u64 hash) const { return hash & mask_; }
    Head& operator[](usize index) { return heads_[index]; }

private:
    Head* heads_ = nullptr;
    usize mask_ = 0;
};
} // namespace vfs
