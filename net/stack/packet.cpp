#include "net/stack/packet.h"
#include <algorithm>

namespace net {
Result<PacketBox> Packet::create(usize room) {
    if (room > most_linear) return err::msgsize;
    return with_room(room);
}

Result<PacketBox> Packet::with_room(usize room) {
    usize capacity = align_up(headroom + room, 8);
    void* memory = ::operator new(sizeof(Packet) + capacity, std::nothrow);
    if (!memory) return err::nomem;
    auto* p = new (memory) Packet{capacity};
    p->start_ = p->end_ = headroom;
    return PacketBox{p};
}

Result<PacketBox> Packet::slice(usize offset, usize length) const {
    offset = std::min<usize>(offset, size_);
    length = std::min<usize>(length, size_ - offset);
    usize own = offset < linear_size() ? std::min(linear_size() - offset, length) : 0;
    // Headers go into the headroom again; what is larger gets room behind it.
    auto made = TRY(with_room(own > 64 ? own : 0));
    if (own > 64)
        std::memcpy(made->append_linear(own).data(), linear() + start_ + offset, own);
    else
        TRY(made->push({linear() + start_ + offset, own}));
    usize skip = offset + own - std::min<usize>(offset + own, linear_size()), rest = length - own;
    for (usize i = first_; i < count_ && rest; i++) {
        const Piece& p = piece(i);
        usize from = std::min<usize>(skip, p.length), n = std::min<usize>(p.length - from, rest);
        skip -= from;
        rest -= n;
        if (n) TRY(made->append(Piece{p.frame, static_cast<u32>(p.offset + from), static_cast<u32>(n)}));
    }
    made->interface = interface;
    made->protocol = protocol;
    made->destination = destination;
    made->time = time;
    made->sequence = static_cast<u32>(sequence + offset);
    made->mark = mark;
    if (unsent_ && size_) made->count_for(unsent_, usize{charged_} * length / size_);
    if (length == size_) { // else the offsets are somebody else's
        made->checksum = checksum;
        made->checksum_start = checksum_start;
        made->checksum_offset = checksum_offset;
        made->segment_size = segment_size;
    }
    return made;
}

Result<> Packet::push(std::span<const std::byte> header) {
    if (linear_size() == 0) start_ = end_ = capacity_; // all of it is headroom then
    if (header.size() > start_) return err::nobufs;
    start_ = static_cast<u16>(start_ - header.size());
    if (!header.empty()) std::memcpy(linear() + start_, header.data(), header.size());
    size_ += static_cast<u32>(header.size());
    if (checksum == ChecksumState::partial) checksum_start = static_cast<u16>(checksum_start + header.size());
    return {};
}

void Packet::trim_front(usize n) {
    n = std::min<usize>(n, size_);
    size_ -= static_cast<u32>(n);
    checksum_start = checksum_start > n ? static_cast<u16>(checksum_start - n) : 0;
    usize own = std::min(n, linear_size());
    start_ = static_cast<u16>(start_ + own);
    n -= own;
    while (n) {
        Piece& p = piece(first_);
        usize part = std::min<usize>(n, p.length);
        p.offset += static_cast<u32>(part);
        p.length -= static_cast<u32>(part);
        n -= part;
        if (p.length == 0) {
            p.frame = {};
            first_++;
        }
    }
}

void Packet::truncate(usize n) {
    if (n >= size_) return;
    usize excess = size_ - n;
    size_ = static_cast<u32>(n);
    while (excess && count_ > first_) {
        Piece& p = piece(count_ - 1u);
        usize part = std::min<usize>(excess, p.length);
        p.length -= static_cast<u32>(part);
        excess -= part;
        if (p.length == 0) {
            p.frame = {};
            count_--;
        }
    }
    end_ = static_cast<u16>(end_ - excess);
}

std::span<std::byte> Packet::append_linear(usize n) {
    if (count_ > first_ || n > usize{capacity_} - end_) return {};
    std::byte* at = linear() + end_;
    end_ = static_cast<u16>(end_ + n);
    size_ += static_cast<u32>(n);
    return {at, n};
}

Result<> Packet::append(Piece p) {
    if (p.length > ~u32{0} - size_) return err::msgsize;
    if (count_ > first_) {
        Piece& last = piece(count_ - 1u);
        if (last.frame.get() == p.frame.get() && last.offset + last.length == p.offset) {
            last.length += p.length;
            size_ += p.length;
            return {};
        }
    }
    if (count_ == most_pieces) return err::nobufs;
    if (count_ == 3 && !more_) more_ = TRY(make<More>());
    size_ += p.length;
    piece(count_++) = std::move(p);
    return {};
}

Result<> Packet::append(const Packet& other) {
    if (usize n = other.linear_size()) {
        auto room = append_linear(n);
        if (room.data()) {
            std::memcpy(room.data(), other.linear() + other.start_, n);
        } else {
            auto frame = TRY(mm::allocate_frame(FrameUse::kernel, mm::Fill::nothing));
            std::memcpy(frame->data(), other.linear() + other.start_, n);
            TRY(append(Piece{std::move(frame), 0, static_cast<u32>(n)}));
        }
    }
    for (usize i = other.first_; i < other.count_; i++) TRY(append(Piece{other.piece(i)}));
    return {};
}

bool Packet::write(usize offset, std::span<const std::byte> bytes) {
    if (offset > linear_size() || bytes.size() > linear_size() - offset) return false;
    std::memcpy(linear() + start_ + offset, bytes.data(), bytes.size());
    return true;
}

bool Packet::write_own(usize offset, std::span<const std::byte> bytes) {
    if (offset > size_ || bytes.size() > size_ - offset) return false;
    for_each(offset, bytes.size(), [&](std::span<const std::byte> part) {
        std::memcpy(const_cast<std::byte*>(part.data()), bytes.data(), part.size());
        bytes = bytes.subspan(part.size());
    });
    return true;
}

bool Packet::copy(usize offset, std::span<std::byte> to) const {
    if (offset > size_ || to.size() > size_ - offset) return false;
    if (offset + to.size() <= linear_size()) {
        std::memcpy(to.data(), linear() + start_ + offset, to.size());
        return true;
    }
    for_each(offset, to.size(), [&](std::span<const std::byte> part) {
        std::memcpy(to.data(), part.data(), part.size());
        to = to.subspan(part.size());
    });
    return true;
}

void Packet::add_to(Checksum& sum, usize offset, usize length) const {
    for_each(offset, length, [&](std::span<const std::byte> part) { sum.add(part); });
}

void Packet::complete_checksum() {
    if (checksum != ChecksumState::partial) return;
    Checksum sum; // the field holds the pseudo-header's sum, and is part of what is added up
    add_to(sum, checksum_start, size_);
    u16 value = sum.value_not_zero();
    const std::byte bytes[] = {static_cast<std::byte>(value >> 8), static_cast<std::byte>(value & 0xff)};
    if (write(usize{checksum_start} + checksum_offset, bytes)) checksum = ChecksumState::unknown;
}

usize Packet::true_size() const {
    usize n = sizeof(Packet) + capacity_ + (more_ ? sizeof(More) : 0);
    for (usize i = first_; i < count_; i++) n += piece(i).true_size();
    return n;
}

Result<> Packet::charge_to(MemoryAccount& account) {
    usize n = sizeof(Packet) + capacity_ + (more_ ? sizeof(More) : 0);
    for (usize i = first_; i < count_; i++)
        if (piece(i).frame->account != account.index()) n += piece(i).true_size();
    TRY(account.charge(n));
    if (charged_) uncharge();
    payer_ = account.index();
    charged_ = static_cast<u32>(n);
    return {};
}

void Packet::uncharge() {
    if (!charged_) return;
    if (unsent_) {
        unsent_->let_go(charged_);
        unsent_ = {};
    } else {
        MemoryAccount::at(payer_).uncharge(charged_);
    }
    charged_ = 0;
}

void Packet::count_for(Ref<Unsent> by, usize n) {
    uncharge();
    by->take(n);
    unsent_ = std::move(by);
    charged_ = static_cast<u32>(n);
}

usize Packet::shared_with(const Packet& following) const {
    if (first_ == count_ || following.first_ == following.count_) return 0;
    const Piece& last = piece(count_ - 1u);
    bool same = last.frame.get() == following.piece(following.first_).frame.get();
    return same && last.frame->account == following.payer_ ? last.true_size() : 0;
}

void PacketQueue::push(PacketBox p) {
    bytes_ += p->size();
    true_size_ += p->true_size() - (last_ ? last_->shared_with(*p) : 0);
    p->next = nullptr;
    Packet* entered = p.release();
    (last_ ? last_->next : first_) = entered;
    last_ = entered;
}

void PacketQueue::push_front(PacketBox p) {
    bytes_ += p->size();
    true_size_ += p->true_size() - (first_ ? p->shared_with(*first_) : 0);
    p->next = first_;
    first_ = p.release();
    if (!last_) last_ = first_;
}

PacketBox PacketQueue::pop() {
    if (!first_) return nullptr;
    PacketBox p{first_};
    first_ = p->next;
    if (!first_) last_ = nullptr;
    bytes_ -= p->size();
    true_size_ -= p->true_size() - (first_ ? p->shared_with(*first_) : 0);
    p->next = nullptr;
    return p;
}

void PacketQueue::clear() {
    while (pop()) {}
}
} // namespace net
