#include "net/inet/tcp/send_buffer.h"
#include <algorithm>

namespace net::tcp {
Result<> SendBuffer::grow() {
    if (used_ < slots_.size()) return {};
    Vector<Slot> larger;
    TRY(larger.resize(slots_.empty() ? 4 : 2 * slots_.size()));
    for (usize i = 0; i < used_; i++) larger[i] = std::move(slot(i));
    slots_ = std::move(larger);
    first_ = 0;
    return {};
}

Result<> SendBuffer::append(Piece p) {
    u32 n = p.length;
    if (used_) {
        Piece& last = slot(used_ - 1).piece;
        if (last.frame.get() == p.frame.get() && last.offset + last.length == p.offset) {
            last.length += n;
            end_ = end_ + n;
            return {};
        }
    }
    TRY(grow());
    true_size_ += p.true_size();
    slot(used_) = {std::move(p), end_};
    used_++;
    end_ = end_ + n;
    return {};
}

void SendBuffer::acknowledge(Seq una) {
    una = earlier(una, end_);
    if (una <= begin_) return;
    begin_ = una;
    while (used_ && slot(0).begin + slot(0).piece.length <= una) {
        true_size_ -= slot(0).piece.true_size();
        slot(0) = {};
        first_ = (first_ + 1) & (slots_.size() - 1);
        used_--;
    }
    if (used_ == 0) { // an idle connection keeps nothing
        slots_ = {};
        first_ = 0;
    }
}

Result<u32> SendBuffer::share(Seq from, u32 length, Packet& to) const {
    usize low = 0, high = used_; // the last slot that begins no later
    while (low + 1 < high) {
        usize middle = (low + high) / 2;
        (slot(middle).begin <= from ? low : high) = middle;
    }
    u32 shared = 0;
    for (usize i = low; i < used_ && shared < length; i++) {
        const Slot& s = slot(i);
        u32 skip = from + shared - s.begin;
        if (skip >= s.piece.length) break;
        u32 n = std::min(s.piece.length - skip, length - shared);
        auto done = to.append(Piece{s.piece.frame, s.piece.offset + skip, n});
        if (!done && shared == 0) return std::unexpected(done.error());
        if (!done) break;
        shared += n;
    }
    return shared;
}

void SendBuffer::clear() {
    slots_ = {};
    first_ = used_ = 0;
    begin_ = end_;
    true_size_ = 0;
}
} // namespace net::tcp
