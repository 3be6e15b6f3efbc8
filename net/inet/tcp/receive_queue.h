// What has arrived: in order for the reader, and ahead of a gap. Says which blocks are there (RFC 2018) and what came
// twice (RFC 2883).
#pragma once
#include "net/inet/tcp/segment.h"

namespace net::tcp {
class ReceiveQueue {
public:
    ReceiveQueue() = default;
    ReceiveQueue(const ReceiveQueue&) = delete;
    ~ReceiveQueue() { clear(); }
    void start(Seq first) { next_ = first; }

    enum class Added : u8 { in_order, ahead, duplicate, dropped };
    /// Takes data of the window, whose first byte is `seq`. Charged to `account`, if there is one. `limit`: twice as
    /// much true memory may be held; what is furthest ahead goes first. Dropped: no memory, as if it had been lost.
    Added add(PacketBox, Seq seq, usize limit, MemoryAccount* account);
    /// The next byte that is missing (RCV.NXT, but for a FIN).
    Seq next() const { return next_; }
    /// The first packet for the reader, whole; null: none. put_back() what was not read of it.
    PacketBox take() { return ready_.pop(); }
    void put_back(PacketBox p) { ready_.push_front(std::move(p)); }
    const PacketQueue& ready() const { return ready_; }
    bool has_gap() const { return !ahead_.empty(); }
    usize true_size() const { return ready_.true_size() + ahead_size_; }

    /// Blocks for an acknowledgement, the one that changed last first; the first may be a duplicate, told once.
    u8 blocks(Block* to, u8 most);
    bool has_duplicate() const { return duplicate_.has_value(); }
    /// Something came that was there before.
    void note_duplicate(Seq begin, Seq end) { duplicate_ = Block{begin, end}; }
    void clear();

private:
    struct BySeq {
        using type = Seq;
        Seq operator()(const Packet& p) const { return Seq{p.sequence}; }
    };
    using Ahead = bi::set<Packet, bi::key_of_value<BySeq>, bi::constant_time_size<false>, bi::base_hook<TreeLink<>>>;
    static Seq end_of(const Packet& p) { return Seq{p.sequence} + static_cast<u32>(p.size()); }
    bool covered(Seq begin, Seq end) const;
    void erase_ahead(Ahead::iterator);
    void note_block(Block);
    void join();
    bool make_room(usize limit, usize more);

    PacketQueue ready_;
    Ahead ahead_;
    usize ahead_size_ = 0;
    Seq next_;
    Block recent_[Options::most_blocks];
    u8 recent_count_ = 0;
    std::optional<Block> duplicate_;
};
} // namespace net::tcp
