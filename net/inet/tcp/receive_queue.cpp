#include "net/inet/tcp/receive_queue.h"

namespace net::tcp {
void ReceiveQueue::clear() {
    ready_.clear();
    while (!ahead_.empty()) erase_ahead(ahead_.begin());
    recent_count_ = 0;
    duplicate_.reset();
}

void ReceiveQueue::erase_ahead(Ahead::iterator at) {
    Packet& p = *at;
    ahead_size_ -= p.true_size();
    ahead_.erase(at);
    delete &p;
}

/// Whether one packet that is ahead has all of these bytes.
bool ReceiveQueue::covered(Seq begin, Seq end) const {
    auto next = ahead_.upper_bound(begin);
    return next != ahead_.begin() && end_of(*std::prev(next)) >= end;
}

/// Gives up what is furthest ahead. False: there would not be room.
bool ReceiveQueue::make_room(usize limit, usize more) {
    while (true_size() + more > limit && !ahead_.empty()) {
        erase_ahead(std::prev(ahead_.end()));
        recent_count_ = 0; // the peer may have been told of it: it must keep what it sent anyway (RFC 2018, 8)
    }
    return true_size() + more <= limit;
}

namespace {
/// Small packets that keep large blocks alive would fill a queue with few bytes: such a one becomes a copy of its
/// bytes, if that is smaller and there is memory for it. Returns what it keeps then.
usize squeeze(PacketBox& p) {
    usize size = p->true_size();
    if (p->size() > Packet::most_linear || size < 2 * p->size()) return size;
    auto copy = Packet::create(p->size());
    if (!copy || (*copy)->true_size() >= size) return size;
    auto to = (*copy)->append_linear(p->size());
    if (to.size() != p->size() || !p->copy(0, to)) return size;
    (*copy)->interface = p->interface;
    (*copy)->time = p->time;
    p = std::move(*copy);
    return p->true_size();
}
} // namespace

ReceiveQueue::Added ReceiveQueue::add(PacketBox p, Seq seq, usize limit, MemoryAccount* account) {
    Seq end = seq + static_cast<u32>(p->size());
    if (end <= next_ || covered(seq, end)) {
        note_duplicate(seq, end);
        return Added::duplicate;
    }
    if (seq < next_) {
        note_duplicate(seq, next_);
        p->trim_front(next_ - seq);
        seq = next_;
    }
    bool ahead = seq > next_;
    // The window is half of the limit, and packets may keep four times their data: so twice the limit is let in.
    usize size = p->true_size();
    if (true_size() + size > limit) size = squeeze(p);
    if (ahead ? true_size() + size > 2 * limit : !make_room(2 * limit, size)) return Added::dropped;
    if (account && !p->charge_to(*account)) return Added::dropped;
    p->sequence = seq.value;
    if (!ahead) {
        next_ = end;
        ready_.push(std::move(p));
        join();
        return Added::in_order;
    }
    if (auto same = ahead_.find(seq); same != ahead_.end()) erase_ahead(same); // the longer one stays
    ahead_size_ += size;
    ahead_.insert(*p.release());
    note_block({seq, end});
    return Added::ahead;
}

/// The gap before what is ahead may be closed.
void ReceiveQueue::join() {
    while (!ahead_.empty() && Seq{ahead_.begin()->sequence} <= next_) {
        Packet& p = *ahead_.begin();
        ahead_size_ -= p.true_size();
        ahead_.erase(ahead_.begin());
        PacketBox own{&p};
        if (end_of(p) <= next_) continue;
        own->trim_front(next_ - Seq{p.sequence});
        own->sequence = next_.value;
        next_ = end_of(p);
        ready_.push(std::move(own));
    }
    u8 kept = 0;
    for (u8 i = 0; i < recent_count_; i++)
        if (recent_[i].end > next_) recent_[kept++] = recent_[i];
    recent_count_ = kept;
}

/// Joined with the blocks that it touches, it becomes the first one.
void ReceiveQueue::note_block(Block b) {
    Block others[Options::most_blocks];
    u8 count = 0;
    for (u8 i = 0; i < recent_count_; i++) {
        const Block& r = recent_[i];
        if (r.begin <= b.end && b.begin <= r.end)
            b = {earlier(b.begin, r.begin), later(b.end, r.end)};
        else
            others[count++] = r;
    }
    recent_[0] = b;
    recent_count_ = 1;
    for (u8 i = 0; i < count && recent_count_ < Options::most_blocks; i++) recent_[recent_count_++] = others[i];
}

u8 ReceiveQueue::blocks(Block* to, u8 most) {
    u8 n = 0;
    if (duplicate_ && most) to[n++] = *duplicate_;
    duplicate_.reset();
    for (u8 i = 0; i < recent_count_ && n < most; i++) to[n++] = recent_[i];
    return n;
}
} // namespace net::tcp
