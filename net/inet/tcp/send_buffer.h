// What the user has given and the peer has not acknowledged: pieces of frames in the order of their sequence numbers.
#pragma once
#include "lib/vector.h"
#include "net/inet/tcp/sequence.h"
#include "net/stack/packet.h"

namespace net::tcp {
class SendBuffer {
public:
    /// The sequence number of the first byte to come; while nothing is in it.
    void start(Seq first) { begin_ = end_ = first; }
    /// Bytes behind the others; those that go on in the frame where the last piece ends cost no memory. err::nomem.
    Result<> append(Piece);
    /// Everything before `una` is given back.
    void acknowledge(Seq una);
    /// Shares bytes from `from` on with a packet, as many as it can hold of `length`. How many; err::nomem: none.
    Result<u32> share(Seq from, u32 length, Packet&) const;
    void clear();

    Seq begin() const { return begin_; }
    Seq end() const { return end_; }
    u32 bytes() const { return end_ - begin_; }
    /// Whole blocks of frames, and the list of them.
    usize true_size() const { return true_size_; }

private:
    struct Slot {
        Piece piece;
        Seq begin;
    };
    const Slot& slot(usize i) const { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    Slot& slot(usize i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
    Result<> grow();

    Vector<Slot> slots_; // a ring; its size is a power of two
    usize first_ = 0, used_ = 0;
    Seq begin_, end_;
    usize true_size_ = 0;
};
} // namespace net::tcp
