// Bytes that wait for a reader: copied out of packets, so that they take little more memory than they are.
#pragma once
#include "kernel/file/cursor.h"
#include "lib/memory.h"
#include "lib/types.h"
#include <cstring>

namespace vsock {
/// Appending and consuming are under the owner's lock; one reader at a time looks at what is there without it.
class ByteQueue {
public:
    ByteQueue() = default;
    ByteQueue(const ByteQueue&) = delete;
    ~ByteQueue() {
        consume(size_);
        drop_first();
    }
    usize size() const { return size_; }

    /// All of it or nothing. err::nomem.
    Result<> append(std::span<const std::byte> bytes) {
        while (room() < bytes.size()) TRY(grow());
        size_ += bytes.size();
        while (!bytes.empty()) {
            if (fill_->used == sizeof fill_->data) fill_ = fill_->next;
            usize left = sizeof fill_->data - fill_->used, n = bytes.size() < left ? bytes.size() : left;
            std::memcpy(fill_->data + fill_->used, bytes.data(), n);
            fill_->used += n;
            bytes = bytes.subspan(n);
        }
        return {};
    }
    /// Calls f(std::span<const std::byte>) for bytes [offset, offset + length), which are there, until it says false.
    template <class F>
    void for_each(usize offset, usize length, F f) const {
        offset += start_;
        for (Block* b = first_; b && length; b = b->next) {
            if (offset >= sizeof b->data) {
                offset -= sizeof b->data;
                continue;
            }
            usize left = sizeof b->data - offset, n = length < left ? length : left;
            if (!f(std::span<const std::byte>{b->data + offset, n})) return;
            length -= n;
            offset = 0;
        }
    }
    void consume(usize n) {
        size_ -= n;
        start_ += n;
        while (first_ && start_ >= sizeof first_->data) {
            start_ -= sizeof first_->data;
            drop_first();
        }
    }

private:
    struct Block {
        Block* next = nullptr;
        usize used = 0;
        std::byte data[4096 - 2 * sizeof(usize)];
    };
    usize room() const {
        usize n = 0;
        for (Block* b = fill_; b; b = b->next) n += sizeof b->data - b->used;
        return n;
    }
    Result<> grow() {
        Block* made = TRY(make<Block>()).release();
        (last_ ? last_->next : first_) = made;
        last_ = made;
        if (!fill_) fill_ = made;
        return {};
    }
    void drop_first() {
        Block* gone = first_;
        if (!gone) return;
        first_ = gone->next;
        if (fill_ == gone) fill_ = first_;
        if (last_ == gone) last_ = nullptr;
        delete gone;
    }
    Block *first_ = nullptr, *fill_ = nullptr, *last_ = nullptr;
    usize start_ = 0, size_ = 0; // start_: of the first block, which are read
};
} // namespace vsock
